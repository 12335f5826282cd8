/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * volt-plugin - lists, describes and checks plugins; see volt-plugin(1).
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/log.h"
#include "core/config.h"
#include "core/plugin/library.h"
#include "core/plugin/loader.h"
#include "sdk/common/params.h"
#include "tool.h"
#include "tools/misuse.h"
#include "tools/standard.h"

#define ROUNDS_DEFAULT 5000
#define ROUNDS_MAX     10000000
#define LIMIT_DEFAULT  10
#define LIMIT_MAX      3600

static const char usage_text[] =
    "usage: volt-plugin list [--json]\n"
    "       volt-plugin describe [--json] NAME|FILE\n"
    "       volt-plugin check [option...] NAME|FILE\n"
    "\n"
    "A name is looked up in the plugin folder; what has a slash is a file.\n"
    "\n"
    "      --plugin-dir DIR   where names are looked up\n"
    "      --json             for programs\n"
    "      --seed N           check: the same accesses as the run that printed it\n"
    "      --rounds N         check: how many, in each test that makes some (5000)\n"
    "      --params TEXT      check: key=value,... for each instance\n"
    "      --only TEST        check: one test\n"
    "      --in-process       check: no process of its own, for a debugger\n"
    "      --timeout SECONDS  check: the longest call into the plugin (10)\n"
    "      --help, --version\n";

enum {
	OPT_DIR = MISUSE_VAL,
	OPT_JSON,
	OPT_SEED,
	OPT_ROUNDS,
	OPT_PARAMS,
	OPT_ONLY,
	OPT_HERE,
	OPT_LIMIT,
	OPT_HELP,
	OPT_VERSION
};

static const struct option long_options[] = {
    {"plugin-dir", required_argument, NULL, OPT_DIR},
    {"json", no_argument, NULL, OPT_JSON},
    {"seed", required_argument, NULL, OPT_SEED},
    {"rounds", required_argument, NULL, OPT_ROUNDS},
    {"params", required_argument, NULL, OPT_PARAMS},
    {"only", required_argument, NULL, OPT_ONLY},
    {"in-process", no_argument, NULL, OPT_HERE},
    {"timeout", required_argument, NULL, OPT_LIMIT},
    {"help", no_argument, NULL, OPT_HELP},
    {"version", no_argument, NULL, OPT_VERSION},
    {0},
};

static const struct {
	const char *name;
	int (*run)(const struct tool_options *o);
	bool takes_plugin;
	bool confined; /* for commands that only list; check makes confined threads of its own */
} commands[] = {
    {"list", list_run, false, true},
    {"describe", describe_run, true, true},
    {"check", check_run, true, false},
};

const char *tool_plugin_dir(const struct tool_options *o)
{
	return o->plugin_dir ? o->plugin_dir : loader_place();
}

_Noreturn static void misuse(const char *what, const char *which)
{
	fprintf(stderr, "volt-plugin: %s%s; see volt-plugin --help\n", what, which);
	exit(TOOL_MISUSE);
}

_Noreturn static void misuse_for_check(const char *option)
{
	fprintf(
	    stderr, "volt-plugin: --%s goes with check alone; see volt-plugin --help\n", option);
	exit(TOOL_MISUSE);
}

static uint64_t number(const char *option, const char *text, uint64_t least, uint64_t most)
{
	uint64_t n;

	if (parse_uint(text, &n) != 0 || n < least || n > most) {
		fprintf(stderr, "volt-plugin: --%s %s: must be a number from %llu to %llu\n",
		    option, text, (unsigned long long)least, (unsigned long long)most);
		exit(TOOL_MISUSE);
	}
	return n;
}

/* Output that could not be written is a failure. */
int tool_finish(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	log_error(errno, "the output cannot be written: %s", strerror(errno));
	return TOOL_MISUSE;
}

static void take_option(struct tool_options *o, int option, char **argv)
{
	switch (option) {
	case OPT_DIR:
		o->plugin_dir = optarg;
		break;
	case OPT_JSON:
		o->json = true;
		break;
	case OPT_SEED:
		o->seed = number("seed", optarg, 0, UINT64_MAX);
		o->seeded = true;
		break;
	case OPT_ROUNDS:
		o->rounds = number("rounds", optarg, 1, ROUNDS_MAX);
		break;
	case OPT_PARAMS:
		o->params = optarg;
		break;
	case OPT_ONLY:
		o->only = optarg;
		break;
	case OPT_HERE:
		o->in_process = true;
		break;
	case OPT_LIMIT:
		o->limit_s = number("timeout", optarg, 1, LIMIT_MAX);
		break;
	case OPT_HELP:
		fputs(usage_text, stdout);
		exit(tool_finish(TOOL_OK));
	case OPT_VERSION:
		printf("volt-plugin %s, plugin ABI %d.%d\n", VOLT_VERSION, VOLT_ABI_MAJOR,
		    VOLT_ABI_MINOR);
		exit(tool_finish(TOOL_OK));
	default:
		misuse_option("volt-plugin", long_options, argv);
		exit(TOOL_MISUSE);
	}
}

int main(int argc, char **argv)
{
	struct tool_options o = {.rounds = ROUNDS_DEFAULT, .limit_s = LIMIT_DEFAULT};
	int option, for_check = 0;

	standard_begin();
	log_init();
	log_level = VOLT_LOG_WARN;
	opterr = 0;
	while ((option = misuse_next(argc, argv, "", long_options)) != -1) {
		take_option(&o, option, argv);
		for_check = option >= OPT_SEED && option <= OPT_LIMIT ? option : for_check;
	}
	if (optind == argc)
		misuse("no command", "");
	if (library_set_dir(o.plugin_dir) != 0)
		return TOOL_MISUSE;
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		if (strcmp(argv[optind], commands[i].name) != 0)
			continue;
		if (argc - optind != 1 + commands[i].takes_plugin)
			misuse(commands[i].name, commands[i].takes_plugin
						     ? ": needs one name or file"
						     : ": takes no more words");
		if (for_check != 0 && commands[i].run != check_run)
			misuse_for_check(long_options[for_check - MISUSE_VAL].name);
		o.plugin = argv[optind + 1];
		return commands[i].confined ? confine_run(commands[i].run, &o)
					    : tool_finish(commands[i].run(&o));
	}
	misuse("unknown command ", argv[optind]);
}
