/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* gwdt under the fake host: no KVM, and time passes only when told to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include <volt/fake_host.h>

extern const struct volt_plugin volt_plugin_gwdt;

#define BASE    0xd0100000u
#define CONTROL (BASE + 0x1000u)
#define WCS     (CONTROL + 0x0u)
#define WOR     (CONTROL + 0x8u)
#define WCV     (CONTROL + 0x10u)
#define IRQ     11u
#define TICK    1000u /* ns at the default of 1 MHz */

static uint32_t get(struct fake_host *f, uint64_t addr)
{
	return (uint32_t)fake_read(f, VOLT_SPACE_MMIO, addr, 4);
}

static void put(struct fake_host *f, uint64_t addr, uint32_t val)
{
	fake_write(f, VOLT_SPACE_MMIO, addr, 4, val);
}

static int setup(void **state)
{
	struct fake_host *f = fake_host_create(&volt_plugin_gwdt);

	*state = f;
	return fake_host_wire(f, NULL) != 0 || fake_host_run(f) != 0;
}

static int teardown(void **state)
{
	fake_host_destroy(*state);
	return 0;
}

static void enable(struct fake_host *f, uint32_t offset)
{
	put(f, WOR, offset);
	put(f, WCS, 1);
}

static void it_sleeps_until_it_is_enabled(void **state)
{
	put(*state, WOR, 10);
	fake_advance(*state, 1000 * TICK);
	assert_int_equal(get(*state, WCS), 0);
	assert_false(fake_irq_level(*state, IRQ));
}

static void a_missed_refresh_warns_first(void **state)
{
	enable(*state, 10);
	fake_advance(*state, 10 * TICK);
	assert_false(fake_irq_level(*state, IRQ));
	fake_advance(*state, TICK);
	assert_true(fake_irq_level(*state, IRQ));
	assert_int_equal(get(*state, WCS), 3);
	assert_int_equal(fake_counter(*state, "warnings"), 1);
	assert_int_equal(fake_requested(*state, VOLT_REQUEST_RESET, NULL, NULL), 0);
}

static void a_second_one_resets_the_guest(void **state)
{
	enable(*state, 10);
	fake_advance(*state, 11 * TICK);
	fake_advance(*state, 11 * TICK);
	assert_int_equal(get(*state, WCS), 7);
	assert_int_equal(fake_requested(*state, VOLT_REQUEST_RESET, NULL, NULL), 1);
	fake_advance(*state, 100 * TICK);
	assert_int_equal(fake_requested(*state, VOLT_REQUEST_RESET, NULL, NULL), 1);
}

static void a_refresh_in_time_keeps_it_quiet(void **state)
{
	enable(*state, 10);
	for (unsigned i = 0; i < 20; i++) {
		fake_advance(*state, 10 * TICK);
		put(*state, BASE, 1);
	}
	assert_int_equal(get(*state, WCS), 1);
	assert_int_equal(fake_irq_rises(*state, IRQ), 0);
	assert_int_equal(fake_counter(*state, "refreshes"), 20);
}

static void a_late_refresh_takes_the_warning_back(void **state)
{
	enable(*state, 10);
	fake_advance(*state, 11 * TICK);
	put(*state, BASE, 1);
	assert_false(fake_irq_level(*state, IRQ));
	assert_int_equal(get(*state, WCS), 1);
}

static void disabling_ends_it(void **state)
{
	enable(*state, 10);
	put(*state, WCS, 0);
	fake_advance(*state, 100 * TICK);
	assert_int_equal(fake_irq_rises(*state, IRQ), 0);
}

static void the_compare_value_has_64_bits(void **state)
{
	enable(*state, UINT32_MAX);
	fake_advance(*state, 10 * TICK);
	put(*state, BASE, 1);
	assert_int_equal(get(*state, WCV), 9);
	assert_int_equal(get(*state, WCV + 4), 1);
}

static void a_compare_value_that_was_written_counts(void **state)
{
	enable(*state, UINT32_MAX);
	put(*state, WCV + 4, 0);
	put(*state, WCV, 5);
	fake_advance(*state, 6 * TICK);
	assert_true(fake_irq_level(*state, IRQ));
}

static void the_largest_compare_value_never_comes(void **state)
{
	enable(*state, 10);
	put(*state, WCV + 4, UINT32_MAX);
	put(*state, WCV, UINT32_MAX);
	fake_advance(*state, UINT32_MAX);
	assert_false(fake_irq_level(*state, IRQ));
}

static void other_registers_read_as_zero(void **state)
{
	for (uint32_t off = 0x20; off < 0x1000; off += 4)
		assert_int_equal(get(*state, CONTROL + off), 0);
	assert_int_equal(get(*state, BASE), 0);
}

static void a_base_inside_of_a_page_is_refused(void **state)
{
	struct fake_host *f = fake_host_create(&volt_plugin_gwdt);

	assert_true(fake_host_wire(f, "base=0xd0100800") < 0);
	assert_non_null(strstr(fake_host_message(f), "0xd0100800"));
	fake_host_destroy(f);
}

static void every_failure_of_the_host_is_passed_on(void **state)
{
	for (unsigned n = 1; n <= 5; n++) {
		struct fake_host *f = fake_host_create(&volt_plugin_gwdt);

		fake_host_fail_call(f, n, 28);
		assert_true(fake_host_wire(f, NULL) < 0);
		fake_host_destroy(f);
	}
}

static void it_goes_on_after_save_and_restore(void **state)
{
	size_t n;

	enable(*state, 10);
	fake_advance(*state, 15 * TICK);
	const uint8_t *saved = fake_state_save(*state, &n);
	struct fake_host *other = fake_host_create(&volt_plugin_gwdt);

	assert_int_equal(fake_host_wire(other, NULL), 0);
	assert_int_equal(fake_host_run(other), 0);
	assert_int_equal(fake_state_load(other, saved, n), 0);
	assert_true(fake_irq_level(other, IRQ));
	fake_advance(other, 6 * TICK);
	assert_int_equal(fake_requested(other, VOLT_REQUEST_RESET, NULL, NULL), 0);
	fake_advance(other, TICK);
	assert_int_equal(fake_requested(other, VOLT_REQUEST_RESET, NULL, NULL), 1);
	fake_host_destroy(other);
}

/* Before the other's clock began. */
static void what_is_due_when_it_is_saved_comes_after_the_restore(void **state)
{
	size_t n;

	fake_advance(*state, 2000000000);
	enable(*state, 10);
	fake_advance(*state, 15 * TICK);
	put(*state, WCV + 4, 0);
	put(*state, WCV, 5);
	const uint8_t *saved = fake_state_save(*state, &n);
	struct fake_host *other = fake_host_create(&volt_plugin_gwdt);

	assert_int_equal(fake_host_wire(other, NULL), 0);
	assert_int_equal(fake_host_run(other), 0);
	assert_int_equal(fake_state_load(other, saved, n), 0);
	fake_advance(other, TICK);
	assert_int_equal(fake_requested(other, VOLT_REQUEST_RESET, NULL, NULL), 1);
	fake_host_destroy(other);
}

static void states_good_and_corrupted_do_no_harm(void **state)
{
	fake_state_fuzz(&volt_plugin_gwdt, NULL, 1, 50);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(it_sleeps_until_it_is_enabled),
	    TEST(a_missed_refresh_warns_first),
	    TEST(a_second_one_resets_the_guest),
	    TEST(a_refresh_in_time_keeps_it_quiet),
	    TEST(a_late_refresh_takes_the_warning_back),
	    TEST(disabling_ends_it),
	    TEST(the_compare_value_has_64_bits),
	    TEST(a_compare_value_that_was_written_counts),
	    TEST(the_largest_compare_value_never_comes),
	    TEST(other_registers_read_as_zero),
	    TEST(it_goes_on_after_save_and_restore),
	    TEST(what_is_due_when_it_is_saved_comes_after_the_restore),
	    cmocka_unit_test(states_good_and_corrupted_do_no_harm),
	    cmocka_unit_test(a_base_inside_of_a_page_is_refused),
	    cmocka_unit_test(every_failure_of_the_host_is_passed_on),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
