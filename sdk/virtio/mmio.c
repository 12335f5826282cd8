/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * mmio - virtio over MMIO, version 2 (virtio 4.2.2), found by ACPI as LNRO0005.
 *
 * Its line is edge-triggered: a driver reads and acknowledges InterruptStatus before it looks
 * at the rings, so each cause that comes later is an edge of its own, and no EOI leaves KVM.
 * Linux's driver does not wait after it wrote 0 to Status: the write returns with the device
 * silent.
 */
#include <errno.h>

#include <volt/describe.h>

#include "virtio_internal.h"

enum {
	MAGIC_VALUE = 0x000,
	VERSION = 0x004,
	DEVICE_ID = 0x008,
	VENDOR_ID = 0x00c,
	DEVICE_FEATURES = 0x010,
	DEVICE_FEATURES_SEL = 0x014,
	DRIVER_FEATURES = 0x020,
	DRIVER_FEATURES_SEL = 0x024,
	QUEUE_SEL = 0x030,
	QUEUE_NUM_MAX = 0x034,
	QUEUE_NUM = 0x038,
	QUEUE_READY = 0x044,
	QUEUE_NOTIFY = 0x050,
	INTERRUPT_STATUS = 0x060,
	INTERRUPT_ACK = 0x064,
	STATUS = 0x070,
	QUEUE_DESC_LOW = 0x080,
	QUEUE_DESC_HIGH = 0x084,
	QUEUE_DRIVER_LOW = 0x090,
	QUEUE_DRIVER_HIGH = 0x094,
	QUEUE_DEVICE_LOW = 0x0a0,
	QUEUE_DEVICE_HIGH = 0x0a4,
	SHM_LEN_LOW = 0x0b0,
	SHM_BASE_HIGH = 0x0bc,
	CONFIG_GENERATION = 0x0fc,
	CONFIG = 0x100,
	WINDOW = 0x1000,
};

#define MAGIC  0x74726976u /* "virt" */
#define VENDOR 0x544c4f56u /* "VOLT" */

static uint64_t read_queue(struct volt_virtio *v, uint64_t off)
{
	const struct volt_queue *q = virtio_queue_selected(v);

	if (!q)
		return 0;
	return off == QUEUE_READY ? q->ready : q->max;
}

static uint64_t read_register(struct volt_virtio *v, uint64_t off)
{
	switch (off) {
	case MAGIC_VALUE:
		return MAGIC;
	case VERSION:
		return 2;
	case DEVICE_ID:
		return v->type->id;
	case VENDOR_ID:
		return VENDOR;
	case DEVICE_FEATURES:
		return virtio_device_features(v);
	case QUEUE_NUM_MAX:
	case QUEUE_READY:
		return read_queue(v, off);
	case INTERRUPT_STATUS:
		return __atomic_load_n(&v->isr, __ATOMIC_ACQUIRE);
	case STATUS:
		return virtio_status(v);
	case CONFIG_GENERATION:
		return v->generation;
	default: /* virtio 4.2.2: a shared memory region that is not there has length -1 */
		return off >= SHM_LEN_LOW && off <= SHM_BASE_HIGH ? UINT32_MAX : 0;
	}
}

/* virtio 4.2.2.2: registers are read and written as aligned 32-bit words. */
static uint64_t mmio_read(void *self, uint64_t off, uint32_t n)
{
	if (off >= CONFIG)
		return virtio_config_read(self, off - CONFIG, n);
	return off % 4 || n != 4 ? 0 : read_register(self, off);
}

static void write_address(struct volt_virtio *v, uint64_t off, uint32_t val)
{
	static const size_t parts[] = {
	    offsetof(struct volt_queue, desc),
	    offsetof(struct volt_queue, driver),
	    offsetof(struct volt_queue, device),
	};

	virtio_queue_set_half(v, parts[(off - QUEUE_DESC_LOW) >> 4], off & 4 ? 1 : 0, val);
}

static void write_register(struct volt_virtio *v, uint64_t off, uint32_t val)
{
	switch (off) {
	case DEVICE_FEATURES_SEL:
		v->device_select = val;
		return;
	case DRIVER_FEATURES:
		virtio_driver_features(v, val);
		return;
	case DRIVER_FEATURES_SEL:
		v->driver_select = val;
		return;
	case QUEUE_SEL:
		v->queue_select = val;
		return;
	case QUEUE_NUM:
		virtio_queue_set_size(v, val);
		return;
	case QUEUE_READY:
		virtio_queue_set_ready(v, val);
		return;
	case INTERRUPT_ACK:
		__atomic_fetch_and(&v->isr, ~val, __ATOMIC_ACQ_REL);
		return;
	case STATUS:
		virtio_set_status(v, val);
		return;
	case QUEUE_DESC_LOW:
	case QUEUE_DESC_HIGH:
	case QUEUE_DRIVER_LOW:
	case QUEUE_DRIVER_HIGH:
	case QUEUE_DEVICE_LOW:
	case QUEUE_DEVICE_HIGH:
		write_address(v, off, val);
		return;
	case QUEUE_NOTIFY: /* doorbells take it, but for queues that are not there */
		virtio_kicked(v, val);
		return;
	default:
		virtio_quiet(v);
	}
}

static void mmio_write(void *self, uint64_t off, uint32_t n, uint64_t val)
{
	if (off >= CONFIG)
		virtio_config_write(self, off - CONFIG, n, (uint32_t)val);
	else if (off % 4 || n != 4)
		virtio_quiet(self);
	else
		write_register(self, off, (uint32_t)val);
}

/* An edge even where the cause is set already: the driver may have looked just before. */
static void mmio_raise(struct volt_virtio *v, uint32_t cause, unsigned queue)
{
	__atomic_fetch_or(&v->isr, cause, __ATOMIC_ACQ_REL);
	v->h->pulse(v->h, v->line);
}

static int add_kicks(struct volt_virtio *v, uint64_t base)
{
	int err = 0;

	if (!v->type->workers)
		return 0; /* whose kicks are served where they are made */
	for (unsigned i = 0; !err && i < v->type->queues; i++)
		err = virtio_add_kick(
		    v, i, &(struct volt_doorbell_at){.width = 4, .address = base + QUEUE_NOTIFY});
	return err;
}

static int describe(struct volt_virtio *v, uint64_t base)
{
	const struct volt_describe *tell = v->h->get_ext(v->h, VOLT_EXT_DESCRIBE);
	const struct volt_acpi_device device = {
	    .size = sizeof(device),
	    .hid = "LNRO0005",
	    .resource_count = 2,
	    .resources =
		{
		    {.type = VOLT_RES_MMIO, .base = base, .len = WINDOW},
		    {.type = VOLT_RES_IRQ,
			.flags = VOLT_IRQ_EDGE,
			.base = v->h->irq_number(v->h, v->line)},
		},
	};
	int err;

	if (!tell)
		return virtio_fail(v->h, ENOTSUP, "the host has no " VOLT_EXT_DESCRIBE);
	err = tell->device(v->h, &device);
	return err ? virtio_fail(v->h, -err, "cannot describe %s", device.hid) : 0;
}

static int mmio_wire(struct volt_virtio *v)
{
	const struct volt_range range = {
	    .size = sizeof(range),
	    .space = VOLT_SPACE_MMIO,
	    .sizes = VOLT_IO_1 | VOLT_IO_2 | VOLT_IO_4,
	    .flags = VOLT_RANGE_SPLIT,
	    .base = VOLT_ANY,
	    .len = WINDOW,
	    .name = v->type->name,
	    .read = mmio_read,
	    .write = mmio_write,
	};
	uint64_t base;
	int err;

	err = v->h->place(v->h, &range, &base);
	if (err)
		return virtio_fail(v->h, -err, "cannot have registers");
	err = v->h->add_irq(v->h, VOLT_ANY, VOLT_IRQ_EDGE, &v->line);
	if (err)
		return virtio_fail(v->h, -err, "cannot have an interrupt line");
	err = add_kicks(v, base);
	return err ? err : describe(v, base);
}

const struct volt_virtio_transport virtio_mmio = {
    .wire = mmio_wire,
    .raise = mmio_raise,
};
