/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/kvm/doorbell.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "core/base/ledger.h"
#include "core/base/log.h"
#include "core/base/sealed.h"
#include "core/bus/bus.h"
#include "core/config.h"
#include "core/event/loop.h"
#include "core/event/worker.h"
#include "core/kvm/kvm.h"

static void call_rung(const struct doorbell *d)
{
	callee_lock(d->owner);
	d->rung(d->owner->self, d->number);
	callee_unlock(d->owner);
}

/* ------------------------------------------------------------------ wiring */

void doorbells_init(struct doorbells *all, struct bus *b, struct kvm *k, struct loop *l)
{
	all->bus = b;
	all->kvm = k;
	all->loop = l;
}

static struct bus_range *find_range(
    const struct bus *b, const struct callee *owner, const struct volt_doorbell_at *at)
{
	for (uint32_t i = 0; i < b->count; i++) {
		struct bus_range *r = &b->ranges[i];

		if (r->owner == owner && r->space == at->space && (r->sizes & at->width) &&
		    at->address >= r->base && at->address <= r->last &&
		    at->width - 1u <= r->last - at->address)
			return r;
	}
	return NULL;
}

static bool clashes(const struct doorbell *d, const struct volt_doorbell_at *at)
{
	return d->space == at->space && d->address == at->address && d->width == at->width &&
	       (!d->match || !(at->flags & VOLT_DOORBELL_MATCH) || d->value == at->value);
}

static bool rings_outside(const struct volt_doorbell_at *at)
{
	return VOLT_HAS_SHARING && at->flags & VOLT_DOORBELL_EVENT;
}

static int find_fault(
    const struct doorbells *all, const struct volt_doorbell_at *at, const struct worker *worker)
{
	const bool match = at->flags & VOLT_DOORBELL_MATCH, post = at->flags & VOLT_DOORBELL_POST;
	const bool outside = rings_outside(at);
	const uint32_t known =
	    VOLT_DOORBELL_MATCH | VOLT_DOORBELL_POST | (VOLT_HAS_SHARING ? VOLT_DOORBELL_EVENT : 0);

	if (at->size < offsetof(struct volt_doorbell_at, rung) + sizeof(at->rung) ||
	    at->reserved != 0 || at->space > VOLT_SPACE_MMIO ||
	    (at->width != 1 && at->width != 2 && at->width != 4 && at->width != 8))
		return -EINVAL;
	if (at->flags & ~known)
		return -EOPNOTSUPP;
	if (post && outside)
		return -EINVAL;
	if (post ? !worker || at->reserved2 != 0 : !at->rung && !outside)
		return -EINVAL;
	if (!match ? at->value != 0 : at->width < 8 && at->value >> (8 * at->width & 63) != 0)
		return -EINVAL;
	for (uint32_t i = 0; i < all->count; i++)
		if (clashes(&all->rows[i], at))
			return -EEXIST;
	return all->count == DOORBELL_MAX ? -ENOSPC : 0;
}

#if VOLT_HAS_SHARING
int doorbell_event(const struct doorbells *all, const struct callee *owner, uint32_t number)
{
	if (number >= all->count || all->rows[number].owner != owner || !all->rows[number].outside)
		return -EINVAL;
	return all->rows[number].event_fd;
}

/* One that is full has been rung often enough. */
void doorbell_count(int event_fd)
{
	const uint64_t one = 1;
	const ssize_t n = write(event_fd, &one, sizeof(one));

	(void)n;
}
#endif

/* For bus_range.ring. The rows of the range's owner begin with `doorbells` at the latest. */
static bool ring(const void *doorbells, const struct bus_range *r, uint64_t address, uint32_t width,
    uint64_t value)
{
	const struct doorbell *first = doorbells;
	struct doorbells *all = first->all;

	for (uint32_t i = first->number; i < all->count && all->rows[i].owner == r->owner; i++) {
		const struct doorbell *d = &all->rows[i];

		if (d->address != address || d->width != width || d->space != r->space ||
		    (d->match && d->value != value))
			continue;
		if (d->worker) {
			worker_post(d->worker);
			return true;
		}
		if (VOLT_HAS_SHARING && d->outside) {
			doorbell_count(d->event_fd);
			return true;
		}
		__atomic_store_n(&all->rung[i], 1, __ATOMIC_SEQ_CST);
		__atomic_store_n(&all->rings, 1, __ATOMIC_SEQ_CST);
		loop_wake(all->loop);
		return true;
	}
	return false;
}

static int find_room(struct doorbells *all, struct callee *owner, const struct volt_doorbell_at *at,
    const struct worker *worker, struct bus_range **r)
{
	const int err = find_fault(all, at, worker);

	if (err)
		return err;
	*r = find_range(all->bus, owner, at);
	if (!*r)
		return -ENXIO;
	if (!all->rows)
		all->rows = sealed_alloc(DOORBELL_MAX * sizeof(all->rows[0]));
	return all->rows ? 0 : -ENOMEM;
}

int doorbell_add(struct doorbells *all, struct callee *owner, const struct volt_doorbell_at *at,
    struct worker *worker, uint32_t *number, char *why, unsigned why_size)
{
	struct bus_range *r = NULL;
	const int err = find_room(all, owner, at, worker, &r);

	if (err) {
		snprintf(why, why_size, "doorbell at 0x%llx refused: %s",
		    (unsigned long long)at->address,
		    err == -ENXIO    ? "no range of the plugin's own holds it with that width"
		    : err == -EEXIST ? "another one rings for the same write"
		    : err == -ENOSPC ? "there are 128 already"
				     : strerror(-err));
		return err;
	}
	struct doorbell *d = &all->rows[all->count];
	*d = (struct doorbell){.all = all,
	    .owner = owner,
	    .rung = at->rung,
	    .worker = worker,
	    .address = at->address,
	    .value = at->value,
	    .number = all->count,
	    .event_fd = -1,
	    .outside = rings_outside(at),
	    .space = at->space,
	    .width = at->width,
	    .match = at->flags & VOLT_DOORBELL_MATCH};
	if (!r->doorbells) {
		r->doorbells = d;
		r->ring = ring;
	}
	*number = all->count++;
	return 0;
}

/* ------------------------------------------------------------------ ringing */

/* Every ring is an edge of its own, so the event's count is never read. */
static void on_event(void *arg, uint32_t events)
{
	call_rung(arg);
}

static void ring_noted(void *arg)
{
	struct doorbells *all = arg;

	if (!__atomic_load_n(&all->rings, __ATOMIC_SEQ_CST))
		return;
	__atomic_store_n(&all->rings, 0, __ATOMIC_SEQ_CST);
	for (uint32_t i = 0; i < all->count; i++)
		if (__atomic_exchange_n(&all->rung[i], 0, __ATOMIC_SEQ_CST))
			call_rung(&all->rows[i]);
}

/* False: KVM has no place for it, and the exit path will do. */
static bool give_to_kvm(const struct doorbell *d, int fd)
{
	const struct kvm_ioeventfd request = {.datamatch = d->value,
	    .addr = d->address,
	    .len = d->width,
	    .fd = fd,
	    .flags = (d->match ? KVM_IOEVENTFD_FLAG_DATAMATCH : 0u) |
		     (d->space == VOLT_SPACE_PIO ? KVM_IOEVENTFD_FLAG_PIO : 0u)};

	if (ioctl(d->all->kvm->vm_fd, KVM_IOEVENTFD, &request) == 0)
		return true;
	log_debug("%s: KVM does not take the doorbell at 0x%llx: %s", d->owner->id,
	    (unsigned long long)d->address, strerror(errno));
	return false;
}

void doorbells_trap(struct bus_range *r)
{
	const struct doorbell *first = r->doorbells;

	if (!first)
		return;
	struct doorbells *all = first->all;
	for (uint32_t i = first->number; i < all->count && all->rows[i].owner == r->owner; i++)
		if (all->rows[i].space == r->space && all->rows[i].address >= r->base &&
		    all->rows[i].address <= r->last)
			all->rows[i].kept = true;
	r->doorbells = NULL;
	r->ring = NULL;
}

/* KVM keeps the event itself, so it may get another number later. */
static int wire_worker(struct doorbell *d)
{
	int fd = lock_counter_fd(&d->worker->posts);

	if (fd < 0)
		return log_error(errno, "eventfd for a doorbell: %s", strerror(errno));
	d->by_kvm = give_to_kvm(d, fd);
	return 0;
}

/* KVM and volt only write to it. */
static int wire_outside(struct doorbell *d)
{
	d->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (d->event_fd < 0)
		return log_error(errno, "eventfd for a doorbell: %s", strerror(errno));
	d->by_kvm = !d->kept && give_to_kvm(d, d->event_fd);
	return 0;
}

static int wire(struct doorbell *d)
{
	struct loop *l = d->all->loop;

	if (VOLT_HAS_SHARING && d->outside)
		return wire_outside(d);
	if (d->kept)
		return 0;
	if (d->worker)
		return wire_worker(d);
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	if (fd < 0)
		return log_error(errno, "eventfd for a doorbell: %s", strerror(errno));
	if (!give_to_kvm(d, fd)) {
		close(fd);
		return 0;
	}
	d->event_fd = fd;
	d->by_kvm = true;
	int err = loop_watch(l, fd, EPOLLIN, loop_make_watch(l, on_event, d));
	if (err)
		log_host_error(-err, "a doorbell: cannot watch it: %s", loop_watch_why(-err));
	return err;
}

int doorbells_wire(struct doorbells *all)
{
	int err = 0;

	if (all->count > 0)
		err = loop_add_prepare(all->loop, ring_noted, all);
	if (err)
		return err;
	for (uint32_t i = 0; i < all->count; i++) {
		err = wire(&all->rows[i]);
		if (err)
			return err;
	}
	return 0;
}

/* How many doorbells from the i-th on are of one owner, for another process, and have numbers that
 * follow each other: a device's queues take few rules then. */
static uint32_t count_outside(const struct doorbells *all, uint32_t i)
{
	const struct doorbell *first = &all->rows[i];
	uint32_t n = 1;

	while (i + n < all->count && all->rows[i + n].outside &&
	       all->rows[i + n].owner == first->owner &&
	       all->rows[i + n].event_fd == first->event_fd + (int)n)
		n++;
	return n;
}

/* The loop only watches its own; a process outside is told of a write that KVM did not take. */
void doorbells_declare(const struct doorbells *all, struct ledger *l)
{
	const struct volt_arg_test eight = ledger_is(2, sizeof(uint64_t));
	uint32_t n = 1;

	for (uint32_t i = 0; i < all->count; i += n) {
		const struct doorbell *d = &all->rows[i];

		n = VOLT_HAS_SHARING && d->outside ? count_outside(all, i) : 1;
		const struct ledger_block files =
		    ledger_files(l, d->event_fd, n, d->owner->id, "doorbell");

		if (VOLT_HAS_SHARING && d->outside)
			ledger_allow(l, files, LEDGER_VCPUS | LEDGER_WORKERS, "write", &eight,
			    "rings for a process outside");
	}
}
