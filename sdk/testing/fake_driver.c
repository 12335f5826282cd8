/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fake_driver - a virtio driver over MMIO or PCI (virtio 1.2, 2.7, 3.1, 4.1 and 4.2), for unit
 * tests.
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

#define VENDOR_ID  9u /* the capability's (virtio 4.1.4) */
#define MSIX_ID    0x11u
#define KINDS      6u /* common, notify, ISR, device, window; from 1 */
#define VECTOR_TOP 0x30u

struct fake_driver {
	struct fake_host *f;
	uint64_t base, gpa, next, features;
	size_t size;
	uint8_t *ram;
	uint32_t gsi;
	bool pci;
	uint64_t part[KINDS]; /* where each structure is, over PCI; 0: it is not there */
	uint32_t step;        /* between the notifications of two queues */
	struct fake_ring rings[FAKE_DRIVER_QUEUES];
};

static bool find_mmio(struct fake_driver *d)
{
	for (unsigned i = 0; i < fake_device_count(d->f); i++) {
		const struct volt_acpi_device *a = fake_device(d->f, i);

		if (strcmp(a->hid, "LNRO0005") != 0)
			continue;
		d->base = a->resources[0].base;
		d->gsi = (uint32_t)a->resources[1].base;
		return true;
	}
	return false;
}

static uint64_t bar_address(struct fake_driver *d, uint32_t bar)
{
	return fake_pci_read(d->f, 0x10 + 4 * bar, 4) & ~0xfu;
}

/* virtio 4.1.4: vendor-specific capabilities, the first of each kind. */
static void find_structures(struct fake_driver *d)
{
	for (unsigned i = 0;; i++) {
		const uint32_t at = fake_pci_find(d->f, VENDOR_ID, i);

		if (!at)
			break;
		const uint32_t kind = fake_pci_read(d->f, at + 3, 1);
		const uint32_t bar = fake_pci_read(d->f, at + 4, 1);

		if (kind == 0 || kind >= KINDS || d->part[kind] || bar > 5)
			continue;
		d->part[kind] = bar_address(d, bar) + fake_pci_read(d->f, at + 8, 4);
		if (kind == 2)
			d->step = fake_pci_read(d->f, at + 16, 4);
	}
}

/* Each vector has a number of its own, from VECTOR_TOP on. */
static void set_up_vectors(struct fake_driver *d)
{
	const uint32_t at = fake_pci_find(d->f, MSIX_ID, 0);
	const uint32_t count = (fake_pci_read(d->f, at + 2, 2) & 0x7ff) + 1;
	const uint32_t where = fake_pci_read(d->f, at + 4, 4);
	const uint64_t table = bar_address(d, where & 7) + (where & ~7u);

	for (uint32_t i = 0; i < count; i++) {
		const uint32_t entry[] = {0xfee00000, 0, VECTOR_TOP + i, 0};

		for (unsigned k = 0; k < 4; k++)
			fake_write(
			    d->f, VOLT_SPACE_MMIO, table + (uint64_t)16 * i + 4 * k, 4, entry[k]);
	}
}

static bool find_pci(struct fake_driver *d)
{
	if (!fake_pci_is_there(d->f))
		return false;
	d->pci = true;
	memset(d->part, 0, sizeof(d->part));
	fake_pci_enable(d->f);
	find_structures(d);
	set_up_vectors(d);
	return d->part[1] && d->part[2] && d->part[3];
}

void fake_driver_find(struct fake_driver *d)
{
	if (!find_mmio(d) && !find_pci(d))
		fake_die(d->f, "fake_driver: no virtio device was described, and none is on a bus");
}

struct fake_driver *fake_driver_create(struct fake_host *f, uint64_t gpa, size_t size)
{
	struct fake_driver *d = fake_alloc(sizeof(*d));

	*d = (struct fake_driver){.f = f, .gpa = gpa, .next = gpa, .size = size};
	fake_driver_find(d);
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

/* A register's twin over PCI: its structure, offset and width; kind 0: it has none. */
struct twin {
	unsigned kind;
	uint32_t off, width;
};

static struct twin twin_of(uint32_t reg)
{
	static const struct {
		uint32_t reg;
		struct twin twin;
	} twins[] = {
	    {FAKE_REG_DEVICE_SELECT, {1, 0x00, 4}},
	    {FAKE_REG_DEVICE_FEATURES, {1, 0x04, 4}},
	    {FAKE_REG_DRIVER_SELECT, {1, 0x08, 4}},
	    {FAKE_REG_DRIVER_FEATURES, {1, 0x0c, 4}},
	    {FAKE_REG_STATUS, {1, 0x14, 1}},
	    {FAKE_REG_GENERATION, {1, 0x15, 1}},
	    {FAKE_REG_QUEUE_SELECT, {1, 0x16, 2}},
	    {FAKE_REG_QUEUE_MAX, {1, 0x18, 2}},
	    {FAKE_REG_QUEUE_SIZE, {1, 0x18, 2}},
	    {FAKE_REG_QUEUE_READY, {1, 0x1c, 2}},
	    {FAKE_REG_QUEUE_DESC, {1, 0x20, 4}},
	    {FAKE_REG_QUEUE_DESC + 4, {1, 0x24, 4}},
	    {FAKE_REG_QUEUE_DRIVER, {1, 0x28, 4}},
	    {FAKE_REG_QUEUE_DRIVER + 4, {1, 0x2c, 4}},
	    {FAKE_REG_QUEUE_DEVICE, {1, 0x30, 4}},
	    {FAKE_REG_QUEUE_DEVICE + 4, {1, 0x34, 4}},
	    {FAKE_REG_ISR, {3, 0, 1}},
	};

	for (size_t i = 0; i < sizeof(twins) / sizeof(twins[0]); i++)
		if (twins[i].reg == reg)
			return twins[i].twin;
	return reg >= FAKE_REG_CONFIG ? (struct twin){4, reg - FAKE_REG_CONFIG, 4}
				      : (struct twin){0, 0, 0};
}

uint64_t fake_driver_part(const struct fake_driver *d, unsigned kind)
{
	return d->pci && kind < KINDS ? d->part[kind] : 0;
}

uint32_t fake_driver_get(struct fake_driver *d, uint32_t reg)
{
	const struct twin t = twin_of(reg);

	if (!d->pci)
		return (uint32_t)fake_read(d->f, VOLT_SPACE_MMIO, d->base + reg, 4);
	if (reg == FAKE_REG_DEVICE_ID)
		return fake_pci_read(d->f, 2, 2) - 0x1040;
	if (!t.kind || !d->part[t.kind])
		return 0;
	return (uint32_t)fake_read(d->f, VOLT_SPACE_MMIO, d->part[t.kind] + t.off, t.width);
}

/* virtio 4.1.5.2: the queue's number, at the queue's own place. */
static void notify(struct fake_driver *d, uint32_t val)
{
	fake_write(d->f, VOLT_SPACE_MMIO, d->part[2] + (uint64_t)d->step * (val & 0xff),
	    val > UINT16_MAX ? 4 : 2, val);
}

void fake_driver_set(struct fake_driver *d, uint32_t reg, uint32_t val)
{
	const struct twin t = twin_of(reg);

	if (!d->pci)
		fake_write(d->f, VOLT_SPACE_MMIO, d->base + reg, 4, val);
	else if (reg == FAKE_REG_QUEUE_NOTIFY)
		notify(d, val);
	else if (t.kind && d->part[t.kind])
		fake_write(d->f, VOLT_SPACE_MMIO, d->part[t.kind] + t.off, t.width,
		    val & (t.width == 4 ? UINT32_MAX : (1u << 8 * t.width) - 1));
}

uint32_t fake_driver_gsi(const struct fake_driver *d)
{
	return d->gsi;
}

bool fake_driver_is_pci(const struct fake_driver *d)
{
	return d->pci;
}

unsigned fake_driver_interrupts(const struct fake_driver *d)
{
	return d->pci ? fake_messages(d->f, NULL, NULL) : fake_irq_rises(d->f, d->gsi);
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

/* Vector 0 for the configuration, and one for each queue. */
static void choose_vector(struct fake_driver *d, unsigned q)
{
	if (!d->pci)
		return;
	fake_write(d->f, VOLT_SPACE_MMIO, d->part[1] + 0x10, 2, 0);
	fake_write(d->f, VOLT_SPACE_MMIO, d->part[1] + 0x1a, 2, q + 1);
}

bool fake_driver_tell_queue(struct fake_driver *d, unsigned q)
{
	const struct fake_ring *r = &d->rings[q];

	fake_driver_set(d, FAKE_REG_QUEUE_SELECT, q);
	choose_vector(d, q);
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

/* Its workers, or the loop. */
static unsigned run_device(struct fake_host *f)
{
	return fake_run_workers(f) + fake_fire_due(f);
}

unsigned fake_driver_kick(struct fake_driver *d, unsigned q)
{
	unsigned count = 0;

	fake_driver_set(d, FAKE_REG_QUEUE_NOTIFY, q);
	while (count < RUNS_MAX && run_device(d->f) > 0)
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
