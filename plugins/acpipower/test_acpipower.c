/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#define BENCHED volt_plugin_acpipower

#include <port_bench.h>

#define SLEEP_CONTROL 0x600
#define SLEEP_STATUS  0x601
#define RESET         0x602

#define SLP_EN  0x20
#define WAK_STS 0x80

static void registers_are_zero_after_reset(void **state)
{
	fake_out(*state, SLEEP_CONTROL, SLP_EN | 3 << 2);
	fake_host_reset(*state);
	assert_int_equal(fake_in(*state, SLEEP_CONTROL), 0);
	assert_int_equal(fake_in(*state, SLEEP_STATUS), 0);
	assert_int_equal(fake_in(*state, RESET), 0);
}

static void soft_off_powers_off(void **state)
{
	fake_out(*state, SLEEP_STATUS, WAK_STS); /* as ACPICA does first */
	fake_out(*state, SLEEP_CONTROL, SLP_EN | 5 << 2);
	assert_int_equal(requested(*state, VOLT_REQUEST_POWEROFF), 1);
	assert_int_equal(requested(*state, VOLT_REQUEST_RESET), 0);
}

/* Reserved and ignored bits (7:6, 1:0) do not matter, SLP_EN and SLP_TYP do. */
static void every_value_of_sleep_control_is_read_by_its_fields(void **state)
{
	unsigned off = 0, refused = 0;

	for (unsigned v = 0; v < 256; v++) {
		fake_out(*state, SLEEP_CONTROL, (uint8_t)v);
		off += (v & 0x3c) == (SLP_EN | 5 << 2);
		refused += v & SLP_EN && (v & 0x1c) != 5 << 2;
		assert_int_equal(requested(*state, VOLT_REQUEST_POWEROFF), off);
		assert_int_equal(fake_counter(*state, "refused_sleeps"), refused);
		assert_int_equal(fake_in(*state, SLEEP_CONTROL), v & 0x1c);
	}
	assert_int_equal(off, 16);
}

static void a_state_that_is_not_offered_wakes_at_once(void **state)
{
	fake_out(*state, SLEEP_CONTROL, 3 << 2); /* SLP_TYP alone does nothing */
	assert_int_equal(fake_in(*state, SLEEP_STATUS), 0);
	fake_out(*state, SLEEP_CONTROL, SLP_EN | 3 << 2);
	assert_int_equal(fake_in(*state, SLEEP_STATUS), WAK_STS);
	assert_int_equal(requested(*state, VOLT_REQUEST_POWEROFF), 0);
}

static void wake_status_is_cleared_by_writing_one(void **state)
{
	fake_out(*state, SLEEP_CONTROL, SLP_EN);
	fake_out(*state, SLEEP_STATUS, 0x7f);
	assert_int_equal(fake_in(*state, SLEEP_STATUS), WAK_STS);
	fake_out(*state, SLEEP_STATUS, WAK_STS);
	assert_int_equal(fake_in(*state, SLEEP_STATUS), 0);
}

static void only_one_written_to_reset_resets(void **state)
{
	for (unsigned v = 0; v < 256; v++)
		if (v != 1)
			fake_out(*state, RESET, (uint8_t)v);
	assert_int_equal(requested(*state, VOLT_REQUEST_RESET), 0);
	fake_out(*state, RESET, 1);
	assert_int_equal(requested(*state, VOLT_REQUEST_RESET), 1);
	assert_int_equal(requested(*state, VOLT_REQUEST_POWEROFF), 0);
}

static void wide_accesses_are_split_into_bytes(void **state)
{
	fake_write(*state, VOLT_SPACE_PIO, SLEEP_CONTROL, 2, SLP_EN | 3 << 2);
	assert_int_equal(
	    fake_read(*state, VOLT_SPACE_PIO, SLEEP_CONTROL, 2), WAK_STS << 8 | 3 << 2);
	fake_write(*state, VOLT_SPACE_PIO, SLEEP_CONTROL, 2, WAK_STS << 8);
	assert_int_equal(fake_in(*state, SLEEP_STATUS), 0);
	assert_int_equal(requested(*state, VOLT_REQUEST_RESET), 0);
	fake_write(*state, VOLT_SPACE_PIO, SLEEP_CONTROL, 4, 1 << 16);
	assert_int_equal(requested(*state, VOLT_REQUEST_RESET), 1);
	assert_int_equal(fake_misses(*state), 1); /* the byte beyond the registers */
}

static void assert_described(struct fake_host *f, uint8_t kind, uint64_t address, uint8_t value)
{
	const struct volt_acpi_fixed *fixed = fake_fixed(f, kind);

	assert_non_null(fixed);
	assert_int_equal(fixed->space, VOLT_SPACE_PIO);
	assert_int_equal(fixed->address, address);
	assert_int_equal(fixed->value, value);
}

static void all_three_registers_are_described(void **state)
{
	assert_described(*state, VOLT_FIXED_SLEEP_CONTROL, SLEEP_CONTROL, 5);
	assert_described(*state, VOLT_FIXED_SLEEP_STATUS, SLEEP_STATUS, 0);
	assert_described(*state, VOLT_FIXED_RESET, RESET, 1);
}

static void two_instances_live_apart(void **state)
{
	struct fake_host *other = boot("base=0x700");

	assert_described(other, VOLT_FIXED_SLEEP_CONTROL, 0x700, 5);
	assert_described(other, VOLT_FIXED_SLEEP_STATUS, 0x701, 0);
	assert_described(other, VOLT_FIXED_RESET, 0x702, 1);
	fake_out(other, 0x702, 1);
	assert_int_equal(requested(other, VOLT_REQUEST_RESET), 1);
	assert_int_equal(requested(*state, VOLT_REQUEST_RESET), 0);
	fake_host_destroy(other);
}

/* -------------------------------------------------------------------- init */

static void init_fails_when_any_call_of_it_does(void **state)
{
	assert_each_call_may_fail(*state, 4);
}

static void a_base_beyond_the_last_port_is_refused(void **state)
{
	assert_last_base("base=0xfffd", "base=0xfffe");
}

static void init_fails_on_a_host_without_an_extension_it_needs(void **state)
{
	assert_int_equal(init_with_only("none"), -ENOTSUP);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(registers_are_zero_after_reset),
	    T(soft_off_powers_off),
	    T(every_value_of_sleep_control_is_read_by_its_fields),
	    T(a_state_that_is_not_offered_wakes_at_once),
	    T(wake_status_is_cleared_by_writing_one),
	    T(only_one_written_to_reset_resets),
	    T(wide_accesses_are_split_into_bytes),
	    T(all_three_registers_are_described),
	    T(two_instances_live_apart),
	    T(init_fails_when_any_call_of_it_does),
	    T(a_base_beyond_the_last_port_is_refused),
	    T(init_fails_on_a_host_without_an_extension_it_needs),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
