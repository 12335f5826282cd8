/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/device/words.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <volt/plugin.h>

#include "core/base/exitcode.h"
#include "core/base/log.h"
#include "core/base/output.h"
#include "core/config.h"
#include "tools/device/front.h"
#include "tools/misuse.h"

enum { OPT_SOCKET = MISUSE_VAL, OPT_DIR, OPT_LEVEL, OPT_NO_SANDBOX, OPT_VERSION, OPT_HELP };

static const struct option longs[] = {
    {"socket", required_argument, NULL, OPT_SOCKET},
    {"plugin-dir", required_argument, NULL, OPT_DIR},
    {"log-level", required_argument, NULL, OPT_LEVEL},
    {"no-sandbox", no_argument, NULL, OPT_NO_SANDBOX},
    {"version", no_argument, NULL, OPT_VERSION},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

static int print_help(void)
{
	printf("usage: volt-device --socket PATH|fd:N PLUGIN[,KEY=VALUE...]\n\n"
	       "Serves one virtio plugin of Volt from a sealed process of its own, as a\n"
	       "vhost-user back end: for volt's plugin vhost-user, QEMU or another VMM.\n\n"
	       "  --socket PATH|fd:N  where the front end connects; or its socket, inherited\n"
	       "  --plugin-dir DIR    look up plugins there\n"
	       "  --log-level LEVEL   error, warn, info (default), debug or trace\n"
	       "  --no-sandbox        do not seal the process\n"
	       "  --version           print version and exit\n"
	       "  --help              print this text and exit\n\n"
	       "Exit codes:\n"
	       "    0  the front end has left\n"
	       "  100  an option is wrong\n"
	       "  101  the socket cannot be used\n"
	       "  102  the plugin or one of its parameters refused\n"
	       "  103  the host lacks something that volt-device needs\n"
	       "  104  out of memory or file descriptors\n"
	       "  105  the sandbox could not be entered\n"
	       "  %d  the front end broke the protocol, or asks for what cannot be\n"
	       "  128 + N  ended by signal N\n",
	    EXIT_FRONT_END);
	return output_end(false);
}

static int take_level(const char *text)
{
	static const char *const names[] = {"error", "warn", "info", "debug", "trace"};

	for (uint32_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(names[i], text) == 0) {
			log_level = i;
			return WORDS_GO_ON;
		}
	log_error(EINVAL, "--log-level %s: must be error, warn, info, debug or trace", text);
	return EXIT_USAGE;
}

static int take_option(struct words *w, int c, char **argv)
{
	switch (c) {
	case OPT_SOCKET:
		w->socket = optarg;
		return WORDS_GO_ON;
	case OPT_DIR:
		w->plugin_dir = optarg;
		return WORDS_GO_ON;
	case OPT_LEVEL:
		return take_level(optarg);
	case OPT_NO_SANDBOX:
		w->no_sandbox = true;
		return WORDS_GO_ON;
	case OPT_VERSION:
		printf("volt-device %s, plugin ABI %u.%u\n", VOLT_VERSION, VOLT_ABI_MAJOR,
		    VOLT_ABI_MINOR);
		return output_end(false);
	case OPT_HELP:
		return print_help();
	default:
		misuse_option("volt-device", longs, argv);
		return EXIT_USAGE;
	}
}

static int refuse(const char *why)
{
	log_error(EINVAL, "%s; see volt-device --help", why);
	return EXIT_USAGE;
}

int words_parse(struct words *w, int argc, char **argv)
{
	int c, code = WORDS_GO_ON;

	opterr = 0;
	while (code == WORDS_GO_ON && (c = misuse_next(argc, argv, "", longs)) != -1)
		code = take_option(w, c, argv);
	if (code != WORDS_GO_ON)
		return code;
	if (!w->socket)
		return refuse("no front end given: --socket PATH, or --socket fd:N");
	if (optind + 1 != argc)
		return refuse("give one plugin: PLUGIN[,KEY=VALUE...]");
	w->plugin = argv[optind];
	return WORDS_GO_ON;
}
