/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * volt-kernel: keeps kernels for volt in a folder of the user's, and tells what they can do.
 *
 *	intake  -> what came is unpacked, onto a stage (stage, package, unpack)
 *	image   -> volt's own loaders say what volt will make of it
 *	record  -> it gets its manifest, its name and its place in the store
 *	initramfs -> volt-init, and the modules that it needs with one of them (module, cpio)
 *	inspect -> what its configuration is good for (config, features)
 */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/vm/store.h"
#include "sdk/common/params.h"
#include "tools/kernel/commands.h"
#include "tools/kernel/interrupt.h"
#include "tools/kernel/say.h"
#include "tools/misuse.h"
#include "tools/standard.h"

#define GO_ON (-1)

static const struct command {
	const char *name, *words, *help;
	int (*run)(const struct request *q);
} commands[] = {
    {"import", "FILE...",
	"put a vmlinux, a bzImage, a Debian kernel package or a folder with a "
	"kernel into the store",
	command_import},
    {"list", "", "list the kernels of the store", command_list},
    {"inspect", "NAME|FILE", "tell how volt boots a kernel, and what of volt it can use",
	command_inspect},
    {"default", "[NAME]", "tell or set the kernel that volt calls default", command_default},
    {"remove", "NAME...", "remove kernels from the store", command_remove},
    {"verify", "[NAME...]", "check the store's files against their hashes", command_verify},
    {"build", "[SOURCE]", "build a kernel for volt, of a source tree or the distribution's source",
	command_build},
    {"initramfs", "NAME", "write volt-init's archive with the modules of a kernel of the store",
	command_initramfs},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

enum {
	OPT_STORE = 1,
	OPT_JSON,
	OPT_CONFIG,
	OPT_NAME,
	OPT_DEFAULT,
	OPT_QUIET,
	OPT_SCRIPT,
	OPT_BASE,
	OPT_MODULES,
	OPT_OUTPUT,
	OPT_PASSED, /* to the script, as it is */
	OPT_VERSION,
	OPT_HELP,
};

static const struct row {
	int option;
	const char *name, *value, *commands, *help; /* commands: NULL is all */
	const char *typed;                          /* what the script calls it */
} rows[] = {
    {OPT_STORE, "store", "DIR", NULL, "the store (default $XDG_DATA_HOME/volt/kernels)"},
    {OPT_JSON, "json", NULL, "list inspect", "print JSON"},
    {OPT_CONFIG, "config", "FILE", "import inspect", "the kernel's configuration"},
    {OPT_NAME, "name", "WORD", "import build", "begin the name with this, not the distribution"},
    {OPT_DEFAULT, "default", NULL, "import build", "make it the default"},
    {OPT_PASSED, "package", "NAME", "build", "the source package to build", "--package"},
    {OPT_PASSED, "fragments", "LIST", "build", "fragments of configuration, by commas",
	"--fragments"},
    {OPT_PASSED, "work", "DIR", "build", "where to build", "--work"},
    {OPT_PASSED, "jobs", "N", "build", "compilers at the same time", "--jobs"},
    {OPT_SCRIPT, "script", "FILE", "build", "the script that builds"},
    {OPT_OUTPUT, "output", "FILE", "initramfs", "the file to write"},
    {OPT_MODULES, "modules", "LIST", "initramfs", "more modules, by commas"},
    {OPT_BASE, "base", "FILE", "initramfs", "the archive to begin with, not volt-init's"},
    {OPT_QUIET, "quiet", NULL, NULL, "print errors and results alone"},
    {OPT_VERSION, "version", NULL, NULL, "print version and exit"},
    {OPT_HELP, "help", NULL, NULL, "print this text and exit"},
};

#define ROWS     (sizeof(rows) / sizeof(rows[0]))
#define ROW_BASE 256 /* getopt tells rows from letters by it */

static void print_help(void)
{
	char left[64];

	printf("usage: volt-kernel COMMAND [OPTION...] [WORD...]\n\n"
	       "Keeps kernels, which volt then takes by name.\n\nCommands:\n");
	for (size_t i = 0; i < COMMANDS; i++) {
		snprintf(left, sizeof(left), "%s %s", commands[i].name, commands[i].words);
		printf("  %-18s  %s\n", left, commands[i].help);
	}
	printf("\nOptions:\n");
	for (size_t i = 0; i < ROWS; i++) {
		snprintf(left, sizeof(left), "--%s%s%s", rows[i].name, rows[i].value ? " " : "",
		    rows[i].value ? rows[i].value : "");
		printf("  %-18s  %s%s%s%s\n", left, rows[i].help, rows[i].commands ? " (" : "",
		    rows[i].commands ? rows[i].commands : "", rows[i].commands ? ")" : "");
	}
	printf("\nA kernel is named in full, by a beginning that fits no other, or as default.\n\n"
	       "Exit codes:\n  0  done\n"
	       "  1  refused, not found, damaged, or output that is lost: a line says which\n"
	       "  2  called wrongly\n");
}

/* ---------------------------------------------------------------------- options */

static bool is_of(const struct row *row, const char *command)
{
	size_t n = strlen(command);

	for (const char *at = row->commands; at && *at != '\0';) {
		size_t len = strcspn(at, " ");

		if (len == n && strncmp(at, command, n) == 0)
			return true;
		at += len + (at[len] == ' ');
	}
	return row->commands == NULL;
}

static int usage(const char *what, const char *typed, const char *const *names, const char *mark)
{
	const char *near = nearest_name(typed + strspn(typed, "-"), names);

	log_error(EINVAL, "%s %s%s%s%s%s", what, typed, near ? "; did you mean " : "",
	    near ? mark : "", near ? near : "", near ? "?" : "; see volt-kernel --help");
	return SAY_USAGE;
}

static int bad_option(const char *typed, int known)
{
	const char *names[ROWS + 1] = {NULL};
	char name[64];

	/* Of letters behind one dash getopt tells the one that it met. */
	if (known != 0 && known < ROW_BASE) {
		log_error(EINVAL,
		    "unknown option -%c; options are words behind two dashes, see "
		    "volt-kernel --help",
		    (char)known);
		return SAY_USAGE;
	}
	for (size_t i = 0; i < ROWS; i++) {
		names[i] = rows[i].name;
		if ((int)i + ROW_BASE == known) {
			log_error(EINVAL, "--%s %s", rows[i].name,
			    rows[i].value ? "needs a value" : "takes no value");
			return SAY_USAGE;
		}
	}
	snprintf(name, sizeof(name), "%s", typed);
	name[strcspn(name, "=")] = '\0';
	return usage("unknown option", name, names, "--");
}

static int set_store(struct request *q, const char *path)
{
	if (path[0] != '\0' &&
	    (size_t)snprintf(q->store, sizeof(q->store), "%s", path) < sizeof(q->store))
		return GO_ON;
	log_error(EINVAL, "--store %s: give the path of a folder", path);
	return SAY_USAGE;
}

static int pass(struct request *q, const struct row *row, const char *value)
{
	if (q->passed_count + 2 > REQUEST_PASSED_MAX) {
		log_error(EINVAL, "--%s: too many options", row->name);
		return SAY_USAGE;
	}
	q->passed[q->passed_count++] = row->typed;
	q->passed[q->passed_count++] = value;
	return GO_ON;
}

static int take(struct request *q, const struct row *row, const char *value)
{
	switch (row->option) {
	case OPT_STORE:
		return set_store(q, value);
	case OPT_JSON:
		q->json = true;
		return GO_ON;
	case OPT_CONFIG:
		q->config = value;
		return GO_ON;
	case OPT_NAME:
		q->name = value;
		return GO_ON;
	case OPT_DEFAULT:
		q->make_default = true;
		return GO_ON;
	case OPT_QUIET:
		say_quiet = true;
		return GO_ON;
	case OPT_SCRIPT:
		q->script = value;
		return GO_ON;
	case OPT_BASE:
		q->base = value;
		return GO_ON;
	case OPT_MODULES:
		q->modules = value;
		return GO_ON;
	case OPT_OUTPUT:
		q->output = value;
		return GO_ON;
	case OPT_PASSED:
		return pass(q, row, value);
	case OPT_VERSION:
		puts("volt-kernel " KERNEL_VERSION);
		return SAY_GOOD;
	default:
		print_help();
		return SAY_GOOD;
	}
}

/* GO_ON, or what the program ends with. */
static int parse(struct request *q, const char *command, int argc, char **argv)
{
	struct option longs[ROWS + 1] = {0};
	int c;

	for (size_t i = 0; i < ROWS; i++)
		longs[i] = (struct option){rows[i].name,
		    rows[i].value ? required_argument : no_argument, NULL, (int)i + ROW_BASE};
	opterr = 0;
	for (;;) {
		const char *typed = argv[optind];

		c = misuse_next(argc, argv, command ? "" : "+", longs);
		if (c == -1)
			break;
		if (c == '?')
			return bad_option(optind > 1 ? argv[optind - 1] : typed,
			    optopt < ROW_BASE || misuse_whole(longs, argv[optind - 1]) ? optopt
										       : 0);
		const struct row *row = &rows[c - ROW_BASE];
		if (command && !is_of(row, command)) {
			log_error(EINVAL, "--%s does not go with %s", row->name, command);
			return SAY_USAGE;
		}
		int code = take(q, row, optarg);
		if (code != GO_ON)
			return code;
	}
	q->args = argv + optind;
	q->count = argc - optind;
	return GO_ON;
}

/* -------------------------------------------------------------------- the program */

static const struct command *find_command(const char *word)
{
	const char *names[COMMANDS + 1] = {NULL};

	for (size_t i = 0; i < COMMANDS; i++) {
		names[i] = commands[i].name;
		if (strcmp(word, names[i]) == 0)
			return &commands[i];
	}
	usage("unknown command", word, names, "");
	return NULL;
}

static int locate_store(struct request *q)
{
	int err = q->store[0] != '\0' ? 0 : store_locate(q->store, sizeof(q->store));

	if (err)
		log_error(-err,
		    "no store: neither XDG_DATA_HOME nor HOME is an absolute path; give --store");
	return !err ? GO_ON : SAY_FAILED;
}

/* Output that could not be written is a failure. */
static int finish(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	log_error(errno, "the output cannot be written: %s", strerror(errno));
	return SAY_FAILED;
}

int main(int argc, char **argv)
{
	static struct request request;

	standard_begin();
	/* Options may come before the command, where only those of all make sense. */
	int code = parse(&request, NULL, argc, argv);

	if (code != GO_ON)
		return finish(code);
	if (request.count == 0) {
		log_error(EINVAL, "no command given; see volt-kernel --help");
		return SAY_USAGE;
	}
	const struct command *command = find_command(request.args[0]);
	if (!command)
		return SAY_USAGE;
	argv += optind;
	argc -= optind;
	optind = 0; /* glibc: start anew */
	code = parse(&request, command->name, argc, argv);
	if (code == GO_ON)
		code = locate_store(&request);
	if (code == GO_ON)
		code = command->run(&request);
	code = finish(code);
	/* What was done before it came is done. */
	if (code != SAY_GOOD && interrupt_came() != 0) {
		fprintf(
		    stderr, "volt-kernel: error: ended by SIG%s\n", sigabbrev_np(interrupt_came()));
		interrupt_end();
	}
	return code;
}
