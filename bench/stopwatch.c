/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * stopwatch - times one run of a monitor from outside, on a host or in the lab.
 *
 *   stopwatch [-g] [-k] [-m FILE] LIMIT_S MARK COMMAND...
 *
 * The clock starts before the fork. COMMAND's standard output is read through a pipe; the
 * times of its first byte, of the line that contains MARK and of its end go to standard
 * output as "first=NS mark=NS exit=NS cpu=US faults=N status=N line=TEXT", 0 for what did not
 * happen. -k kills it at the mark, -m copies its /proc/PID/smaps to FILE there. With -g the
 * COMMAND's descriptor 3 is a socket, and the clock starts with the "go" that is written to it
 * when COMMAND has written "ready": volt --restore-wait 3.
 */
#include <err.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

struct run {
	const char *mark, *maps;
	bool kill, go;
	pid_t pid;
	uint64_t start, first, marked, end;
	char text[1 << 16]; /* what was read last; a line longer than half of it is cut */
	size_t used;
	char line[256];
};

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* It is at rest by then: what it did last for "ready" is no part of what is timed. */
static void let_go(struct run *r, int fd)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	char text[8];

	if (poll(&ready, 1, 10000) <= 0 || read(fd, text, sizeof(text)) != 6)
		errx(1, "the program did not get ready");
	usleep(5000);
	r->start = now();
	if (write(fd, "go\n", 3) != 3)
		err(1, "go");
}

static int start(struct run *r, char **command)
{
	posix_spawn_file_actions_t actions;
	int out[2], pair[2] = {-1, -1};

	if (pipe2(out, O_CLOEXEC) != 0)
		err(1, "pipe");
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, out[1], 1);
	posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0);
	posix_spawn_file_actions_addopen(&actions, 2, "/dev/null", O_WRONLY, 0);
	if (r->go) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
			err(1, "socketpair");
		/* Not 3 itself, or it would be closed on exec. */
		if (pair[1] == 3 && (pair[1] = fcntl(3, F_DUPFD_CLOEXEC, 4)) < 0)
			err(1, "fcntl");
		posix_spawn_file_actions_adddup2(&actions, pair[1], 3);
	}
	r->start = now();
	int failed = posix_spawnp(&r->pid, command[0], &actions, NULL, command, environ);
	if (failed != 0)
		errx(127, "%s: %s", command[0], strerror(failed));
	close(out[1]);
	if (r->go)
		let_go(r, pair[0]);
	return out[0];
}

static void copy_maps(const struct run *r)
{
	char path[64], buffer[4096];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/%d/smaps", (int)r->pid);
	int from = open(path, O_RDONLY | O_CLOEXEC);
	int to = open(r->maps, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (from < 0 || to < 0)
		err(1, "%s to %s", path, r->maps);
	while ((n = read(from, buffer, sizeof(buffer))) > 0)
		if (write(to, buffer, (size_t)n) != n)
			err(1, "%s", r->maps);
	close(from);
	close(to);
}

static void look_for_mark(struct run *r)
{
	const char *at = strstr(r->text, r->mark);

	if (r->marked != 0 || !at || !strchr(at, '\n'))
		return;
	r->marked = now();
	snprintf(r->line, sizeof(r->line), "%.*s", (int)strcspn(at, "\r\n"), at);
	if (r->maps)
		copy_maps(r);
	if (r->kill)
		kill(r->pid, SIGKILL);
}

/* False at the end of the output. */
static bool take(struct run *r, int fd)
{
	if (r->used > sizeof(r->text) / 2) {
		memmove(r->text, r->text + r->used - 1024, 1024);
		r->used = 1024;
	}
	ssize_t n = read(fd, r->text + r->used, sizeof(r->text) / 2 - 1);
	if (n <= 0)
		return false;
	if (r->first == 0)
		r->first = now();
	/* A guest may write zeroes; strstr must not stop there. */
	for (ssize_t i = 0; i < n; i++)
		if (r->text[r->used + (size_t)i] == '\0')
			r->text[r->used + (size_t)i] = ' ';
	r->used += (size_t)n;
	r->text[r->used] = '\0';
	if (r->mark[0] != '\0')
		look_for_mark(r);
	return true;
}

static uint64_t since(const struct run *r, uint64_t moment)
{
	return moment != 0 ? moment - r->start : 0;
}

int main(int argc, char **argv)
{
	static struct run r;
	struct rusage used;
	int option, status;

	while ((option = getopt(argc, argv, "+gkm:")) != -1) {
		if (option == 'g')
			r.go = true;
		else if (option == 'k')
			r.kill = true;
		else if (option == 'm')
			r.maps = optarg;
		else
			return 2;
	}
	if (argc - optind < 3)
		errx(2, "usage: stopwatch [-g] [-k] [-m FILE] LIMIT_S MARK COMMAND...");
	int limit_ms = (int)(strtod(argv[optind], NULL) * 1000);
	r.mark = argv[optind + 1];
	int fd = start(&r, argv + optind + 2);
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	for (;;) {
		int left = limit_ms - (int)(since(&r, now()) / 1000000);

		if (poll(&ready, 1, left > 0 ? left : 0) <= 0) {
			kill(r.pid, SIGKILL);
			break;
		}
		if (!take(&r, fd))
			break;
	}
	if (wait4(r.pid, &status, 0, &used) < 0)
		err(1, "wait4");
	r.end = now();
	printf("first=%llu mark=%llu exit=%llu cpu=%llu faults=%ld status=%d line=%s\n",
	    (unsigned long long)since(&r, r.first), (unsigned long long)since(&r, r.marked),
	    (unsigned long long)since(&r, r.end),
	    (unsigned long long)(used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1000000u +
		(unsigned long long)(used.ru_utime.tv_usec + used.ru_stime.tv_usec),
	    used.ru_minflt + used.ru_majflt,
	    WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status), r.line);
	return 0;
}
