/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/kernel/interrupt.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};

#define SIGNALS (sizeof(signals) / sizeof(signals[0]))

static volatile sig_atomic_t came;
static volatile sig_atomic_t passed_to;

static void note(int signal)
{
	int err = errno;

	came = signal;
	if (passed_to != 0)
		kill(passed_to, signal);
	errno = err;
}

void interrupt_catch(void)
{
	/* Calls that wait end with EINTR. */
	const struct sigaction noting = {.sa_handler = note, .sa_flags = (int)SA_RESETHAND};

	for (unsigned i = 0; i < SIGNALS; i++) {
		struct sigaction old;

		/* nohup and a shell's background jobs ask so to be left alone. */
		if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler == SIG_DFL)
			sigaction(signals[i], &noting, NULL);
	}
}

int interrupt_came(void)
{
	return came;
}

/* In the child, where noting one would be the same as to ignore it. */
static void stop_noting(void)
{
	for (unsigned i = 0; i < SIGNALS; i++) {
		struct sigaction old;

		if (sigaction(signals[i], NULL, &old) == 0 && old.sa_handler == note)
			signal(signals[i], SIG_DFL);
	}
}

pid_t interrupt_fork(void)
{
	sigset_t ours, old;

	sigemptyset(&ours);
	for (unsigned i = 0; i < SIGNALS; i++)
		sigaddset(&ours, signals[i]);
	sigprocmask(SIG_BLOCK, &ours, &old);
	pid_t child = fork();
	if (child == 0)
		stop_noting();
	if (child > 0)
		passed_to = child;
	if (child > 0 && came != 0)
		kill(child, came);
	sigprocmask(SIG_SETMASK, &old, NULL);
	return child;
}

void interrupt_child_is_gone(void)
{
	passed_to = 0;
}

_Noreturn void interrupt_end(void)
{
	signal(came, SIG_DFL);
	raise(came);
	exit(128 + came); /* it is blocked */
}
