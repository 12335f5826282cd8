/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Sources: proc(5), Linux Documentation/filesystems/proc.rst. Of anonymous files, such as
 * eventfds, all of one kernel share an inode, so one in another's place is not seen.
 */
#include "process_state.h"

#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/open_files.h"
#include "sdk/common/compat.h"

enum fact_kind { WHOLE, SIGNALS };

/* Lines of /proc/self/status in the kernel's order. VmLib is the size of all mappings that are
 * program code and cannot be written; the early filter lets no other code come to be. */
static const struct {
	const char *key;
	enum fact_kind kind;
	const char *fault;
} facts[] = {
    {"Name:", WHOLE, "renamed the thread"},
    {"\nUmask:", WHOLE, "changed the file mode mask (umask)"},
    {"\nUid:", WHOLE, "changed the process's user"},
    {"\nGid:", WHOLE, "changed the process's group"},
    {"\nVmLib:", WHOLE, "left executable memory behind, or took some away"},
    {"\nThreads:", WHOLE, "left a thread behind; volt.worker/1 makes threads"},
    {"\nSigBlk:", SIGNALS, "changed whether %s is blocked; signals are the core's"},
    {"\nSigIgn:", SIGNALS, "changed what %s does; signals are the core's"},
    {"\nSigCgt:", SIGNALS, "changed what %s does; signals are the core's"},
    {"\nCapPrm:", WHOLE, "changed the process's capabilities"},
    {"\nCapBnd:", WHOLE, "changed the process's capabilities"},
    {"\nSeccomp:", WHOLE, "entered a seccomp filter; the sandbox is the core's"},
    {"\nSeccomp_filters:", WHOLE, "entered a seccomp filter; the sandbox is the core's"},
};

#define FACTS (sizeof(facts) / sizeof(facts[0]))
_Static_assert(FACTS <= PROCESS_FACT_MAX, "no room");

static const char status_path[] = "/proc/self/status", timers_path[] = "/proc/self/timers";

static ssize_t read_file(const char *path, char *text, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, size - 1) : -1;

	text[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
	return n;
}

static int read_facts(struct process_state *s)
{
	char text[4096];
	const char *at = text;

	if (read_file(status_path, text, sizeof(text)) <= 0)
		return -EIO;
	for (size_t i = 0; i < FACTS; i++) {
		const char *line = strstr(at, facts[i].key);

		if (!line) /* another kernel, another order */
			line = strstr(text, facts[i].key);
		s->facts[i][0] = '\0';
		if (!line)
			continue;
		at = line;
		line += strlen(facts[i].key);
		line += strspn(line, "\t ");
		size_t n = strcspn(line, "\n");
		n = n < sizeof(s->facts[i]) ? n : sizeof(s->facts[i]) - 1;
		memcpy(s->facts[i], line, n);
		s->facts[i][n] = '\0';
	}
	return 0;
}

static bool add_file(void *arg, int fd)
{
	struct process_state *s = arg;
	struct stat st;

	if (fstat(fd, &st) != 0)
		return false;
	if (s->file_count == PROCESS_FILE_MAX)
		return true;
	s->files[s->file_count++] = (struct process_file){.fd = fd,
	    .device = st.st_dev,
	    .special = st.st_rdev,
	    .inode = st.st_ino,
	    .mode = st.st_mode & S_IFMT};
	return true;
}

/* Mostly there are none, which one call tells. */
static void read_children(struct process_state *s)
{
	siginfo_t info;
	char path[64], text[512];
	const char *p = text;

	s->child_count = 0;
	if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) != 0 && errno == ECHILD)
		return;
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	read_file(path, text, sizeof(text));
	for (char *end; s->child_count < PROCESS_CHILD_MAX; p = end) {
		int pid = (int)strtol(p, &end, 10);

		if (end == p)
			break;
		s->children[s->child_count++] = pid;
	}
	if (s->child_count == 0)
		s->children[s->child_count++] = 0; /* a kernel without that file */
}

static void read_timers(struct process_state *s)
{
	char text[8];

	for (int i = 0; i < 3; i++)
		if (getitimer(i, &s->timers[i]) != 0)
			s->timers[i] = (struct itimerval){0};
	s->posix_timers = read_file(timers_path, text, sizeof(text)) > 0;
}

int process_state_read(struct process_state *s)
{
	const char *locale = setlocale(LC_ALL, NULL);
	int err;

	for (int i = 0; i < (int)RLIMIT_NLIMITS; i++)
		if (getrlimit(i, &s->limits[i]) != 0)
			s->limits[i] = (struct rlimit){0};
	if (stat(".", &s->directory) != 0)
		s->directory = (struct stat){0};
	s->locale[0] = '\0';
	strncat(s->locale, locale, sizeof(s->locale) - 1);
	read_timers(s);
	read_children(s);
	s->file_count = 0;
	err = open_files_each(add_file, s);
	return err ? err : read_facts(s);
}

/* ------------------------------------------------------------------ comparing */

static void name_file(int fd, char *text, size_t size)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(path, text, size - 1);
	text[n > 0 ? n : 0] = '\0';
}

static bool same_file(const struct process_file *a, const struct process_file *b)
{
	return a->device == b->device && a->inode == b->inode && a->mode == b->mode &&
	       a->special == b->special;
}

static bool files_differ(
    const struct process_state *a, const struct process_state *b, char *what, unsigned size)
{
	for (unsigned i = 0, k = 0; i < a->file_count || k < b->file_count; i++, k++) {
		bool old = i < a->file_count, new = k < b->file_count;

		if (new && (!old || b->files[k].fd < a->files[i].fd)) {
			char name[160];

			name_file(b->files[k].fd, name, sizeof(name));
			snprintf(what, size,
			    "left file descriptor %d (%s) open; files come as parameters",
			    b->files[k].fd, name);
			return true;
		}
		if (!new || b->files[k].fd > a->files[i].fd) {
			snprintf(what, size, "closed file descriptor %d, which is the core's",
			    a->files[i].fd);
			return true;
		}
		if (!same_file(&a->files[i], &b->files[k])) {
			snprintf(what, size,
			    "put another file in the place of the core's descriptor %d",
			    a->files[i].fd);
			return true;
		}
	}
	return false;
}

static const char *first_signal(const char *before, const char *after, char *text, size_t size)
{
	unsigned long long changed = strtoull(before, NULL, 16) ^ strtoull(after, NULL, 16);
	int number = __builtin_ffsll((long long)changed);
	const char *name = number > 0 ? sigabbrev_np(number) : NULL;

	if (name)
		snprintf(text, size, "SIG%s", name);
	else
		snprintf(text, size, "signal %d", number);
	return text;
}

static bool facts_differ(
    const struct process_state *a, const struct process_state *b, char *what, unsigned size)
{
	for (size_t i = 0; i < FACTS; i++) {
		char name[32];

		if (strcmp(a->facts[i], b->facts[i]) == 0)
			continue;
		if (facts[i].kind == SIGNALS) {
			first_signal(a->facts[i], b->facts[i], name, sizeof(name));
			const char *at = strstr(facts[i].fault, "%s");
			snprintf(what, size, "%.*s%s%s", (int)(at - facts[i].fault), facts[i].fault,
			    name, at + 2);
		} else {
			snprintf(what, size, "%s", facts[i].fault);
		}
		return true;
	}
	return false;
}

static bool children_differ(const struct process_state *a, const struct process_state *b)
{
	return a->child_count != b->child_count ||
	       memcmp(a->children, b->children, a->child_count * sizeof(a->children[0])) != 0;
}

/* What is left of them changes by itself. */
static bool timers_differ(const struct process_state *a, const struct process_state *b)
{
	for (int i = 0; i < 3; i++)
		if (memcmp(&a->timers[i].it_interval, &b->timers[i].it_interval,
			sizeof(a->timers[i].it_interval)) != 0 ||
		    timerisset(&a->timers[i].it_value) != timerisset(&b->timers[i].it_value))
			return true;
	return a->posix_timers != b->posix_timers;
}

bool process_state_differs(
    const struct process_state *a, const struct process_state *b, char *what, unsigned size)
{
	const char *fault = NULL;

	if (children_differ(a, b))
		fault = "left a child process behind";
	else if (files_differ(a, b, what, size) || facts_differ(a, b, what, size))
		return true;
	else if (timers_differ(a, b))
		fault = "left a timer running; volt.loop/1 has timers";
	else if (a->directory.st_dev != b->directory.st_dev ||
		 a->directory.st_ino != b->directory.st_ino)
		fault = "changed the working directory";
	else if (memcmp(a->limits, b->limits, sizeof(a->limits)) != 0)
		fault = "changed a resource limit";
	else if (strcmp(a->locale, b->locale) != 0)
		fault = "changed the locale";
	if (fault)
		snprintf(what, size, "%s", fault);
	return fault != NULL;
}
