/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fake_driver - a virtio driver over MMIO (virtio 1.2, 2.7, 3.1 and 4.2), for unit tests.
 */
#include <stdlib.h>
#include <string.h>

#include <volt/fake_driver.h>

#include "fake_internal.h"

#define DESC_NEXT     1u
#define DESC_WRITE    2u
#define DESC_INDIRECT 4u
#define EVENT_IDX     (UINT64_C(1) << 29)
#define RUNS_MAX      1000u

struct fake_driver {
	struct fake_host *f;
	uint64_t base, gpa, next, features;
	size_t size;
	uint8_t *ram;
	uint32_t gsi;
	struct fake_ring rings[FAKE_DRIVER_QUEUES];
};

static void find_device(struct fake_driver *d)
{
	for (unsigned i = 0; i < fake_device_count(d->f); i++) {
		const struct volt_acpi_device *a = fake_device(d->f, i);

		if (strcmp(a->hid, "LNRO0005") != 0)
			continue;
		d->base = a->resources[0].base;
		d->gsi = (uint32_t)a->resources[1].base;
		return;
	}
	fake_die(d->f, "fake_driver: no virtio device was described");
}

struct fake_driver *fake_driver_create(struct fake_host *f, uint64_t gpa, size_t size)
{
	struct fake_driver *d = fake_alloc(sizeof(*d));

	*d = (struct fake_driver){.f = f, .gpa = gpa, .next = gpa, .size = size};
	find_device(d);
	d->ram = fake_memory_add(f, gpa, size);
	return d;
}

void fake_driver_destroy(struct fake_driver *d)
{
	free(d);
}

uint64_t fake_driver_alloc(struct fake_driver *d, size_t n, size_t align)
{
	const uint64_t at = (d->next + align - 1) / align * align;

	if (at - d->gpa > d->size || n > d->size - (at - d->gpa))
		fake_die(d->f, "fake_driver: the test needs more memory");
	d->next = at + n;
	return at;
}

void fake_driver_free_all(struct fake_driver *d)
{
	d->next = d->gpa;
}

uint8_t *fake_driver_at(struct fake_driver *d, uint64_t gpa)
{
	if (gpa < d->gpa || gpa - d->gpa >= d->size)
		fake_die(d->f, "fake_driver: 0x%llx is not its memory", (unsigned long long)gpa);
	return d->ram + (gpa - d->gpa);
}

uint32_t fake_driver_get(struct fake_driver *d, uint32_t reg)
{
	return (uint32_t)fake_read(d->f, VOLT_SPACE_MMIO, d->base + reg, 4);
}

void fake_driver_set(struct fake_driver *d, uint32_t reg, uint32_t val)
{
	fake_write(d->f, VOLT_SPACE_MMIO, d->base + reg, 4, val);
}

uint32_t fake_driver_gsi(const struct fake_driver *d)
{
	return d->gsi;
}

uint64_t fake_driver_offered(struct fake_driver *d)
{
	fake_driver_set(d, FAKE_REG_DEVICE_SELECT, 1);
	const uint64_t high = fake_driver_get(d, FAKE_REG_DEVICE_FEATURES);

	fake_driver_set(d, FAKE_REG_DEVICE_SELECT, 0);
	return high << 32 | fake_driver_get(d, FAKE_REG_DEVICE_FEATURES);
}

void fake_driver_reset(struct fake_driver *d)
{
	fake_driver_set(d, FAKE_REG_STATUS, 0);
	d->features = 0;
	memset(d->rings, 0, sizeof(d->rings));
}

bool fake_driver_negotiate(struct fake_driver *d, uint64_t features)
{
	fake_driver_set(d, FAKE_REG_STATUS, 1);
	fake_driver_set(d, FAKE_REG_STATUS, 3);
	for (unsigned half = 0; half < 2; half++) {
		fake_driver_set(d, FAKE_REG_DRIVER_SELECT, half);
		fake_driver_set(d, FAKE_REG_DRIVER_FEATURES, (uint32_t)(features >> (32 * half)));
	}
	fake_driver_set(d, FAKE_REG_STATUS, 11);
	d->features = features;
	return fake_driver_get(d, FAKE_REG_STATUS) == 11;
}

static void set_address(struct fake_driver *d, uint32_t reg, uint64_t gpa)
{
	fake_driver_set(d, reg, (uint32_t)gpa);
	fake_driver_set(d, reg + 4, (uint32_t)(gpa >> 32));
}

bool fake_driver_tell_queue(struct fake_driver *d, unsigned q)
{
	const struct fake_ring *r = &d->rings[q];

	fake_driver_set(d, FAKE_REG_QUEUE_SELECT, q);
	fake_driver_set(d, FAKE_REG_QUEUE_SIZE, r->size);
	set_address(d, FAKE_REG_QUEUE_DESC, r->desc);
	set_address(d, FAKE_REG_QUEUE_DRIVER, r->avail);
	set_address(d, FAKE_REG_QUEUE_DEVICE, r->used);
	fake_driver_set(d, FAKE_REG_QUEUE_READY, 1);
	return fake_driver_get(d, FAKE_REG_QUEUE_READY) == 1;
}

static uint64_t zeroed(struct fake_driver *d, size_t n, size_t align)
{
	const uint64_t gpa = fake_driver_alloc(d, n, align);

	memset(fake_driver_at(d, gpa), 0, n);
	return gpa;
}

bool fake_driver_queue(struct fake_driver *d, unsigned q, uint16_t size)
{
	struct fake_ring *r = &d->rings[q];

	if (size > sizeof(r->free) / sizeof(r->free[0]))
		fake_die(d->f, "fake_driver: %u entries are too many", size);
	*r = (struct fake_ring){
	    .desc = zeroed(d, (size_t)16 * size, 16),
	    .avail = zeroed(d, (size_t)2 * size + 6, 2),
	    .used = zeroed(d, (size_t)8 * size + 6, 4),
	    .size = size,
	    .free_count = size,
	};
	for (unsigned i = 0; i < size; i++)
		r->free[i] = (uint16_t)(size - 1 - i);
	return fake_driver_tell_queue(d, q);
}

bool fake_driver_start(struct fake_driver *d, uint64_t features, unsigned queues, uint16_t size)
{
	fake_driver_reset(d);
	if (!fake_driver_negotiate(d, features))
		return false;
	for (unsigned q = 0; q < queues; q++)
		if (!fake_driver_queue(d, q, size))
			return false;
	fake_driver_set(d, FAKE_REG_STATUS, 15);
	return fake_driver_get(d, FAKE_REG_STATUS) == 15;
}

struct fake_ring *fake_driver_ring(struct fake_driver *d, unsigned q)
{
	return &d->rings[q];
}

void fake_driver_put(struct fake_driver *d, uint64_t table, unsigned i, uint64_t addr, uint32_t len,
    uint16_t flags, uint16_t next)
{
	uint8_t *p = fake_driver_at(d, table + (uint64_t)16 * i);

	volt_put_le64(p, addr);
	volt_put_le32(p + 8, len);
	volt_put_le16(p + 12, flags);
	volt_put_le16(p + 14, next);
}

void fake_driver_show(struct fake_driver *d, unsigned q, uint16_t head)
{
	struct fake_ring *r = &d->rings[q];
	uint8_t *avail = fake_driver_at(d, r->avail);

	volt_put_le16(avail + 4 + (size_t)2 * (r->next & (r->size - 1u)), head);
	r->next++;
	volt_put_le16(avail + 2, r->next);
}

static uint16_t take_desc(struct fake_ring *r)
{
	return r->free[--r->free_count];
}

static void put_segments(struct fake_driver *d, uint64_t table, const struct fake_segment *s,
    unsigned n, const uint16_t *at)
{
	for (unsigned i = 0; i < n; i++) {
		const bool last = i + 1 == n;
		const uint16_t flags =
		    (uint16_t)((s[i].writable ? DESC_WRITE : 0) | (last ? 0 : DESC_NEXT));

		fake_driver_put(d, table, at[i], s[i].gpa, s[i].len, flags, last ? 0 : at[i + 1]);
	}
}

int fake_driver_add(
    struct fake_driver *d, unsigned q, const struct fake_segment *s, unsigned n, unsigned how)
{
	struct fake_ring *r = &d->rings[q];
	const unsigned needed = how == FAKE_INDIRECT ? 1 : n;
	uint16_t at[1024];

	if (n == 0 || n > 1024 || r->free_count < needed)
		return -1;
	for (unsigned i = 0; i < n; i++)
		at[i] = how == FAKE_INDIRECT ? (uint16_t)i : take_desc(r);
	const uint16_t head = how == FAKE_INDIRECT ? take_desc(r) : at[0];

	if (how == FAKE_INDIRECT) {
		const uint64_t table = fake_driver_alloc(d, (size_t)16 * n, 16);

		put_segments(d, table, s, n, at);
		fake_driver_put(d, r->desc, head, table, 16 * n, DESC_INDIRECT, 0);
	} else {
		put_segments(d, r->desc, s, n, at);
	}
	r->length[head] = (uint16_t)needed;
	fake_driver_show(d, q, head);
	return head;
}

bool fake_driver_must_kick(struct fake_driver *d, unsigned q, uint16_t before)
{
	const struct fake_ring *r = &d->rings[q];
	const uint8_t *used = fake_driver_at(d, r->used);

	if (!(d->features & EVENT_IDX))
		return !(volt_le16(used) & 1);
	const uint16_t event = volt_le16(used + 4 + (size_t)8 * r->size);

	return (uint16_t)(r->next - event - 1) < (uint16_t)(r->next - before);
}

unsigned fake_driver_kick(struct fake_driver *d, unsigned q)
{
	unsigned count = 0;

	fake_driver_set(d, FAKE_REG_QUEUE_NOTIFY, q);
	while (count < RUNS_MAX && fake_run_workers(d->f) > 0)
		count++;
	return count;
}

static void free_chain(struct fake_driver *d, struct fake_ring *r, uint16_t head)
{
	unsigned at = head;

	for (unsigned n = r->length[head]; n > 0 && at < r->size; n--) {
		if (r->free_count < r->size)
			r->free[r->free_count++] = (uint16_t)at;
		at = volt_le16(fake_driver_at(d, r->desc + (uint64_t)16 * at) + 14);
	}
	r->length[head] = 0;
}

bool fake_driver_used(struct fake_driver *d, unsigned q, uint32_t *head, uint32_t *len)
{
	struct fake_ring *r = &d->rings[q];
	const uint8_t *used = fake_driver_at(d, r->used);

	if (volt_le16(used + 2) == r->seen)
		return false;
	const uint8_t *element = used + 4 + (size_t)8 * (r->seen & (r->size - 1u));

	r->seen++;
	*head = volt_le32(element);
	*len = volt_le32(element + 4);
	if (*head < r->size)
		free_chain(d, r, (uint16_t)*head);
	return true;
}
