/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * doorbell - writes that only wake the loop (volt.doorbell/1).
 *
 * KVM turns the write into an event (ioeventfd) that the loop watches and never reads.
 * Where KVM refuses one, and for pieces of wider accesses, the exit path notes the ring
 * and wakes the loop. Neither needs a system call that the threads do not make anyhow.
 */
#ifndef CORE_DOORBELL_H
#define CORE_DOORBELL_H

#include <stdbool.h>
#include <stdint.h>

#include <volt/draft/doorbell.h>

#include "core/config.h"
#include "core/event/callee.h"

#define DOORBELL_MAX 128

struct bus;
struct bus_range;
struct doorbells;
struct kvm;
struct ledger;
struct loop;
struct worker;

struct doorbell {
	struct doorbells *all;
	struct callee *owner;
	void (*rung)(void *self, uint32_t doorbell);
	uint64_t address, value;
	uint32_t number;
	struct worker *worker; /* posted instead, or NULL */
	int event_fd;          /* that the loop, or another process, waits for; -1: none */
	bool outside;          /* another process does */
	uint8_t space, width;
	bool match;
	bool by_kvm; /* takes the writes; else the exit path does */
	bool kept;   /* from KVM: a layer above the range wants to see the writes */
};

struct doorbells {
	struct bus *bus;
	struct kvm *kvm;
	struct loop *loop;
	struct doorbell *rows; /* in sealed memory; those of an instance follow each other */
	uint32_t count;
	uint32_t rings;             /* atomic; some of `rung` are set */
	uint8_t rung[DOORBELL_MAX]; /* atomic; by the exit path */
};

void doorbells_init(struct doorbells *all, struct bus *b, struct kvm *k, struct loop *l);
/* `worker` is the one to post, with VOLT_DOORBELL_POST. 0 or -errno, as volt.doorbell/1 says, with
 * the reason in `why`. */
int doorbell_add(struct doorbells *all, struct callee *owner, const struct volt_doorbell_at *at,
    struct worker *worker, uint32_t *number, char *why, unsigned why_size);
#if VOLT_HAS_SHARING
/* The event of doorbell `number`, if another process waits for it and it is the owner's; or
 * -EINVAL. */
int doorbell_event(const struct doorbells *all, const struct callee *owner, uint32_t number);
/* Rings such an event. */
void doorbell_count(int event_fd);
#else
static inline void doorbell_count(int event_fd)
{
}
#endif
/* A layer takes the place of range `r`: its doorbells ring from below it. */
void doorbells_trap(struct bus_range *r);
/* Hands them to KVM. 0 or -errno, which is logged. */
int doorbells_wire(struct doorbells *all);
void doorbells_declare(const struct doorbells *all, struct ledger *l);

#endif
