/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#define BENCHED volt_plugin_pvpanic

#include <port_bench.h>

#define PORT 0x505

#define PANICKED     0x01
#define CRASH_LOADED 0x02
#define SHUTDOWN     0x04

static void reads_tell_the_events_that_are_known(void **state)
{
	assert_int_equal(fake_in(*state, PORT), PANICKED | CRASH_LOADED | SHUTDOWN);
}

static void a_panic_ends_the_vm(void **state)
{
	fake_out(*state, PORT, PANICKED);
	assert_int_equal(requested(*state, VOLT_REQUEST_PANIC), 1);
	assert_int_equal(requested(*state, VOLT_REQUEST_POWEROFF), 0);
	assert_int_equal(fake_counter(*state, "panicked"), 1);
}

static void a_loaded_crash_kernel_is_logged_and_goes_on(void **state)
{
	unsigned count = 0;

	fake_out(*state, PORT, CRASH_LOADED);
	assert_non_null(strstr(fake_host_logged(*state, &count), "crash kernel"));
	assert_int_equal(count, 1);
	assert_int_equal(fake_counter(*state, "crash_loaded"), 1);
	assert_int_equal(requested(*state, VOLT_REQUEST_PANIC), 0);
	assert_int_equal(requested(*state, VOLT_REQUEST_POWEROFF), 0);
}

static void a_shutdown_powers_off(void **state)
{
	fake_out(*state, PORT, SHUTDOWN);
	assert_int_equal(requested(*state, VOLT_REQUEST_POWEROFF), 1);
	assert_int_equal(requested(*state, VOLT_REQUEST_PANIC), 0);
	assert_int_equal(fake_counter(*state, "shutdown"), 1);
}

static void unknown_bits_are_ignored(void **state)
{
	fake_out(*state, PORT, 0x00);
	fake_out(*state, PORT, 0xf8);
	assert_int_equal(requested(*state, VOLT_REQUEST_PANIC), 0);
	assert_int_equal(requested(*state, VOLT_REQUEST_POWEROFF), 0);
	fake_out(*state, PORT, 0xf8 | PANICKED);
	assert_int_equal(requested(*state, VOLT_REQUEST_PANIC), 1);
}

static void wide_accesses_reach_it_with_their_first_byte(void **state)
{
	assert_int_equal(fake_read(*state, VOLT_SPACE_PIO, PORT, 4), 0xffffff07);
	fake_write(*state, VOLT_SPACE_PIO, PORT, 2, PANICKED << 8 | SHUTDOWN);
	assert_int_equal(requested(*state, VOLT_REQUEST_PANIC), 0);
	assert_int_equal(requested(*state, VOLT_REQUEST_POWEROFF), 1);
}

static void the_port_is_described_under_qemus_id(void **state)
{
	const struct volt_acpi_device *d = fake_device(*state, 0);

	assert_int_equal(fake_device_count(*state), 1);
	assert_string_equal(d->hid, "QEMU0001");
	assert_int_equal(d->resource_count, 1);
	assert_int_equal(d->resources[0].type, VOLT_RES_PIO);
	assert_int_equal(d->resources[0].base, PORT);
	assert_int_equal(d->resources[0].len, 1);
}

static void two_instances_live_apart(void **state)
{
	struct fake_host *other = boot("base=0x1505");

	assert_int_equal(fake_device(other, 0)->resources[0].base, 0x1505);
	fake_out(other, 0x1505, PANICKED);
	assert_int_equal(requested(other, VOLT_REQUEST_PANIC), 1);
	assert_int_equal(requested(*state, VOLT_REQUEST_PANIC), 0);
	fake_host_destroy(other);
}

/* -------------------------------------------------------------------- init */

static void init_fails_when_any_call_of_it_does(void **state)
{
	assert_each_call_may_fail(*state, 2);
}

static void a_base_beyond_the_last_port_is_refused(void **state)
{
	assert_last_base("base=0xffff", "base=0x10000");
}

static void init_fails_on_a_host_without_an_extension_it_needs(void **state)
{
	assert_int_equal(init_with_only("none"), -ENOTSUP);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(reads_tell_the_events_that_are_known),
	    T(a_panic_ends_the_vm),
	    T(a_loaded_crash_kernel_is_logged_and_goes_on),
	    T(a_shutdown_powers_off),
	    T(unknown_bits_are_ignored),
	    T(wide_accesses_reach_it_with_their_first_byte),
	    T(the_port_is_described_under_qemus_id),
	    T(two_instances_live_apart),
	    T(init_fails_when_any_call_of_it_does),
	    T(a_base_beyond_the_last_port_is_refused),
	    T(init_fails_on_a_host_without_an_extension_it_needs),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
