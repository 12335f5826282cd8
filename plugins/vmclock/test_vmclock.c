/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>
#include <setjmp.h>
#include <string.h>

#include <volt/fake_host.h>

/* After Volt's headers: it has a macro called fail. */
#include <cmocka.h>

extern const struct volt_plugin volt_plugin_vmclock;

/* Offsets of struct vmclock_abi (Linux, include/uapi/linux/vmclock-abi.h). */
enum {
	MAGIC = 0,
	SIZE = 4,
	VERSION = 8,
	COUNTER_ID = 10,
	TIME_TYPE = 11,
	SEQ_COUNT = 12,
	DISRUPTION = 16,
	FLAGS = 24,
	STATUS = 34,
	SHIFT = 39,
	COUNTER = 40,
	PERIOD = 48,
	TIME_SEC = 72,
	TIME_FRAC = 80,
	GENERATION = 104,
};

static struct fake_host *wire(void)
{
	struct fake_host *f = fake_host_create(&volt_plugin_vmclock);

	assert_int_equal(fake_host_wire(f, NULL), 0);
	return f;
}

static int setup(void **state)
{
	*state = wire();
	assert_int_equal(fake_host_run(*state), 0);
	return 0;
}

static int teardown(void **state)
{
	fake_host_destroy(*state);
	return 0;
}

static const struct volt_acpi_device *device(const struct fake_host *f)
{
	assert_int_equal(fake_device_count(f), 1);
	return fake_device(f, 0);
}

static uint64_t get(struct fake_host *f, uint64_t off, uint32_t n)
{
	return fake_read(f, VOLT_SPACE_MMIO, device(f)->resources[0].base + off, n);
}

static uint32_t line(const struct fake_host *f)
{
	return (uint32_t)device(f)->resources[1].base;
}

static struct fake_host *run_with_tsc(uint64_t tsc, uint64_t hz, uint64_t realtime)
{
	struct fake_host *f = wire();

	fake_identity_tsc(f, tsc, hz);
	fake_set_realtime(f, realtime);
	assert_int_equal(fake_host_run(f), 0);
	return f;
}

/* Nanoseconds of UTC at a value of the counter, as vmclock-abi.h says to compute them. */
static uint64_t time_at(struct fake_host *f, uint64_t counter)
{
	const unsigned __int128 delta = counter - get(f, COUNTER, 8);
	const unsigned __int128 frac =
	    (delta * get(f, PERIOD, 8) >> get(f, SHIFT, 1)) + get(f, TIME_FRAC, 8);
	const uint64_t seconds = get(f, TIME_SEC, 8) + (uint64_t)(frac >> 64);

	return seconds * 1000000000 + (uint64_t)((frac & UINT64_MAX) * 1000000000 >> 64);
}

static void acpi_tells_where_the_page_is(void **state)
{
	const struct volt_acpi_device *d = device(*state);

	assert_string_equal(d->hid, "AMZNC10C");
	assert_string_equal(d->cid, "VMCLOCK");
	assert_int_equal(d->address, 0);
	assert_int_equal(d->resource_count, 2);
	assert_int_equal(d->resources[0].type, VOLT_RES_MMIO);
	assert_int_equal(d->resources[0].base % 4096, 0);
	assert_int_equal(d->resources[0].len, 4096);
	assert_int_equal(d->resources[1].flags, VOLT_RES_NOTIFY);
}

static void the_constant_fields_are_those_of_version_1(void **state)
{
	assert_int_equal(get(*state, MAGIC, 4), 0x4b4c4356);
	assert_int_equal(get(*state, SIZE, 4), 4096);
	assert_int_equal(get(*state, VERSION, 2), 1);
	assert_int_equal(get(*state, TIME_TYPE, 1), 0);
	assert_int_equal(get(*state, SEQ_COUNT, 4) % 2, 0);
	/* VM_GEN_COUNTER_PRESENT, NOTIFICATION_PRESENT */
	assert_int_equal(get(*state, FLAGS, 8), 1 << 8 | 1 << 9);
}

static void without_a_counter_of_constant_rate_it_tells_no_counter(void **state)
{
	assert_int_equal(get(*state, COUNTER_ID, 1), 0xff);
	assert_int_equal(get(*state, STATUS, 1), 0);
	assert_int_equal(get(*state, PERIOD, 8), 0);
}

static void time_is_told_by_the_counter(void **state)
{
	static const uint64_t rates[] = {
	    2, 1000000000, 2400000000, 1ull << 31, (1ull << 31) - 1, (1ull << 31) + 1, 5000000123};
	const uint64_t start = 1790000000123456789ull;

	for (unsigned i = 0; i < sizeof(rates) / sizeof(rates[0]); i++) {
		struct fake_host *f = run_with_tsc(12345, rates[i], start);

		assert_int_equal(get(f, COUNTER_ID, 1), 1);
		assert_int_equal(get(f, STATUS, 1), 3);
		assert_in_range(time_at(f, 12345), start - 1, start);
		/* An hour later, to the microsecond. */
		assert_in_range(time_at(f, 12345 + 3600 * rates[i]), start + 3600000000000 - 1000,
		    start + 3600000000000);
		fake_host_destroy(f);
	}
}

static void a_restore_is_a_disruption_and_a_new_generation(void **state)
{
	const uint64_t marker = get(*state, DISRUPTION, 8);
	struct fake_host *copy = wire();
	size_t n;

	assert_int_equal(fake_host_run(copy), 0);
	const uint64_t generation = get(copy, GENERATION, 8), sequence = get(copy, SEQ_COUNT, 4);
	const uint8_t *saved = fake_state_save(*state, &n);
	assert_int_equal(fake_state_load(copy, saved, n), 0);
	assert_int_not_equal(get(copy, DISRUPTION, 8), marker);
	assert_int_not_equal(get(copy, GENERATION, 8), generation);
	assert_int_not_equal(get(copy, SEQ_COUNT, 4), sequence);
	assert_int_equal(fake_irq_rises(copy, line(copy)), 1);
	fake_state_save(copy, &n);
	assert_int_equal(fake_irq_rises(copy, line(copy)), 1);
	assert_int_equal(fake_counter(copy, "notified"), 1);
	fake_host_destroy(copy);
}

static void any_state_can_be_lived_with(void **state)
{
	fake_state_fuzz(&volt_plugin_vmclock, NULL, 1, 20);
}

/* -------------------------------------------------------------------- init */

static void init_fails_when_any_call_of_it_does(void **state)
{
	const unsigned calls = fake_host_calls(*state);

	assert_int_equal(calls, 4);
	for (unsigned i = 1; i <= calls; i++) {
		struct fake_host *f = fake_host_create(&volt_plugin_vmclock);

		fake_host_fail_call(f, i, ENOSPC);
		assert_int_equal(fake_host_wire(f, NULL), -ENOSPC);
		fake_host_destroy(f);
	}
}

static void init_fails_on_a_host_without_an_extension_it_needs(void **state)
{
	static const char *const needed[] = {VOLT_EXT_PAGE, VOLT_EXT_DESCRIBE};

	for (unsigned i = 0; i < 2; i++) {
		struct fake_host *f = fake_host_create(&volt_plugin_vmclock);

		fake_host_hide_ext(f, needed[i]);
		assert_int_equal(fake_host_wire(f, NULL), -ENOTSUP);
		fake_host_destroy(f);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(acpi_tells_where_the_page_is),
	    T(the_constant_fields_are_those_of_version_1),
	    T(without_a_counter_of_constant_rate_it_tells_no_counter),
	    T(time_is_told_by_the_counter),
	    T(a_restore_is_a_disruption_and_a_new_generation),
	    T(any_state_can_be_lived_with),
	    T(init_fails_when_any_call_of_it_does),
	    T(init_fails_on_a_host_without_an_extension_it_needs),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
