/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* The event loop on a real epoll: timers, wake-ups, watches. */
#include "tests/core/kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/clock.h"

#define MS 1000000ull

static struct machine *m;
static struct loop *loop;
static struct callee owner;
static char order[64];
static unsigned fired;
static uint32_t timers[4];

static void note(char what)
{
	order[fired++] = what;
	order[fired] = '\0';
	kit_look(NULL);
}

static void fire_a(void *self)
{
	note('a');
}

static void fire_b(void *self)
{
	note('b');
}

static void fire_c(void *self)
{
	note('c');
}

static void fire_again(void *self)
{
	note('x');
	if (fired < 3)
		loop_arm(loop, timers[3], clock_now() + MS);
}

static int setup(void **state)
{
	static void (*const fires[])(void *self) = {fire_a, fire_b, fire_c, fire_again};

	kit_log_start();
	m = kit_machine();
	loop = &m->loop;
	kit_owner(&owner, "owner", NULL);
	order[0] = '\0';
	fired = 0;
	for (unsigned i = 0; i < 4; i++)
		assert_int_equal(loop_add_timer(loop, &owner, fires[i], &timers[i]), 0);
	return 0;
}

static int teardown(void **state)
{
	kit_machine_finish(m);
	return 0;
}

static bool all_fired(void *want)
{
	return fired >= *(const unsigned *)want;
}

static bool wait_for(unsigned want)
{
	return kit_run_until(m, all_fired, &want, 2000);
}

/* --------------------------------------------------------------------- timers */

static void timers_fire_in_the_order_of_their_deadlines(void **state)
{
	uint64_t now = clock_now();

	/* Far apart: on a busy host two might be due in one turn. */
	loop_arm(loop, timers[0], now + 300 * MS);
	loop_arm(loop, timers[1], now + 100 * MS);
	loop_arm(loop, timers[2], now + 200 * MS);
	assert_true(wait_for(3));
	assert_string_equal(order, "bca");
	assert_true(clock_now() >= now + 300 * MS);
}

static void timers_due_in_one_turn_fire_in_that_order_too(void **state)
{
	loop_arm(loop, timers[0], 3);
	loop_arm(loop, timers[1], 1);
	loop_arm(loop, timers[2], 2);
	kit_run(m, 10);
	assert_string_equal(order, "bca");
}

static void fire_for_the_past(void *self)
{
	note('p');
	if (fired < 6)
		loop_arm(loop, timers[3], 1);
}

/* However early its next deadline is, the others have their turn. */
static void a_timer_that_arms_itself_for_the_past_holds_nobody(void **state)
{
	uint32_t mine = timers[3];

	loop->table->timers[mine].fire = fire_for_the_past;
	loop_arm(loop, timers[3], 1);
	loop_arm(loop, timers[0], 2);
	kit_run(m, 10);
	assert_string_equal(order, "papppp");
}

static void a_timer_never_fires_before_its_deadline(void **state)
{
	uint64_t deadline = clock_now() + 5 * MS;

	loop_arm(loop, timers[0], deadline);
	assert_true(wait_for(1));
	assert_true(clock_now() >= deadline);
}

static void a_timer_fires_once_per_arming(void **state)
{
	loop_arm(loop, timers[0], 1);
	kit_run(m, 20);
	assert_string_equal(order, "a");
	loop_arm(loop, timers[0], clock_now());
	kit_run(m, 20);
	assert_string_equal(order, "aa");
}

static void arming_again_replaces_the_deadline(void **state)
{
	uint64_t now = clock_now();

	loop_arm(loop, timers[0], now + 60000 * MS);
	loop_arm(loop, timers[0], now + MS);
	loop_arm(loop, timers[1], now + MS);
	loop_arm(loop, timers[1], now + 60000 * MS);
	kit_run(m, 30);
	assert_string_equal(order, "a");
}

static void a_disarmed_timer_does_not_fire(void **state)
{
	loop_arm(loop, timers[0], 1);
	loop_arm(loop, timers[0], 0);
	loop_arm(loop, timers[1], 0);
	kit_run(m, 20);
	assert_int_equal(fired, 0);
}

static void a_timer_may_arm_itself_when_it_fires(void **state)
{
	loop_arm(loop, timers[3], 1);
	assert_true(wait_for(3));
	assert_string_equal(order, "xxx");
}

static void fire_and_disarm(void *self)
{
	note('d');
	loop_arm(loop, timers[1], 0);
}

static void a_due_timer_can_be_disarmed_by_another(void **state)
{
	uint32_t first = timers[0];

	loop->table->timers[first].fire = fire_and_disarm;
	loop_arm(loop, timers[0], 1);
	loop_arm(loop, timers[1], 1);
	kit_run(m, 20);
	assert_string_equal(order, "d");
}

static void fire_core(void *arg)
{
	note(*(const char *)arg);
}

static void held_devices_wait_and_the_cores_timers_do_not(void **state)
{
	static const char core = 'k';
	uint32_t mine;

	assert_int_equal(loop_add_core_timer(loop, fire_core, (void *)(uintptr_t)&core, &mine), 0);
	loop_keep_timer(loop, timers[1]);
	loop_keep_timer(loop, timers[0] - 1); /* the kit's, which ends kit_run() */
	loop->held = true;
	for (unsigned i = 0; i < 3; i++)
		loop_arm(loop, timers[i], 1 + i);
	loop_arm(loop, mine, 9);
	kit_run(m, 10);
	assert_string_equal(order, "bk");
	loop->held = false;
	kit_run(m, 10);
	assert_string_equal(order, "bkac");
}

static void fire_locked(void *self)
{
	if (kit_locked(&owner))
		note('l');
}

static void timers_fire_under_their_instances_lock(void **state)
{
	loop->table->timers[timers[0]].fire = fire_locked;
	loop_arm(loop, timers[0], 1);
	kit_run(m, 10);
	assert_string_equal(order, "l");
}

static void *arm_later(void *arg)
{
	usleep(20000);
	loop_arm(loop, timers[0], 1);
	return NULL;
}

static void arming_in_another_thread_wakes_a_waiting_loop(void **state)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, arm_later, NULL), 0);
	assert_true(wait_for(1));
	pthread_join(thread, NULL);
}

static void arming_earlier_in_another_thread_wakes_it_too(void **state)
{
	pthread_t thread;

	loop_arm(loop, timers[0], clock_now() + 60000 * MS);
	assert_int_equal(pthread_create(&thread, NULL, arm_later, NULL), 0);
	assert_true(wait_for(1));
	pthread_join(thread, NULL);
}

static void a_timer_far_away_costs_no_turns(void **state)
{
	loop_arm(loop, timers[0], UINT64_MAX);
	assert_in_range(kit_run(m, 30), 1, 5);
	assert_int_equal(fired, 0);
}

/* ------------------------------------------------------------------- wake-ups */

static void wake_ups_before_the_loop_looks_are_one_write(void **state)
{
	uint64_t count = 0;

	loop->woken = 0;
	assert_int_equal(read(loop->wake_fd, &count, sizeof(count)), -1);
	for (unsigned i = 0; i < 100; i++)
		loop_wake(loop);
	assert_int_equal(read(loop->wake_fd, &count, sizeof(count)), sizeof(count));
	assert_int_equal(count, 1);
}

static uint32_t woken; /* atomic */

static bool second_wake_up(void *arg)
{
	return __atomic_load_n(&woken, __ATOMIC_SEQ_CST) == 2;
}

static void *wake_twice(void *arg)
{
	for (unsigned i = 0; i < 2; i++) {
		usleep(20000);
		__atomic_fetch_add(&woken, 1, __ATOMIC_SEQ_CST);
		loop_wake(loop);
	}
	return NULL;
}

/* The eventfd is never read: each write must be an edge of its own. */
static void each_wake_up_is_a_turn(void **state)
{
	pthread_t thread;

	kit_run(m, 1);
	woken = 0;
	assert_int_equal(pthread_create(&thread, NULL, wake_twice, NULL), 0);
	assert_true(kit_run_until(m, second_wake_up, NULL, 2000));
	pthread_join(thread, NULL);
}

static void wake_in_prepare(void *arg)
{
	if (fired < 5) {
		note('h');
		loop_wake(loop);
	}
}

static void a_prepare_callback_that_wakes_is_called_again(void **state)
{
	assert_int_equal(loop_add_prepare(loop, wake_in_prepare, NULL), 0);
	assert_true(wait_for(5));
}

/* -------------------------------------------------------------------- watches */

static uint32_t seen_events;

static void on_ready(void *arg, uint32_t events)
{
	seen_events |= events;
	note('r');
}

static void a_watch_tells_of_each_edge_once(void **state)
{
	int pipe_fds[2];
	char byte;

	seen_events = 0;
	assert_int_equal(pipe2(pipe_fds, O_NONBLOCK | O_CLOEXEC), 0);
	assert_int_equal(
	    loop_watch(loop, pipe_fds[0], EPOLLIN, loop_make_watch(loop, on_ready, NULL)), 0);
	kit_run(m, 10);
	assert_int_equal(fired, 0);

	assert_int_equal(write(pipe_fds[1], "ab", 2), 2);
	assert_in_range(kit_run(m, 20), 1, 5); /* unread input is no busy loop */
	assert_int_equal(fired, 1);
	assert_int_equal(seen_events, EPOLLIN);
	assert_int_equal(read(pipe_fds[0], &byte, 1), 1);
	assert_int_equal(write(pipe_fds[1], "c", 1), 1);
	kit_run(m, 20);
	assert_int_equal(fired, 2);

	close(pipe_fds[1]);
	kit_run(m, 20);
	assert_true(seen_events & EPOLLHUP);
	close(pipe_fds[0]);
}

static void a_watch_can_ask_for_room_to_write(void **state)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);

	seen_events = 0;
	assert_int_equal(loop_watch(loop, fd, EPOLLOUT, loop_make_watch(loop, on_ready, NULL)), 0);
	kit_run(m, 5);
	assert_int_equal(seen_events, EPOLLOUT);
	close(fd);
}

static void what_cannot_be_watched_is_refused(void **state)
{
	const struct loop_watch *w = loop_make_watch(loop, on_ready, NULL);
	int file = open(kit_path("file"), O_RDWR | O_CREAT | O_CLOEXEC, 0600);

	assert_int_equal(loop_watch(loop, file, EPOLLIN, w), -EPERM);
	close(file);
	assert_int_equal(loop_watch(loop, file, EPOLLIN, w), -EBADF);
	assert_int_equal(loop_watch(loop, loop->wake_fd, EPOLLIN, w), -EEXIST);
	assert_int_equal(loop_watch(loop, loop->wake_fd, EPOLLIN, NULL), -ENOSPC);
}

/* ----------------------------------------------------------------------- caps */

static void tables_that_are_full_are_refused(void **state)
{
	uint32_t timer, added = 0;

	while (loop_add_timer(loop, &owner, fire_a, &timer) == 0)
		added++;
	assert_int_equal(loop_add_timer(loop, &owner, fire_a, &timer), -ENOSPC);
	assert_int_equal(loop->table->timer_count, LOOP_TIMER_MAX);
	while (loop_add_prepare(loop, fire_a, NULL) == 0)
		added++;
	assert_int_equal(loop->table->prepare_count, LOOP_PREPARE_MAX);
	while (loop_make_watch(loop, on_ready, NULL))
		added++;
	assert_int_equal(loop->table->watch_count, LOOP_WATCH_MAX);
	assert_int_equal(kit_log_lines(), 1);
}

/* ------------------------------------------------------------------------ end */

static void stop_ends_a_waiting_loop(void **state)
{
	loop_stop(loop);
	loop_run(loop); /* returns, or the test's time is up */
	assert_true(loop->stopping);
}

static void *stop_later(void *arg)
{
	usleep(20000);
	loop_stop(loop);
	return NULL;
}

static void stop_from_another_thread_ends_it(void **state)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, stop_later, NULL), 0);
	loop_run(loop);
	pthread_join(thread, NULL);
}

static void pause_waits_and_handles_nothing(void **state)
{
	int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	uint64_t start = clock_now();

	loop_pause(loop, 20 * MS);
	assert_true(clock_now() >= start + 15 * MS);
	assert_int_equal(loop_watch(loop, fd, EPOLLIN, loop_make_watch(loop, on_ready, NULL)), 0);
	assert_int_equal(eventfd_write(fd, 1), 0);
	start = clock_now();
	loop_pause(loop, 5000 * MS);
	assert_true(clock_now() < start + 2000 * MS);
	assert_int_equal(fired, 0);
	close(fd);
}

static int last(void **state)
{
	kit_remove_dir();
	return 0;
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(timers_fire_in_the_order_of_their_deadlines),
	    TEST(timers_due_in_one_turn_fire_in_that_order_too),
	    TEST(a_timer_that_arms_itself_for_the_past_holds_nobody),
	    TEST(a_timer_never_fires_before_its_deadline),
	    TEST(a_timer_fires_once_per_arming),
	    TEST(arming_again_replaces_the_deadline),
	    TEST(a_disarmed_timer_does_not_fire),
	    TEST(a_timer_may_arm_itself_when_it_fires),
	    TEST(a_due_timer_can_be_disarmed_by_another),
	    TEST(timers_fire_under_their_instances_lock),
	    TEST(held_devices_wait_and_the_cores_timers_do_not),
	    TEST(arming_in_another_thread_wakes_a_waiting_loop),
	    TEST(arming_earlier_in_another_thread_wakes_it_too),
	    TEST(a_timer_far_away_costs_no_turns),
	    TEST(wake_ups_before_the_loop_looks_are_one_write),
	    TEST(each_wake_up_is_a_turn),
	    TEST(a_prepare_callback_that_wakes_is_called_again),
	    TEST(a_watch_tells_of_each_edge_once),
	    TEST(a_watch_can_ask_for_room_to_write),
	    TEST(what_cannot_be_watched_is_refused),
	    TEST(tables_that_are_full_are_refused),
	    TEST(stop_ends_a_waiting_loop),
	    TEST(stop_from_another_thread_ends_it),
	    TEST(pause_waits_and_handles_nothing),
	};

	return cmocka_run_group_tests(tests, NULL, last);
}
