/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fake_guest - volt.mem/1, volt.doorbell/1 and volt.msi/1: RAM that the test shares with the
 * plugin, doorbells that ring when the test says so, and messages that are only noted.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fake_internal.h"

/* Handles differ from numbers that a plugin could have by luck. */
#define DOORBELL_BASE 0x200u
#define VECTOR_BASE   0x300u
#define LINE_BASE     0x100u /* as fake_irq.c */
#define GUARD         4096u

/* Of a doorbell's request without a worker. */
#define DOORBELL_OLD_SIZE (offsetof(struct volt_doorbell_at, rung) + sizeof(void (*)(void)))

/* ------------------------------------------------------------------ memory */

/* Between pages that nobody may touch: what runs over an end is seen at once. */
static void *map_guarded(int fd, size_t size, int rights)
{
	uint8_t *all = mmap(NULL, size + 2 * GUARD, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (all == MAP_FAILED)
		return all;
	return mmap(all + GUARD, size, rights, MAP_SHARED | MAP_FIXED, fd, 0);
}

/* Two mappings of one file: the second cannot be written, for map() without `writable`. */
uint8_t *fake_memory_add(struct fake_host *f, uint64_t gpa, size_t size)
{
	uint64_t last;

	if (f->ram_count == FAKE_RAM_MAX || size == 0 || size % 4096 || gpa % 4096 ||
	    __builtin_add_overflow(gpa, size - 1, &last))
		fake_die(f, "the test adds RAM that is not whole pages, or too much of it");
	struct fake_ram *r = &f->ram[f->ram_count++];
	const int fd = memfd_create("fake-ram", MFD_CLOEXEC);

	if (fd < 0 || ftruncate(fd, (off_t)size) != 0)
		fake_die(f, "no memory for the guest's");
	*r = (struct fake_ram){.gpa = gpa, .size = size, .fd = fd};
	r->bytes = map_guarded(fd, size, PROT_READ | PROT_WRITE);
	r->fixed = map_guarded(fd, size, PROT_READ);
	if (r->bytes == MAP_FAILED || r->fixed == MAP_FAILED)
		fake_die(f, "no memory for the guest's");
	return r->bytes;
}

uint64_t fake_memory_dirtied(const struct fake_host *f)
{
	return f->dirtied;
}

static struct fake_ram *find_ram(struct fake_host *f, uint64_t gpa, size_t n)
{
	for (unsigned i = 0; i < f->ram_count; i++) {
		struct fake_ram *r = &f->ram[i];

		if (gpa >= r->gpa && gpa - r->gpa < r->size && n <= r->size - (gpa - r->gpa))
			return r;
	}
	return NULL;
}

/* 0 with *r set for n > 0, or what volt.mem/1 answers. */
static int find_memory(struct fake_host *f, uint64_t gpa, size_t n, struct fake_ram **r)
{
	*r = NULL;
	if (f->state != FAKE_RUNNING)
		return -EAGAIN;
	if (n == 0)
		return 0;
	*r = find_ram(f, gpa, n);
	return *r ? 0 : -EFAULT;
}

/* What was changed with the host's knowledge is no offence at the callback's end. */
static void mark(struct fake_host *f, struct fake_ram *r, uint64_t off, size_t n)
{
	f->dirtied += n;
	if (r->before)
		memcpy(r->before + off, r->bytes + off, n);
}

void fake_memory_races(struct fake_host *f, uint64_t seed)
{
	f->races = true;
	f->race = seed;
}

/* splitmix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators". */
static uint64_t race_random(struct fake_host *f)
{
	uint64_t z = f->race += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* A word of [off, off + n) changes, and the plugin has not done it: by one bit, so that it is
 * still a likely length or address, or to a number of any magnitude. */
static void race(struct fake_host *f, struct fake_ram *r, uint64_t off, size_t n)
{
	const uint64_t random = race_random(f);
	const size_t first = race_random(f) % n & ~(size_t)7;
	const size_t count = n - first < 8 ? n - first : 8;
	uint8_t *at = r->bytes + off + first;
	uint64_t value = 0;

	if (random & 1)
		return;
	memcpy(&value, at, count);
	if (random & 2)
		value ^= UINT64_C(1) << (random >> 2 & 15);
	else
		value = race_random(f) >> (random >> 2 & 63);
	memcpy(at, &value, count);
	if (r->before)
		memcpy(r->before + off + first, &value, count);
}

static int mem_read(const struct volt_host *h, uint64_t gpa, void *dst, size_t n)
{
	struct fake_host *f = fake_of(h, "read (memory)");
	struct fake_ram *r;
	const int err = find_memory(f, gpa, n, &r);

	if (r)
		memcpy(dst, r->bytes + (gpa - r->gpa), n);
	if (r && f->races)
		race(f, r, gpa - r->gpa, n);
	return err;
}

static int mem_write(const struct volt_host *h, uint64_t gpa, const void *src, size_t n)
{
	struct fake_host *f = fake_of(h, "write (memory)");
	struct fake_ram *r;
	const int err = find_memory(f, gpa, n, &r);

	if (r) {
		memcpy(r->bytes + (gpa - r->gpa), src, n);
		mark(f, r, gpa - r->gpa, n);
	}
	return err;
}

int fake_memory_clear(struct fake_host *f, uint64_t gpa, uint64_t n)
{
	struct fake_ram *r;
	const int err = find_memory(f, gpa, n, &r);

	if (r) {
		memset(r->bytes + (gpa - r->gpa), 0, n);
		mark(f, r, gpa - r->gpa, n);
	}
	return err;
}

static void *mem_map(const struct volt_host *h, uint64_t gpa, size_t n, bool writable)
{
	struct fake_ram *r;

	find_memory(fake_of(h, "map"), gpa, n, &r);
	if (!r)
		return NULL;
	if (writable && !r->before) {
		r->before = fake_alloc(r->size);
		memcpy(r->before, r->bytes, r->size);
	}
	return (writable ? r->bytes : r->fixed) + (gpa - r->gpa);
}

static void mem_dirty(const struct volt_host *h, uint64_t gpa, size_t n)
{
	struct fake_host *f = fake_of(h, "dirty");
	struct fake_ram *r;

	find_memory(f, gpa, n, &r);
	if (r)
		mark(f, r, gpa - r->gpa, n);
}

static int mem_regions(const struct volt_host *h, struct volt_mem_region *r, uint32_t count)
{
	const struct fake_host *f = fake_of(h, "regions");

	if (!(f->plugin->flags & VOLT_FLAG_SHARED_MEMORY))
		return -EOPNOTSUPP;
	if (f->state != FAKE_RUNNING)
		return -EAGAIN;
	if (count < f->ram_count)
		return -ENOSPC;
	for (unsigned i = 0; i < f->ram_count; i++)
		r[i] = (struct volt_mem_region){
		    .gpa = f->ram[i].gpa, .len = f->ram[i].size, .fd = f->ram[i].fd};
	return (int)f->ram_count;
}

const struct volt_mem fake_mem = {
    .size = sizeof(fake_mem),
    .read = mem_read,
    .write = mem_write,
    .map = mem_map,
    .dirty = mem_dirty,
    .regions = mem_regions,
};

void fake_memory_enter(struct fake_host *f)
{
	for (unsigned i = 0; i < f->ram_count; i++)
		if (f->ram[i].before)
			memcpy(f->ram[i].before, f->ram[i].bytes, f->ram[i].size);
}

void fake_memory_leave(struct fake_host *f)
{
	for (unsigned i = 0; i < f->ram_count; i++) {
		const struct fake_ram *r = &f->ram[i];

		if (!r->before || memcmp(r->before, r->bytes, r->size) == 0)
			continue;
		for (size_t at = 0; at < r->size; at++)
			if (r->before[at] != r->bytes[at])
				fake_die(f, "wrote guest memory at 0x%llx without dirty()",
				    (unsigned long long)(r->gpa + at));
	}
}

/* --------------------------------------------------------------- doorbells */

static bool has_range(const struct fake_host *f, const struct volt_doorbell_at *at)
{
	for (unsigned i = 0; i < f->range_count; i++) {
		const struct volt_range *r = &f->ranges[i];

		if (r->space == at->space && (r->sizes & at->width) && at->address >= r->base &&
		    at->address - r->base < r->len && at->width <= r->len - (at->address - r->base))
			return true;
	}
	return false;
}

static int find_doorbell_fault(const struct fake_host *f, const struct volt_doorbell_at *at)
{
	const bool match = at->flags & VOLT_DOORBELL_MATCH;

	const bool posts = at->flags & VOLT_DOORBELL_POST;
	const bool outside = at->flags & VOLT_DOORBELL_EVENT;

	if (at->size < DOORBELL_OLD_SIZE || at->reserved || at->space > VOLT_SPACE_MMIO ||
	    (at->width != 1 && at->width != 2 && at->width != 4 && at->width != 8))
		return -EINVAL;
	if (at->flags & ~(VOLT_DOORBELL_MATCH | VOLT_DOORBELL_POST | VOLT_DOORBELL_EVENT))
		return -EOPNOTSUPP;
	if (posts && outside)
		return -EINVAL;
	if (posts ? !VOLT_HAS(at, reserved2) || at->reserved2 || at->worker >= f->worker_count
		  : !at->rung && !outside)
		return -EINVAL;
	if (match ? at->width < 8 && at->value >> (8 * at->width) : at->value != 0)
		return -EINVAL;
	for (unsigned i = 0; i < f->doorbell_count; i++) {
		const struct volt_doorbell_at *b = &f->doorbells[i].at;

		if (b->space == at->space && b->address == at->address && b->width == at->width &&
		    (!match || !(b->flags & VOLT_DOORBELL_MATCH) || b->value == at->value))
			return -EEXIST;
	}
	return has_range(f, at) ? 0 : -ENXIO;
}

static int doorbell_add(
    const struct volt_host *h, const struct volt_doorbell_at *at, uint32_t *doorbell)
{
	int err;
	struct fake_host *f = fake_wire_call(h, "add (doorbell)", &err);

	if (err)
		return err;
	err = find_doorbell_fault(f, at);
	if (err)
		return fake_refuse(f, "add (doorbell)", err);
	if (f->doorbell_count == FAKE_DOORBELL_MAX)
		return fake_refuse(f, "add (doorbell)", -ENOSPC);
	struct volt_doorbell_at *copy = &f->doorbells[f->doorbell_count].at;

	memcpy(copy, at, at->size < sizeof(*at) ? at->size : sizeof(*at));
	if (at->flags & VOLT_DOORBELL_EVENT)
		fake_open_event(f, &f->doorbells[f->doorbell_count].event_fd);
	*doorbell = DOORBELL_BASE + f->doorbell_count++;
	return 0;
}

static int doorbell_event_fd(const struct volt_host *h, uint32_t doorbell)
{
	const struct fake_host *f = fake_of(h, "event_fd (doorbell)");

	if (f->state != FAKE_RUNNING)
		return -EAGAIN;
	if (doorbell < DOORBELL_BASE || doorbell - DOORBELL_BASE >= f->doorbell_count ||
	    f->doorbells[doorbell - DOORBELL_BASE].event_fd <= 0)
		return -EINVAL;
	return f->doorbells[doorbell - DOORBELL_BASE].event_fd;
}

static void count_event(struct fake_host *f, int fd)
{
	const uint64_t one = 1;

	if (write(fd, &one, sizeof(one)) != sizeof(one))
		fake_die(f, "a doorbell's event is full");
}

static void doorbell_ring(const struct volt_host *h, uint32_t doorbell)
{
	struct fake_host *f = fake_of(h, "ring");
	const int fd = doorbell_event_fd(h, doorbell);

	if (fd >= 0)
		count_event(f, fd);
}

bool fake_doorbell_take(
    struct fake_host *f, uint8_t space, uint64_t address, uint32_t n, uint64_t val)
{
	for (unsigned i = 0; i < f->doorbell_count; i++) {
		const struct volt_doorbell_at *b = &f->doorbells[i].at;

		if (b->space != space || b->address != address || b->width != n ||
		    ((b->flags & VOLT_DOORBELL_MATCH) && b->value != val))
			continue;
		if (b->flags & VOLT_DOORBELL_POST)
			fake_worker_wake(f, b->worker);
		else if (b->flags & VOLT_DOORBELL_EVENT)
			count_event(f, f->doorbells[i].event_fd);
		else
			f->doorbells[i].waits = true;
		return true;
	}
	return false;
}

const struct volt_doorbell_at *fake_doorbell_at(const struct fake_host *f, unsigned i)
{
	return i < f->doorbell_count ? &f->doorbells[i].at : NULL;
}

int fake_doorbell_event(const struct fake_host *f, unsigned i)
{
	return i < f->doorbell_count && f->doorbells[i].event_fd > 0 ? f->doorbells[i].event_fd
								     : -1;
}

unsigned fake_ring(struct fake_host *f)
{
	unsigned count = 0;

	fake_must_run(f, "fake_ring");
	for (unsigned i = 0; i < f->doorbell_count; i++) {
		if (!f->doorbells[i].waits)
			continue;
		f->doorbells[i].waits = false;
		fake_enter(f, "rung");
		f->doorbells[i].at.rung(f->self, DOORBELL_BASE + i);
		fake_leave(f);
		count++;
	}
	return count;
}

void fake_irq_fds_refused(struct fake_host *f)
{
	f->no_irq_fd = true;
}

static int doorbell_irq_fd(const struct volt_host *h, uint32_t line)
{
	struct fake_host *f = fake_of(h, "irq_fd");
	const uint32_t gsi = line - LINE_BASE;

	if (f->state != FAKE_RUNNING)
		return -EAGAIN;
	if (line < LINE_BASE || gsi >= FAKE_IRQ_MAX || !f->lines[gsi].claimed || f->no_irq_fd ||
	    f->lines[gsi].flags != VOLT_IRQ_EDGE)
		return -EOPNOTSUPP;
	return f->irq_fds[gsi];
}

/* While wiring: where the plugin may ask, under the filters of a check, nothing is opened. */
void fake_open_irq_fd(struct fake_host *f, uint32_t gsi)
{
	f->irq_fds[gsi] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (f->irq_fds[gsi] < 0)
		fake_die(f, "no eventfd for the line of GSI %u", gsi);
}

void fake_open_event(struct fake_host *f, int *fd)
{
	if (*fd <= 0)
		*fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (*fd <= 0)
		fake_die(f, "no eventfd for another process");
}

int fake_irq_fd(const struct fake_host *f, uint32_t gsi)
{
	return gsi < FAKE_IRQ_MAX && f->irq_fds[gsi] > 0 ? f->irq_fds[gsi] : -1;
}

uint64_t fake_irq_fd_count(struct fake_host *f, uint32_t gsi)
{
	uint64_t n = 0;

	if (gsi >= FAKE_IRQ_MAX || f->irq_fds[gsi] <= 0 ||
	    read(f->irq_fds[gsi], &n, sizeof(n)) != sizeof(n))
		return 0;
	return n;
}

const struct volt_doorbell fake_doorbell = {
    .size = sizeof(fake_doorbell),
    .add = doorbell_add,
    .irq_fd = doorbell_irq_fd,
    .event_fd = doorbell_event_fd,
    .ring = doorbell_ring,
};

/* ---------------------------------------------------------------- messages */

/* Intel SDM vol. 3, 11.11: fixed, lowest priority, NMI and INIT can be sent. */
static bool can_be_sent(uint64_t address, uint32_t data)
{
	const uint32_t mode = data >> 8 & 7;

	if (address < 0xfee00000 || address > 0xfeefffff)
		return false;
	return mode <= 1 ? (data & 0xff) >= 16 : mode == 4 || mode == 5;
}

static int msi_alloc(const struct volt_host *h, uint32_t count, uint32_t *first)
{
	int err;
	struct fake_host *f = fake_wire_call(h, "alloc", &err);

	if (err)
		return err;
	if (count == 0)
		return fake_refuse(f, "alloc", -EINVAL);
	if (count > FAKE_VECTOR_MAX - f->vector_count)
		return fake_refuse(f, "alloc", -ENOSPC);
	*first = VECTOR_BASE + f->vector_count;
	f->vector_count += count;
	return 0;
}

static struct fake_vector *own_vector(struct fake_host *f, uint32_t vector)
{
	return vector >= VECTOR_BASE && vector - VECTOR_BASE < f->vector_count
		   ? &f->vectors[vector - VECTOR_BASE]
		   : NULL;
}

static void note_message(struct fake_host *f, uint64_t address, uint32_t data)
{
	f->messages++;
	f->message_address = address;
	f->message_data = data;
}

static int msi_set(const struct volt_host *h, uint32_t vector, uint64_t address, uint32_t data)
{
	struct fake_host *f = fake_of(h, "set");
	struct fake_vector *v = own_vector(f, vector);

	if (!v || (address != 0 && !can_be_sent(address, data)))
		return -EINVAL;
	v->address = address;
	v->data = data;
	if (address != 0 && v->pending) {
		v->pending = false;
		note_message(f, address, data);
	}
	return 0;
}

static void msi_fire(const struct volt_host *h, uint32_t vector)
{
	struct fake_host *f = fake_of(h, "fire (message)");
	struct fake_vector *v = own_vector(f, vector);

	if (!v)
		fake_die(f, "fire: vector %u is not its own (handles come from alloc)", vector);
	if (f->state != FAKE_RUNNING)
		return;
	if (v->address != 0)
		note_message(f, v->address, v->data);
	else
		v->pending = true;
}

static bool msi_pending(const struct volt_host *h, uint32_t vector)
{
	const struct fake_vector *v = own_vector(fake_of(h, "pending"), vector);

	return v && v->pending;
}

static void msi_set_pending(const struct volt_host *h, uint32_t vector, bool pending)
{
	struct fake_host *f = fake_of(h, "set_pending");
	struct fake_vector *v = own_vector(f, vector);

	if (!v)
		fake_die(f, "set_pending: vector %u is not its own", vector);
	if (v->address == 0)
		v->pending = pending;
}

static int msi_inject(const struct volt_host *h, uint64_t address, uint32_t data)
{
	struct fake_host *f = fake_of(h, "inject");

	if (f->state != FAKE_RUNNING)
		return -EAGAIN;
	if (!can_be_sent(address, data))
		return -EINVAL;
	note_message(f, address, data);
	return 0;
}

const struct volt_msi fake_msi = {
    .size = sizeof(fake_msi),
    .alloc = msi_alloc,
    .set = msi_set,
    .fire = msi_fire,
    .inject = msi_inject,
    .pending = msi_pending,
    .set_pending = msi_set_pending,
};

bool fake_message_pending(const struct fake_host *f, unsigned n)
{
	return n < f->vector_count && f->vectors[n].pending;
}

unsigned fake_messages(const struct fake_host *f, uint64_t *address, uint32_t *data)
{
	if (address)
		*address = f->message_address;
	if (data)
		*data = f->message_data;
	return f->messages;
}

void fake_finish_guest(struct fake_host *f)
{
	for (unsigned i = 0; i < f->ram_count; i++) {
		munmap(f->ram[i].bytes - GUARD, f->ram[i].size + 2 * GUARD);
		munmap(f->ram[i].fixed - GUARD, f->ram[i].size + 2 * GUARD);
		free(f->ram[i].before);
		close(f->ram[i].fd);
	}
	for (unsigned i = 0; i < f->doorbell_count; i++)
		if (f->doorbells[i].event_fd > 0)
			close(f->doorbells[i].event_fd);
	for (unsigned i = 0; i < f->worker_count; i++)
		if (f->workers[i].event_fd > 0)
			close(f->workers[i].event_fd);
	for (unsigned i = 0; i < FAKE_IRQ_MAX; i++)
		if (f->irq_fds[i] > 0)
			close(f->irq_fds[i]);
}
