/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/snapshot/snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/misuse.h"
#include "tools/standard.h"
#include "tools/verb.h"

#define PROGRAM   "volt snapshot"
#define TIMEOUT_S 30

enum {
	OPT_STOP = MISUSE_VAL,
	OPT_DIFF,
	OPT_NOTE,
	OPT_QUIET,
	OPT_TIMEOUT,
	OPT_AFTER,
	OPT_UNTIL,
	OPT_VOLT,
	OPT_VERSION,
	OPT_HELP
};

static const struct option longs[] = {
    {"stop", no_argument, NULL, OPT_STOP},
    {"diff", no_argument, NULL, OPT_DIFF},
    {"note", required_argument, NULL, OPT_NOTE},
    {"quiet", no_argument, NULL, OPT_QUIET},
    {"timeout", required_argument, NULL, OPT_TIMEOUT},
    {"after", required_argument, NULL, OPT_AFTER},
    {"until", required_argument, NULL, OPT_UNTIL},
    {"volt", required_argument, NULL, OPT_VOLT},
    {"version", no_argument, NULL, OPT_VERSION},
    {"help", no_argument, NULL, OPT_HELP},
    {NULL, 0, NULL, 0},
};

int snap_say(int code, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	verb_say(PROGRAM, code, fmt, ap);
	va_end(ap);
	return code;
}

static void print_help(void)
{
	puts("usage: volt snapshot save [--stop] [--diff] [--note TEXT] NAME|SOCKET DIR\n"
	     "       volt snapshot show DIR\n"
	     "       volt snapshot verify DIR\n"
	     "       volt snapshot check DIR [OPTION OF VOLT...]\n"
	     "       volt snapshot merge BASE DIFF DIR\n"
	     "       volt snapshot record [--after MS] [--until TEXT] DIR [OPTION OF VOLT...]\n\n"
	     "Saves a running VM that was started with --snapshot and a name or control socket, "
	     "and looks "
	     "at\n"
	     "what was saved. volt --restore DIR goes on from it.\n\n"
	     "  save     write the VM's state and memory into the new folder DIR\n"
	     "  show     print what a snapshot is of\n"
	     "  verify   compare a snapshot with its checksums\n"
	     "  check    tell whether this host, with these options of volt, can restore it\n"
	     "  merge    make one snapshot of a base and a diff\n"
	     "  record   restore it once, and note what is to be read ahead at later restores\n\n"
	     "  --stop             end the VM when its snapshot is on the disk\n"
	     "  --diff             of a restored VM: only the memory that it has written\n"
	     "  --note TEXT        a line to keep with the snapshot\n"
	     "  --quiet            print errors only\n"
	     "  --timeout SECONDS  give up after so long without a byte, or without TEXT (default "
	     "30)\n"
	     "  --after MS         record for so long (default 1000)\n"
	     "  --until TEXT       record until the VM writes TEXT\n"
	     "  --volt FILE        the program volt, for check and record\n"
	     "  --version          print version and exit\n"
	     "  --help             print this text and exit\n\n"
	     "Exit codes:\n"
	     "  0  done\n"
	     "  1  the VM refused, or the snapshot is not in order\n"
	     "  2  an option or argument is wrong\n"
	     "  3  the VM cannot be reached, or did not answer\n"
	     "  4  the snapshot or the output could not be written");
}

/* volt itself builds the VM, up to the seal, and then says what it built instead of running it. */
static int verb_check(const struct snap_options *o)
{
	int count = 0;

	if (!o->words[0])
		return snap_say(SNAP_USAGE, "check: give a snapshot's folder");
	while (o->words[count])
		count++;
	const int null = open("/dev/null", O_WRONLY | O_CLOEXEC);
	if (null < 0 || dup2(null, STDOUT_FILENO) < 0)
		return snap_say(SNAP_FAILED, "check: %s", strerror(errno));
	char **args = calloc((size_t)count + 4, sizeof(*args));
	if (!args)
		return snap_say(SNAP_FAILED, "check: %s", strerror(ENOMEM));
	static char explain[] = "explain", restore[] = "--restore";
	static char program[PATH_MAX];
	snprintf(program, sizeof(program), "%s", o->volt ? o->volt : "volt");
	args[0] = program;
	args[1] = explain;
	args[2] = restore;
	for (int i = 0; i < count; i++)
		args[3 + i] = o->words[i];
	execvp(args[0], args);
	free(args);
	return snap_say(SNAP_FAILED, "check: cannot start %s: %s", program, strerror(errno));
}

static const char *const names[] = {"save", "show", "verify", "check", "merge", "record", NULL};

static int (*const runs[])(const struct snap_options *o) = {
    verb_save, verb_show, verb_verify, verb_check, verb_merge, verb_record};

static int take_number(
    const char *option, const char *text, unsigned long most, const char *unit, unsigned *number)
{
	char *end;
	const unsigned long n = strtoul(text, &end, 10);

	if (*end || end == text || *text == '-' || n < 1 || n > most)
		return snap_say(
		    SNAP_USAGE, "--%s %s: must be 1 to %lu %s", option, text, most, unit);
	*number = (unsigned)n;
	return SNAP_DONE;
}

static int take_numbers(struct snap_options *o, int option)
{
	return option == OPT_TIMEOUT
		   ? take_number("timeout", optarg, 86400, "seconds", &o->timeout)
		   : take_number("after", optarg, 86400000, "milliseconds", &o->after);
}

/* -1: go on; else the exit code. Stops at the first word behind the verb's own, so that `check`
 * hands on options of volt. */
static int parse(struct snap_options *o, int argc, char **argv)
{
	int c;

	opterr = 0;
	while ((c = misuse_next(argc, argv, "+", longs)) != -1) {
		switch (c) {
		case OPT_STOP:
			o->stop = true;
			break;
		case OPT_DIFF:
			o->diff = true;
			break;
		case OPT_NOTE:
			o->note = optarg;
			break;
		case OPT_QUIET:
			o->quiet = true;
			break;
		case OPT_TIMEOUT:
		case OPT_AFTER:
			if (take_numbers(o, c) != SNAP_DONE)
				return SNAP_USAGE;
			break;
		case OPT_UNTIL:
			o->until = optarg;
			break;
		case OPT_VOLT:
			o->volt = optarg;
			break;
		case OPT_VERSION:
			puts("volt-snapshot " SNAPSHOT_TOOL_VERSION);
			return SNAP_DONE;
		case OPT_HELP:
			print_help();
			return SNAP_DONE;
		default:
			misuse_option(PROGRAM, longs, argv);
			return SNAP_USAGE;
		}
	}
	return -1;
}

static int run(struct snap_options *o, int argc, char **argv)
{
	int code = parse(o, argc, argv);

	if (code >= 0)
		return code;
	const int verb = verb_find(PROGRAM, names, argv[optind]);
	if (verb < 0)
		return SNAP_USAGE;
	argv += optind;
	argc -= optind;
	optind = 1;
	code = parse(o, argc, argv);
	o->words = argv + optind;
	return code >= 0 ? code : runs[verb](o);
}

int main(int argc, char **argv)
{
	struct snap_options o = {.timeout = TIMEOUT_S};

	standard_begin();
	return verb_end(PROGRAM, run(&o, argc, argv), SNAP_OUTPUT);
}
