/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * standard - what a program counts on, for whoever was started without some of it.
 *
 * The next file that is opened would take a missing standard stream's number: /dev/kvm would be
 * standard input, and a line of text would go into a guest's kernel. Children of a process
 * that ignores SIGCHLD leave no status, and a blocked SIGALRM ends nothing.
 */
#ifndef TOOLS_STANDARD_H
#define TOOLS_STANDARD_H

#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

/* To be called before anything is opened. Output that nobody can get stays an error: what
 * stands for standard output is not open for writing. */
static inline void standard_begin(void)
{
	sigset_t none;

	for (int fd = STDIN_FILENO; fd <= STDERR_FILENO; fd++)
		if (fcntl(fd, F_GETFD) < 0 &&
		    open("/dev/null", fd == STDOUT_FILENO ? O_RDONLY : O_RDWR) != fd)
			abort();
	signal(SIGCHLD, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

#endif
