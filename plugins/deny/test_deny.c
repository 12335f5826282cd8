/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>
#include <setjmp.h>
#include <string.h>

#include <volt/fake_host.h>

/* After Volt's headers: it has a macro called fail. */
#include <cmocka.h>

extern const struct volt_plugin volt_plugin_deny;

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
	*b = (struct bench){.f = fake_host_create(&volt_plugin_deny)};
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

static void everything_is_denied_by_default(void **state)
{
	struct bench b;

	open_bench(&b, NULL);
	assert_int_equal(get(&b, 3, 1), 0xff);
	assert_int_equal(get(&b, 0, 8), UINT64_MAX);
	put(&b, 3, 1, 0x55);
	assert_int_equal(b.device.reads + b.device.writes, 0);
	assert_int_equal(fake_counter(b.f, "reads"), 2);
	assert_int_equal(fake_counter(b.f, "writes"), 1);
	fake_host_destroy(b.f);
}

static void reads_pass_where_only_writes_are_denied(void **state)
{
	struct bench b;

	open_bench(&b, "what=writes");
	put(&b, 3, 1, 0x55);
	assert_int_equal(get(&b, 3, 1), 0x13);
	assert_int_equal(b.device.writes, 0);
	fake_host_destroy(b.f);
}

static void writes_pass_where_only_reads_are_denied(void **state)
{
	struct bench b;

	open_bench(&b, "what=reads");
	put(&b, 3, 1, 0x55);
	assert_int_equal(b.device.registers[3], 0x55);
	assert_int_equal(get(&b, 3, 1), 0xff);
	fake_host_destroy(b.f);
}

static void only_what_touches_the_bytes_is_denied(void **state)
{
	struct bench b;

	open_bench(&b, "from=4,length=2");
	assert_int_equal(get(&b, 3, 1), 0x13);
	assert_int_equal(get(&b, 4, 1), 0xff);
	assert_int_equal(get(&b, 5, 1), 0xff);
	assert_int_equal(get(&b, 6, 1), 0x16);
	assert_int_equal(get(&b, 3, 2), 0xffff); /* its second byte */
	assert_int_equal(get(&b, 0, 8), UINT64_MAX);
	fake_host_destroy(b.f);
}

static void without_a_length_all_that_follows_is_denied(void **state)
{
	struct bench b;

	open_bench(&b, "from=4");
	assert_int_equal(get(&b, 3, 1), 0x13);
	assert_int_equal(get(&b, 15, 1), 0xff);
	fake_host_destroy(b.f);
}

static void a_denied_read_reads_the_value_cut_to_its_size(void **state)
{
	struct bench b;

	open_bench(&b, "value=0x1234");
	assert_int_equal(get(&b, 0, 1), 0x34);
	assert_int_equal(get(&b, 0, 4), 0x1234);
	fake_host_destroy(b.f);
}

static void another_range_is_left_alone(void **state)
{
	struct bench b;

	open_bench(&b, "range=other");
	assert_int_equal(get(&b, 3, 1), 0x13);
	fake_host_destroy(b.f);
}

static void the_named_range_is_denied(void **state)
{
	struct bench b;

	open_bench(&b, "range=registers");
	assert_int_equal(get(&b, 3, 1), 0xff);
	fake_host_destroy(b.f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(everything_is_denied_by_default),
	    cmocka_unit_test(reads_pass_where_only_writes_are_denied),
	    cmocka_unit_test(writes_pass_where_only_reads_are_denied),
	    cmocka_unit_test(only_what_touches_the_bytes_is_denied),
	    cmocka_unit_test(without_a_length_all_that_follows_is_denied),
	    cmocka_unit_test(a_denied_read_reads_the_value_cut_to_its_size),
	    cmocka_unit_test(another_range_is_left_alone),
	    cmocka_unit_test(the_named_range_is_denied),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
