/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/kernel/interrupt.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>

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
	static const int signals[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM};
	/* Calls that wait end with EINTR. */
	const struct sigaction noting = {.sa_handler = note, .sa_flags = (int)SA_RESETHAND};

	for (unsigned i = 0; i < sizeof(signals) / sizeof(signals[0]); i++) {
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

void interrupt_pass_to(pid_t child)
{
	passed_to = child;
	if (child != 0 && came != 0) /* between the last look and now */
		kill(child, came);
}

_Noreturn void interrupt_end(void)
{
	signal(came, SIG_DFL);
	raise(came);
	exit(128 + came); /* it is blocked */
}
