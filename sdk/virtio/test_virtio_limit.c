/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Rates of requests, on a clock that only the test moves. */
#include "test_virtio.h"

#define SECOND UINT64_C(1000000000)
#define MS     UINT64_C(1000000)

static void set(
    struct bench *b, uint64_t bytes, uint64_t burst_bytes, uint64_t ops, uint64_t burst_ops)
{
	const struct volt_rate r = {
	    .bytes = bytes, .ops = ops, .burst_bytes = burst_bytes, .burst_ops = burst_ops};

	volt_limit_set(&b->toy->limit, &r);
}

/* Shows n requests of `size` bytes on queue 0. */
static void show(struct bench *b, unsigned n, uint32_t size)
{
	const uint64_t out = RAM + 0x1800, in = RAM + 0x1c00;
	const struct fake_segment s[] = {{out, size, false}, {in, size, true}};
	uint32_t head, len;

	while (fake_driver_used(b->d, 0, &head, &len))
		;
	for (unsigned i = 0; i < n; i++)
		assert_true(fake_driver_add(b->d, 0, s, 2, FAKE_DIRECT) >= 0);
	fake_driver_kick(b->d, 0);
}

static unsigned run(struct bench *b)
{
	const unsigned before = b->toy->requests;

	while (fake_run_workers(b->f))
		;
	return b->toy->requests - before;
}

/* Time goes in steps, after each of which the workers run: not all of it is gone at once. */
static unsigned pass(struct bench *b, uint64_t ns)
{
	const unsigned before = b->toy->requests;
	const uint64_t step = ns > 1000 ? ns / 1000 : 1;

	for (uint64_t gone = 0; gone < ns; gone += step) {
		fake_advance(b->f, step);
		run(b);
	}
	return b->toy->requests - before;
}

static int setup_wide(void **state)
{
	struct bench *b = bench_open();

	*state = b;
	return !fake_driver_start(b->d, ALL, 2, 64);
}

static void without_a_limit_no_time_is_asked_for(void **state)
{
	struct bench *b = *state;

	fake_now_step(b->f, 1);
	const uint64_t now = fake_now(b->f);

	show(b, 4, 4);
	assert_int_equal(b->toy->requests, 4);
	assert_int_equal(fake_now(b->f), now);
	assert_false(fake_timer_armed(b->f, 0, NULL));
}

static void operations_pass_at_their_rate_after_the_burst(void **state)
{
	struct bench *b = *state;

	set(b, 0, 0, 100, 5);
	run(b);
	show(b, 30, 4);
	assert_int_equal(b->toy->requests, 5);
	for (unsigned i = 0; i < 20; i++)
		assert_int_equal(pass(b, SECOND / 100), 1);
	assert_int_equal(pass(b, 50 * MS), 5);
	assert_false(needs_reset(b));
	assert_int_equal(pass(b, SECOND), 0); /* all were answered, and the bucket is full again */
	show(b, 30, 4);
	assert_int_equal(b->toy->requests, 35);
}

static void bytes_pass_at_their_rate_after_the_burst(void **state)
{
	struct bench *b = *state;

	set(b, 1000, 400, 0, 0);
	show(b, 30, 100);
	assert_int_equal(b->toy->requests, 4);
	assert_int_equal(pass(b, 99 * MS), 1); /* from the first new token on */
	assert_int_equal(pass(b, 2 * MS), 1);
	assert_int_equal(pass(b, SECOND), 10);
}

/* One that is larger than the burst passes, and those behind it pay for it. */
static void a_large_request_takes_its_tokens_in_advance(void **state)
{
	struct bench *b = *state;

	set(b, 1000, 10, 0, 0);
	show(b, 2, 1000);
	assert_int_equal(b->toy->requests, 1);
	assert_int_equal(pass(b, 980 * MS), 0);
	assert_int_equal(pass(b, 20 * MS), 1);
}

static void both_limits_hold(void **state)
{
	struct bench *b = *state;

	set(b, 1000, 1000, 2, 1);
	show(b, 8, 4);
	assert_int_equal(b->toy->requests, 1); /* operations are the narrow one */
	assert_int_equal(pass(b, SECOND), 2);
	set(b, 8, 4, 1000, 1000);
	assert_int_equal(run(b), 1); /* and now bytes */
	assert_int_equal(pass(b, SECOND), 2);
}

static void a_burst_that_is_not_named_is_a_tenth_of_a_second(void **state)
{
	struct bench *b = *state;

	set(b, 0, 0, 200, 0);
	show(b, 30, 4);
	assert_int_equal(b->toy->requests, 20);
	set(b, 0, 0, 3, 0); /* at least one */
	assert_int_equal(run(b), 1);
}

static void a_new_rate_forgets_an_old_debt(void **state)
{
	struct bench *b = *state;

	set(b, 1, 1, 0, 0);
	show(b, 4, 1000);
	assert_int_equal(b->toy->requests, 1);
	assert_int_equal(pass(b, 100 * SECOND), 0);
	set(b, 1000, 1, 0, 0);
	assert_int_equal(run(b), 1);
	set(b, 0, 0, 0, 0);
	assert_int_equal(run(b), 2);
}

static void what_waits_is_not_lost_over_a_pause(void **state)
{
	struct bench *b = *state;
	size_t n;

	set(b, 0, 0, 1, 1);
	show(b, 2, 4);
	assert_int_equal(b->toy->requests, 1);
	const uint8_t *saved = fake_state_save(b->f, &n);

	assert_int_equal(b->toy->requests, 1);
	assert_int_equal(pass(b, SECOND), 1);
	assert_int_equal(fake_state_load(b->f, saved, n), 0); /* it comes once more */
	assert_int_equal(pass(b, 2 * SECOND), 1);
}

/* Debts and rates at the ends of their ranges neither wrap nor let everything pass. */
static void extreme_rates_hold(void **state)
{
	struct bench *b = *state;

	set(b, 1, UINT64_MAX, 1, UINT64_MAX);
	show(b, 2, 1000);
	assert_int_equal(b->toy->requests, 2);
	set(b, UINT64_MAX, UINT64_MAX, UINT64_MAX, 1);
	show(b, 2, 4);
	assert_int_equal(b->toy->requests, 3); /* and one in the next nanosecond */
	assert_int_equal(pass(b, 2), 1);
	set(b, 1, 1, 0, 0);
	for (unsigned i = 0; i < 8; i++)
		volt_limit_charge(&b->toy->limit, UINT64_MAX);
	show(b, 1, 4);
	assert_int_equal(pass(b, 100000 * SECOND), 0);
}

/* Workers share one timer: the earliest deadline counts, and none waits for ever. */
static void one_timer_serves_all_who_wait(void **state)
{
	struct bench *b = *state;
	uint64_t first, second;

	set(b, 0, 0, 1, 1);
	volt_limit_charge(&b->toy->limit, 0);
	volt_limit_charge(&b->toy->limit, 0);
	assert_false(volt_limit_allows(&b->toy->limit));
	assert_true(fake_timer_armed(b->f, 0, &first));
	volt_limit_charge(&b->toy->limit, 0);
	assert_false(volt_limit_allows(&b->toy->limit));
	assert_true(fake_timer_armed(b->f, 0, &second));
	assert_int_equal(first, second);
	show(b, 1, 4);
	assert_int_equal(pass(b, SECOND + 1), 0); /* the timer fires, and is armed again */
	assert_true(fake_timer_armed(b->f, 0, &second));
	assert_int_equal(second, first + SECOND);
	assert_int_equal(pass(b, SECOND), 1);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup_wide, teardown)
	const struct CMUnitTest tests[] = {
	    T(without_a_limit_no_time_is_asked_for),
	    T(operations_pass_at_their_rate_after_the_burst),
	    T(bytes_pass_at_their_rate_after_the_burst),
	    T(a_large_request_takes_its_tokens_in_advance),
	    T(both_limits_hold),
	    T(a_burst_that_is_not_named_is_a_tenth_of_a_second),
	    T(a_new_rate_forgets_an_old_debt),
	    T(what_waits_is_not_lost_over_a_pause),
	    T(extreme_rates_hold),
	    T(one_timer_serves_all_who_wait),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
