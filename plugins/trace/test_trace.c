/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>
#include <setjmp.h>
#include <string.h>

#include <volt/fake_host.h>

/* After Volt's headers: it has a macro called fail. */
#include <cmocka.h>

extern const struct volt_plugin volt_plugin_trace;

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
	*b = (struct bench){.f = fake_host_create(&volt_plugin_trace)};
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

static void assert_written(struct bench *b, const char *text)
{
	assert_string_equal(fake_stream_output(b->f, 0, NULL), text);
}

static void a_read_is_shown_with_what_the_device_answered(void **state)
{
	struct bench b;

	open_bench(&b, "to=null");
	fake_advance(b.f, 1002003004);
	assert_int_equal(get(&b, 5, 1), 0x15);
	assert_written(&b, "1.002003004 cpu0 device registers+0x5 read1 0x15\n");
	fake_host_destroy(b.f);
}

static void a_write_is_shown_at_its_size(void **state)
{
	struct bench b;

	open_bench(&b, "to=null");
	fake_filter_write(b.f, b.layer, 3, 0xc, 4, 0xbeef);
	assert_written(&b, "0.000000000 cpu3 device registers+0xc write4 0x0000beef\n");
	assert_int_equal(b.device.newest_value, 0xbeef);
	fake_host_destroy(b.f);
}

static void only_the_wanted_direction_is_shown(void **state)
{
	struct bench b;

	open_bench(&b, "to=null,what=writes");
	get(&b, 0, 1);
	assert_written(&b, "");
	put(&b, 0, 1, 1);
	assert_int_equal(fake_counter(b.f, "lines"), 1);
	fake_host_destroy(b.f);
}

static void a_line_of_which_only_a_part_fits_is_ended_later(void **state)
{
	struct bench b;

	open_bench(&b, "to=null");
	fake_stream_limit(b.f, 0, 10);
	get(&b, 0, 1);
	assert_written(&b, "0.00000000");
	fake_stream_limit(b.f, 0, SIZE_MAX);
	get(&b, 1, 1);
	assert_written(&b, "0.000000000 cpu0 device registers+0x0 read1 0x10\n"
			   "0.000000000 cpu0 device registers+0x1 read1 0x11\n");
	fake_host_destroy(b.f);
}

static void lost_lines_are_counted_and_told(void **state)
{
	struct bench b;

	open_bench(&b, "to=null");
	fake_stream_limit(b.f, 0, 0);
	assert_int_equal(get(&b, 0, 1), 0x10);
	get(&b, 0, 1);
	fake_stream_limit(b.f, 0, SIZE_MAX);
	get(&b, 2, 1);
	assert_written(&b, "... 2 accesses lost\n"
			   "0.000000000 cpu0 device registers+0x2 read1 0x12\n");
	assert_int_equal(fake_counter(b.f, "lost"), 2);
	assert_int_equal(fake_counter(b.f, "lines"), 1);
	fake_host_destroy(b.f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_read_is_shown_with_what_the_device_answered),
	    cmocka_unit_test(a_write_is_shown_at_its_size),
	    cmocka_unit_test(only_the_wanted_direction_is_shown),
	    cmocka_unit_test(a_line_of_which_only_a_part_fits_is_ended_later),
	    cmocka_unit_test(lost_lines_are_counted_and_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
