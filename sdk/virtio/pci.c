/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * pci - virtio over PCI, as a modern device (virtio 4.1), with MSI-X.
 *
 * All structures lie in BAR 0. Each queue has an address of its own for its notifications, so
 * that KVM can wake its worker, and a vector of its own. There is no interrupt pin: a driver
 * without MSI-X finds causes in the ISR byte, and is not interrupted (volt/draft/pci.h).
 */
#include <errno.h>

#include "virtio_internal.h"

#define VENDOR    0x1af4u /* virtio 4.1.2 */
#define DEVICE    0x1040u /* plus the device's id */
#define SUBSYSTEM 0x0040u
#define REVISION  1u

/* Where things are in BAR 0. */
enum {
	COMMON = 0x0000,
	ISR = 0x0400,
	NOTIFY = 0x0800,
	CONFIG = 0x1000,
	TABLE = 0x2000,
	PENDING = 0x3000,
	BAR_LEN = 0x4000,
};

#define NOTIFY_STEP 4u
#define ISR_LEN     1u

/* The common configuration structure (virtio 4.1.4.3). */
enum {
	DEVICE_FEATURE_SELECT = 0x00,
	DEVICE_FEATURE = 0x04,
	DRIVER_FEATURE_SELECT = 0x08,
	DRIVER_FEATURE = 0x0c,
	CONFIG_VECTOR = 0x10,
	NUM_QUEUES = 0x12,
	DEVICE_STATUS = 0x14,
	CONFIG_GENERATION = 0x15,
	QUEUE_SELECT = 0x16,
	QUEUE_SIZE = 0x18,
	QUEUE_VECTOR = 0x1a,
	QUEUE_ENABLE = 0x1c,
	QUEUE_NOTIFY_OFF = 0x1e,
	QUEUE_DESC = 0x20,
	QUEUE_DRIVER = 0x28,
	QUEUE_DEVICE = 0x30,
	QUEUE_END = 0x38,
	COMMON_LEN =
	    0x3c, /* with queue_notify_data and queue_reset, whose features are not offered */
};

/* Capabilities of vendor-specific kind (virtio 4.1.4). */
#define CAPABILITY_ID 9u
enum { CAP_COMMON = 1, CAP_NOTIFY, CAP_ISR, CAP_DEVICE, CAP_ACCESS };
#define CAP_LEN        16u
#define CAP_NOTIFY_LEN 20u
#define CAP_ACCESS_LEN 20u
/* Offsets in one. */
#define CAP_BAR    4u
#define CAP_OFFSET 8u
#define CAP_LENGTH 12u
#define CAP_DATA   16u

static struct volt_virtio *virtio_of(void *self)
{
	return self;
}

/* --------------------------------------------------------- common structure */

/* Of each field the bytes that a driver accesses as one: 64-bit fields as two halves (virtio
 * 4.1.3.1). 0: nothing starts there. */
static uint32_t width_of(uint32_t off)
{
	if (off >= QUEUE_DESC && off < QUEUE_END)
		return off % 4 ? 0 : 4;
	if (off < CONFIG_VECTOR)
		return off % 4 ? 0 : 4;
	if (off == DEVICE_STATUS || off == CONFIG_GENERATION)
		return 1;
	return off % 2 ? 0 : 2;
}

static uint32_t read_address(const struct volt_queue *q, uint32_t off)
{
	const uint64_t parts[] = {q->desc, q->driver, q->device};

	return (uint32_t)(parts[(off - QUEUE_DESC) >> 3] >> (off & 4 ? 32 : 0));
}

/* A queue that is not there has size 0 (virtio 4.1.4.3), and no vector. */
static uint32_t read_queue(struct volt_virtio *v, uint32_t off)
{
	const struct volt_queue *q = virtio_queue_selected(v);

	if (!q)
		return off == QUEUE_VECTOR ? VOLT_VIRTIO_NO_VECTOR : 0;
	switch (off) {
	case QUEUE_SIZE:
		return q->size;
	case QUEUE_VECTOR:
		return __atomic_load_n(&q->vector, __ATOMIC_ACQUIRE);
	case QUEUE_ENABLE:
		return q->ready;
	case QUEUE_NOTIFY_OFF:
		return q->number;
	default:
		return off >= QUEUE_DESC && off < QUEUE_END ? read_address(q, off) : 0;
	}
}

static uint32_t read_common(struct volt_virtio *v, uint32_t off)
{
	switch (off) {
	case DEVICE_FEATURE_SELECT:
		return v->device_select;
	case DEVICE_FEATURE:
		return virtio_device_features(v);
	case DRIVER_FEATURE_SELECT:
		return v->driver_select;
	case DRIVER_FEATURE:
		return v->driver_select < 2 ? (uint32_t)(v->accepted >> (32 * v->driver_select))
					    : 0;
	case CONFIG_VECTOR:
		return __atomic_load_n(&v->vector, __ATOMIC_ACQUIRE);
	case NUM_QUEUES:
		return v->type->queues;
	case DEVICE_STATUS:
		return virtio_status(v);
	case CONFIG_GENERATION:
		return v->generation & 0xff;
	case QUEUE_SELECT:
		return v->queue_select;
	default:
		return read_queue(v, off);
	}
}

/* A vector that is not there reads back as none (virtio 4.1.5.1.2.1). */
static void write_vector(struct volt_virtio *v, uint16_t *vector, uint32_t val)
{
	const bool there = val < v->pci.type.vectors;

	if (!there && val != VOLT_VIRTIO_NO_VECTOR)
		virtio_quiet(v);
	__atomic_store_n(
	    vector, there ? (uint16_t)val : (uint16_t)VOLT_VIRTIO_NO_VECTOR, __ATOMIC_RELEASE);
}

static void write_address(struct volt_virtio *v, uint32_t off, uint32_t val)
{
	static const size_t parts[] = {
	    offsetof(struct volt_queue, desc),
	    offsetof(struct volt_queue, driver),
	    offsetof(struct volt_queue, device),
	};

	virtio_queue_set_half(v, parts[(off - QUEUE_DESC) >> 3], off & 4 ? 1 : 0, val);
}

static void write_queue(struct volt_virtio *v, uint32_t off, uint32_t val)
{
	struct volt_queue *q = virtio_queue_selected(v);

	if (q && off == QUEUE_SIZE)
		virtio_queue_set_size(v, val);
	else if (q && off == QUEUE_VECTOR)
		write_vector(v, &q->vector, val);
	else if (q && off == QUEUE_ENABLE && val == 1) /* 0 is not allowed (virtio 4.1.4.3.2) */
		virtio_queue_set_ready(v, 1);
	else if (q && off >= QUEUE_DESC && off < QUEUE_END)
		write_address(v, off, val);
	else
		virtio_quiet(v);
}

static void write_common(struct volt_virtio *v, uint32_t off, uint32_t val)
{
	switch (off) {
	case DEVICE_FEATURE_SELECT:
		v->device_select = val;
		return;
	case DRIVER_FEATURE_SELECT:
		v->driver_select = val;
		return;
	case DRIVER_FEATURE:
		virtio_driver_features(v, val);
		return;
	case CONFIG_VECTOR:
		write_vector(v, &v->vector, val);
		return;
	case DEVICE_STATUS:
		virtio_set_status(v, val);
		return;
	case QUEUE_SELECT:
		v->queue_select = val;
		return;
	default:
		write_queue(v, off, val);
	}
}

/* ---------------------------------------------------------------- the memory */

static uint64_t bar_read(void *self, uint64_t off, uint32_t n)
{
	struct volt_virtio *v = self;

	if (off < COMMON_LEN)
		return width_of((uint32_t)off) == n ? read_common(v, (uint32_t)off) : 0;
	if (off == ISR && n == ISR_LEN)
		return __atomic_exchange_n(&v->isr, 0, __ATOMIC_ACQ_REL); /* virtio 4.1.4.5 */
	return off >= CONFIG && off < TABLE ? virtio_config_read(v, off - CONFIG, n) : 0;
}

/* A notification that no doorbell took: of a BAR that was moved, or through the configuration
 * window. Its width and value are those of one without data (virtio 4.1.5.2). */
static void notify(struct volt_virtio *v, uint64_t off, uint32_t n, uint64_t val)
{
	if (n != 2 || val >= v->type->queues || off != NOTIFY_STEP * val)
		virtio_quiet(v);
	else
		virtio_kicked(v, (uint32_t)val);
}

static void bar_write(void *self, uint64_t off, uint32_t n, uint64_t val)
{
	struct volt_virtio *v = self;

	if (off < COMMON_LEN && width_of((uint32_t)off) == n)
		write_common(v, (uint32_t)off, (uint32_t)val);
	else if (off >= NOTIFY && off < CONFIG)
		notify(v, off - NOTIFY, n, val);
	else if (off >= CONFIG && off < TABLE)
		virtio_config_write(v, off - CONFIG, n, (uint32_t)val);
	else
		virtio_quiet(v);
}

/* ------------------------------------------------------------- interrupts */

/* virtio 4.1.4.5.1 and 4.1.5.1.3: with MSI-X the ISR byte is for the configuration alone. */
static void pci_raise(struct volt_virtio *v, uint32_t cause, unsigned queue)
{
	const bool msix = volt_pci_is(&v->pci, VOLT_PCI_MSIX);
	const uint16_t *from = cause == CAUSE_CONFIG ? &v->vector : &v->q[queue].vector;
	const uint16_t vector = __atomic_load_n(from, __ATOMIC_ACQUIRE);

	if (cause == CAUSE_CONFIG || !msix)
		__atomic_fetch_or(&v->isr, cause, __ATOMIC_ACQ_REL);
	if (msix && vector != VOLT_VIRTIO_NO_VECTOR)
		v->pci.bus->fire(&v->pci, vector);
}

/* ------------------------------------------- the window in configuration space */

/* virtio 4.1.4.9: a driver without a mapping reads and writes a BAR through four bytes of the
 * capability. Only what 4.1.4.9.2 lets a driver ask for is done. */
static void touch(void *self, unsigned index, uint32_t off, uint32_t n, bool written)
{
	struct volt_virtio *v = self;
	uint8_t *cap = volt_pci_bytes(&v->pci, index);
	const uint32_t at = volt_le32(cap + CAP_OFFSET), len = volt_le32(cap + CAP_LENGTH);
	uint32_t val;

	if (off + n <= CAP_DATA || (len != 1 && len != 2 && len != 4) || at % len)
		return;
	if (written) {
		val = volt_le32(cap + CAP_DATA);
		v->pci.bus->write(
		    &v->pci, cap[CAP_BAR], at, len, len == 4 ? val : val & ((1u << 8 * len) - 1));
		return;
	}
	val = v->pci.bus->read(&v->pci, cap[CAP_BAR], at, len);
	volt_put_le32(cap + CAP_DATA, val);
}

/* A device that may not use memory serves nothing. */
static void changed(void *self, uint32_t state)
{
	const bool hold = !(state & VOLT_PCI_MASTER);

	if (virtio_of(self)->held != hold)
		virtio_hold(self, hold);
}

/* ------------------------------------------------------------------- wiring */

struct caps {
	struct volt_pci_capability list[5];
	uint8_t bytes[5][CAP_ACCESS_LEN - 2];
	unsigned count;
};

/* The bytes begin behind id and link. */
static uint8_t *add_cap(struct caps *c, uint8_t kind, uint8_t len, uint32_t off, uint32_t length)
{
	uint8_t *bytes = c->bytes[c->count];

	bytes[0] = len;
	bytes[1] = kind;
	volt_put_le32(bytes + CAP_OFFSET - 2, off);
	volt_put_le32(bytes + CAP_LENGTH - 2, length);
	c->list[c->count++] =
	    (struct volt_pci_capability){.id = CAPABILITY_ID, .len = len, .bytes = bytes};
	return bytes;
}

/* In the order of 4.1.4. A device without configuration has no structure for it. */
static void make_caps(const struct volt_virtio *v, struct caps *c)
{
	static const uint8_t writable[CAP_ACCESS_LEN - 2] = {[CAP_BAR - 2] = 0xff,
	    [CAP_OFFSET - 2] = 0xff,
	    0xff,
	    0xff,
	    0xff,
	    0xff,
	    0xff,
	    0xff,
	    0xff,
	    0xff,
	    0xff,
	    0xff,
	    0xff};

	add_cap(c, CAP_COMMON, CAP_LEN, COMMON, COMMON_LEN);
	volt_put_le32(
	    add_cap(c, CAP_NOTIFY, CAP_NOTIFY_LEN, NOTIFY, NOTIFY_STEP * v->type->queues) +
		CAP_DATA - 2,
	    NOTIFY_STEP);
	add_cap(c, CAP_ISR, CAP_LEN, ISR, ISR_LEN);
	if (v->type->config_size)
		add_cap(c, CAP_DEVICE, CAP_LEN, CONFIG, v->type->config_size);
	add_cap(c, CAP_ACCESS, CAP_ACCESS_LEN, 0, 0);
	c->list[c->count - 1].told = 1;
	c->list[c->count - 1].mask = writable;
}

/* PCI 3.0, appendix D. */
static uint32_t class_of(uint32_t id)
{
	switch (id) {
	case 1: /* a network card: Ethernet controller */
		return 0x020000;
	case 2: /* a block device: other mass storage controller */
		return 0x018000;
	case 3: /* a console: other communication controller */
		return 0x078000;
	default: /* of no class */
		return 0xff0000;
	}
}

static int add_kicks(struct volt_virtio *v)
{
	const uint64_t notify = v->pci.home[0] + NOTIFY;
	int err = 0;

	if (!v->type->workers)
		return 0; /* whose kicks are served where they are made */
	for (unsigned i = 0; !err && i < v->type->queues; i++)
		err = virtio_add_kick(v, i,
		    &(struct volt_doorbell_at){
			.width = 2, .address = notify + (uint64_t)NOTIFY_STEP * i});
	return err;
}

static int pci_wire(struct volt_virtio *v)
{
	struct volt_peer bus = {.size = sizeof(bus)};
	struct caps caps = {.count = 0};
	int err = v->h->find(v->h, VOLT_EXT_PCI, &bus);

	if (err)
		return virtio_fail(v->h, -err, "there is no PCI bus");
	make_caps(v, &caps);
	const struct volt_pci_type type = {
	    .size = sizeof(type),
	    .class_revision = class_of(v->type->id) << 8 | REVISION,
	    .vendor = VENDOR,
	    .device = (uint16_t)(DEVICE + v->type->id),
	    .subsystem_vendor = VENDOR,
	    .subsystem = SUBSYSTEM,
	    .name = v->type->name,
	    .vectors = (uint16_t)(v->type->queues + 1),
	    .msix_table = TABLE,
	    .msix_pending = PENDING,
	    .bars = {{.len = BAR_LEN, .read = bar_read, .write = bar_write}},
	    .capabilities = caps.list,
	    .capability_count = (uint8_t)caps.count,
	    .touch = touch,
	    .changed = changed,
	};

	v->held = true;
	err = ((const struct volt_pci *)bus.table)->add(bus.self, v->h, &v->pci, &type);
	return err ? err : add_kicks(v);
}

static void pci_reset(struct volt_virtio *v)
{
	v->pci.bus->reset(&v->pci);
}

static void pci_pause(struct volt_virtio *v)
{
	v->pci.bus->pause(&v->pci);
}

static void pci_resume(struct volt_virtio *v)
{
	v->pci.bus->resume(&v->pci);
}

static bool is_vector(const struct volt_virtio *v, uint16_t vector)
{
	return vector < v->pci.type.vectors || vector == VOLT_VIRTIO_NO_VECTOR;
}

static int pci_validate(const struct volt_virtio *v, const struct volt_queue *q)
{
	bool good = is_vector(v, v->vector);

	for (unsigned i = 0; i < v->type->queues; i++)
		good = good && is_vector(v, q[i].vector);
	return good ? v->pci.bus->validate(&v->pci) : -EINVAL;
}

const struct volt_virtio_transport virtio_pci = {
    .wire = pci_wire,
    .raise = pci_raise,
    .reset = pci_reset,
    .pause = pci_pause,
    .resume = pci_resume,
    .validate = pci_validate,
};
