/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Workers of the fake host.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include "toy.h"

#include <cmocka.h> /* last: it defines fail() */

static const struct volt_worker *worker;
static uint32_t reader, writer;
static bool again, misuse;

static void read_job(void *self, uint32_t number)
{
	toy_note(self, "read ");
	if (again)
		worker->post(((struct toy *)self)->h, reader);
}

/* The result comes back as volt/worker.h says: through a timer armed for now. */
static void write_job(void *self, uint32_t number)
{
	struct toy *t = self;

	toy_note(t, "write ");
	t->loop->arm(t->h, t->timers[0], t->loop->now(t->h));
	if (misuse)
		t->stream->tx(t->h, 0, (const uint8_t *)"x", 1);
}

static void fire(void *self)
{
	toy_note(self, "fire ");
}

static int wire(void *self, const struct volt_host *h, const struct volt_args *a)
{
	static const struct volt_stream_ops ops = {.size = sizeof(ops)};
	struct toy *t = self;
	int err = toy_init(self, h, a);
	char name[] = "reader";

	worker = h->get_ext(h, VOLT_EXT_WORKER);
	assert_int_equal(worker->size, sizeof(*worker));
	assert_int_equal(worker->add(h, name, read_job, &reader), 0);
	name[0] = 'x';
	assert_int_equal(worker->add(h, "writer", write_job, &writer), 0);
	assert_int_equal(t->loop->add_timer(h, fire, &t->timers[0]), 0);
	assert_int_equal(t->stream->attach(h, 0, &ops), 0);
	return err;
}

static struct fake_host *f;

static int start(void **state)
{
	again = misuse = false;
	f = toy_run(wire);
	return 0;
}

static int stop(void **state)
{
	toy_stop(f);
	return 0;
}

static void post(uint32_t number)
{
	worker->post(fake_host_table(f), number);
}

static void workers_are_known_by_number_and_name(void **state)
{
	assert_int_equal(fake_worker_count(f), 2);
	assert_string_equal(fake_worker_name(f, reader), "reader");
	assert_string_equal(fake_worker_name(f, writer), "writer");
}

static void a_post_runs_nothing_by_itself(void **state)
{
	post(reader);
	assert_string_equal(toy_calls(f), "");
	assert_int_equal(fake_worker_posts(f, reader), 1);
	assert_int_equal(fake_worker_posts(f, writer), 0);
}

static void posts_before_the_job_runs_are_one_job(void **state)
{
	post(writer);
	post(writer);
	post(reader);
	assert_int_equal(fake_run_workers(f), 2);
	assert_string_equal(toy_calls(f), "read write ");
	assert_int_equal(fake_worker_posts(f, writer), 2);
	assert_int_equal(fake_run_workers(f), 0);
	assert_string_equal(toy_calls(f), "read write ");
}

static void a_job_that_posts_itself_runs_in_the_next_round(void **state)
{
	again = true;
	post(reader);
	assert_int_equal(fake_run_workers(f), 1);
	assert_int_equal(fake_run_workers(f), 1);
	again = false;
	assert_int_equal(fake_run_workers(f), 1);
	assert_int_equal(fake_run_workers(f), 0);
	assert_string_equal(toy_calls(f), "read read read ");
}

static void a_result_comes_back_through_a_timer(void **state)
{
	post(writer);
	fake_run_workers(f);
	fake_advance(f, 0);
	assert_string_equal(toy_calls(f), "write fire ");
}

static int wire_and_post(void *self, const struct volt_host *h, const struct volt_args *a)
{
	int err = wire(self, h, a);

	worker->post(h, reader);
	return err;
}

static void what_is_posted_in_init_waits_for_the_start(void **state)
{
	struct fake_host *early = toy_run(wire_and_post);

	assert_string_equal(toy_calls(early), "");
	assert_int_equal(fake_run_workers(early), 1);
	assert_string_equal(toy_calls(early), "read ");
	toy_stop(early);
}

static int wire_badly(void *self, const struct volt_host *h, const struct volt_args *a)
{
	static const char *const bad[] = {NULL, "", "two words", "sixteen-letters_", "a/b"};
	uint32_t number = 99;
	int err = toy_init(self, h, a);

	worker = h->get_ext(h, VOLT_EXT_WORKER);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(worker->add(h, bad[i], read_job, &number), -EINVAL);
	assert_int_equal(worker->add(h, "x", NULL, &number), -EINVAL);
	assert_int_equal(number, 99);
	for (unsigned i = 0; i < 64; i++)
		assert_int_equal(worker->add(h, "fifteen-Letter_", read_job, &number), 0);
	assert_int_equal(worker->add(h, "x", read_job, &number), -ENOSPC);
	return err;
}

static void malformed_workers_and_a_65th_are_refused(void **state)
{
	toy_stop(toy_run(wire_badly));
}

static void a_worker_after_the_seal_is_refused(void **state)
{
	uint32_t number;

	assert_int_equal(worker->add(fake_host_table(f), "late", read_job, &number), -EPERM);
	assert_int_equal(fake_worker_count(f), 2);
}

static int wire_or_fail(void *self, const struct volt_host *h, const struct volt_args *a)
{
	const struct volt_worker *w = h->get_ext(h, VOLT_EXT_WORKER);
	uint32_t number;
	int err = w->add(h, "reader", read_job, &number);

	return err ? volt_fail(h, -err, "cannot make its worker") : 0;
}

static void add_can_be_made_to_fail(void **state)
{
	static struct volt_plugin plugin;

	plugin = toy_plugin;
	plugin.init = wire_or_fail;
	struct fake_host *failing = fake_host_create(&plugin);

	fake_host_fail_call(failing, 1, ENOSPC);
	assert_int_equal(fake_host_wire(failing, NULL), -ENOSPC);
	assert_string_equal(fake_host_message(failing), "cannot make its worker");
	assert_int_equal(fake_host_calls(failing), 1);
	fake_host_destroy(failing);
}

/* ------------------------------------------------------------------ misuse */

static void post_another(void)
{
	post(2);
}

static void send_in_a_job(void)
{
	misuse = true;
	post(writer);
	fake_run_workers(f);
}

static void run_unsealed(void)
{
	struct fake_host *unsealed = fake_host_create(&toy_plugin);

	fake_host_wire(unsealed, NULL);
	fake_run_workers(unsealed);
}

static void misuse_aborts(void **state)
{
	assert_aborts(post_another, "post: worker 2 is not its own (it has 2)");
	assert_aborts(send_in_a_job, "tx: needs the instance's lock");
	assert_aborts(run_unsealed, "fake_run_workers while the VM does not run");
}

static void needs_of_workers_pass(void **state)
{
	static const struct volt_need need = {.syscall = "preadv",
	    .reason = "reads its disk",
	    .roles = VOLT_ROLE_BIT(VOLT_ROLE_LOOP) | VOLT_ROLE_BIT(VOLT_ROLE_WORKER)};
	static struct volt_plugin plugin;

	plugin = toy_plugin;
	plugin.needs = &need;
	plugin.need_count = 1;
	plugin.need_stride = sizeof(need);
	fake_host_destroy(fake_host_create(&plugin));
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, start, stop)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(workers_are_known_by_number_and_name),
	    CASE(a_post_runs_nothing_by_itself),
	    CASE(posts_before_the_job_runs_are_one_job),
	    CASE(a_job_that_posts_itself_runs_in_the_next_round),
	    CASE(a_result_comes_back_through_a_timer),
	    cmocka_unit_test(what_is_posted_in_init_waits_for_the_start),
	    cmocka_unit_test(malformed_workers_and_a_65th_are_refused),
	    CASE(a_worker_after_the_seal_is_refused),
	    cmocka_unit_test(add_can_be_made_to_fail),
	    CASE(misuse_aborts),
	    cmocka_unit_test(needs_of_workers_pass),
	};

	return cmocka_run_group_tests_name("fake_worker", tests, NULL, NULL);
}
