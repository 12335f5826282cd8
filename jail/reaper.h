/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * reaper - process 1 of the jail: volt's parent. It hands signals on, collects the dead and ends
 * with volt's status. Not volt itself, because with process 1 the kernel kills all others: the
 * process by which volt restores the terminal could not outlive it.
 */
#ifndef JAIL_REAPER_H
#define JAIL_REAPER_H

#include <signal.h>
#include <stdbool.h>

/* The signals that go from the launcher to volt, and SIGCHLD. Both block them. */
void reaper_signals(sigset_t *set);

/* By number and si_code. False for those that the terminal sent: volt had them from it, too. */
bool reaper_should_pass(int signal, int code);

/*
 * Starts the program and returns its exit status, or 128 + N if signal N killed it. Returns at
 * once when the other end of `link` is closed: the launcher is gone, and whatever is in the jail
 * goes with process 1.
 */
int reaper_run(const char *program, char **argv, char **envp, int link);

#endif
