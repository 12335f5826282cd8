/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * host_guest - the services for devices that work on the guest's memory: the memory itself,
 * doorbells, and interrupts without lines.
 */
#include <errno.h>
#include <string.h>

#include "core/config.h"
#include "core/vm/host_caller.h"
#include "core/vm/host_guest.h"
#include "core/vm/vm.h"

static struct instance *owner_of(const struct volt_host *h)
{
	return h->core;
}

/* ------------------------------------------------------------- volt.mem/1 */

/* 0 with *at set, or what volt.mem/1 answers. */
static int find_memory(const struct volt_host *h, uint64_t gpa, size_t n, void **at)
{
	const struct machine *m = owner_of(h)->machine;

	*at = NULL;
	if (!m->sealed)
		return -EAGAIN;
	if (n == 0)
		return 0;
	*at = memory_at(&m->memory, gpa, n);
	return *at ? 0 : -EFAULT;
}

static int host_read(const struct volt_host *h, uint64_t gpa, void *dst, size_t n)
{
	void *at;
	int err = find_memory(h, gpa, n, &at);

	if (at)
		memcpy(dst, at, n);
	return err;
}

static int host_write(const struct volt_host *h, uint64_t gpa, const void *src, size_t n)
{
	void *at;
	int err = find_memory(h, gpa, n, &at);

	if (at)
		memcpy(at, src, n);
	return err;
}

static void *host_map(const struct volt_host *h, uint64_t gpa, size_t n, bool writable)
{
	void *at;

	find_memory(h, gpa, n, &at);
	return at;
}

/* Nobody copies a running VM yet, so nobody asks what has changed. */
static void host_dirty(const struct volt_host *h, uint64_t gpa, size_t n)
{
}

#if VOLT_HAS_SHARING
static int host_regions(const struct volt_host *h, struct volt_mem_region *r, uint32_t count)
{
	const struct machine *m = owner_of(h)->machine;
	const struct memory *ram = &m->memory;
	const uint32_t needed = ram->high_size ? 2 : 1;

	if (!(owner_of(h)->plugin.flags & VOLT_FLAG_SHARED_MEMORY))
		return -EOPNOTSUPP;
	if (!m->sealed)
		return -EAGAIN;
	if (count < needed)
		return -ENOSPC;
	r[0] = (struct volt_mem_region){.len = ram->low_size, .fd = ram->fd};
	if (needed > 1)
		r[1] = (struct volt_mem_region){.gpa = MEMORY_HIGH_START,
		    .len = ram->high_size,
		    .offset = ram->low_size,
		    .fd = ram->fd};
	return (int)needed;
}

#endif

/* Where nothing is shared, a plugin sees a table of before that. */
const struct volt_mem host_mem = {
    .read = host_read,
    .write = host_write,
    .map = host_map,
    .dirty = host_dirty,
#if VOLT_HAS_SHARING
    .size = sizeof(host_mem),
    .regions = host_regions,
#else
    .size = offsetof(struct volt_mem, regions),
#endif
};

/* -------------------------------------------------------- volt.doorbell/1 */

/* The worker that a doorbell posts, or NULL: none, or not the instance's. */
static struct worker *posted_by(struct instance *i, const struct volt_doorbell_at *at)
{
	if (!(at->flags & VOLT_DOORBELL_POST) || !VOLT_HAS(at, reserved2))
		return NULL;
	return host_worker(i, at->worker);
}

static int host_add_doorbell(
    const struct volt_host *h, const struct volt_doorbell_at *at, uint32_t *doorbell)
{
	struct instance *i = host_calling_instance(h);

	if (i->machine->sealed)
		return -EPERM;
	return doorbell_add(&i->machine->doorbells, &i->callee, at, posted_by(i, at), doorbell,
	    i->state->reason, (unsigned)sizeof(i->state->reason));
}

static int host_irq_fd(const struct volt_host *h, uint32_t line)
{
	const struct instance *i = owner_of(h);
	const struct irq *q = &i->machine->irq;

	if (!i->machine->sealed)
		return -EAGAIN;
	if (line >= IRQ_LINES || q->lines[line].owner != &i->callee || q->chip ||
	    q->lines[line].flags != VOLT_IRQ_EDGE)
		return -EOPNOTSUPP;
	return q->lines[line].event_fd;
}

#if VOLT_HAS_SHARING
static int host_event_fd(const struct volt_host *h, uint32_t doorbell)
{
	const struct instance *i = owner_of(h);

	if (!i->machine->sealed)
		return -EAGAIN;
	return doorbell_event(&i->machine->doorbells, &i->callee, doorbell);
}

static void host_ring(const struct volt_host *h, uint32_t doorbell)
{
	const int fd = host_event_fd(h, doorbell);

	if (fd >= 0)
		doorbell_count(fd);
}

#endif

const struct volt_doorbell host_doorbell = {
    .add = host_add_doorbell,
    .irq_fd = host_irq_fd,
#if VOLT_HAS_SHARING
    .size = sizeof(host_doorbell),
    .event_fd = host_event_fd,
    .ring = host_ring,
#else
    .size = offsetof(struct volt_doorbell, event_fd),
#endif
};

/* ------------------------------------------------------------- volt.msi/1 */

static int host_alloc(const struct volt_host *h, uint32_t count, uint32_t *first)
{
	struct instance *i = host_calling_instance(h);

	return i->machine->sealed ? -EPERM
				  : msi_alloc(&i->machine->irq.msi, &i->callee, count, first);
}

static int host_set(const struct volt_host *h, uint32_t vector, uint64_t address, uint32_t data)
{
	return msi_set(&owner_of(h)->machine->irq.msi, &owner_of(h)->callee, vector, address, data);
}

static void host_fire(const struct volt_host *h, uint32_t vector)
{
	msi_fire(&owner_of(h)->machine->irq.msi, &owner_of(h)->callee, vector);
}

static int host_inject(const struct volt_host *h, uint64_t address, uint32_t data)
{
	struct machine *m = owner_of(h)->machine;

	return m->sealed ? msi_inject(&m->irq.msi, address, data) : -EAGAIN;
}

static bool host_pending(const struct volt_host *h, uint32_t vector)
{
	return msi_pending(&owner_of(h)->machine->irq.msi, &owner_of(h)->callee, vector);
}

static void host_set_pending(const struct volt_host *h, uint32_t vector, bool pending)
{
	msi_set_pending(&owner_of(h)->machine->irq.msi, &owner_of(h)->callee, vector, pending);
}

const struct volt_msi host_msi = {.size = sizeof(host_msi),
    .alloc = host_alloc,
    .set = host_set,
    .fire = host_fire,
    .inject = host_inject,
    .pending = host_pending,
    .set_pending = host_set_pending};
