/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/log.h"

#define PATH_COUNT 32

static struct {
	int fd;
	bool terminal;
	bool has_flags[2];
	int flags[2];
	struct termios old;
	char *paths[PATH_COUNT];
	unsigned path_count;
} keeper = {.fd = -1};

void keeper_restore_terminal(const struct termios *old)
{
	keeper.old = *old;
	keeper.terminal = true;
}

void keeper_restore_flags(int fd, int flags)
{
	keeper.has_flags[fd] = true;
	keeper.flags[fd] = flags;
}

int keeper_unlink_at_end(const char *path)
{
	char *whole = realpath(path, NULL);

	if (whole == NULL || keeper.path_count == PATH_COUNT)
		return -ENOMEM;
	keeper.paths[keeper.path_count++] = whole;
	return 0;
}

/* Does nothing without a charge, so that it is safe to call under any filter. */
static void tidy(void)
{
	if (keeper.terminal) {
		signal(SIGTTOU, SIG_IGN); /* volt may no longer be in the foreground */
		tcsetattr(STDIN_FILENO, TCSANOW, &keeper.old);
	}
	for (int fd = 0; fd < 2; fd++)
		if (keeper.has_flags[fd])
			fcntl(fd, F_SETFL, keeper.flags[fd]);
	for (unsigned i = 0; i < keeper.path_count; i++)
		unlink(keeper.paths[i]);
}

/* Only reads to learn of volt's end: bytes mean nothing, so nothing can be asked. */
static _Noreturn void keep(int fd)
{
	sigset_t all;
	char byte;

	sigfillset(&all); /* Ctrl-C and a hang-up reach volt's whole group */
	sigprocmask(SIG_BLOCK, &all, NULL);
	prctl(PR_SET_NAME, "volt-keeper");
	dup2(fd, STDERR_FILENO + 1);
	close_range(STDERR_FILENO + 2, UINT_MAX, 0);
	while (read(STDERR_FILENO + 1, &byte, 1) < 0 && errno == EINTR)
		continue;
	tidy();
	_exit(0);
}

static bool has_charge(void)
{
	return keeper.terminal || keeper.has_flags[0] || keeper.has_flags[1] ||
	       keeper.path_count > 0;
}

int keeper_start(void)
{
	int pair[2];

	if (!has_charge())
		return 0;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0)
		return log_error(errno, "cannot make a socket pair: %s", strerror(errno));
	pid_t child = fork();
	if (child < 0)
		return log_error(errno, "cannot start the process that restores the terminal: %s",
		    strerror(errno));
	if (child == 0) {
		close(pair[0]);
		keep(pair[1]);
	}
	close(pair[1]);
	keeper.fd = pair[0];
	return 0;
}

int keeper_fd(void)
{
	return keeper.fd;
}

void keeper_finish(void)
{
	char byte = 0;

	if (keeper.fd < 0) {
		tidy();
		return;
	}
	/* Any byte is the word; the end of file is the answer that all is tidied. */
	if (write(keeper.fd, &byte, 1) == 1)
		while (read(keeper.fd, &byte, 1) < 0 && errno == EINTR)
			continue;
}
