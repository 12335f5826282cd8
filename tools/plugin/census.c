/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Sources: proc(5) for fd, maps and task.
 */
#include "census.h"

#include <dirent.h>
#include <errno.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void take_fds(struct census *c)
{
	for (int fd = 0; fd < CENSUS_FDS; fd++) {
		char name[32];

		snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
		ssize_t n = readlink(name, c->fds[fd], sizeof(c->fds[fd]) - 1);

		c->fds[fd][n > 0 ? n : 0] = '\0';
	}
}

static unsigned count_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	struct dirent *e;
	unsigned n = 0;

	while (dir && (e = readdir(dir)))
		n += e->d_name[0] != '.';
	if (dir)
		closedir(dir);
	return n;
}

/* The heap and stacks grow as they like; what else is mapped should not come to more. */
static unsigned count_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];
	unsigned n = 0;

	while (maps && fgets(line, sizeof(line), maps))
		n++;
	if (maps)
		fclose(maps);
	return n;
}

static uint64_t heap_in_use(void)
{
#ifdef VOLT_SANITIZED
	return 0;
#else
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
#endif
}

void census_take(struct census *c)
{
	siginfo_t info;

	memset(c, 0, sizeof(*c));
	take_fds(c);
	for (int s = 1; s < CENSUS_SIGNALS; s++)
		sigaction(s, NULL, &c->handlers[s]);
	sigprocmask(SIG_BLOCK, NULL, &c->blocked);
	c->threads = count_threads();
	c->children = waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) == 0;
	c->mappings = count_mappings();
	c->heap = heap_in_use();
}

static bool same_signals(const struct census *a, const struct census *b, char *why, size_t size)
{
	for (int s = 1; s < CENSUS_SIGNALS; s++) {
		if (a->handlers[s].sa_handler != b->handlers[s].sa_handler) {
			snprintf(why, size, "signal %d (%s) has another handler", s, strsignal(s));
			return false;
		}
		if (sigismember(&a->blocked, s) != sigismember(&b->blocked, s)) {
			snprintf(
			    why, size, "signal %d (%s) is blocked, or no more", s, strsignal(s));
			return false;
		}
	}
	return true;
}

static bool same_fds(const struct census *a, const struct census *b, char *why, size_t size)
{
	for (int fd = 0; fd < CENSUS_FDS; fd++) {
		if (strcmp(a->fds[fd], b->fds[fd]) == 0)
			continue;
		if (b->fds[fd][0])
			snprintf(why, size, "file descriptor %d is left open: %s", fd, b->fds[fd]);
		else
			snprintf(why, size, "file descriptor %d was closed: %s", fd, a->fds[fd]);
		return false;
	}
	return true;
}

bool census_same(const struct census *before, const struct census *after, char *why, size_t size)
{
	if (!same_fds(before, after, why, size) || !same_signals(before, after, why, size))
		return false;
	if (after->threads != before->threads)
		snprintf(why, size, "%d thread%s left running",
		    (int)(after->threads - before->threads),
		    after->threads - before->threads == 1 ? " is" : "s are");
	else if (after->children != before->children)
		snprintf(why, size, "a child process is left");
	else
		return true;
	return false;
}

bool census_no_writable_code(char *why, size_t size)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];
	bool clean = true;

	while (maps && clean && fgets(line, sizeof(line), maps)) {
		char rights[8] = "", range[64] = "";

		if (sscanf(line, "%63s %7s", range, rights) == 2 && strchr(rights, 'w') &&
		    strchr(rights, 'x')) {
			snprintf(why, size, "memory at %s is writable and executable", range);
			clean = false;
		}
	}
	if (maps)
		fclose(maps);
	return clean;
}
