/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Saved state in the fake host: the order of the calls, and what a plugin does wrong.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <volt/loop.h>
#include <volt/worker.h>

#include "toy.h"

#include <cmocka.h> /* last: it defines fail() */

/* A counter of writes and a line that is up while it is odd. */
struct odd {
	const struct volt_host *h;
	uint32_t line, value, pauses;
	char calls[256];
};

static void note(struct odd *o, const char *word)
{
	strncat(o->calls, word, sizeof(o->calls) - strlen(o->calls) - 1);
}

static uint64_t odd_read(void *self, uint64_t off, uint32_t n)
{
	return ((const struct odd *)self)->value;
}

static void odd_write(void *self, uint64_t off, uint32_t n, uint64_t val)
{
	struct odd *o = self;

	o->value = val & 0xff;
	o->h->set_irq(o->h, o->line, o->value & 1);
}

static int odd_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct odd *o = self;
	const struct volt_range r = {.size = sizeof(r),
	    .sizes = VOLT_IO_1,
	    .base = 0x80,
	    .len = 1,
	    .name = "odd",
	    .read = odd_read,
	    .write = odd_write};

	o->h = h;
	h->add_range(h, &r);
	return h->add_irq(h, 5, VOLT_IRQ_LEVEL, &o->line);
}

static void odd_pause(void *self)
{
	note(self, "pause ");
}

static void odd_resume(void *self)
{
	struct odd *o = self;

	note(o, "resume ");
	o->h->set_irq(o->h, o->line, o->value & 1);
}

static int odd_validate(const void *candidate)
{
	return ((const struct odd *)candidate)->value == 13 ? -EINVAL : 0;
}

static const struct volt_field fields[] = {
    {VOLT_FIELD(struct odd, value, VOLT_F_U32, 1), .max = 0xff},
};

static const struct volt_state good = {
    .size = sizeof(good),
    .version = 1,
    .oldest = 1,
    .field_stride = sizeof(fields[0]),
    .field_count = 1,
    .fields = fields,
    .pause = odd_pause,
    .resume = odd_resume,
    .validate = odd_validate,
};

static struct volt_state table;

static void odd_identify(void *self, const struct volt_identity *id)
{
	const char *host = volt_identity_value(id, "hostname");

	assert_null(volt_identity_value(id, "host"));
	note(self, id->reason == VOLT_IDENTITY_BOOTED ? "booted " : "restored ");
	if (host)
		note(self, host);
}

static const struct volt_identified identified = {
    .size = sizeof(identified), .identify = odd_identify};
static bool identifies;

static const void *odd_get_ext(const char *id)
{
	if (identifies && strcmp(id, VOLT_EXT_IDENTITY) == 0)
		return &identified;
	return strcmp(id, VOLT_EXT_STATE) ? NULL : &table;
}

static const struct volt_plugin plugin = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "odd",
    .version = "1",
    .summary = "Knows odd from even",
    .instance_size = sizeof(struct odd),
    .init = odd_init,
    .get_ext = odd_get_ext,
};

static struct fake_host *run(void)
{
	struct fake_host *f = fake_host_create(&plugin);

	assert_int_equal(fake_host_wire(f, NULL), 0);
	assert_int_equal(fake_host_run(f), 0);
	return f;
}

static struct fake_host *f;

static int setup(void **state)
{
	table = good;
	f = run();
	return 0;
}

static int teardown(void **state)
{
	fake_host_destroy(f);
	return 0;
}

static const char *calls(void)
{
	return ((struct odd *)fake_host_self(f))->calls;
}

static void a_saved_instance_is_paused_and_goes_on(void **state)
{
	size_t n;

	fake_out(f, 0x80, 7);
	assert_non_null(fake_state_save(f, &n));
	assert_int_equal(n, 16 + 3 + 3 + 8 + 5 + 4 + 4);
	assert_string_equal(calls(), "pause pause resume pause resume ");
	assert_int_equal(fake_irq_rises(f, 5), 1);
}

static void a_restored_instance_drives_its_line(void **state)
{
	struct fake_host *g = run();
	size_t n;

	fake_out(g, 0x80, 7);
	const uint8_t *saved = fake_state_save(g, &n);
	assert_int_equal(fake_state_load(f, saved, n), 0);
	assert_string_equal(calls(), "resume ");
	assert_int_equal(fake_in(f, 0x80), 7);
	assert_true(fake_irq_level(f, 5));
	fake_host_destroy(g);
}

static const char *odd_obstacle(const void *self)
{
	return ((const struct odd *)self)->value == 8 ? "a byte is on its way" : NULL;
}

static void an_obstacle_ends_the_save_and_says_why(void **state)
{
	size_t n = 1;

	table.obstacle = odd_obstacle;
	fake_out(f, 0x80, 8);
	assert_null(fake_state_save(f, &n));
	assert_int_equal(n, 0);
	assert_string_equal(fake_host_message(f), "a byte is on its way");
	assert_string_equal(calls(), "pause resume ");
	fake_out(f, 0x80, 9);
	assert_non_null(fake_state_save(f, &n));
}

static const char *odd_changes(const void *self)
{
	((struct odd *)(uintptr_t)self)->value++;
	return NULL;
}

static void save_with_changes(void)
{
	size_t n;

	table.obstacle = odd_changes;
	fake_state_save(f, &n);
}

static void an_obstacle_that_changes_the_instance_is_found(void **state)
{
	assert_aborts(save_with_changes, "in obstacle: it changed the instance");
}

static void an_instance_is_told_who_it_is_before_it_resumes(void **state)
{
	static const struct volt_identity_pair pairs[] = {{"hostname", "web "}};
	size_t n;

	identifies = true;
	struct fake_host *g = fake_host_create(&plugin);
	identifies = false;
	assert_int_equal(fake_host_wire(g, NULL), 0);
	fake_identity_pairs(g, pairs, 1);
	assert_int_equal(fake_host_run(g), 0);
	const uint8_t *saved = fake_state_save(f, &n);
	assert_int_equal(fake_state_load(g, saved, n), 0);
	assert_string_equal(
	    ((struct odd *)fake_host_self(g))->calls, "booted web restored web resume ");
	assert_int_equal(fake_identities(g), 2);
	fake_host_destroy(g);
}

static void a_refused_state_says_why_and_is_not_resumed(void **state)
{
	size_t n;
	uint8_t bytes[64];

	fake_out(f, 0x80, 13);
	const uint8_t *saved = fake_state_save(f, &n);
	assert_true(n <= sizeof(bytes));
	memcpy(bytes, saved, n);
	fake_out(f, 0x80, 3);
	((struct odd *)fake_host_self(f))->calls[0] = '\0';
	assert_int_equal(fake_state_load(f, bytes, n), -EINVAL);
	assert_string_equal(fake_host_message(f), "odd cannot be in this state");
	assert_string_equal(calls(), "");
	assert_int_equal(fake_in(f, 0x80), 3);
}

static void the_state_fuzzing_is_passed(void **state)
{
	assert_in_range(fake_state_fuzz(&plugin, NULL, 1, 20), 1, 20 * 8 - 1);
}

/* ------------------------------------------------------------------- misuse */

static void pause_counts(void *self)
{
	((struct odd *)self)->value ^= 2;
}

static void resume_forgets(void *self)
{
	((struct odd *)self)->value = 0;
}

static void resume_pulses(void *self)
{
	struct odd *o = self;

	o->h->set_irq(o->h, o->line, true);
	o->h->set_irq(o->h, o->line, false);
}

static int validate_logs(const void *candidate)
{
	const struct odd *o = candidate;

	volt_log(o->h, VOLT_LOG_INFO, "hello");
	return 0;
}

static void save(void)
{
	size_t n;

	fake_out(f, 0x80, 6);
	fake_state_save(f, &n);
}

static void save_and_load(void)
{
	size_t n;
	const uint8_t *saved = fake_state_save(f, &n);

	fake_state_load(f, saved, n);
}

static void fuzz_state(void)
{
	fake_state_fuzz(&plugin, NULL, 7, 20);
}

static void create(void)
{
	fake_host_create(&plugin);
}

static void what_changes_by_being_saved_is_found(void **state)
{
	table.pause = pause_counts;
	assert_aborts(save, "a second pause changed what is saved");
	table.pause = NULL;
	table.resume = resume_forgets;
	assert_aborts(save, "saving changed the state");
	table.resume = resume_pulses;
	assert_aborts(save, "saving changed an interrupt line");
}

static void validate_that_calls_the_host_is_found(void **state)
{
	table.validate = validate_logs;
	assert_aborts(save_and_load, "log: called by validate");
}

/* What a guest can see is not in the table, or not brought back. */
static void a_table_that_lacks_something_fails_the_state_fuzzing(void **state)
{
	table.field_count = 0;
	assert_aborts(fuzz_state, "of seed 7: interrupt line 5 differs after the restore");
	table = good;
	table.resume = NULL;
	assert_aborts(fuzz_state, "interrupt line 5 differs after the restore");
}

/* A clock with an index and a data port. Bit 6 of register 11 runs its timer, which `resume` does
 * not start again. */
struct clock {
	const struct volt_host *h;
	const struct volt_loop *loop;
	uint32_t line, timer;
	uint8_t index, registers[128];
};

static uint64_t clock_read(void *self, uint64_t off, uint32_t n)
{
	const struct clock *c = self;

	return off == 0 ? c->index : c->registers[c->index];
}

static void clock_arm(struct clock *c)
{
	c->loop->arm(c->h, c->timer, c->registers[11] & 0x40 ? c->loop->now(c->h) + 1000000 : 0);
}

static void clock_fire(void *self)
{
	struct clock *c = self;

	c->registers[12] ^= 0x40;
	c->h->set_irq(c->h, c->line, c->registers[12] & 0x40);
	clock_arm(c);
}

static void clock_write(void *self, uint64_t off, uint32_t n, uint64_t val)
{
	struct clock *c = self;

	if (off == 0) {
		c->index = val & 0x7f;
	} else if (c->index != 12) {
		c->registers[c->index] = (uint8_t)val;
		if (c->index == 11)
			clock_arm(c);
	}
}

static int clock_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct clock *c = self;
	const struct volt_range r = {.size = sizeof(r),
	    .sizes = VOLT_IO_1,
	    .base = 0x70,
	    .len = 2,
	    .name = "clock",
	    .read = clock_read,
	    .write = clock_write};

	c->h = h;
	c->loop = h->get_ext(h, VOLT_EXT_LOOP);
	h->add_range(h, &r);
	c->loop->add_timer(h, clock_fire, &c->timer);
	return h->add_irq(h, 8, VOLT_IRQ_LEVEL, &c->line);
}

static void clock_resume(void *self)
{
	struct clock *c = self;

	c->h->set_irq(c->h, c->line, c->registers[12] & 0x40);
}

static const struct volt_field clock_fields[] = {
    {VOLT_FIELD(struct clock, index, VOLT_F_U8, 1), .max = 0x7f},
    {VOLT_FIELD(struct clock, registers, VOLT_F_U8, 128)},
};

static const struct volt_state clock_state = {
    .size = sizeof(clock_state),
    .version = 1,
    .oldest = 1,
    .field_stride = sizeof(clock_fields[0]),
    .field_count = 2,
    .fields = clock_fields,
    .resume = clock_resume,
};

static const void *clock_get_ext(const char *id)
{
	return strcmp(id, VOLT_EXT_STATE) ? NULL : &clock_state;
}

static const struct volt_plugin clock_plugin = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "clock",
    .version = "1",
    .summary = "Has a timer behind an index",
    .instance_size = sizeof(struct clock),
    .init = clock_init,
    .get_ext = clock_get_ext,
};

static uint64_t clock_seed;

static void fuzz_clock(void)
{
	fake_state_fuzz(&clock_plugin, NULL, clock_seed, 4000);
}

/* It takes the index 11, then a value with bit 6, in this order, to start what is not restored. */
static void what_lies_behind_an_index_is_reached(void **state)
{
	for (clock_seed = 1; clock_seed <= 8; clock_seed++)
		assert_aborts(fuzz_clock, "after the restore");
}

static void a_malformed_table_is_found_at_once(void **state)
{
	table.oldest = 2;
	assert_aborts(create, "1 <= oldest <= version");
}

/* ----------------------------------------------------------------- workers */

static const struct volt_worker *workers;
static uint32_t worker;
static unsigned posts_left; /* that the job makes itself */

static void work(void *self, uint32_t number)
{
	struct odd *o = self;

	note(o, "job ");
	if (posts_left > 0 && posts_left--)
		workers->post(o->h, worker);
}

static int busy_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	int err = odd_init(self, h, a);

	workers = h->get_ext(h, VOLT_EXT_WORKER);
	return err ? err : workers->add(h, "busy", work, &worker);
}

static struct fake_host *run_busy(void)
{
	static struct volt_plugin busy;

	busy = plugin;
	busy.init = busy_init;
	struct fake_host *b = fake_host_create(&busy);
	assert_int_equal(fake_host_wire(b, NULL), 0);
	assert_int_equal(fake_host_run(b), 0);
	workers->post(fake_host_table(b), worker);
	return b;
}

static void a_worker_runs_once_more_before_a_pause(void **state)
{
	size_t n;

	posts_left = 2;
	struct fake_host *b = run_busy();
	fake_state_save(b, &n);
	assert_string_equal(
	    ((struct odd *)fake_host_self(b))->calls, "job pause pause resume pause resume ");
	fake_host_destroy(b);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(a_saved_instance_is_paused_and_goes_on),
	    T(a_restored_instance_drives_its_line),
	    T(an_obstacle_ends_the_save_and_says_why),
	    T(an_obstacle_that_changes_the_instance_is_found),
	    T(an_instance_is_told_who_it_is_before_it_resumes),
	    T(a_refused_state_says_why_and_is_not_resumed),
	    T(the_state_fuzzing_is_passed),
	    T(what_changes_by_being_saved_is_found),
	    T(validate_that_calls_the_host_is_found),
	    T(a_table_that_lacks_something_fails_the_state_fuzzing),
	    T(what_lies_behind_an_index_is_reached),
	    T(a_malformed_table_is_found_at_once),
	    T(a_worker_runs_once_more_before_a_pause),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
