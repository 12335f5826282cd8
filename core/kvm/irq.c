/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/kvm/irq.h"

#include <errno.h>
#include <linux/kvm.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/base/exitcode.h"
#include "core/base/log.h"
#include "core/vm/machine.h"

void irq_init(struct irq *q, struct machine *m)
{
	q->machine = m;
	lock_init(&q->route_lock);
	for (uint32_t i = 0; i < IRQ_LINES; i++)
		q->lines[i].event_fd = q->lines[i].resample_fd = -1;
}

int irq_add(
    struct irq *q, struct callee *owner, uint32_t gsi, uint32_t flags, struct callee **holder)
{
	if (gsi >= IRQ_LINES || (flags != VOLT_IRQ_EDGE && flags != VOLT_IRQ_LEVEL))
		return -EINVAL;
	*holder = q->lines[gsi].owner;
	if (*holder != NULL)
		return -EBUSY;
	q->lines[gsi].owner = owner;
	q->lines[gsi].flags = flags;
	return 0;
}

void irq_signal(int fd)
{
	uint64_t one = 1;

	if (fd >= 0 && write(fd, &one, sizeof(one)) < 0)
		return; /* EAGAIN only: KVM takes the count at once, so it cannot fill up */
}

/* KVM saw the EOI of a level line and lowered it: raise it again while the device
 * still holds its level. The event says enough; its count is never read. */
static void resample(void *arg, uint32_t events)
{
	struct irq_line *line = arg;

	if (__atomic_load_n(&line->level, __ATOMIC_SEQ_CST))
		irq_signal(line->event_fd);
}

static int add_irqfd(struct irq *q, uint32_t gsi)
{
	struct machine *m = q->machine;
	struct irq_line *line = &q->lines[gsi];
	struct kvm_irqfd request = {.gsi = gsi};

	line->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (line->event_fd < 0)
		return log_error(errno, "eventfd for interrupt %u: %s", gsi, strerror(errno));
	request.fd = (uint32_t)line->event_fd;
	if (q->chip == NULL && line->flags == VOLT_IRQ_LEVEL) {
		line->resample_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		if (line->resample_fd < 0 || loop_watch(&m->loop, line->resample_fd, EPOLLIN,
						 loop_make_watch(&m->loop, resample, line)) != 0)
			return log_error(
			    errno, "eventfd for interrupt %u: %s", gsi, strerror(errno));
		request.resamplefd = (uint32_t)line->resample_fd;
		request.flags = KVM_IRQFD_FLAG_RESAMPLE;
	}
	if (ioctl(m->kvm.vm_fd, KVM_IRQFD, &request) != 0)
		return log_error(errno, "KVM_IRQFD for interrupt %u: %s", gsi, strerror(errno));
	if (q->chip == NULL && line->level) /* raised while wiring */
		irq_signal(line->event_fd);
	return 0;
}

int irq_wire(struct irq *q)
{
	struct kvm *kvm = &q->machine->kvm;
	int err;

	if (q->chip != NULL) {
		err = kvm_split_irqchip(kvm, q->pins);
	} else {
		err = kvm_create_irqchip(kvm);
	}
	if (err == 0 && (q->chip != NULL || q->msi.count > 0))
		err = loop_add_hook(&q->machine->loop, irq_apply_routes, q);
	if (err == 0 && q->msi.user != NULL)
		err = loop_add_hook(&q->machine->loop, msi_send_queued, q);
	for (uint32_t gsi = 0; err == 0 && gsi < IRQ_LINES; gsi++)
		if (q->lines[gsi].owner != NULL)
			err = add_irqfd(q, gsi);
	return err != 0 ? err : msi_wire(q);
}

void irq_set(struct irq *q, uint32_t gsi, bool level)
{
	struct irq_line *line = &q->lines[gsi];

	if (__atomic_load_n(&line->level, __ATOMIC_RELAXED) == level)
		return;
	if (q->chip == NULL) {
		if (__atomic_exchange_n(&line->level, level, __ATOMIC_SEQ_CST) != level && level)
			irq_signal(line->event_fd);
		return;
	}
	/* One step: between two threads the chip must see the levels in their order. */
	callee_lock(q->chip);
	if (__atomic_exchange_n(&line->level, level, __ATOMIC_SEQ_CST) != level)
		q->chip_ops->set_line(q->chip->self, gsi, level);
	callee_unlock(q->chip);
}

void irq_tell_levels(struct irq *q)
{
	for (uint32_t gsi = 0; q->chip != NULL && gsi < IRQ_LINES; gsi++)
		if (q->lines[gsi].level)
			q->chip_ops->set_line(q->chip->self, gsi, true);
}

void irq_route(struct irq *q, uint32_t pin, uint64_t address, uint32_t data)
{
	/* A pin without a device never fires, so nobody waits for its EOI either. */
	if (pin >= IRQ_LINES || q->lines[pin].owner == NULL)
		return;
	struct irq_line *line = &q->lines[pin];
	lock_take(&q->route_lock);
	if (line->address != address || line->data != data) {
		line->address = address;
		line->data = data;
		__atomic_fetch_add(&q->routes_wanted, 1, __ATOMIC_SEQ_CST);
	}
	lock_release(&q->route_lock);
}

bool irq_routes_current(const struct irq *q)
{
	return __atomic_load_n(&q->routes_wanted, __ATOMIC_SEQ_CST) ==
	       __atomic_load_n(&q->routes_done, __ATOMIC_SEQ_CST);
}

void irq_fire(struct irq *q, uint32_t pin)
{
	if (pin >= IRQ_LINES || q->lines[pin].event_fd < 0)
		return;
	lock_take(&q->route_lock);
	bool now = irq_routes_current(q);
	if (!now)
		__atomic_fetch_or(&q->fires_pending, 1u << pin, __ATOMIC_SEQ_CST);
	lock_release(&q->route_lock);
	if (now)
		irq_signal(q->lines[pin].event_fd);
	else
		loop_wake(&q->machine->loop);
}

static struct kvm_irq_routing_entry wire_to(uint32_t gsi, uint32_t irqchip, uint32_t pin)
{
	return (struct kvm_irq_routing_entry){.gsi = gsi,
	    .type = KVM_IRQ_ROUTING_IRQCHIP,
	    .u.irqchip = {.irqchip = irqchip, .pin = pin}};
}

/* What KVM has from the start and a new table would take away: every GSI is a pin of its
 * I/O APIC, the first 16 are those of its two 8259 too. */
static uint32_t collect_kvms(struct kvm_irq_routing_entry *entries)
{
	uint32_t n = 0;

	for (uint32_t gsi = 0; gsi < IRQ_LINES; gsi++) {
		entries[n++] = wire_to(gsi, KVM_IRQCHIP_IOAPIC, gsi);
		if (gsi < 16)
			entries[n++] = wire_to(
			    gsi, gsi < 8 ? KVM_IRQCHIP_PIC_MASTER : KVM_IRQCHIP_PIC_SLAVE, gsi % 8);
	}
	return n;
}

/* Those of an irqchip plugin; a pin that nothing was programmed for is left out. */
static uint32_t collect_pins(const struct irq *q, struct kvm_irq_routing_entry *entries)
{
	uint32_t n = 0;

	for (uint32_t pin = 0; pin < q->pins; pin++) {
		const struct irq_line *line = &q->lines[pin];

		if (line->owner == NULL || line->address == 0)
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

static uint32_t collect(const struct irq *q, struct kvm_irq_routing_entry *entries)
{
	uint32_t n = q->chip != NULL ? collect_pins(q, entries) : collect_kvms(entries);

	return n + msi_collect(q, entries + n);
}

static void set_routes(struct irq *q)
{
	struct {
		uint32_t nr, flags; /* as struct kvm_irq_routing */
		struct kvm_irq_routing_entry entries[IRQ_LINES + 16 + MSI_MAX];
	} table;

	memset(&table, 0, sizeof(table));
	lock_take(&q->route_lock);
	uint32_t generation = q->routes_wanted;
	table.nr = collect(q, table.entries);
	lock_release(&q->route_lock);
	if (ioctl(q->machine->kvm.vm_fd, KVM_SET_GSI_ROUTING, &table) != 0)
		machine_end(q->machine, EXIT_KVM, "KVM_SET_GSI_ROUTING: %s", strerror(errno));
	__atomic_store_n(&q->routes_done, generation, __ATOMIC_SEQ_CST);
}

void irq_apply_routes(void *arg)
{
	struct irq *q = arg;
	uint32_t fires = 0;

	/* Only when something is to be sent: a guest programs a pin in many steps. */
	if (__atomic_load_n(&q->fires_pending, __ATOMIC_SEQ_CST) == 0 && !msi_is_pending(q))
		return;
	if (!irq_routes_current(q))
		set_routes(q);
	lock_take(&q->route_lock);
	bool current = irq_routes_current(q);
	if (current) {
		fires = __atomic_exchange_n(&q->fires_pending, 0, __ATOMIC_SEQ_CST);
		msi_send_pending(q);
	}
	lock_release(&q->route_lock);
	if (!current) /* a route changed meanwhile: look again on the loop's next turn */
		loop_wake(&q->machine->loop);
	for (uint32_t pin = 0; pin < IRQ_LINES; pin++)
		if (fires & (1u << pin))
			irq_signal(q->lines[pin].event_fd);
}
