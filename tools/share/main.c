/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/exitcode.h"
#include "tools/misuse.h"
#include "tools/share/share.h"
#include "tools/standard.h"

enum { OPT_VOLT = MISUSE_VAL, OPT_SHARE, OPT_VERSION, OPT_HELP };

static const struct option longs[] = {
    {"volt", required_argument, NULL, OPT_VOLT},
    {"share", required_argument, NULL, OPT_SHARE},
    {"version", no_argument, NULL, OPT_VERSION},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

static struct {
	const char *volt;
	struct share shares[SHARE_MAX];
	unsigned count;
	char **words; /* of volt */
} asked = {.volt = "volt"};

int share_say(const struct share *s, int code, const char *fmt, ...)
{
	char line[2048];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	fprintf(stderr, "volt: error: --share %s: %s\n", s->text, line);
	return code;
}

static void print_help(void)
{
	puts("usage: volt-share [OPTION...] -- [OPTION OF VOLT...]\n\n"
	     "Starts a virtiofsd for each folder, and then becomes volt, which shares them with "
	     "its\n"
	     "guest. volt starts it for its own option --share.\n\n"
	     "  --share DIR[,ro][,at=FOLDER]\n"
	     "                 share this folder; may be repeated\n"
	     "  --volt FILE    the program volt\n"
	     "  --version      print version and exit\n"
	     "  --help         print this text and exit");
}

/* ---------------------------------------------------------------------- options */

static int add_share(const char *text)
{
	char why[128];

	if (asked.count == SHARE_MAX) {
		fprintf(stderr, "volt: error: --share: at most %u are possible\n", SHARE_MAX);
		return EXIT_USAGE;
	}
	struct share *s = &asked.shares[asked.count++];
	*s = (struct share){.text = text, .listener = -1, .client = -1};
	return share_spec_parse(&s->spec, text, why, sizeof(why)) != 0
		   ? share_say(s, EXIT_USAGE, "%s", why)
		   : 0;
}

/* -1: go on; else the exit code. */
static int parse(int argc, char **argv)
{
	int c, code = 0;

	opterr = 0;
	while (!code && (c = misuse_next(argc, argv, "+", longs)) != -1) {
		if (c == OPT_VERSION || c == OPT_HELP) {
			c == OPT_HELP ? print_help() : (void)puts("volt-share " SHARE_VERSION);
			return 0;
		}
		if (c == '?') {
			misuse_option("volt-share", longs, argv);
			return EXIT_USAGE;
		}
		if (c == OPT_VOLT)
			asked.volt = optarg;
		else
			code = add_share(optarg);
	}
	asked.words = argv + optind;
	return code ? code : -1;
}

/* ---------------------------------------------------------------------- steps */

static int check_folder(struct share *s)
{
	struct stat st;

	if (s->spec.fd >= 0)
		return share_say(s, EXIT_USAGE, "is not a folder");
	if (!realpath(s->spec.folder, s->folder) || stat(s->folder, &st) != 0)
		return share_say(s, EXIT_INPUT, "cannot be opened: %s", strerror(errno));
	if (!S_ISDIR(st.st_mode))
		return share_say(s, EXIT_INPUT, "is not a folder");
	if (access(s->folder, R_OK | X_OK) != 0)
		return share_say(s, EXIT_INPUT, "cannot be read: %s", strerror(errno));
	return 0;
}

static int find_backend(struct backend *b)
{
	char why[PATH_MAX + 128];

	if (!backend_find(b))
		return share_say(asked.shares, EXIT_HOST,
		    "virtiofsd is not installed; Debian 12 has it in the package "
		    "qemu-system-common, later ones in virtiofsd");
	return backend_ask(b, why, sizeof(why)) != 0 ? share_say(asked.shares, EXIT_HOST, "%s", why)
						     : 0;
}

/* volt explain starts nothing: its end of a socket has nobody at the other. */
static int connect_nobody(struct share *s)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0 ||
	    fcntl(ends[0], F_SETFD, 0) != 0)
		return share_say(s, EXIT_RESOURCES, "%s", strerror(errno));
	s->client = ends[0];
	return 0;
}

static int start(struct share *s, const struct backend *b, bool explains)
{
	if (explains)
		return connect_nobody(s);
	const int err = pair_make(s);

	if (err)
		return share_say(
		    s, EXIT_HOST, "cannot make a socket in $TMPDIR, or /tmp: %s", strerror(-err));
	return serve_start(s, b);
}

static int start_all(bool explains)
{
	static struct backend backend;
	int code = 0;

	for (unsigned i = 0; !code && i < asked.count; i++)
		code = check_folder(&asked.shares[i]);
	if (!code && asked.count > 0)
		code = find_backend(&backend);
	for (unsigned i = 0; !code && i < asked.count; i++)
		code = start(&asked.shares[i], &backend, explains);
	return code;
}

/* volt [explain] --share fd:N... WORDS */
static int fill(char **args, bool explains)
{
	static char option[] = "--share";
	int n = 0;

	args[n++] = (char *)(uintptr_t)asked.volt;
	if (explains)
		args[n++] = *asked.words++;
	for (unsigned i = 0; i < asked.count; i++) {
		const struct share *s = &asked.shares[i];

		args[n++] = option;
		if (asprintf(&args[n++], "fd:%d%s", s->client, s->spec.words) < 0)
			return EXIT_RESOURCES;
	}
	while (*asked.words)
		args[n++] = *asked.words++;
	return 0;
}

static int become_volt(int argc, bool explains)
{
	char **args = calloc((size_t)argc + 2 * SHARE_MAX + 2, sizeof(*args));

	if (!args || fill(args, explains) != 0)
		return EXIT_RESOURCES;
	execvp(asked.volt, args);
	fprintf(stderr, "volt-share: %s: cannot be started: %s\n", asked.volt, strerror(errno));
	free(args);
	return EXIT_HOST;
}

int main(int argc, char **argv)
{
	standard_begin();
	int code = parse(argc, argv);
	if (code >= 0)
		return code;
	const bool explains =
	    asked.words && asked.words[0] && strcmp(asked.words[0], "explain") == 0;
	code = start_all(explains);
	return code ? code : become_volt(argc, explains);
}
