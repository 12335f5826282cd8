/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Time before and after the clock is sealed, against the kernel's. */
#include "core/base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "core/base/ledger.h"

#define MS 1000000ull

static uint64_t kernel_now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Between two readings of the kernel's, give or take `slack`. */
static void agrees(uint64_t slack)
{
	uint64_t before = kernel_now(), now = clock_now(), after = kernel_now();

	assert_true(now + slack >= before);
	assert_true(now <= after + slack);
}

static bool makes_calls(void)
{
	struct ledger l = {0};

	clock_declare(&l);
	const bool calls = l.call_count > 0;
	ledger_finish(&l);
	return calls;
}

static void never_goes_back(void)
{
	uint64_t last = 0;

	for (unsigned i = 0; i < 100000; i++) {
		uint64_t now = clock_now();

		assert_true(now >= last && now != 0);
		last = now;
	}
}

static void before_the_seal_time_is_the_kernels(void **state)
{
	assert_true(makes_calls());
	agrees(0);
	never_goes_back();
}

static void without_an_invariant_tsc_time_is_the_kernels(void **state)
{
	clock_init();
	clock_seal(false, 1000000);
	assert_true(makes_calls());
	agrees(0);
}

static void goes_on_at_the_same_rate(void)
{
	const uint64_t from = kernel_now();

	agrees(MS);
	never_goes_back();
	while (kernel_now() - from < 100 * MS)
		continue;
	agrees((kernel_now() - from) / 50); /* 2 % of what went by */
}

static void after_the_seal_time_goes_on_at_a_measured_rate(void **state)
{
	clock_init();
	clock_seal(true, 0);
	goes_on_at_the_same_rate();
}

/* Both clocks at one moment: nothing came between two readings of the kernel's. */
static void read_both(uint64_t *ns, uint64_t *tsc)
{
	uint64_t before;

	do {
		before = kernel_now();
		*tsc = __rdtsc();
		*ns = kernel_now();
	} while (*ns - before > 5000);
}

static uint32_t measure_khz(void)
{
	uint64_t from, from_tsc, to, to_tsc;

	read_both(&from, &from_tsc);
	do
		read_both(&to, &to_tsc);
	while (to - from < 100 * MS);
	return (uint32_t)((to_tsc - from_tsc) * 1000000 / (to - from));
}

static void after_the_seal_time_goes_on_at_a_known_rate(void **state)
{
	uint32_t khz = measure_khz();

	clock_seal(true, khz);
	goes_on_at_the_same_rate();
	if (makes_calls())
		return; /* this kernel does not use the TSC, so neither does the clock */
	clock_seal(true, 2 * khz);
	/* It was believed: half of what goes by, whatever interrupts the readings. */
	const uint64_t kernel = kernel_now(), clock = clock_now();
	while (kernel_now() - kernel < 20 * MS)
		continue;
	const uint64_t gone = clock_now() - clock;
	assert_true(gone < (kernel_now() - kernel) * 3 / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(before_the_seal_time_is_the_kernels),
	    cmocka_unit_test(without_an_invariant_tsc_time_is_the_kernels),
	    cmocka_unit_test(after_the_seal_time_goes_on_at_a_measured_rate),
	    cmocka_unit_test(after_the_seal_time_goes_on_at_a_known_rate),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
