/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * msi - interrupts that no line carries (volt.msi/1).
 *
 * A vector is a GSI of its own above all pins, with an irqfd and a route; sending it is a
 * write. Routes are brought up to date by irq_apply_routes() as those of pins are. A
 * message that no vector holds, or holds no longer, waits for the loop, which alone may
 * call KVM_SIGNAL_MSI.
 */
#ifndef CORE_MSI_H
#define CORE_MSI_H

#include <stdbool.h>
#include <stdint.h>

#include "core/event/callee.h"

#define MSI_MAX        128
#define MSI_INJECT_MAX 64
#define MSI_QUEUE_MAX  (MSI_INJECT_MAX + MSI_MAX)
#define MSI_FIRST_GSI  24

struct irq;
struct kvm_irq_routing_entry;

struct msi_message {
	uint64_t address; /* 0: sends nothing */
	uint32_t data;
};

struct msi_vector {
	struct callee *owner;
	struct msi_message message;
	int event_fd; /* irqfd; numbers follow each other */
};

struct msi {
	struct callee *user; /* the first who asked for the service; NULL: nobody */
	struct msi_vector vectors[MSI_MAX];
	uint32_t count;
	uint64_t pending[MSI_MAX / 64]; /* atomic; vectors to send as they are once routes are */
	/* Under the route lock: for KVM_SIGNAL_MSI, on the loop's next turn. */
	struct msi_message queue[MSI_QUEUE_MAX];
	uint32_t queue_first, queued;
};

int msi_alloc(struct irq *q, struct callee *owner, uint32_t count, uint32_t *first);
/* Makes the irqfds. 0 or -errno, said in the log. */
int msi_wire(struct irq *q);

/* [any] */
int msi_set(struct irq *q, struct callee *owner, uint32_t vector, uint64_t address, uint32_t data);
void msi_fire(struct irq *q, struct callee *owner, uint32_t vector);
int msi_inject(struct irq *q, uint64_t address, uint32_t data);

/* Of irq_apply_routes(): routes of all vectors that have one; returns how many. */
uint32_t msi_collect(const struct irq *q, struct kvm_irq_routing_entry *entries);
bool msi_is_pending(const struct irq *q);
/* Under the route lock, with all routes in force. */
void msi_send_pending(struct irq *q);
/* [loop] Sends what was injected, and fires that a vector's newer message overtook. */
void msi_send_queued(void *arg);

#endif
