/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * helper - a small process that tidies up when volt is gone, however it went.
 *
 * A sealed volt can neither change the terminal's mode nor remove a socket, and a
 * killed one could not anyway. So a child made before the seal, holding nothing but
 * one end of a socket pair and the files of end_record.h and notify.h, waits for volt's end and
 * does both. It exists only when there is something to tidy, to record or to notify.
 */
#ifndef CORE_HELPER_H
#define CORE_HELPER_H

#include <stdbool.h>
#include <termios.h>

#include "core/event/end_record.h"

struct ledger;

/* Actions to clean up with, registered before helper_start(). 0 or -errno. */
void helper_restore_terminal(const struct termios *old);
/* The mode to set again when volt was stopped and goes on (SIGCONT): a shell has changed it. */
void helper_renew_terminal(const struct termios *raw);
/* Explain a death by the filter; `follow`: report what log mode lets pass, as it does. */
void helper_reporter(bool follow);
void helper_restore_flags(int fd, int flags); /* fd 0 to 2, with fcntl(F_SETFL) */
int helper_unlink_at_end(const char *path);
void helper_want(void); /* a process all the same: for volt explain, which makes no socket */

/* Starts the process if an action is registered. Only while there is one thread. 0 or -errno,
 * which is logged. */
int helper_start(void);
/* volt's end of the pair, or -1. */
int helper_fd(void);
void helper_declare(struct ledger *l);
/* Once, under the seal: the guest is let go. */
void helper_tell_running(void);
/* The orderly end, with what is to be recorded of it, if anything: returns when everything is
 * tidied, by the process or, if it never started, by the caller. Safe under the seal. */
void helper_finish(const struct end_note *note);

#endif
