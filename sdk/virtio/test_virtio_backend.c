/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * test_virtio_backend - the toy without registers: a test in the place of a host that relays a
 * front end (volt/draft/backend.h).
 */
#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <volt/fake_host.h>

#include "toy_virtio.h"

/* After Volt's headers: it has a macro called fail. */
#include <cmocka.h>

#define RAM      0x100000u
#define RAM_SIZE 0x4000u
#define AVAIL    0x800u
#define USED     0xa00u
#define BUFFER   0x3000u
#define ENTRIES  8u
#define ALL      (VOLT_VIRTIO_F_VERSION_1 | TOY_FEATURE)

struct bench {
	struct fake_host *f;
	struct toy *toy;
	uint8_t *ram;
	struct volt_backend_device device;
	uint32_t calls[2], changes;
};

static int add(void *bus, const struct volt_host *h, const struct volt_backend_device *d)
{
	((struct bench *)bus)->device = *d;
	return 0;
}

static void call(void *bus, const struct volt_host *h, uint32_t n)
{
	((struct bench *)bus)->calls[n]++;
}

static void changed(void *bus, const struct volt_host *h)
{
	((struct bench *)bus)->changes++;
}

static const struct volt_backend table = {
    .size = sizeof(table), .add = add, .call = call, .changed = changed};

static int setup(void **state)
{
	struct bench *b = calloc(1, sizeof(*b));

	assert_non_null(b);
	b->f = fake_host_create(&volt_plugin_toy_virtio);
	fake_offer(b->f, VOLT_EXT_BACKEND, &table, b);
	assert_int_equal(fake_host_wire(b->f, NULL), 0);
	assert_int_equal(fake_host_run(b->f), 0);
	b->ram = fake_memory_add(b->f, RAM, RAM_SIZE);
	b->toy = fake_host_self(b->f);
	*state = b;
	return 0;
}

static int teardown(void **state)
{
	struct bench *b = *state;

	fake_host_destroy(b->f);
	free(b);
	return 0;
}

static struct volt_backend_ring ring_of(uint32_t n, uint16_t base)
{
	const uint64_t at = RAM + 0x1000u * n;

	return (struct volt_backend_ring){.size = sizeof(struct volt_backend_ring),
	    .number = n,
	    .desc = at,
	    .driver = at + AVAIL,
	    .device = at + USED,
	    .entries = ENTRIES,
	    .base = base};
}

static int start(struct bench *b, uint32_t n, uint16_t base)
{
	const struct volt_backend_ring r = ring_of(n, base);

	return b->device.start(b->toy, &r);
}

/* One chain at index `index`: 4 bytes that the device reads, 4 that it writes. */
static void show(struct bench *b, uint32_t n, uint16_t index)
{
	uint8_t *ring = b->ram + 0x1000u * n;

	volt_put_le64(ring, RAM + BUFFER);
	volt_put_le32(ring + 8, 4);
	volt_put_le16(ring + 12, 1); /* NEXT */
	volt_put_le16(ring + 14, 1);
	volt_put_le64(ring + 16, RAM + BUFFER + 16);
	volt_put_le32(ring + 24, 4);
	volt_put_le16(ring + 28, 2); /* WRITE */
	memcpy(b->ram + BUFFER, "abcd", 4);
	memset(b->ram + BUFFER + 16, 0, 4);
	volt_put_le16(ring + AVAIL + 4 + 2 * (index % ENTRIES), 0);
	volt_put_le16(ring + AVAIL + 2, (uint16_t)(index + 1));
	b->device.kick(b->toy, n);
	fake_run_workers(b->f);
}

static uint16_t used(const struct bench *b, uint32_t n)
{
	return volt_le16(b->ram + 0x1000u * n + USED + 2);
}

static void device_tells_what_it_is(void **state)
{
	const struct bench *b = *state;

	assert_int_equal(b->device.id, TOY_ID);
	assert_int_equal(b->device.queues, 2);
	assert_int_equal(b->device.ring, TOY_RING);
	assert_int_equal(b->device.features & ALL, ALL);
	assert_int_equal(b->device.worker(b->toy, 1), 1);
	assert_int_equal(b->device.worker(b->toy, 2), VOLT_ANY);
}

static void ring_is_served_and_calls_its_own_queue(void **state)
{
	struct bench *b = *state;

	assert_int_equal(b->device.agree(b->toy, ALL), 0);
	assert_int_equal(start(b, 1, 0), 0);
	assert_int_equal(b->toy->agreed, ALL);
	show(b, 1, 0);
	assert_memory_equal(b->ram + BUFFER + 16, "bcde", 4);
	assert_int_equal(used(b, 1), 1);
	assert_int_equal(b->calls[1], 1);
	assert_int_equal(b->calls[0], 0);
}

static void nothing_is_looked_at_before_a_kick(void **state)
{
	struct bench *b = *state;

	volt_put_le16(b->ram + AVAIL + 2, 1); /* a chain waits */
	b->device.agree(b->toy, ALL);
	start(b, 0, 0);
	fake_run_workers(b->f);
	assert_int_equal(b->toy->requests, 0);
}

static void ring_begins_and_stops_at_any_index(void **state)
{
	struct bench *b = *state;

	b->device.agree(b->toy, ALL);
	volt_put_le16(b->ram + USED + 2, 0xffff);
	assert_int_equal(start(b, 0, 0xffff), 0);
	show(b, 0, 0xffff);
	assert_int_equal(used(b, 0), 0);
	assert_int_equal(b->device.stop(b->toy, 0), 0);
	assert_int_equal(b->toy->drained & 1, 1);
	b->device.kick(b->toy, 0);
	volt_put_le16(b->ram + AVAIL + 2, 1);
	fake_run_workers(b->f);
	assert_int_equal(b->toy->requests, 1);
	assert_int_equal(start(b, 0, 0), 0);
	b->device.kick(b->toy, 0);
	fake_run_workers(b->f);
	assert_int_equal(b->toy->requests, 2);
	assert_int_equal(used(b, 0), 1);
}

static void rings_stop_each_by_itself(void **state)
{
	struct bench *b = *state;

	b->device.agree(b->toy, ALL);
	start(b, 0, 0);
	start(b, 1, 0);
	assert_int_equal(b->device.stop(b->toy, 0), 0);
	show(b, 1, 0);
	assert_int_equal(used(b, 1), 1);
}

static void rings_that_cannot_be_are_refused(void **state)
{
	struct bench *b = *state;
	struct volt_backend_ring r[] = {ring_of(0, 0), ring_of(0, 0), ring_of(0, 0), ring_of(0, 0),
	    ring_of(0, 0), ring_of(2, 0), ring_of(0, 0)};

	assert_int_equal(start(b, 0, 0), -EINVAL); /* nothing is agreed on */
	b->device.agree(b->toy, ALL);
	r[0].entries = 0;
	r[1].entries = 2 * TOY_RING;
	r[2].entries = 0x10000 + ENTRIES;
	r[3].desc = RAM + 8;
	r[4].device = RAM + RAM_SIZE - 8;
	r[6].driver = UINT64_MAX - 1;
	for (size_t i = 0; i < sizeof(r) / sizeof(r[0]); i++)
		assert_int_equal(b->device.start(b->toy, &r[i]), -EINVAL);
	assert_int_equal(start(b, 0, 0), 0);
	assert_int_equal(start(b, 0, 0), -EBUSY);
	assert_int_equal(b->device.stop(b->toy, 1), -EINVAL);
	assert_int_equal(b->device.stop(b->toy, 2), -EINVAL);
}

static void features_are_those_of_virtio_1_and_offered(void **state)
{
	struct bench *b = *state;

	assert_int_equal(b->device.agree(b->toy, TOY_FEATURE), -EINVAL);
	assert_int_equal(b->device.agree(b->toy, ALL | UINT64_C(1) << 40), -EINVAL);
	assert_int_equal(b->device.agree(b->toy, ALL), 0);
	start(b, 0, 0);
	assert_int_equal(b->device.agree(b->toy, VOLT_VIRTIO_F_VERSION_1), -EBUSY);
}

static void broken_queue_is_told_and_begins_anew(void **state)
{
	struct bench *b = *state;

	b->device.agree(b->toy, ALL);
	start(b, 0, 0);
	volt_put_le16(b->ram + AVAIL + 2, ENTRIES + 1); /* more than it holds */
	b->device.kick(b->toy, 0);
	fake_run_workers(b->f);
	assert_int_equal(b->changes, 1);
	assert_true(b->device.is_broken(b->toy));
	b->device.stop(b->toy, 0);
	b->device.reset(b->toy);
	assert_false(b->device.is_broken(b->toy));
	b->device.agree(b->toy, ALL);
	assert_int_equal(start(b, 0, 0), 0);
	show(b, 0, 0);
	assert_int_equal(used(b, 0), 1);
}

static void configuration_is_read_and_beyond_it_is_zero(void **state)
{
	struct bench *b = *state;
	uint8_t bytes[4] = {9, 9, 9, 9};

	b->device.config_read(b->toy, 3, bytes, 4);
	assert_memory_equal(bytes, "\4\5\0\0", 4);
	b->device.config_read(b->toy, UINT32_MAX, bytes, 4);
	assert_memory_equal(bytes, "\0\0\0\0", 4);
	assert_int_equal(b->device.config_write(b->toy, 0, bytes, 1), -EINVAL); /* the toy's */
	volt_virtio_config_changed(&b->toy->v);
	assert_int_equal(b->changes, 0); /* nobody has begun */
	b->device.agree(b->toy, ALL);
	start(b, 0, 0);
	volt_virtio_config_changed(&b->toy->v);
	assert_int_equal(b->changes, 1);
	assert_false(b->device.is_broken(b->toy));
}

static void operator_cannot_choose_a_transport(void **state)
{
	struct fake_host *f = fake_host_create(&volt_plugin_toy_virtio);
	struct bench none = {.f = f};

	fake_offer(f, VOLT_EXT_BACKEND, &table, &none);
	assert_int_not_equal(fake_host_wire(f, "transport=mmio"), 0);
	assert_non_null(strstr(fake_host_message(f), "the front end decides"));
	fake_host_destroy(f);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(device_tells_what_it_is),
	    CASE(ring_is_served_and_calls_its_own_queue),
	    CASE(nothing_is_looked_at_before_a_kick),
	    CASE(ring_begins_and_stops_at_any_index),
	    CASE(rings_stop_each_by_itself),
	    CASE(rings_that_cannot_be_are_refused),
	    CASE(features_are_those_of_virtio_1_and_offered),
	    CASE(broken_queue_is_told_and_begins_anew),
	    CASE(configuration_is_read_and_beyond_it_is_zero),
	    cmocka_unit_test(operator_cannot_choose_a_transport),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
