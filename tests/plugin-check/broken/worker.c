/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* No fault: a job writes to the guest's memory, and a reset takes back what was posted. */
#include <volt/memory.h>
#include <volt/plugin.h>
#include <volt/worker.h>

#define TARGET 0x100 /* in the guest's memory */

struct dev {
	const struct volt_host *h;
	const struct volt_mem *mem;
	const struct volt_worker *worker;
	uint32_t number, wanted;
};

static void dev_job(void *self, uint32_t worker)
{
	struct dev *d = self;
	const uint8_t byte = 0xaa;

	if (__atomic_exchange_n(&d->wanted, 0, __ATOMIC_ACQ_REL))
		d->mem->write(d->h, TARGET, &byte, 1);
}

static void dev_write(void *self, uint64_t off, uint32_t n, uint64_t val)
{
	struct dev *d = self;

	__atomic_store_n(&d->wanted, 1, __ATOMIC_RELEASE);
	d->worker->post(d->h, d->number);
}

static void dev_reset(void *self)
{
	__atomic_store_n(&((struct dev *)self)->wanted, 0, __ATOMIC_RELEASE);
}

static int dev_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct dev *d = self;

	d->h = h;
	d->mem = h->get_ext(h, VOLT_EXT_MEM);
	d->worker = h->get_ext(h, VOLT_EXT_WORKER);
	if (!d->mem || !d->worker)
		return volt_fail(
		    h, 95, "the host lacks %s", d->mem ? VOLT_EXT_WORKER : VOLT_EXT_MEM);
	int err = h->add_range(h, &(struct volt_range){.size = sizeof(struct volt_range),
				      .name = "byte",
				      .space = VOLT_SPACE_PIO,
				      .sizes = VOLT_IO_1,
				      .base = 0x300,
				      .len = 1,
				      .write = dev_write});

	if (err)
		return volt_fail(h, -err, "no port");
	err = d->worker->add(h, "writer", dev_job, &d->number);
	return err ? volt_fail(h, -err, "no worker") : 0;
}

VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = NAME,
    .version = "1",
    .summary = "writes a byte of memory",
    .flags = VOLT_FLAG_GUEST_MEMORY,
    .instance_size = sizeof(struct dev),
    .init = dev_init,
    .reset = dev_reset,
};
