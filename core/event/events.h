/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * events - what the loop does for the whole machine: signals, attention, the log.
 */
#ifndef CORE_EVENTS_H
#define CORE_EVENTS_H

struct machine;

/* SIGTERM, SIGINT, SIGHUP and SIGQUIT end the VM, SIGUSR1 asks for attention. 0 or -errno, said in
 * the log. */
int events_init(struct machine *m);
/* From now on the four that end the VM wait for the loop. Until then they end volt by themselves,
 * at once: no handler could, while a call waits for a slow file system. 0 or -errno, as above. */
int events_hold_signals(void);
/* Wakes the loop to write the log; for log_queue(). */
void events_wake_log(void *machine);

#endif
