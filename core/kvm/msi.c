/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/kvm/msi.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/base/exitcode.h"
#include "core/base/log.h"
#include "core/base/open_files.h"
#include "core/vm/machine.h"

/* Intel SDM vol. 3, 11.11.1 and 11.11.2, and 11.5.2 for vectors. */
#define ADDRESS_FIRST 0xfee00000ull
#define ADDRESS_LAST  0xfeefffffull
#define DELIVERY_MODE (7u << 8)
#define MODE_FIXED    (0u << 8)
#define MODE_LOWEST   (1u << 8)
#define MODE_NMI      (4u << 8)
#define MODE_INIT     (5u << 8)
#define VECTOR        0xffu
#define VECTOR_MIN    16u

/* KVM takes reserved modes for messages of its own, and has no use for SMI and ExtINT. */
static bool can_be_sent(uint64_t address, uint32_t data)
{
	const uint32_t mode = data & DELIVERY_MODE;

	if (address < ADDRESS_FIRST || address > ADDRESS_LAST)
		return false;
	if (mode == MODE_FIXED || mode == MODE_LOWEST)
		return (data & VECTOR) >= VECTOR_MIN;
	return mode == MODE_NMI || mode == MODE_INIT;
}

int msi_alloc(struct irq *q, struct callee *owner, uint32_t count, uint32_t *first)
{
	struct msi *s = &q->msi;

	if (count == 0)
		return -EINVAL;
	if (count > MSI_MAX - s->count)
		return -ENOSPC;
	*first = s->count;
	for (; count > 0; count--)
		s->vectors[s->count++] = (struct msi_vector){.owner = owner, .event_fd = -1};
	return 0;
}

/* An eventfd with exactly that number. */
static int make_event(int want)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0 || fd == want)
		return fd;
	int moved = fcntl(fd, F_DUPFD_CLOEXEC, want);
	close(fd);
	return moved;
}

int msi_wire(struct irq *q)
{
	struct msi *s = &q->msi;
	int base = s->count > 0 ? (int)open_files_highest() + 1 : 0;

	for (uint32_t i = 0; i < s->count; i++) {
		int fd = make_event(base + (int)i);

		if (fd < 0)
			return log_error(errno == EINVAL ? EMFILE : errno,
			    "cannot make the eventfd of message %u: %s", i,
			    strerror(errno == EINVAL ? EMFILE : errno));
		s->vectors[i].event_fd = fd;
		const struct kvm_irqfd request = {.fd = (uint32_t)fd, .gsi = MSI_FIRST_GSI + i};
		if (ioctl(q->machine->kvm.vm_fd, KVM_IRQFD, &request) != 0)
			return log_error(errno, "KVM_IRQFD for message %u: %s", i, strerror(errno));
	}
	return 0;
}

static struct msi_vector *own_vector(struct irq *q, const struct callee *owner, uint32_t vector)
{
	return vector < q->msi.count && q->msi.vectors[vector].owner == owner
		   ? &q->msi.vectors[vector]
		   : NULL;
}

static int queue_message(struct msi *s, struct msi_message message, uint32_t room)
{
	if (s->queued >= room)
		return -ENOSPC;
	s->queue[(s->queue_first + s->queued++) % MSI_QUEUE_MAX] = message;
	return 0;
}

static bool is_queued(const struct msi *s, const struct msi_message *message)
{
	for (uint32_t i = 0; i < s->queued; i++) {
		const struct msi_message *m = &s->queue[(s->queue_first + i) % MSI_QUEUE_MAX];

		if (m->address == message->address && m->data == message->data)
			return true;
	}
	return false;
}

/* A fire that still waits was sent before the message changed or was masked, and on a bus it
 * would have arrived: PCIe keeps back, and calls pending, only what comes under the mask.
 * One message twice is one, as in an APIC's IRR. The room is for as many messages as there
 * are vectors within one turn of the loop; only a guest that programs more loses any. */
static bool queue_waiting(struct irq *q, uint32_t vector)
{
	struct msi *s = &q->msi;
	const uint64_t bit = 1ull << (vector % 64);
	const struct msi_message *message = &s->vectors[vector].message;

	if (!(__atomic_fetch_and(&s->pending[vector / 64], ~bit, __ATOMIC_SEQ_CST) & bit))
		return false;
	return is_queued(s, message) || queue_message(s, *message, MSI_QUEUE_MAX) == 0;
}

int msi_set(struct irq *q, struct callee *owner, uint32_t vector, uint64_t address, uint32_t data)
{
	struct msi_vector *v = own_vector(q, owner, vector);

	if (v == NULL || (address != 0 && !can_be_sent(address, data)))
		return -EINVAL;
	bool wake = false;
	lock_take(&q->route_lock);
	if (v->message.address != address || v->message.data != data) {
		wake = queue_waiting(q, vector);
		v->message = (struct msi_message){.address = address, .data = data};
		__atomic_fetch_add(&q->routes_wanted, 1, __ATOMIC_SEQ_CST);
	}
	lock_release(&q->route_lock);
	if (wake)
		loop_wake(&q->machine->loop);
	return 0;
}

void msi_fire(struct irq *q, struct callee *owner, uint32_t vector)
{
	const struct msi_vector *v = own_vector(q, owner, vector);

	if (v == NULL || v->event_fd < 0)
		return;
	lock_take(&q->route_lock);
	const bool send = v->message.address != 0, now = irq_routes_current(q);
	if (send && !now)
		__atomic_fetch_or(
		    &q->msi.pending[vector / 64], 1ull << (vector % 64), __ATOMIC_SEQ_CST);
	lock_release(&q->route_lock);
	if (send && now)
		irq_signal(v->event_fd);
	else if (send)
		loop_wake(&q->machine->loop);
}

/* -------------------------------------------------------------- the loop's */

uint32_t msi_collect(const struct irq *q, struct kvm_irq_routing_entry *entries)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < q->msi.count; i++) {
		const struct msi_message *m = &q->msi.vectors[i].message;

		if (m->address == 0)
			continue;
		entries[n++] = (struct kvm_irq_routing_entry){
		    .gsi = MSI_FIRST_GSI + i,
		    .type = KVM_IRQ_ROUTING_MSI,
		    .u.msi.address_lo = (uint32_t)m->address,
		    .u.msi.data = m->data,
		};
	}
	return n;
}

bool msi_is_pending(const struct irq *q)
{
	for (unsigned i = 0; i < MSI_MAX / 64; i++)
		if (__atomic_load_n(&q->msi.pending[i], __ATOMIC_SEQ_CST) != 0)
			return true;
	return false;
}

void msi_send_pending(struct irq *q)
{
	for (unsigned i = 0; i < MSI_MAX / 64; i++) {
		uint64_t due = __atomic_exchange_n(&q->msi.pending[i], 0, __ATOMIC_SEQ_CST);

		for (; due != 0; due &= due - 1)
			irq_signal(
			    q->msi.vectors[i * 64 + (unsigned)__builtin_ctzll(due)].event_fd);
	}
}

/* -------------------------------------------- messages without a vector */

int msi_inject(struct irq *q, uint64_t address, uint32_t data)
{
	const struct msi_message message = {.address = address, .data = data};

	if (!can_be_sent(address, data))
		return -EINVAL;
	lock_take(&q->route_lock);
	int err = queue_message(&q->msi, message, MSI_INJECT_MAX);
	lock_release(&q->route_lock);
	if (err == 0)
		loop_wake(&q->machine->loop);
	return err;
}

static bool take_queued(struct irq *q, struct msi_message *message)
{
	struct msi *s = &q->msi;

	lock_take(&q->route_lock);
	const bool any = s->queued > 0;
	if (any) {
		*message = s->queue[s->queue_first];
		s->queue_first = (s->queue_first + 1) % MSI_QUEUE_MAX;
		s->queued--;
	}
	lock_release(&q->route_lock);
	return any;
}

void msi_send_queued(void *arg)
{
	struct irq *q = arg;
	struct msi_message m;

	while (take_queued(q, &m)) {
		const struct kvm_msi request = {.address_lo = (uint32_t)m.address, .data = m.data};

		/* 0: the guest has no such local APIC, or does not want it now. */
		if (ioctl(q->machine->kvm.vm_fd, KVM_SIGNAL_MSI, &request) < 0)
			machine_end(q->machine, EXIT_KVM, "KVM_SIGNAL_MSI: %s", strerror(errno));
	}
}
