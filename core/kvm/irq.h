/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * irq - where interrupt lines end: in KVM's irqchip, or in an irqchip plugin.
 *
 * The thread that changes a line also delivers the change, by one ioctl on the VM with a fixed
 * request, so the interrupt is in the guest's local APIC when set_irq() returns. KVM's
 * irqchip is told both levels (KVM_IRQ_LINE). An irqchip plugin's messages are sent with
 * KVM_SIGNAL_MSI. KVM's table of routes holds those plugin's pins that are programmed as
 * level: from it KVM knows which ends of interrupts must leave the kernel.
 */
#ifndef CORE_IRQ_H
#define CORE_IRQ_H

#include <stdbool.h>
#include <stdint.h>

#include <volt/irqchip.h>

#include "core/base/lock.h"
#include "core/event/callee.h"
#include "core/event/end.h"
#include "core/kvm/kvm.h"
#include "core/kvm/msi.h"

#define IRQ_LINES 24

struct irq_line {
	struct callee *owner; /* NULL: nobody claimed this GSI */
	uint32_t flags;       /* VOLT_IRQ_*; what the firmware tables say, no more */
	uint32_t level;       /* atomic */
	bool wants_fd;
	int event_fd; /* for irq_fd() of volt.doorbell/1; else -1 */
	/* With an irqchip plugin: newest route, in the layout of an MSI. Under the route lock. */
	uint64_t address;
	uint32_t data;
};

struct irq {
	struct kvm *kvm;
	struct vm_end *end;
	struct callee *chip; /* NULL: KVM's own irqchip */
	const struct volt_irqchip *chip_ops;
	uint32_t pins;
	bool wired; /* KVM has an irqchip */
	struct irq_line lines[IRQ_LINES];
	struct lock route_lock; /* leaf; held while KVM takes the table, or a line's pulse */
	bool routes_stale;      /* under the route lock: KVM's table is older than the lines' */
	struct msi msi;
};

void irq_init(struct irq *q, struct kvm *k, struct vm_end *end);
/* 0, -EINVAL, or -EBUSY with *owner set. */
int irq_add(
    struct irq *q, struct callee *owner, uint32_t gsi, uint32_t flags, struct callee **holder);
/* The highest line that nobody has, but none that a PC's own devices have by custom; or VOLT_ANY.
 */
uint32_t irq_free_line(const struct irq *q);
/* Has any line an owner? */
bool irq_has_lines(const struct irq *q);
/* Creates the irqchip of either kind. 0 or -errno, which is logged. */
int irq_wire(struct irq *q);
void irq_declare(const struct irq *q, struct ledger *l);

/* [any] */
void irq_set(struct irq *q, uint32_t gsi, bool level);
/* An edge of its own, whoever else pulses the line. */
void irq_pulse(struct irq *q, uint32_t gsi);
/* [wire] To the plugin that turned out to be the irqchip: lines that are high already. */
void irq_tell_levels(struct irq *q);
/* Of the irqchip plugin. */
void irq_route(struct irq *q, uint32_t pin, uint64_t address, uint32_t data);
void irq_fire(struct irq *q, uint32_t pin);
/* [io] To the irqchip plugin: a local APIC ended an interrupt with `vector`. */
void irq_eoi(struct irq *q, uint8_t vector);

/* [loop] Before a restored vCPU runs: gives KVM the routes that it has not. Until it knows them
 * it does not tell of the end of an interrupt that is in service. */
void irq_renew_routes(struct irq *q);

#endif
