/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Streams and timers of the fake host.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include "toy.h"

#include <cmocka.h> /* last: it defines fail() */

#define CONSOLE 0 /* stdio: somebody is there from the start */
#define MONITOR 1 /* unix: nobody is */
#define SECOND  1000000000ull

static void toy_rx(void *self, uint32_t stream, const uint8_t *bytes, size_t n)
{
	struct toy *t = self;

	toy_note(t, "rx%u=%.*s ", stream, (int)n, (const char *)bytes);
	if (t->room)
		t->stream->set_room(t->h, stream, t->room);
}

static void toy_event(void *self, uint32_t stream, uint32_t event)
{
	toy_note(self, "event%u=%u ", stream, event);
}

static const struct volt_stream_ops stream_ops = {
    .size = sizeof(stream_ops),
    .rx = toy_rx,
    .event = toy_event,
};

static void fire_at(struct toy *t, const char *timer)
{
	toy_note(t, "%s@%llu ", timer, (unsigned long long)(t->loop->now(t->h) - SECOND));
}

static void fire_a(void *self)
{
	fire_at(self, "a");
}

static void fire_b(void *self)
{
	fire_at(self, "b");
}

static void fire_again(void *self)
{
	struct toy *t = self;

	fire_at(t, "c");
	t->loop->arm(t->h, t->timers[2], t->loop->now(t->h) + 100);
}

static int wire_all(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct toy *t = self;
	int err = toy_init(self, h, a);

	assert_int_equal(t->stream->attach(h, CONSOLE, &stream_ops), 0);
	assert_int_equal(t->stream->attach(h, MONITOR, &stream_ops), 0);
	assert_int_equal(t->loop->add_timer(h, fire_a, &t->timers[0]), 0);
	assert_int_equal(t->loop->add_timer(h, fire_b, &t->timers[1]), 0);
	assert_int_equal(t->loop->add_timer(h, fire_again, &t->timers[2]), 0);
	return err;
}

static struct fake_host *f;
static struct toy *toy;

static int start(void **state)
{
	f = toy_run(wire_all);
	toy = fake_host_self(f);
	return 0;
}

static int stop(void **state)
{
	toy_stop(f);
	return 0;
}

/* ----------------------------------------------------------------- streams */

static void give_room(size_t n)
{
	toy->stream->set_room(toy->h, CONSOLE, n);
}

static size_t send(uint32_t stream, const char *text)
{
	return toy->stream->tx(toy->h, stream, (const uint8_t *)text, strlen(text));
}

static void bytes_without_room_wait(void **state)
{
	assert_int_equal(fake_stream_feed(f, CONSOLE, "abc", 3), 0);
	assert_string_equal(toy_calls(f), "");
	assert_int_equal(fake_stream_pump(f, CONSOLE), 3);
}

static void rx_never_gets_more_than_the_room(void **state)
{
	give_room(2);
	assert_int_equal(fake_stream_feed(f, CONSOLE, "abcde", 5), 2);
	assert_string_equal(toy_calls(f), "rx0=ab ");
	assert_int_equal(fake_stream_room(f, CONSOLE), 0);
	assert_int_equal(fake_stream_pump(f, CONSOLE), 3);
}

static void room_counts_over_several_deliveries(void **state)
{
	give_room(4);
	assert_int_equal(fake_stream_feed(f, CONSOLE, "a", 1), 1);
	assert_int_equal(fake_stream_room(f, CONSOLE), 3);
	assert_int_equal(fake_stream_feed(f, CONSOLE, "bcde", 4), 3);
	assert_string_equal(toy_calls(f), "rx0=a rx0=bcd ");
}

static void new_room_delivers_only_when_pumped(void **state)
{
	fake_stream_feed(f, CONSOLE, "abc", 3);
	give_room(2);
	assert_string_equal(toy_calls(f), "");
	assert_int_equal(fake_stream_pump(f, CONSOLE), 1);
	assert_string_equal(toy_calls(f), "rx0=ab ");
}

static void room_given_inside_rx_goes_on_delivering(void **state)
{
	toy->room = 2;
	give_room(2);
	assert_int_equal(fake_stream_feed(f, CONSOLE, "abcde", 5), 5);
	assert_string_equal(toy_calls(f), "rx0=ab rx0=cd rx0=e ");
}

static void room_may_shrink(void **state)
{
	give_room(9);
	give_room(1);
	assert_int_equal(fake_stream_feed(f, CONSOLE, "ab", 2), 1);
}

static void output_gathers_until_cleared(void **state)
{
	size_t n = 9;

	assert_string_equal(fake_stream_output(f, CONSOLE, &n), "");
	assert_int_equal(n, 0);
	assert_int_equal(send(CONSOLE, "ab"), 2);
	assert_int_equal(send(CONSOLE, "c"), 1);
	assert_string_equal(fake_stream_output(f, CONSOLE, &n), "abc");
	assert_int_equal(n, 3);
	fake_stream_clear(f, CONSOLE);
	assert_string_equal(fake_stream_output(f, CONSOLE, NULL), "");
	assert_int_equal(send(CONSOLE, "d"), 1);
	assert_string_equal(fake_stream_output(f, CONSOLE, NULL), "d");
}

static void limit_bounds_all_later_bytes(void **state)
{
	fake_stream_limit(f, CONSOLE, 3);
	assert_int_equal(send(CONSOLE, "ab"), 2);
	assert_int_equal(send(CONSOLE, "cd"), 1);
	assert_int_equal(send(CONSOLE, "ef"), 0);
	assert_string_equal(fake_stream_output(f, CONSOLE, NULL), "abc");
	fake_stream_limit(f, CONSOLE, SIZE_MAX);
	assert_int_equal(send(CONSOLE, "g"), 1);
}

static void output_to_nobody_is_taken_and_lost(void **state)
{
	assert_int_equal(send(MONITOR, "lost"), 4);
	assert_string_equal(fake_stream_output(f, MONITOR, NULL), "");
	fake_stream_event(f, MONITOR, VOLT_STREAM_CONNECTED);
	assert_int_equal(send(MONITOR, "seen"), 4);
	assert_string_equal(fake_stream_output(f, MONITOR, NULL), "seen");
	fake_stream_event(f, MONITOR, VOLT_STREAM_DISCONNECTED);
	assert_int_equal(send(MONITOR, "lost"), 4);
	assert_string_equal(fake_stream_output(f, MONITOR, NULL), "seen");
}

static void events_are_passed_on(void **state)
{
	fake_stream_event(f, MONITOR, VOLT_STREAM_CONNECTED);
	fake_stream_event(f, CONSOLE, VOLT_STREAM_BREAK);
	assert_string_equal(toy_calls(f), "event1=1 event0=3 ");
}

static int wire_stream_twice(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct toy *t = self;
	int err = toy_init(self, h, a);

	assert_int_equal(t->stream->attach(h, CONSOLE, &stream_ops), 0);
	assert_int_equal(t->stream->attach(h, CONSOLE, &stream_ops), -EBUSY);
	return err;
}

static void stream_is_attached_once(void **state)
{
	toy_stop(toy_run(wire_stream_twice));
}

/* ------------------------------------------------------------------ timers */

static void arm(unsigned timer, uint64_t after_ns)
{
	toy->loop->arm(toy->h, toy->timers[timer], fake_now(f) + after_ns);
}

static void time_starts_at_one_second_and_only_the_test_moves_it(void **state)
{
	assert_true(fake_now(f) == SECOND);
	fake_advance(f, 5);
	assert_true(fake_now(f) == SECOND + 5);
	assert_true(toy->loop->now(toy->h) == SECOND + 5);
}

static void timer_fires_once_at_its_deadline(void **state)
{
	uint64_t deadline = 0;

	arm(0, 50);
	assert_true(fake_timer_armed(f, toy->timers[0], &deadline));
	assert_true(deadline == SECOND + 50);
	fake_advance(f, 49);
	assert_string_equal(toy_calls(f), "");
	fake_advance(f, 1);
	assert_string_equal(toy_calls(f), "a@50 ");
	assert_false(fake_timer_armed(f, toy->timers[0], NULL));
	fake_advance(f, 1000);
	assert_string_equal(toy_calls(f), "a@50 ");
}

static void timers_fire_in_order_of_their_deadlines(void **state)
{
	arm(0, 300);
	arm(1, 200);
	fake_advance(f, 1000);
	assert_string_equal(toy_calls(f), "b@200 a@300 ");
	assert_true(fake_now(f) == SECOND + 1000);
}

static void timers_of_one_deadline_fire_in_order_of_arming(void **state)
{
	arm(1, 200);
	arm(0, 200);
	fake_advance(f, 200);
	assert_string_equal(toy_calls(f), "b@200 a@200 ");
}

static void arming_again_replaces_the_deadline(void **state)
{
	arm(0, 100);
	arm(0, 300);
	fake_advance(f, 299);
	assert_string_equal(toy_calls(f), "");
	fake_advance(f, 1);
	assert_string_equal(toy_calls(f), "a@300 ");
}

static void arming_for_zero_disarms(void **state)
{
	arm(0, 100);
	toy->loop->arm(toy->h, toy->timers[0], 0);
	fake_advance(f, 1000);
	assert_string_equal(toy_calls(f), "");
}

static void deadline_in_the_past_fires_without_time_passing(void **state)
{
	fake_advance(f, 100);
	toy->loop->arm(toy->h, toy->timers[0], 1);
	assert_string_equal(toy_calls(f), "");
	fake_advance(f, 0);
	assert_string_equal(toy_calls(f), "a@100 ");
}

static void timer_armed_in_its_own_callback_fires_again(void **state)
{
	arm(2, 100);
	fake_advance(f, 350);
	assert_string_equal(toy_calls(f), "c@100 c@200 c@300 ");
	assert_true(fake_timer_armed(f, toy->timers[2], NULL));
}

static int wire_many_timers(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct toy *t = self;
	int err = toy_init(self, h, a);

	for (unsigned i = 0; i < 16; i++)
		assert_int_equal(t->loop->add_timer(h, fire_a, &t->timers[0]), 0);
	assert_int_equal(t->loop->add_timer(h, fire_a, &t->timers[0]), -ENOSPC);
	return err;
}

static void seventeenth_timer_is_refused(void **state)
{
	toy_stop(toy_run(wire_many_timers));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(bytes_without_room_wait),
	    CASE(rx_never_gets_more_than_the_room),
	    CASE(room_counts_over_several_deliveries),
	    CASE(new_room_delivers_only_when_pumped),
	    CASE(room_given_inside_rx_goes_on_delivering),
	    CASE(room_may_shrink),
	    CASE(output_gathers_until_cleared),
	    CASE(limit_bounds_all_later_bytes),
	    CASE(output_to_nobody_is_taken_and_lost),
	    CASE(events_are_passed_on),
	    cmocka_unit_test(stream_is_attached_once),
	    CASE(time_starts_at_one_second_and_only_the_test_moves_it),
	    CASE(timer_fires_once_at_its_deadline),
	    CASE(timers_fire_in_order_of_their_deadlines),
	    CASE(timers_of_one_deadline_fire_in_order_of_arming),
	    CASE(arming_again_replaces_the_deadline),
	    CASE(arming_for_zero_disarms),
	    CASE(deadline_in_the_past_fires_without_time_passing),
	    CASE(timer_armed_in_its_own_callback_fires_again),
	    cmocka_unit_test(seventeenth_timer_is_refused),
	};

	return cmocka_run_group_tests_name("fake_services", tests, NULL, NULL);
}
