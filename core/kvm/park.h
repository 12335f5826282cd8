/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * park - brings every vCPU out of KVM_RUN under the seal, and lets them go on.
 *
 * The loop sets immediate_exit in a vCPU's shared page and kicks its thread: with SIGIO,
 * which the kernel sends for a byte in a pipe that the thread owns (O_ASYNC). KVM_RUN then
 * returns EINTR, or it does so at its next entry, after it has completed the access that its
 * last exit was for. Only there the thread looks whether it is to stop, so a running vCPU
 * pays nothing. The kick adds rt_sigreturn to a vCPU thread's calls and nothing else.
 *
 * Nothing here waits: whoever asks comes back when a vCPU thread has woken the loop.
 */
#ifndef CORE_PARK_H
#define CORE_PARK_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/lock.h"
#include "core/config.h"

struct kvm_run;
struct ledger;
struct loop;
struct park;

#define PARK_MAX 64

/* Where a vCPU's thread is. The loop asks and releases, the thread does the rest. */
enum park_place {
	PARK_AWAY,    /* it runs the guest */
	PARK_ASKED,   /* the same, and is to stop */
	PARK_HERE,    /* it waits; its last access is complete */
	PARK_LEAVING, /* it may go on and has not done so yet */
	PARK_ENDED,   /* it does not run the guest any more: counts as parked */
};

/* Of one vCPU. */
struct park_spot {
	struct park *park;   /* NULL: it is never stopped */
	struct kvm_run *run; /* its shared page */
	uint32_t id;
	uint32_t place; /* atomic; PARK_* */
};

struct park {
	struct loop *loop;
	struct park_spot *spots[PARK_MAX];
	uint32_t count;
	uint32_t awaited; /* atomic; somebody waits until those that were released are gone */
	struct lock go;   /* a semaphore; posted once for each vCPU that was released */
	int kick_fd_base; /* vCPU n's pipe: it owns reading end base + n; */
	int push_fd_base; /* the loop writes to base + n */
};

#if VOLT_HAS_PAUSE

/* [wire] Before the locks get their eventfds. */
void park_init(struct park *p, struct loop *loop);
/* [wire] A place for vCPU `id`; each in turn, from 0. */
void park_add(struct park *p, struct park_spot *spot, struct kvm_run *run, uint32_t id);
/* [wire] Makes the pipes, with numbers that follow each other, and the empty handler. 0 or
 * -errno, which is logged. */
int park_wire(struct park *p);
/* `asked_by`: whose wish it is that vCPUs can be stopped. */
void park_declare(const struct park *p, const char *asked_by, struct ledger *l);

/* [io] Makes this thread the one that kicks of this vCPU reach: the last thing before its
 * filter. 0 or -errno. */
int park_register(const struct park_spot *spot);
/* [io] KVM_RUN returned EINTR: waits here if the loop asked for it. */
void park_stop(struct park_spot *spot);
/* [io] The thread will not run the guest again. */
void park_end(struct park_spot *spot);

/* [loop] Have all that were released gone? Before that nobody may be asked anew. If not, the
 * last one wakes the loop. */
bool park_is_left(struct park *p);
/* [loop] Asks and kicks every vCPU that runs. */
void park_request(struct park *p);
/* [loop] Is every vCPU here, or ended? */
bool park_is_full(const struct park *p);
/* [loop] Takes the kicks back out of the pipes, and lets every vCPU go on: those that are here
 * and those that have not come yet. */
void park_release(struct park *p);

#else /* only vm/pause.c stops vCPUs */

static inline int park_register(const struct park_spot *spot)
{
	return 0;
}

static inline void park_stop(struct park_spot *spot)
{
}

static inline void park_end(struct park_spot *spot)
{
}

#endif

#endif
