/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * A device that copies in the guest's memory: +0 takes the address of a list of two
 * words, source and length, +8 rings; it answers behind the list, with a message. FAULT is
 * what it does wrong.
 */
#include <errno.h>
#include <string.h>

#include <volt/draft/doorbell.h>
#include <volt/draft/msi.h>
#include <volt/memory.h>

#define BUFFER 64u

struct list {
	uint64_t from, length;
};

struct dev {
	const struct volt_host *h;
	const struct volt_mem *mem;
	const struct volt_msi *msi;
	uint32_t vector, number;
	uint64_t at;
	uint8_t forgotten; /* by reset, for a fault */
	uint8_t buffer[BUFFER];
};

#define SOUND
#define TWICE     d->mem->read(d->h, d->at, l, sizeof(*l))
#define TRUSTS    l->length = l->from & 1023
#define UNCHECKED memcpy(d->buffer, d->mem->map(d->h, l->from, 16, false), 16)
#define BEYOND    put(d, l->from, 8, 9, true)
#define UNTOLD    put(d, l->from, 8, 8, false)
#define READ_ONLY put_fixed(d, l->from)
#define FOREIGN   d->msi->fire(d->h, 7)
#define FORGETS   d->forgotten = 1

static inline void put(struct dev *d, uint64_t gpa, size_t mapped, size_t n, bool tells)
{
	uint8_t *p = d->mem->map(d->h, gpa, mapped, true);

	for (size_t i = 0; p && i < n; i++)
		p[i] ^= 1;
	if (p && tells)
		d->mem->dirty(d->h, gpa, mapped);
}

static inline void put_fixed(struct dev *d, uint64_t gpa)
{
	uint8_t *p = d->mem->map(d->h, gpa, 8, false);

	if (p)
		*p = 1;
}

static void copy(struct dev *d, struct list *l)
{
	if (l->length > BUFFER)
		return;
	FAULT;
	if (d->mem->read(d->h, l->from, d->buffer, l->length) == 0)
		d->mem->write(d->h, d->at + sizeof(*l), d->buffer, l->length);
	d->msi->fire(d->h, d->vector);
}

static void rung(void *self, uint32_t number)
{
	struct dev *d = self;
	struct list l;

	if (d->mem->read(d->h, d->at, &l, sizeof(l)) == 0)
		copy(d, &l);
}

static uint64_t dev_read(void *self, uint64_t off, uint32_t n)
{
	struct dev *d = self;

	return off ? d->forgotten : d->at;
}

static void dev_write(void *self, uint64_t off, uint32_t n, uint64_t val)
{
	struct dev *d = self;

	if (off == 0)
		d->at = val;
}

static void reset(void *self)
{
	struct dev *d = self;

	d->at = 0;
	d->msi->set(d->h, d->vector, 0xfee00000, 0x41);
}

static int find_services(
    struct dev *d, const struct volt_host *h, const struct volt_doorbell **doorbell)
{
	d->h = h;
	d->mem = h->get_ext(h, VOLT_EXT_MEM);
	if (!d->mem)
		return volt_fail(h, ENOTSUP, "the host has no " VOLT_EXT_MEM);
	d->msi = h->get_ext(h, VOLT_EXT_MSI);
	if (!d->msi)
		return volt_fail(h, ENOTSUP, "the host has no " VOLT_EXT_MSI);
	*doorbell = h->get_ext(h, VOLT_EXT_DOORBELL);
	return *doorbell ? 0 : volt_fail(h, ENOTSUP, "the host has no " VOLT_EXT_DOORBELL);
}

static int init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	static const struct volt_range range = {
	    .size = sizeof(range),
	    .space = VOLT_SPACE_MMIO,
	    .sizes = VOLT_IO_8,
	    .base = 0xd0000000,
	    .len = 16,
	    .name = "registers",
	    .read = dev_read,
	    .write = dev_write,
	};
	static const struct volt_doorbell_at at = {
	    .size = sizeof(at),
	    .space = VOLT_SPACE_MMIO,
	    .width = 8,
	    .address = 0xd0000008,
	    .rung = rung,
	};
	const struct volt_doorbell *doorbell;
	struct dev *d = self;
	int err = find_services(d, h, &doorbell);

	if (err)
		return err;
	err = h->add_range(h, &range);
	if (err)
		return volt_fail(h, -err, "the host refuses the range");
	err = doorbell->add(h, &at, &d->number);
	if (err)
		return volt_fail(h, -err, "the host refuses the doorbell");
	err = d->msi->alloc(h, 1, &d->vector);
	return err ? volt_fail(h, -err, "the host refuses") : 0;
}

VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = NAME,
    .version = "1",
    .summary = "a device with guest memory, for a test",
    .flags = VOLT_FLAG_GUEST_MEMORY,
    .instance_size = sizeof(struct dev),
    .init = init,
    .reset = reset,
};
