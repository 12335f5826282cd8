/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * events - what the loop does for the whole VM: signals, attention, the log.
 */
#ifndef CORE_EVENTS_H
#define CORE_EVENTS_H

#include <stdint.h>

#include "core/config.h"
#include "core/event/end.h"
#include "core/event/loop.h"

struct ledger;

struct events {
	struct loop *loop;
	struct vm_end *end;
	int signal_fd;
	uint32_t attention_wanted; /* atomic */
	void (*attention)(void *arg);
	void *arg;
#if VOLT_HAS_OPERATE
	int more; /* events_take()'s signal; 0: none */
	void (*taken)(void *arg);
	void *taken_arg;
#endif
};

/* SIGTERM, SIGINT, SIGHUP and SIGQUIT end the VM, SIGUSR1 asks for attention, which `attention`
 * gives. 0 or -errno, which is logged. */
int events_init(
    struct events *e, struct loop *l, struct vm_end *end, void (*attention)(void *arg), void *arg);
void events_declare(const struct events *e, struct ledger *l);
/* From now on the four that end the VM wait for the loop. Until then they end volt by themselves,
 * at once: no handler could, while a call waits for a slow file system. 0 or -errno, as above. */
int events_hold_signals(void);
#if VOLT_HAS_OPERATE
/* [wire] One more signal, which does no harm, is for `taken` from now on. 0 or -errno, which is
 * logged. */
int events_take(struct events *e, int signal, void (*taken)(void *arg), void *arg);
#endif
/* [any] Has the loop call `attention`. */
void events_want_attention(struct events *e);
/* Wakes the loop to write the log; for log_queue(). */
void events_wake_log(void *events);

#endif
