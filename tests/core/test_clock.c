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
	agrees(MS);
	never_goes_back();
	usleep(100000);
	agrees(MS); /* 0.01 % of 0.1 s is 10 us */
}

static void after_the_seal_time_goes_on_at_a_measured_rate(void **state)
{
	clock_init();
	clock_seal(true, 0);
	goes_on_at_the_same_rate();
}

static uint32_t measure_khz(void)
{
	uint64_t from = kernel_now(), tsc = __rdtsc();

	usleep(100000);
	return (uint32_t)((__rdtsc() - tsc) * 1000000 / (kernel_now() - from));
}

static void after_the_seal_time_goes_on_at_a_known_rate(void **state)
{
	uint32_t khz = measure_khz();

	clock_seal(true, khz);
	goes_on_at_the_same_rate();
	if (makes_calls())
		return; /* this kernel does not use the TSC, so neither does the clock */
	clock_seal(true, 2 * khz);
	uint64_t clock = clock_now(), kernel = kernel_now();
	usleep(20000);
	assert_true(clock_now() - clock < (kernel_now() - kernel) * 3 / 4); /* it was believed */
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
