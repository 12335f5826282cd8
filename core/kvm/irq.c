/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/kvm/irq.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>

#include "core/base/exitcode.h"
#include "core/base/ledger.h"
#include "core/base/log.h"

#define DATA_LEVEL (1u << 15) /* Intel SDM vol. 3, 11.11.2: trigger mode */

void irq_init(struct irq *q, struct kvm *k, struct vm_end *end)
{
	q->kvm = k;
	q->end = end;
	q->msi.kvm = k;
	q->msi.end = end;
	lock_init(&q->route_lock);
	for (uint32_t i = 0; i < IRQ_LINES; i++)
		q->lines[i].event_fd = -1;
}

int irq_add(
    struct irq *q, struct callee *owner, uint32_t gsi, uint32_t flags, struct callee **holder)
{
	if (gsi >= IRQ_LINES || (flags != VOLT_IRQ_EDGE && flags != VOLT_IRQ_LEVEL))
		return -EINVAL;
	*holder = q->lines[gsi].owner;
	if (*holder)
		return -EBUSY;
	q->lines[gsi].owner = owner;
	q->lines[gsi].flags = flags;
	return 0;
}

uint32_t irq_free_line(const struct irq *q)
{
	/* 0 to 4, 8 and 12 are the PC's own: timer, keyboard, console, clock, mouse. */
	for (uint32_t gsi = IRQ_LINES; gsi-- > 5;)
		if (!q->lines[gsi].owner && gsi != 8 && gsi != 12)
			return gsi;
	return VOLT_ANY;
}

bool irq_has_lines(const struct irq *q)
{
	for (uint32_t gsi = 0; gsi < IRQ_LINES; gsi++)
		if (q->lines[gsi].owner)
			return true;
	return false;
}

/* ---------------------------------------------------------------- KVM's irqchip */

static void drive_pin(struct irq *q, uint32_t gsi, uint32_t level)
{
	const struct kvm_irq_level request = {.irq = gsi, .level = level};

	if (ioctl(q->kvm->vm_fd, KVM_IRQ_LINE, &request) < 0)
		vm_end(q->end, EXIT_KVM, "KVM_IRQ_LINE: %s", strerror(errno));
}

/* The pin ends at the level that was set last, whichever thread comes to KVM last: each
 * looks after its own call whether another level has been set meanwhile. */
static void follow_level(struct irq *q, uint32_t gsi, uint32_t level)
{
	uint32_t driven;

	do {
		driven = level;
		drive_pin(q, gsi, driven);
		level = __atomic_load_n(&q->lines[gsi].level, __ATOMIC_SEQ_CST);
	} while (level != driven);
}

/* The descriptor that irq_fd() of volt.doorbell/1 gives out. */
static int add_irqfd(struct irq *q, uint32_t gsi)
{
	struct irq_line *line = &q->lines[gsi];

	if (line->flags != VOLT_IRQ_EDGE || !line->wants_fd)
		return 0;
	line->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (line->event_fd < 0)
		return log_error(errno, "eventfd for interrupt %u: %s", gsi, strerror(errno));
	const struct kvm_irqfd request = {.fd = (uint32_t)line->event_fd, .gsi = gsi};
	if (ioctl(q->kvm->vm_fd, KVM_IRQFD, &request) != 0)
		return log_error(errno, "KVM_IRQFD for interrupt %u: %s", gsi, strerror(errno));
	return 0;
}

static int wire_line(struct irq *q, uint32_t gsi)
{
	if (!q->lines[gsi].owner)
		return 0;
	if (q->lines[gsi].level) /* raised while wiring */
		drive_pin(q, gsi, 1);
	return add_irqfd(q, gsi);
}

int irq_wire(struct irq *q)
{
	struct kvm *kvm = q->kvm;
	int err = q->chip ? kvm_split_irqchip(kvm, q->pins) : kvm_create_irqchip(kvm);

	for (uint32_t gsi = 0; !err && !q->chip && gsi < IRQ_LINES; gsi++)
		err = wire_line(q, gsi);
	q->wired = q->msi.wired = err == 0;
	return err;
}

void irq_set(struct irq *q, uint32_t gsi, bool level)
{
	struct irq_line *line = &q->lines[gsi];

	if (__atomic_load_n(&line->level, __ATOMIC_RELAXED) == level)
		return;
	if (!q->chip) {
		if (__atomic_exchange_n(&line->level, level, __ATOMIC_SEQ_CST) != level && q->wired)
			follow_level(q, gsi, level);
		return;
	}
	/* One step: between two threads the chip must see the levels in their order. */
	callee_lock(q->chip);
	if (__atomic_exchange_n(&line->level, level, __ATOMIC_SEQ_CST) != level)
		q->chip_ops->set_line(q->chip->self, gsi, level);
	callee_unlock(q->chip);
}

static void pulse_chip(struct irq *q, uint32_t gsi)
{
	callee_lock(q->chip);
	if (__atomic_exchange_n(&q->lines[gsi].level, 0, __ATOMIC_SEQ_CST))
		q->chip_ops->set_line(q->chip->self, gsi, false);
	q->chip_ops->set_line(q->chip->self, gsi, true);
	q->chip_ops->set_line(q->chip->self, gsi, false);
	callee_unlock(q->chip);
}

/* Under a lock: what a second thread raised while the first one's line is high is no edge. */
void irq_pulse(struct irq *q, uint32_t gsi)
{
	if (!q->wired || q->lines[gsi].flags != VOLT_IRQ_EDGE)
		return;
	if (q->chip) {
		pulse_chip(q, gsi);
		return;
	}
	lock_take(&q->route_lock);
	if (__atomic_exchange_n(&q->lines[gsi].level, 0, __ATOMIC_SEQ_CST))
		drive_pin(q, gsi, 0);
	drive_pin(q, gsi, 1);
	drive_pin(q, gsi, 0);
	lock_release(&q->route_lock);
}

/* -------------------------------------------------------------- an irqchip plugin */

void irq_tell_levels(struct irq *q)
{
	for (uint32_t gsi = 0; q->chip && gsi < IRQ_LINES; gsi++)
		if (q->lines[gsi].level)
			q->chip_ops->set_line(q->chip->self, gsi, true);
}

static bool needs_route(const struct irq_line *line)
{
	return line->address != 0 && line->data & DATA_LEVEL;
}

void irq_route(struct irq *q, uint32_t pin, uint64_t address, uint32_t data)
{
	/* A pin without a device never fires, so nobody waits for its EOI either. */
	if (pin >= IRQ_LINES || !q->lines[pin].owner)
		return;
	struct irq_line *line = &q->lines[pin];
	lock_take(&q->route_lock);
	if (line->address != address || line->data != data) {
		q->routes_stale |= needs_route(line);
		line->address = address;
		line->data = data;
		q->routes_stale |= needs_route(line);
	}
	lock_release(&q->route_lock);
}

static uint32_t collect_routes(const struct irq *q, struct kvm_irq_routing_entry *entries)
{
	uint32_t n = 0;

	for (uint32_t pin = 0; pin < q->pins; pin++) {
		const struct irq_line *line = &q->lines[pin];

		if (!needs_route(line))
			continue;
		entries[n++] = (struct kvm_irq_routing_entry){
		    .gsi = pin,
		    .type = KVM_IRQ_ROUTING_MSI,
		    .u.msi.address_lo = (uint32_t)line->address,
		    .u.msi.address_hi = (uint32_t)(line->address >> 32),
		    .u.msi.data = line->data,
		};
	}
	return n;
}

/* Under the route lock, so that no older table replaces a newer one. Only when something is
 * sent: a guest programs a pin in many steps before it uses it. */
static void set_routes(struct irq *q)
{
	struct {
		uint32_t nr, flags; /* as struct kvm_irq_routing */
		struct kvm_irq_routing_entry entries[IRQ_LINES];
	} table;

	memset(&table, 0, sizeof(table));
	table.nr = collect_routes(q, table.entries);
	if (ioctl(q->kvm->vm_fd, KVM_SET_GSI_ROUTING, &table) != 0)
		vm_end(q->end, EXIT_KVM, "KVM_SET_GSI_ROUTING: %s", strerror(errno));
	q->routes_stale = false;
}

void irq_fire(struct irq *q, uint32_t pin)
{
	if (pin >= IRQ_LINES || !q->lines[pin].owner || !q->wired)
		return;
	const struct irq_line *line = &q->lines[pin];
	lock_take(&q->route_lock);
	/* The guest may end the interrupt before anything else happens. */
	if (q->routes_stale)
		set_routes(q);
	const uint64_t address = line->address;
	const uint32_t data = line->data;
	lock_release(&q->route_lock);
	if (address != 0)
		msi_send(&q->msi, address, data);
}

void irq_eoi(struct irq *q, uint8_t vector)
{
	if (!q->chip)
		return;
	callee_lock(q->chip);
	q->chip_ops->eoi(q->chip->self, vector);
	callee_unlock(q->chip);
}

void irq_renew_routes(struct irq *q)
{
	lock_take(&q->route_lock);
	if (q->routes_stale && q->wired)
		set_routes(q);
	lock_release(&q->route_lock);
}

/* Who raises an interrupt delivers it, so that it is there when set_irq() or fire() returns. */
static void declare_requests(const struct irq *q, struct ledger *l)
{
	const struct callee *sender = q->chip ? q->chip : q->msi.user;
	const struct volt_arg_test line = ledger_request(KVM_IRQ_LINE);
	const struct volt_arg_test message = ledger_request(KVM_SIGNAL_MSI);
	const struct volt_arg_test routes = ledger_request(KVM_SET_GSI_ROUTING);

	if (!q->chip && irq_has_lines(q))
		ledger_allow(l, ledger_on(q->kvm->vm_fd, "core"), LEDGER_ALL, "ioctl", &line,
		    "drives interrupt lines");
	if (!sender)
		return;
	const struct ledger_block vm = ledger_on(q->kvm->vm_fd, sender->id);
	ledger_allow(l, vm, LEDGER_ALL, "ioctl", &message, "sends interrupts");
	if (q->chip)
		ledger_allow(
		    l, vm, LEDGER_ALL, "ioctl", &routes, "says which interrupts' ends it takes");
}

void irq_declare(const struct irq *q, struct ledger *l)
{
	const struct volt_arg_test eight = ledger_is(2, sizeof(uint64_t));

	declare_requests(q, l);
	for (uint32_t gsi = 0; gsi < IRQ_LINES; gsi++) {
		const struct irq_line *line = &q->lines[gsi];

		if (!line->owner)
			continue;
		const struct ledger_block event =
		    ledger_file(l, line->event_fd, line->owner->id, "interrupt");
		ledger_allow(l, event, LEDGER_ALL, "write", &eight, "raises its interrupt");
	}
}
