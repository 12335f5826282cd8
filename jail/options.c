/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "jail/options.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "jail/say.h"
#include "sdk/common/params.h"
#include "tools/misuse.h"

enum choice {
	OPT_UID = 1,
	OPT_GID,
	OPT_FILE,
	OPT_CGROUP,
	OPT_MEMORY_MAX,
	OPT_CPU_MAX,
	OPT_PIDS_MAX,
	OPT_NOFILE,
	OPT_FSIZE,
	OPT_USER_NAMESPACE,
	OPT_CHROOT_BASE,
	OPT_VERSION,
	OPT_HELP,
};

static const struct row {
	enum choice option;
	const char *name, *value, *help;
} rows[] = {
    {OPT_UID, "uid", "N", "user that volt runs as, its own for each VM (required)"},
    {OPT_GID, "gid", "N", "group that volt runs as (required)"},
    {OPT_FILE, "file", "HOST[=GUEST][:rw]",
	"show a file or folder inside, read-only without :rw; may be repeated"},
    {OPT_CGROUP, "cgroup", "PATH", "make the VM's cgroup in this one, not in the caller's"},
    {OPT_MEMORY_MAX, "memory-max", "SIZE", "memory.max of the VM's cgroup, with K, M or G"},
    {OPT_CPU_MAX, "cpu-max", "PERCENT", "cpu.max: 100 is one CPU"},
    {OPT_PIDS_MAX, "pids-max", "N", "pids.max: processes and threads"},
    {OPT_NOFILE, "nofile", "N", "limit of open files"},
    {OPT_FSIZE, "fsize", "SIZE", "limit of a file's size, with K, M or G"},
    {OPT_USER_NAMESPACE, "user-namespace", NULL, "also make a user namespace"},
    {OPT_CHROOT_BASE, "chroot-base", "DIR", "where the new root is mounted, unseen by others"},
    {OPT_VERSION, "version", NULL, "print version and exit"},
    {OPT_HELP, "help", NULL, "print this text and exit"},
};

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

static void print_help(void)
{
	printf("usage: volt-jail --uid N --gid N [OPTION...] -- volt ARGUMENT...\n\n"
	       "Runs volt in namespaces of its own, as an unprivileged user, in a root that has\n"
	       "nothing but what it needs. To be started as root.\n\n");
	for (size_t i = 0; i < ROW_COUNT; i++) {
		char left[64];

		snprintf(left, sizeof(left), "--%s%s%s", rows[i].name, rows[i].value ? " " : "",
		    rows[i].value ? rows[i].value : "");
		if (strlen(left) > 22)
			printf("  %s\n  %22s  %s\n", left, "", rows[i].help);
		else
			printf("  %-22s  %s\n", left, rows[i].help);
	}
	printf("\nThe exit status is volt's, or:\n"
	       "  %3d  an option is wrong\n"
	       "  %3d  a file named by --file or by an option of volt is refused\n"
	       "  %3d  volt, its plugin folder or a library cannot be used\n"
	       "  %3d  the host lacks something that the jail needs\n"
	       "  %3d  out of memory or file descriptors\n"
	       "  %3d  setting up the jail failed\n"
	       "  128 + N  volt was ended by signal N\n",
	    JAIL_USAGE, JAIL_INPUT, JAIL_PROGRAM, JAIL_HOST, JAIL_RESOURCES, JAIL_STEP);
}

/* (uid_t)-1 means "no change" to setresuid(2), 0 is root: neither is a user for volt. */
static int take_id(const char *name, const char *text, uint32_t *out, bool *given)
{
	uint64_t n;

	if (parse_uint(text, &n) != 0 || n < 1 || n >= UINT32_MAX)
		return complain(JAIL_USAGE,
		    "--%s %s: give a number from 1 to 4294967294; 0 is root, which a jail excludes",
		    name, text);
	*out = (uint32_t)n;
	*given = true;
	return 0;
}

static int take_number(const char *name, const char *text, uint64_t max, uint64_t *out, bool *given)
{
	if (parse_uint(text, out) != 0 || *out < 1 || *out > max)
		return complain(JAIL_USAGE, "--%s %s: give a number from 1 to %llu", name, text,
		    (unsigned long long)max);
	*given = true;
	return 0;
}

static int take_size(const char *name, const char *text, uint64_t *out, bool *given)
{
	if (parse_size(text, out) != 0 || *out < 1 || *out > INT64_MAX)
		return complain(JAIL_USAGE, "--%s %s: give a size, such as 512M", name, text);
	*given = true;
	return 0;
}

static int take_text(const char *name, const char *text, const char **out)
{
	if (*out)
		return complain(JAIL_USAGE, "--%s is given twice: %s and %s", name, *out, text);
	if (text[0] == '\0')
		return complain(JAIL_USAGE, "--%s: the name is empty", name);
	*out = text;
	return 0;
}

int options_split_file(const char *text, char *copy, size_t size, const char **host,
    const char **guest, bool *writable)
{
	size_t len = strlen(text);

	*writable = len >= 3 && strcmp(text + len - 3, ":rw") == 0;
	if (*writable)
		len -= 3;
	if (len == 0 || len >= size)
		return -EINVAL;
	memcpy(copy, text, len);
	copy[len] = '\0';
	*host = *guest = copy;
	char *equals = strchr(copy, '=');
	if (!equals)
		return 0;
	*equals = '\0';
	*guest = equals + 1;
	return copy[0] == '\0' || **guest != '/' ? -EINVAL : 0;
}

static int add_file(struct options *o, const char *text)
{
	char copy[2 * PATH_MAX];
	const char *host, *guest;
	bool writable;

	if (options_split_file(text, copy, sizeof(copy), &host, &guest, &writable) != 0)
		return complain(JAIL_USAGE,
		    "--file %s: give HOST[=GUEST][:rw], GUEST starting with a slash", text);
	if (o->file_count == OPTIONS_FILE_MAX)
		return complain(JAIL_USAGE, "--file: at most %u are possible", OPTIONS_FILE_MAX);
	o->files[o->file_count++] = text;
	return 0;
}

static int take(struct options *o, const struct row *row, const char *text)
{
	switch (row->option) {
	case OPT_UID:
		return take_id("uid", text, &o->uid, &o->has_uid);
	case OPT_GID:
		return take_id("gid", text, &o->gid, &o->has_gid);
	case OPT_FILE:
		return add_file(o, text);
	case OPT_CGROUP:
		return take_text("cgroup", text, &o->cgroup);
	case OPT_MEMORY_MAX:
		return take_size("memory-max", text, &o->memory_max, &o->has_memory_max);
	case OPT_CPU_MAX:
		return take_number("cpu-max", text, 1000000, &o->cpu_max, &o->has_cpu_max);
	case OPT_PIDS_MAX:
		return take_number("pids-max", text, 4194304, &o->pids_max, &o->has_pids_max);
	case OPT_NOFILE:
		return take_number("nofile", text, 1048576, &o->nofile, &o->has_nofile);
	case OPT_FSIZE:
		return take_size("fsize", text, &o->fsize, &o->has_fsize);
	case OPT_USER_NAMESPACE:
		o->user_namespace = true;
		return 0;
	case OPT_CHROOT_BASE:
		return take_text("chroot-base", text, &o->base);
	default:
		return 0;
	}
}

static int refuse(const char *typed, const struct option *longs)
{
	const struct option *known = optopt ? misuse_whole(longs, typed) : NULL;
	const char *names[ROW_COUNT + 1] = {NULL};
	char name[64];

	if (known)
		return complain(JAIL_USAGE, "--%s %s", known->name,
		    known->has_arg == no_argument ? "takes no value" : "needs a value");
	for (size_t i = 0; i < ROW_COUNT; i++)
		names[i] = rows[i].name;
	snprintf(name, sizeof(name), "%s", typed + strspn(typed, "-"));
	name[strcspn(name, "=")] = '\0';
	const char *near = nearest_name(name, names);
	if (!near)
		return complain(JAIL_USAGE, "unknown option %s; see volt-jail --help", typed);
	return complain(JAIL_USAGE, "unknown option %s; did you mean --%s?", typed, near);
}

static const struct row *find_row(int option)
{
	for (size_t i = 0; i < ROW_COUNT; i++)
		if ((int)rows[i].option == option)
			return &rows[i];
	return NULL;
}

static int check_all(const struct options *o)
{
	if (!o->has_uid || !o->has_gid)
		return complain(JAIL_USAGE,
		    "--uid and --gid are needed: a user and a group that nothing else has");
	if (!o->command[0])
		return complain(
		    JAIL_USAGE, "no program given: volt-jail OPTION... -- volt ARGUMENT...");
	return OPTIONS_GO_ON;
}

int options_parse(struct options *o, int argc, char **argv)
{
	struct option longs[ROW_COUNT + 1] = {0};
	int c;

	*o = (struct options){0};
	for (size_t i = 0; i < ROW_COUNT; i++)
		longs[i] = (struct option){rows[i].name,
		    rows[i].value ? required_argument : no_argument, NULL, (int)rows[i].option};
	opterr = 0;
	while ((c = misuse_next(argc, argv, "+", longs)) != -1) {
		if (c == OPT_HELP) {
			print_help();
			return 0;
		}
		if (c == OPT_VERSION) {
			printf("volt-jail %s\n", JAIL_VERSION);
			return 0;
		}
		if (c == '?')
			return refuse(argv[optind - 1], longs);
		const struct row *row = find_row(c);
		int code = row ? take(o, row, optarg) : JAIL_USAGE;
		if (code != 0)
			return code;
	}
	o->command = argv + optind;
	return check_all(o);
}
