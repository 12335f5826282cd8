/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * volt/fake_driver.h - a guest's virtio driver for unit tests, under the fake host.
 *
 * It finds a device by its description, negotiates, makes chains and waits for them; and it
 * can lie: rings and buffers are the test's to change. Link with libvolt-testing.
 *
 *   struct fake_driver *d = fake_driver_create(f, 0x100000, 0x10000);
 *   assert_true(fake_driver_start(d, features, queues, 8));
 *   fake_driver_add(d, 0, segments, 2, FAKE_DIRECT);
 *   fake_driver_kick(d, 0);
 *   assert_true(fake_driver_used(d, 0, &head, &len));
 */
#ifndef VOLT_FAKE_DRIVER_H
#define VOLT_FAKE_DRIVER_H

#include <volt/fake_host.h>

#ifdef __cplusplus
extern "C" {
#endif

#define FAKE_DRIVER_QUEUES 16u /* that it can drive, at most */

/* Registers of virtio over MMIO (virtio 1.2, 4.2.2) that tests name. Over PCI they stand for their
 * twins in the structures of 4.1.4; MAGIC, VERSION and ISR_ACK have none, and read as 0. ISR is
 * cleared by a read there. */
#define FAKE_REG_MAGIC           0x000u
#define FAKE_REG_VERSION         0x004u
#define FAKE_REG_DEVICE_ID       0x008u
#define FAKE_REG_DEVICE_FEATURES 0x010u
#define FAKE_REG_DEVICE_SELECT   0x014u
#define FAKE_REG_DRIVER_FEATURES 0x020u
#define FAKE_REG_DRIVER_SELECT   0x024u
#define FAKE_REG_QUEUE_SELECT    0x030u
#define FAKE_REG_QUEUE_MAX       0x034u
#define FAKE_REG_QUEUE_SIZE      0x038u
#define FAKE_REG_QUEUE_READY     0x044u
#define FAKE_REG_QUEUE_NOTIFY    0x050u
#define FAKE_REG_ISR             0x060u
#define FAKE_REG_ISR_ACK         0x064u
#define FAKE_REG_STATUS          0x070u
#define FAKE_REG_QUEUE_DESC      0x080u
#define FAKE_REG_QUEUE_DRIVER    0x090u
#define FAKE_REG_QUEUE_DEVICE    0x0a0u
#define FAKE_REG_GENERATION      0x0fcu
#define FAKE_REG_CONFIG          0x100u

/* A part of a chain. */
struct fake_segment {
	uint64_t gpa;  /* guest physical */
	uint32_t len;  /* bytes */
	bool writable; /* by the device */
};

/* A queue's ring, where the test can see and change it. */
struct fake_ring {
	uint64_t desc, avail, used; /* guest physical */
	uint16_t size;
	uint16_t next;         /* avail index that comes next */
	uint16_t seen;         /* used index that was looked at */
	uint16_t free[1024];   /* descriptors that are free, */
	uint16_t free_count;   /* the last one first */
	uint16_t length[1024]; /* descriptors of the chain with that head */
};

struct fake_driver;

#define FAKE_DIRECT   0u /* descriptors of the ring itself */
#define FAKE_INDIRECT 1u /* the chain's descriptors lie in a table of their own */

/* Adds `size` bytes of RAM at gpa and looks for the first virtio device: one that was described,
 * or the function on the bus of fake_pci_offer(), which it enables, with a vector for the
 * configuration and one for each queue. Aborts if there is none. `f` runs; the driver does not
 * outlive it. */
struct fake_driver *fake_driver_create(struct fake_host *f, uint64_t gpa, size_t size);
void fake_driver_destroy(struct fake_driver *d);
/* Looks for the device once more, as create did: after the test has moved a BAR, or changed
 * vectors. */
void fake_driver_find(struct fake_driver *d);

/* Memory for buffers and rings, zeroed by nobody; aborts if there is no more. And where an
 * address lies. */
uint64_t fake_driver_alloc(struct fake_driver *d, size_t n, size_t align);
uint8_t *fake_driver_at(struct fake_driver *d, uint64_t gpa);
/* Forgets what was allocated: after a reset. */
void fake_driver_free_all(struct fake_driver *d);

/* One register, 32 bits. */
uint32_t fake_driver_get(struct fake_driver *d, uint32_t reg);
void fake_driver_set(struct fake_driver *d, uint32_t reg, uint32_t val);
/* Over MMIO. */
uint32_t fake_driver_gsi(const struct fake_driver *d);
bool fake_driver_is_pci(const struct fake_driver *d);
/* Where the structure of that kind (virtio 1.2, 4.1.4: 1 common, 2 notify, 3 ISR, 4 device) is,
 * over PCI; 0: nowhere. */
uint64_t fake_driver_part(const struct fake_driver *d, unsigned kind);
/* How many interrupts came so far. */
unsigned fake_driver_interrupts(const struct fake_driver *d);

/* Features that the device offers. */
uint64_t fake_driver_offered(struct fake_driver *d);
/* Writes 0 to the status, and forgets the rings. */
void fake_driver_reset(struct fake_driver *d);
/* ACKNOWLEDGE, DRIVER, `features`, FEATURES_OK: did it stick? */
bool fake_driver_negotiate(struct fake_driver *d, uint64_t features);
/* Makes a ring of `size` entries and tells the device: is the queue ready? */
bool fake_driver_queue(struct fake_driver *d, unsigned q, uint16_t size);
/* Tells the device addresses and size of queue q as they are in its fake_ring. */
bool fake_driver_tell_queue(struct fake_driver *d, unsigned q);
/* Reset, negotiate, `queues` queues, DRIVER_OK: all went well? */
bool fake_driver_start(struct fake_driver *d, uint64_t features, unsigned queues, uint16_t size);
struct fake_ring *fake_driver_ring(struct fake_driver *d, unsigned q);

/* One descriptor, as raw as it is, of the table at gpa. */
void fake_driver_put(struct fake_driver *d, uint64_t table, unsigned i, uint64_t addr, uint32_t len,
    uint16_t flags, uint16_t next);
/* Shows `head` to the device. */
void fake_driver_show(struct fake_driver *d, unsigned q, uint16_t head);
/* A chain of n segments; shows it. Returns its head, or -1: no descriptors are free. */
int fake_driver_add(
    struct fake_driver *d, unsigned q, const struct fake_segment *s, unsigned n, unsigned how);
/* Does the device want to be told of what was shown since index `before`? */
bool fake_driver_must_kick(struct fake_driver *d, unsigned q, uint16_t before);
/* Kicks, whether it must or not, and lets the workers run until none is posted, at most 1000
 * times. Returns how many ran. */
unsigned fake_driver_kick(struct fake_driver *d, unsigned q);
/* The next chain that came back; false: none. */
bool fake_driver_used(struct fake_driver *d, unsigned q, uint32_t *head, uint32_t *len);

#ifdef __cplusplus
}
#endif

#endif
