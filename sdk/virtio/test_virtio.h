/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * test_virtio - the toy with a driver, for each of the library's tests.
 */
#ifndef TEST_VIRTIO_H
#define TEST_VIRTIO_H

#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <volt/fake_driver.h>

#include "toy_virtio.h"

/* After Volt's headers: it has a macro called fail. */
#include <cmocka.h>

#define RAM      0x100000u
#define RAM_SIZE 0x2000u

#define ALL (VOLT_VIRTIO_F_VERSION_1 | VOLT_VIRTIO_F_INDIRECT | VOLT_VIRTIO_F_EVENT_IDX)

struct bench {
	struct fake_host *f;
	struct fake_driver *d;
	struct toy *toy;
};

/* "transport=mmio" or "transport=pci": each case runs on both, and with slots. */
static const char *transport;

static inline struct bench *bench_open(void)
{
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	b->f = fake_host_create(&volt_plugin_toy_virtio);
	assert_int_equal(fake_host_wire(b->f, transport), 0);
	assert_int_equal(fake_host_run(b->f), 0);
	b->d = fake_driver_create(b->f, RAM, RAM_SIZE);
	b->toy = fake_host_self(b->f);
	return b;
}

static inline void bench_close(struct bench *b)
{
	fake_driver_destroy(b->d);
	fake_host_destroy(b->f);
	free(b);
}

static inline int setup(void **state)
{
	struct bench *b = bench_open();

	*state = b;
	return !fake_driver_start(b->d, ALL, 2, 8);
}

static inline int teardown(void **state)
{
	bench_close(*state);
	return 0;
}

static inline bool needs_reset(const struct bench *b)
{
	return fake_driver_get(b->d, FAKE_REG_STATUS) & 64;
}

/* One request of 4 bytes on queue q, `how` FAKE_*: did the right answer come? */
static inline bool echo_works(struct bench *b, unsigned q, unsigned how)
{
	const uint64_t out = fake_driver_alloc(b->d, 4, 1), in = fake_driver_alloc(b->d, 4, 1);
	const struct fake_segment s[] = {{out, 4, false}, {in, 4, true}};
	uint32_t head, len;

	memcpy(fake_driver_at(b->d, out), "abcd", 4);
	const int shown = fake_driver_add(b->d, q, s, 2, how);

	fake_driver_kick(b->d, q);
	return shown >= 0 && fake_driver_used(b->d, q, &head, &len) && head == (uint32_t)shown &&
	       len == 4 && memcmp(fake_driver_at(b->d, in), "bcde", 4) == 0;
}

/* After anything: reset, set up anew, one honest request on each queue. */
static inline bool recovers(struct bench *b)
{
	fake_driver_free_all(b->d);
	return fake_driver_start(b->d, ALL, 2, 8) && echo_works(b, 0, FAKE_DIRECT) &&
	       echo_works(b, 1, FAKE_INDIRECT);
}

static inline int use_mmio(void **state)
{
	transport = "transport=mmio";
	return 0;
}

static inline int use_pci(void **state)
{
	transport = "transport=pci";
	return 0;
}

/* Many chains in flight, which come back in another order. */
static inline int use_slots(void **state)
{
	transport = "transport=mmio,slots=on";
	return 0;
}

#endif
