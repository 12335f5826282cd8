/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>
#include <setjmp.h>
#include <string.h>

#include <volt/fake_host.h>

/* After Volt's headers: it has a macro called fail. */
#include <cmocka.h>

extern const struct volt_plugin volt_plugin_count;

/* The device below: sixteen registers that keep what is written, and a log of calls. */
struct device {
	uint8_t registers[16];
	unsigned reads, writes;
	uint64_t newest_offset, newest_value;
	uint32_t newest_n;
};

static uint64_t device_read(void *self, uint64_t off, uint32_t n)
{
	struct device *d = self;
	uint64_t val = 0;

	d->reads++;
	d->newest_offset = off;
	d->newest_n = n;
	memcpy(&val, d->registers + off, n);
	return val;
}

static void device_write(void *self, uint64_t off, uint32_t n, uint64_t val)
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

static void open_bench(struct bench *b, const char *params)
{
	*b = (struct bench){.f = fake_host_create(&volt_plugin_count)};
	for (unsigned i = 0; i < sizeof(b->device.registers); i++)
		b->device.registers[i] = (uint8_t)(0x10 + i);
	assert_int_equal(fake_host_wire(b->f, params), 0);
	b->layer = fake_filter_put(b->f, &device_range, &b->device);
	assert_non_null(b->layer);
	assert_int_equal(fake_host_run(b->f), 0);
}

static uint64_t get(struct bench *b, uint64_t off, uint32_t n)
{
	return fake_filter_read(b->f, b->layer, 0, off, n);
}

static void put(struct bench *b, uint64_t off, uint32_t n, uint64_t val)
{
	fake_filter_write(b->f, b->layer, 0, off, n, val);
}

static void accesses_and_their_bytes_are_counted(void **state)
{
	struct bench b;

	open_bench(&b, NULL);
	assert_int_equal(get(&b, 0, 1), 0x10);
	get(&b, 4, 4);
	put(&b, 8, 2, 0xabcd);
	assert_int_equal(b.device.registers[9], 0xab);
	assert_int_equal(fake_counter(b.f, "reads"), 2);
	assert_int_equal(fake_counter(b.f, "bytes_read"), 5);
	assert_int_equal(fake_counter(b.f, "writes"), 1);
	assert_int_equal(fake_counter(b.f, "bytes_written"), 2);
	fake_host_destroy(b.f);
}

static void reading_the_same_again_is_a_poll(void **state)
{
	struct bench b;

	open_bench(&b, NULL);
	get(&b, 5, 1);
	get(&b, 5, 1);
	get(&b, 5, 1);
	assert_int_equal(fake_counter(b.f, "polls"), 2);
	fake_host_destroy(b.f);
}

static void a_changed_value_another_register_or_a_write_is_no_poll(void **state)
{
	struct bench b;

	open_bench(&b, NULL);
	get(&b, 5, 1);
	b.device.registers[5] = 0;
	get(&b, 5, 1);
	get(&b, 6, 1);
	put(&b, 6, 1, 0x16);
	get(&b, 6, 1);
	assert_int_equal(fake_counter(b.f, "polls"), 0);
	fake_host_destroy(b.f);
}

static void all_ones_are_counted_at_every_size(void **state)
{
	struct bench b;

	open_bench(&b, NULL);
	memset(b.device.registers, 0xff, sizeof(b.device.registers));
	for (uint32_t n = 1; n <= 8; n *= 2)
		get(&b, 0, n);
	b.device.registers[7] = 0x7f;
	get(&b, 0, 8);
	assert_int_equal(fake_counter(b.f, "ones"), 4);
	fake_host_destroy(b.f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(accesses_and_their_bytes_are_counted),
	    cmocka_unit_test(reading_the_same_again_is_a_poll),
	    cmocka_unit_test(a_changed_value_another_register_or_a_write_is_no_poll),
	    cmocka_unit_test(all_ones_are_counted_at_every_size),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
