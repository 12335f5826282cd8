/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Locks made of an atomic counter and an eventfd, and the workers that wait on one. */
#include "tests/core/kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <volt/worker.h>

#include "core/base/ledger.h"
#include "core/base/lock.h"
#include "core/base/open_files.h"
#include "core/event/worker.h"
#include "core/vm/policy.h"

#define THREADS 4
#define ROUNDS  20000

static struct lock lock;
static uint64_t counter; /* neither atomic nor volatile: the lock alone keeps it right */

static int setup(void **state)
{
	kit_log_start();
	lock_init(&lock);
	counter = 0;
	return 0;
}

static int teardown(void **state)
{
	lock_finish(&lock);
	return 0;
}

static uint64_t posts(void)
{
	uint64_t n = 0, one;

	fcntl(lock.event_fd, F_SETFL, fcntl(lock.event_fd, F_GETFL) | O_NONBLOCK);
	while (read(lock.event_fd, &one, sizeof(one)) == sizeof(one))
		n += one;
	fcntl(lock.event_fd, F_SETFL, fcntl(lock.event_fd, F_GETFL) & ~O_NONBLOCK);
	return n;
}

static void a_free_lock_is_taken_without_a_descriptor(void **state)
{
	for (unsigned i = 0; i < 3; i++) {
		lock_take(&lock);
		assert_int_equal(lock.holders, 1);
		lock_release(&lock);
		assert_int_equal(lock.holders, 0);
	}
	assert_int_equal(lock.event_fd, -1);
}

static void without_contention_nothing_is_posted(void **state)
{
	kit_arm_locks();
	for (unsigned i = 0; i < 3; i++) {
		lock_take(&lock);
		lock_release(&lock);
	}
	assert_int_equal(posts(), 0);
}

static void *count_up(void *arg)
{
	for (unsigned i = 0; i < ROUNDS; i++) {
		lock_take(&lock);
		counter++;
		lock_release(&lock);
	}
	return NULL;
}

static void only_one_thread_holds_it(void **state)
{
	pthread_t threads[THREADS];

	kit_arm_locks();
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, count_up, NULL), 0);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(counter, THREADS * ROUNDS);
	assert_int_equal(lock.holders, 0);
	assert_int_equal(posts(), 0); /* every post was waited for */
}

static void *take_and_count(void *arg)
{
	lock_take(&lock);
	counter++;
	lock_release(&lock);
	return NULL;
}

static void waiters_wait_until_it_is_released(void **state)
{
	pthread_t threads[THREADS];

	kit_arm_locks();
	lock_take(&lock);
	for (unsigned i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, take_and_count, NULL), 0);
	/* Each has queued up, so that none will get it but by a release. */
	while (__atomic_load_n(&lock.holders, __ATOMIC_ACQUIRE) < 1 + THREADS)
		sched_yield();
	assert_int_equal(counter, 0);
	lock_release(&lock);
	for (unsigned i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	assert_int_equal(counter, THREADS);
}

static void a_wait_returns_once_for_each_post(void **state)
{
	kit_arm_locks();
	lock_post(&lock);
	lock_post(&lock);
	lock_wait(&lock);
	lock_wait(&lock);
	assert_int_equal(posts(), 0);
}

static void armed_locks_have_consecutive_numbers(void **state)
{
	struct lock more[3];
	int base = (int)open_files_highest() + 7;
	struct ledger l = {0};

	for (unsigned i = 0; i < 3; i++)
		lock_init(&more[i]);
	assert_int_equal(locks_arm(base), 0);
	locks_declare(&l);
	assert_int_equal(l.file_count, 1);
	assert_int_equal(l.files[0].fd, base);
	assert_true(l.files[0].count >= 3);
	for (unsigned i = 0; i < 3; i++) {
		assert_in_range(more[i].event_fd, base, base + (int)l.files[0].count - 1);
		assert_int_equal(fcntl(more[i].event_fd, F_GETFD), FD_CLOEXEC);
		lock_finish(&more[i]);
	}
	ledger_finish(&l);
}

static void a_number_in_use_is_not_taken_over(void **state)
{
	int base = (int)open_files_highest() + 3, taken = fcntl(0, F_DUPFD_CLOEXEC, base);

	assert_int_equal(taken, base);
	assert_int_equal(locks_arm(base), -EMFILE);
	close(taken);
}

/* -------------------------------------------------------------------- workers */

static uint32_t jobs;

static void job(void *self, uint32_t worker)
{
	__atomic_fetch_add((uint32_t *)self, 1, __ATOMIC_SEQ_CST);
}

#define LEFT_FRAMES 65536u /* bytes of stack, more than those of a worker */

/* AddressSanitizer's, if it is there: it does not see that a cancelled thread leaves its frames,
 * which lie below the one that the handler is called from. */
void __asan_unpoison_memory_region(const volatile void *start, size_t n) __attribute__((weak));

static void leave_frames(void *arg)
{
	if (__asan_unpoison_memory_region)
		__asan_unpoison_memory_region(
		    (char *)__builtin_frame_address(0) - LEFT_FRAMES, LEFT_FRAMES);
}

static void *run_worker(void *worker)
{
	pthread_cleanup_push(leave_frames, NULL);
	worker_run(worker);
	pthread_cleanup_pop(0);
	return NULL;
}

static pthread_t start_worker(struct worker *worker)
{
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, run_worker, worker), 0);
	return thread;
}

/* A worker never ends by itself, but one that went on would read a number that locks_arm() of
 * the next test closes. */
static void stop_worker(pthread_t thread, struct worker *worker)
{
	pthread_cancel(thread);
	pthread_join(thread, NULL);
	lock_finish(&worker->posts);
	lock_finish(&worker->ended);
}

static uint32_t jobs_done(void)
{
	return __atomic_load_n(&jobs, __ATOMIC_SEQ_CST);
}

/* Ends, or the test's own limit ends it. */
static void await_jobs(uint32_t want)
{
	while (jobs_done() < want)
		sched_yield();
}

/* One run that it asks for: what was posted before has run by then, and nothing else. */
static void expect_after_request(struct worker *worker, uint32_t want)
{
	worker_await(worker, worker_request(worker));
	assert_int_equal(jobs_done(), want);
}

static void a_worker_runs_after_each_post(void **state)
{
	static struct callee owner;
	static struct worker worker;
	pthread_t thread;

	kit_owner(&owner, "owner", &jobs);
	worker_init(&worker, &owner, "worker", job, 0);
	kit_arm_locks();
	worker_post(&worker);
	worker_post(&worker);
	thread = start_worker(&worker);
	await_jobs(1);
	expect_after_request(&worker, 2); /* two posts before it started are one job */
	worker_post(&worker);
	await_jobs(3);
	stop_worker(thread, &worker);
}

static void what_was_posted_while_wiring_runs_once(void **state)
{
	static struct callee owner;
	static struct worker worker;
	static unsigned before;
	pthread_t thread;

	kit_owner(&owner, "owner", &jobs);
	before = jobs_done();
	worker_init(&worker, &owner, "worker", job, 0);
	worker_post(&worker); /* [any]: from init on */
	worker_post(&worker);
	kit_arm_locks();
	thread = start_worker(&worker);
	await_jobs(before + 1);
	expect_after_request(&worker, before + 2);
	worker_post(&worker);
	await_jobs(before + 3);
	stop_worker(thread, &worker);
}

static struct {
	struct worker worker;
	uint32_t told, begun, ended; /* the last two atomic */
} runs;

static void count_run(void *self, uint32_t worker)
{
	runs.told = worker;
	__atomic_fetch_add(&runs.begun, 1, __ATOMIC_SEQ_CST);
	sched_yield();
	__atomic_fetch_add(&runs.ended, 1, __ATOMIC_SEQ_CST);
}

/* Whatever runs when it asks, one that began afterwards has ended when it returns. */
static void *ask_often(void *arg)
{
	for (unsigned i = 0; i < 2000; i++) {
		const uint32_t begun = __atomic_load_n(&runs.begun, __ATOMIC_SEQ_CST);

		worker_await(&runs.worker, worker_request(&runs.worker));
		if (__atomic_load_n(&runs.ended, __ATOMIC_SEQ_CST) <= begun)
			return arg;
		if (i % 3 == 0)
			worker_post(&runs.worker);
	}
	return NULL;
}

/* HOLDS(L5) */
static void who_asks_returns_after_a_run_that_began_later(void **state)
{
	static struct callee owner;
	pthread_t thread, other;
	void *early;

	kit_owner(&owner, "owner", &jobs);
	worker_init(&runs.worker, &owner, "worker", count_run, 17);
	kit_arm_locks();
	thread = start_worker(&runs.worker);
	assert_int_equal(pthread_create(&other, NULL, ask_often, &runs), 0);
	assert_null(ask_often(&runs));
	pthread_join(other, &early);
	assert_null(early);
	assert_int_equal(runs.told, 17);
	stop_worker(thread, &runs.worker);
}

static struct {
	struct worker worker;
	int ends[2];
	uint32_t bytes, runs; /* atomic */
} files;

static void read_all(void *self, uint32_t worker)
{
	char byte;

	while (read(files.ends[0], &byte, 1) == 1)
		__atomic_fetch_add(&files.bytes, 1, __ATOMIC_SEQ_CST);
	__atomic_fetch_add(&files.runs, 1, __ATOMIC_SEQ_CST);
}

static void await_bytes(uint32_t want)
{
	while (__atomic_load_n(&files.bytes, __ATOMIC_SEQ_CST) < want)
		sched_yield();
}

static void send_bytes(unsigned n)
{
	while (n-- > 0)
		assert_int_equal(write(files.ends[1], "x", 1), 1);
}

/* Files wake it, posts too, and while it is held only posts do. */
/* HOLDS(L5) */
static void a_worker_waits_for_files_and_posts_at_once(void **state)
{
	static struct callee owner; /* outlives the test: the thread does not end */
	static struct worker other;
	pthread_t thread;

	assert_int_equal(pipe2(files.ends, O_CLOEXEC | O_NONBLOCK), 0);
	kit_owner(&owner, "owner", &jobs);
	worker_init(&files.worker, &owner, "worker", read_all, 0);
	worker_init(&other, &owner, "other", job, 1);
	assert_int_equal(worker_watch(&files.worker, files.ends[0], VOLT_WATCH_READ), 0);
	kit_arm_locks();
	assert_int_equal(worker_arm(&files.worker), 0);
	send_bytes(2); /* before it waits */
	assert_int_equal(pthread_create(&thread, NULL, run_worker, &files.worker), 0);
	pthread_detach(thread);
	await_bytes(2);
	for (uint32_t i = 0; i < 100; i++) {
		send_bytes(1);
		await_bytes(3 + i);
		worker_await(&files.worker, worker_request(&files.worker));
	}
	worker_hold(&files.worker);
	worker_await(&files.worker, worker_request(&files.worker));
	worker_await(&files.worker, worker_request(&files.worker)); /* it waits, or is about to */
	const uint32_t runs_before = __atomic_load_n(&files.runs, __ATOMIC_SEQ_CST);
	send_bytes(5);
	/* Time for it to look: another thread takes some turns. */
	const pthread_t clock = start_worker(&other);
	for (unsigned i = 0; i < 200; i++)
		worker_await(&other, worker_request(&other));
	stop_worker(clock, &other);
	assert_int_equal(__atomic_load_n(&files.bytes, __ATOMIC_SEQ_CST), 102);
	assert_true(__atomic_load_n(&files.runs, __ATOMIC_SEQ_CST) <=
		    runs_before + 1); /* a post that came late */
	worker_let_go(&files.worker);
	await_bytes(107);
}

static struct {
	struct worker worker;
	uint32_t runs; /* atomic */
} called;

static void note_call(void *self, uint32_t worker)
{
	__atomic_fetch_add(&called.runs, 1, __ATOMIC_SEQ_CST);
}

/* Each write is a run; whoever reads the event, or fills it, keeps no post from the worker. */
static void another_process_wakes_a_worker_and_holds_up_no_post(void **state)
{
	static struct callee owner;
	pthread_t thread;
	uint64_t n;

	kit_owner(&owner, "owner", &jobs);
	worker_init(&called.worker, &owner, "worker", note_call, 0);
	called.worker.has_event = true;
	kit_arm_locks();
	assert_int_equal(worker_arm(&called.worker), 0);
	const int fd = called.worker.event_fd;

	assert_int_equal(pthread_create(&thread, NULL, run_worker, &called.worker), 0);
	pthread_detach(thread);
	for (uint32_t i = 1; i <= 100; i++) {
		assert_int_equal(eventfd_write(fd, 1), 0);
		while (__atomic_load_n(&called.runs, __ATOMIC_SEQ_CST) < i)
			sched_yield();
	}
	assert_int_equal(read(fd, &n, sizeof(n)), sizeof(n));
	assert_int_equal(n, 100);
	worker_await(&called.worker, worker_request(&called.worker));
	assert_int_equal(eventfd_write(fd, UINT64_MAX - 1), 0);
	for (uint32_t i = 0; i < 100; i++)
		worker_await(&called.worker, worker_request(&called.worker));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_free_lock_is_taken_without_a_descriptor),
	    TEST(without_contention_nothing_is_posted),
	    TEST(only_one_thread_holds_it),
	    TEST(waiters_wait_until_it_is_released),
	    TEST(a_wait_returns_once_for_each_post),
	    TEST(armed_locks_have_consecutive_numbers),
	    TEST(a_number_in_use_is_not_taken_over),
	    TEST(a_worker_runs_after_each_post),
	    TEST(what_was_posted_while_wiring_runs_once),
	    TEST(who_asks_returns_after_a_run_that_began_later),
	    TEST(a_worker_waits_for_files_and_posts_at_once),
	    TEST(another_process_wakes_a_worker_and_holds_up_no_post),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
