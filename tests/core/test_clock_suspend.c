/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * A host that is suspended sets its TSC to 0: clock_now() and the loop's timers go on. The clock is
 * compiled here with a TSC and a kernel of the test's own.
 */
#include "tests/core/kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <time.h>
#include <x86intrin.h>

#define MS   1000000ull
#define HOUR (3600000 * MS)
#define TICK (4 * MS) /* of the coarse clocks */
#define KHZ  3000000u /* three ticks of the TSC in a nanosecond */
/* What read_coarse() may be ahead by after an hour without a turn of the loop. */
#define MORE (HOUR / 2000)

static struct {
	bool real;        /* the host's clock and TSC, but for `back` */
	uint64_t ns;      /* the kernel's time */
	uint64_t tsc;     /* the counter */
	uint64_t tsc_ppm; /* what it runs fast by */
	uint64_t back;    /* what the real one was set back by */
} host;

static uint64_t host_tsc(void)
{
	return host.real ? __rdtsc() - host.back : host.tsc;
}

static int host_gettime(clockid_t clock, struct timespec *t)
{
	uint64_t ns = host.ns;

	if (host.real)
		return clock_gettime(clock, t);
	if (clock == CLOCK_MONOTONIC_COARSE)
		ns -= ns % TICK;
	t->tv_sec = (time_t)(ns / 1000000000);
	t->tv_nsec = (long)(ns % 1000000000);
	return 0;
}

#undef __rdtsc
#define __rdtsc       host_tsc
#define clock_gettime host_gettime
#include "core/base/clock.c"
#undef clock_gettime
#undef __rdtsc
#define __rdtsc() __builtin_ia32_rdtsc()

static void pass(uint64_t ns)
{
	host.ns += ns;
	host.tsc += ns * (KHZ / 1000000) + ns * (KHZ / 1000000) / 1000000 * host.tsc_ppm;
}

/* Devices stop and start for more than a tick while the kernel's clock runs. */
static void suspend(void)
{
	pass(3 * TICK);
	host.tsc = 0;
	pass(3 * TICK);
}

/* False: this kernel does not use the TSC. */
static bool seal(void)
{
	host = (typeof(host)){.ns = 5 * HOUR};
	host.tsc = host.ns * (KHZ / 1000000);
	state.by_tsc = false;
	clock_init();
	clock_seal(true, KHZ);
	clock_turn();
	return state.by_tsc;
}

static void is_kernels_time(uint64_t slack)
{
	const uint64_t now = clock_now();

	assert_in_range(now, host.ns - TICK, host.ns + TICK + slack);
}

static void time_goes_on_before_the_loop_has_turned(void **unused)
{
	if (!seal())
		skip();
	pass(HOUR);
	const uint64_t last = clock_now();
	suspend();
	assert_true(clock_now() >= last);
	is_kernels_time(MORE);
	pass(HOUR);
	is_kernels_time(2 * MORE);
}

static void time_goes_on_after_each_of_several_suspends(void **unused)
{
	if (!seal())
		skip();
	for (unsigned i = 1; i <= 3; i++) {
		pass(HOUR);
		clock_turn();
		const uint64_t last = clock_now();
		suspend();
		clock_turn();
		assert_true(clock_now() >= last);
		is_kernels_time(i * TICK);
		const uint64_t from = clock_now();
		pass(7);
		assert_in_range(clock_now() - from, 6, 8); /* the TSC counts again, not the tick */
	}
}

/* A second one before any turn of the loop. */
static void two_suspends_in_a_row_are_one(void **unused)
{
	if (!seal())
		skip();
	pass(HOUR);
	clock_turn();
	suspend();
	pass(HOUR);
	suspend();
	is_kernels_time(2 * MORE);
}

/* Both rates differ by at most 500 ppm; after some days a clock is minutes ahead. */
static void time_does_not_fall_back_to_the_kernels(void **unused)
{
	if (!seal())
		skip();
	host.tsc_ppm = 500;
	for (unsigned i = 0; i < 50; i++) {
		pass(HOUR);
		clock_turn();
	}
	pass(HOUR);
	const uint64_t last = clock_now();
	assert_true(last - host.ns > 60000 * MS);
	suspend();
	assert_true(clock_now() >= last);
	clock_turn();
	assert_true(clock_now() >= last);
}

static struct machine *m;
static unsigned fired;

static void fire(void *self)
{
	fired++;
	loop_stop(&m->loop);
}

/* On the real clock: the time left is what epoll waits. */
static void timers_fire_after_a_suspend(void **unused)
{
	struct callee owner;
	uint32_t timer;

	host = (typeof(host)){.real = true};
	state.by_tsc = false;
	clock_init();
	while (clock_now() - state.first.ns < 2 * MEASURE_NS)
		continue;
	clock_seal(true, 0);
	if (!state.by_tsc)
		skip();
	kit_log_start();
	m = kit_machine();
	kit_owner(&owner, "owner", NULL);
	assert_int_equal(loop_add_timer(&m->loop, &owner, fire, &timer), 0);
	clock_turn();
	loop_arm(&m->loop, timer, clock_now() + 100 * MS);
	host.back = host_tsc();
	loop_run(&m->loop); /* for ever if time does not go on */
	assert_int_equal(fired, 1);
	kit_machine_finish(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(time_goes_on_before_the_loop_has_turned),
	    cmocka_unit_test(time_goes_on_after_each_of_several_suspends),
	    cmocka_unit_test(two_suspends_in_a_row_are_one),
	    cmocka_unit_test(time_does_not_fall_back_to_the_kernels),
	    cmocka_unit_test(timers_fire_after_a_suspend),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
