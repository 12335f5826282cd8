/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* The ports, the memory, how it is wired and saved. */
#include "test_rtc.h"

#include <errno.h>
#include <stdlib.h>

static const uint8_t time_registers[TIME_BYTES] = {0x32, 9, 8, 7, 6, 4, 2, 0};

void get_time(struct fake_host *f, uint8_t bytes[TIME_BYTES])
{
	for (unsigned i = 0; i < TIME_BYTES; i++)
		bytes[i] = get(f, time_registers[i]);
}

void put_time(struct fake_host *f, const char *bytes)
{
	const uint8_t b = get(f, 0x0b);

	put(f, 0x0b, b | 0x80);
	for (unsigned i = 0; i < TIME_BYTES; i++)
		put(f, time_registers[i], (uint8_t)bytes[i]);
	put(f, 0x0b, b);
}

int rtc_setup(void **state)
{
	*state = fake_host_create(&volt_plugin_rtc);
	assert_int_equal(fake_host_wire(*state, NULL), 0);
	return fake_host_run(*state);
}

int rtc_teardown(void **state)
{
	fake_host_destroy(*state);
	return 0;
}

static void it_is_at_the_ports_and_on_the_line_of_a_pc(void **state)
{
	const struct volt_acpi_device *d = fake_device(*state, 0);
	uint32_t flags = 99;

	assert_int_equal(fake_range_count(*state), 1);
	assert_int_equal(fake_range(*state, 0)->base, 0x70);
	assert_int_equal(fake_range(*state, 0)->len, 2);
	assert_true(fake_irq_claimed(*state, LINE, &flags));
	assert_int_equal(flags, VOLT_IRQ_EDGE);
	assert_string_equal(d->hid, "PNP0B00");
	assert_int_equal(d->resource_count, 2);
	assert_int_equal(d->resources[0].base, 0x70);
	assert_int_equal(d->resources[0].len, 2);
	assert_int_equal(d->resources[1].base, LINE);
}

/* Register A runs the divider at 1,024 Hz; B is 24 hours, BCD; D says that the battery is good. */
static void it_starts_as_firmware_leaves_it(void **state)
{
	assert_int_equal(get(*state, 0x0a), 0x26);
	assert_int_equal(get(*state, 0x0b), 0x02);
	assert_int_equal(get(*state, 0x0c), 0);
	assert_int_equal(get(*state, 0x0d), 0x80);
	for (uint8_t i = 0x0e; i < 0x80; i++)
		assert_int_equal(get(*state, i), i == 0x32 ? 0x20 : 0);
}

/* I09: 128 bytes, whatever the index; bit 7 is the mask of the NMI. */
static void the_memory_is_128_bytes(void **state)
{
	for (unsigned i = 0x0e; i < 0x80; i++)
		put(*state, (uint8_t)i, (uint8_t)(i * 3));
	for (unsigned i = 0x8e; i < 0x100; i++)
		assert_int_equal(get(*state, (uint8_t)i), (uint8_t)((i & 0x7f) * 3));
}

static void the_index_is_write_only(void **state)
{
	fake_out(*state, 0x70, 0x0d);
	assert_int_equal(fake_in(*state, 0x70), 0xff);
	assert_int_equal(fake_in(*state, 0x71), 0x80);
}

/* A word to port 0x70 is the index and its byte. */
static void a_word_reaches_both_ports(void **state)
{
	fake_write(*state, VOLT_SPACE_PIO, 0x70, 2, 0x5a40);
	assert_int_equal(get(*state, 0x40), 0x5a);
}

static void registers_c_and_d_and_uip_are_read_only(void **state)
{
	put(*state, 0x0c, 0xff);
	put(*state, 0x0d, 0);
	put(*state, 0x0a, 0xa6);
	assert_int_equal(get(*state, 0x0c), 0);
	assert_int_equal(get(*state, 0x0d), 0x80);
	assert_int_equal(get(*state, 0x0a), 0x26);
}

static struct fake_host *copy_of(struct fake_host *f, uint64_t realtime)
{
	struct fake_host *copy = fake_host_create(&volt_plugin_rtc);
	size_t n;

	assert_int_equal(fake_host_wire(copy, NULL), 0);
	assert_int_equal(fake_host_run(copy), 0);
	const uint8_t *saved = fake_state_save(f, &n);
	fake_set_realtime(copy, realtime);
	assert_int_equal(fake_state_load(copy, saved, n), 0);
	return copy;
}

static void a_restored_clock_has_gone_on(void **state)
{
	put(*state, 0x40, 0x77);
	struct fake_host *copy = copy_of(*state, FAKE_REALTIME + 3 * 86400 * SECOND);

	assert_time(copy, "\x20\x26\x01\x04\x01\x00\x00\x00");
	assert_int_equal(get(copy, 0x40), 0x77);
	fake_host_destroy(copy);
}

static void a_restored_clock_keeps_its_distance_to_the_hosts(void **state)
{
	put_time(*state, "\x19\x70\x06\x01\x02\x12\x00\x00");
	struct fake_host *copy = copy_of(*state, FAKE_REALTIME + 3600 * SECOND);

	assert_time(copy, "\x19\x70\x06\x01\x02\x13\x00\x00");
	fake_host_destroy(copy);
}

/* An alarm that was due while the VM lay somewhere is late, not lost. */
static void an_alarm_is_due_after_a_restore(void **state)
{
	put(*state, 0x05, 0x01);
	put(*state, 0x0b, 0x22);
	assert_int_equal(get(*state, 0x0c), 0);
	struct fake_host *copy = copy_of(*state, FAKE_REALTIME + 2 * 3600 * SECOND);

	assert_true(fake_irq_level(copy, LINE));
	assert_int_equal(get(copy, 0x0c) & 0xa0, 0xa0);
	fake_host_destroy(copy);
}

static void init_fails_when_any_call_of_it_does(void **state)
{
	const unsigned calls = fake_host_calls(*state);

	assert_int_equal(calls, 5);
	for (unsigned i = 1; i <= calls; i++) {
		struct fake_host *f = fake_host_create(&volt_plugin_rtc);

		fake_host_fail_call(f, i, ENOSPC);
		assert_int_equal(fake_host_wire(f, NULL), -ENOSPC);
		fake_host_destroy(f);
	}
}

static void it_needs_the_time(void **state)
{
	struct fake_host *f = fake_host_create(&volt_plugin_rtc);

	fake_host_hide_ext(f, VOLT_EXT_LOOP);
	assert_int_equal(fake_host_wire(f, NULL), -ENOTSUP);
	fake_host_destroy(f);
}

static void it_is_there_on_a_host_without_acpi(void **state)
{
	struct fake_host *f = fake_host_create(&volt_plugin_rtc);

	fake_host_hide_ext(f, VOLT_EXT_DESCRIBE);
	assert_int_equal(fake_host_wire(f, NULL), 0);
	fake_host_destroy(f);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, rtc_setup, rtc_teardown)
	const struct CMUnitTest tests[] = {
	    T(it_is_at_the_ports_and_on_the_line_of_a_pc),
	    T(it_starts_as_firmware_leaves_it),
	    T(the_memory_is_128_bytes),
	    T(the_index_is_write_only),
	    T(a_word_reaches_both_ports),
	    T(registers_c_and_d_and_uip_are_read_only),
	    T(a_restored_clock_has_gone_on),
	    T(a_restored_clock_keeps_its_distance_to_the_hosts),
	    T(an_alarm_is_due_after_a_restore),
	    T(init_fails_when_any_call_of_it_does),
	    T(it_needs_the_time),
	    T(it_is_there_on_a_host_without_acpi),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL) + run_time_tests() + run_interrupt_tests();
}
