/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * irq - where interrupt lines end: in KVM's irqchip, or in an irqchip plugin.
 *
 * After the seal every interrupt is one write to an eventfd that KVM listens to
 * (irqfd), so a vCPU thread needs no ioctl but KVM_RUN. With an irqchip plugin the
 * irqfds carry messages to the local APICs, and KVM's routes say which. A guest changes
 * them far more often than it uses them, so a change is only noted; the next interrupt
 * has the loop thread bring KVM up to date and is sent after that, so none ever takes an
 * old route or misses its EOI.
 */
#ifndef CORE_IRQ_H
#define CORE_IRQ_H

#include <stdbool.h>
#include <stdint.h>

#include <volt/irqchip.h>

#include "core/base/lock.h"
#include "core/event/callee.h"
#include "core/event/loop.h"
#include "core/kvm/msi.h"

#define IRQ_LINES 24

struct machine;

struct irq_line {
	struct callee *owner; /* NULL: nobody claimed this GSI */
	uint32_t flags;       /* VOLT_IRQ_* */
	uint32_t level;       /* atomic */
	int event_fd;         /* irqfd */
	int resample_fd;      /* level lines in KVM's irqchip; else -1 */
	/* With an irqchip plugin: newest route, in the layout of an MSI. */
	uint64_t address;
	uint32_t data;
};

struct irq {
	struct machine *machine;
	struct callee *chip; /* NULL: KVM's own irqchip */
	const struct volt_irqchip *chip_ops;
	uint32_t pins;
	struct irq_line lines[IRQ_LINES];
	struct lock route_lock; /* leaf */
	uint32_t routes_wanted; /* atomic; generation of the newest route */
	uint32_t routes_done;   /* atomic; generation in force */
	uint32_t fires_pending; /* atomic; pins to fire once it is */
	struct msi msi;
};

void irq_init(struct irq *q, struct machine *m);
/* 0, -EINVAL, or -EBUSY with *owner set. */
int irq_add(
    struct irq *q, struct callee *owner, uint32_t gsi, uint32_t flags, struct callee **holder);
/* Creates the irqchip of either kind and the irqfds. 0 or -errno, said in the log. */
int irq_wire(struct irq *q);

/* Under the route lock: has KVM all routes? */
bool irq_routes_current(const struct irq *q);
void irq_signal(int event_fd);

/* [any] */
void irq_set(struct irq *q, uint32_t gsi, bool level);
/* [wire] To the plugin that turned out to be the irqchip: lines that are high already. */
void irq_tell_levels(struct irq *q);
/* Of the irqchip plugin. */
void irq_route(struct irq *q, uint32_t pin, uint64_t address, uint32_t data);
void irq_fire(struct irq *q, uint32_t pin);

/* [loop] If interrupts wait for newer routes: sets these, then sends. */
void irq_apply_routes(void *arg);

#endif
