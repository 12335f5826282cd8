/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * filter_bench - a filter under test, with a guest's hands above it and a device below.
 * For the tests of this tree, and of those who copy it from the installed examples.
 */
#ifndef FILTER_BENCH_H
#define FILTER_BENCH_H

#include <setjmp.h>
#include <string.h>

#include <volt/fake_host.h>

/* After Volt's headers: it has a macro called fail. */
#include <cmocka.h>

/* The device below: sixteen registers that keep what is written, and a log of calls. */
struct device {
	uint8_t registers[16];
	unsigned reads, writes;
	uint64_t newest_offset, newest_value;
	uint32_t newest_n;
};

static inline uint64_t device_read(void *self, uint64_t off, uint32_t n)
{
	struct device *d = self;
	uint64_t val = 0;

	d->reads++;
	d->newest_offset = off;
	d->newest_n = n;
	memcpy(&val, d->registers + off, n);
	return val;
}

static inline void device_write(void *self, uint64_t off, uint32_t n, uint64_t val)
{
	struct device *d = self;

	d->writes++;
	d->newest_offset = off;
	d->newest_n = n;
	d->newest_value = val;
	memcpy(d->registers + off, &val, n);
}

static const struct volt_range device_range = {
    .size = sizeof(device_range),
    .space = VOLT_SPACE_PIO,
    .sizes = VOLT_IO_1 | VOLT_IO_2 | VOLT_IO_4 | VOLT_IO_8,
    .base = 0x300,
    .len = 16,
    .name = "registers",
    .read = device_read,
    .write = device_write,
};

struct bench {
	struct fake_host *f;
	const struct volt_layer *layer;
	struct device device;
};

static inline void open_bench(struct bench *b, const struct volt_plugin *filter, const char *params)
{
	*b = (struct bench){.f = fake_host_create(filter)};
	for (unsigned i = 0; i < sizeof(b->device.registers); i++)
		b->device.registers[i] = (uint8_t)(0x10 + i);
	assert_int_equal(fake_host_wire(b->f, params), 0);
	b->layer = fake_filter_put(b->f, &device_range, &b->device);
	assert_non_null(b->layer);
	assert_int_equal(fake_host_run(b->f), 0);
}

static inline uint64_t get(struct bench *b, uint64_t off, uint32_t n)
{
	return fake_filter_read(b->f, b->layer, 0, off, n);
}

static inline void put(struct bench *b, uint64_t off, uint32_t n, uint64_t val)
{
	fake_filter_write(b->f, b->layer, 0, off, n, val);
}

#endif
