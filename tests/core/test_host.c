/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* The services of `struct volt_host` and its extensions, as two plugins see them. */
#include "tests/core/kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#include <volt/describe.h>
#include <volt/draft/doorbell.h>
#include <volt/draft/msi.h>
#include <volt/irqchip.h>
#include <volt/loop.h>
#include <volt/memory.h>
#include <volt/metrics.h>
#include <volt/stream.h>
#include <volt/worker.h>

#include "core/base/clock.h"
#include "core/base/exitcode.h"
#include "core/base/log.h"

static const struct volt_param params[] = {
    {.name = "out", .def = "null", .help = "peer", .type = VOLT_PARAM_STREAM},
};
static const struct volt_counter counters[] = {{"first", "one"}, {"second", "two"}};

static int toy_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	return 0;
}

static const struct volt_plugin toy = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "toy",
    .version = "1",
    .summary = "a toy",
    .instance_size = 8,
    .param_stride = sizeof(params[0]),
    .param_count = 1,
    .params = params,
    .counter_stride = sizeof(counters[0]),
    .counter_count = 2,
    .counters = counters,
    .init = toy_init,
};

static struct machine *m;
static const struct volt_host *one, *two;
static const struct volt_loop *timers;
static const struct volt_stream *streams;
static const struct volt_describe *describe;

static int setup(void **state)
{
	kit_log_start();
	log_level = VOLT_LOG_INFO;
	m = kit_machine();
	one = &kit_instance(m, &toy, "id=one")->host;
	two = &kit_instance(m, &toy, "id=two")->host;
	timers = one->get_ext(one, VOLT_EXT_LOOP);
	streams = one->get_ext(one, VOLT_EXT_STREAM);
	describe = one->get_ext(one, VOLT_EXT_DESCRIBE);
	kit_log_clear();
	return !timers || !streams || !describe;
}

static int teardown(void **state)
{
	kit_machine_finish(m);
	return 0;
}

static struct volt_range range(uint64_t base)
{
	return (struct volt_range){.size = sizeof(struct volt_range),
	    .space = VOLT_SPACE_PIO,
	    .sizes = VOLT_IO_1,
	    .base = base,
	    .len = 1,
	    .name = "port"};
}

/* ------------------------------------------------------------------ the table */

static void the_table_says_what_it_is(void **state)
{
	assert_int_equal(one->size, sizeof(struct volt_host));
	assert_int_equal(one->abi_major, VOLT_ABI_MAJOR);
	assert_int_equal(one->abi_minor, VOLT_ABI_MINOR);
	assert_int_equal(one->log_level, VOLT_LOG_INFO);
	assert_int_equal(timers->size, sizeof(*timers));
	assert_int_equal(streams->size, sizeof(*streams));
	assert_int_equal(describe->size, sizeof(*describe));
}

/* HOLDS(R7) */
static void unknown_extensions_are_null(void **state)
{
	assert_null(one->get_ext(one, "volt.loop/2"));
	assert_null(one->get_ext(one, ""));
	assert_null(one->get_ext(one, VOLT_EXT_IRQCHIP));
}

static void routes_are_for_irqchip_plugins(void **state)
{
	static const struct volt_irqchip table = {.size = sizeof(table)};

	assert_null(one->get_ext(one, VOLT_EXT_IRQROUTE));
	m->instances[0]->irqchip = &table;
	assert_non_null(one->get_ext(one, VOLT_EXT_IRQROUTE));
	assert_null(two->get_ext(two, VOLT_EXT_IRQROUTE));
}

static const char wares[] = "wares";

static const void *offer_wares(const char *id)
{
	return strcmp(id, "volt.wares/1") == 0 ? wares : NULL;
}

static void make_bus(struct instance *i)
{
	i->plugin.flags |= VOLT_FLAG_BUS;
	i->plugin.get_ext = offer_wares;
}

static void only_a_bus_is_found(void **state)
{
	struct volt_peer peer = {.size = sizeof(peer)};

	m->instances[1]->plugin.get_ext = offer_wares;
	assert_int_equal(one->find(one, "volt.wares/1", &peer), -ENOENT);
	make_bus(m->instances[1]);
	assert_int_equal(one->find(one, "volt.wares/2", &peer), -ENOENT);
	assert_int_equal(one->find(one, "volt.wares/1", &peer), 0);
	assert_ptr_equal(peer.table, wares);
	assert_ptr_equal(peer.self, m->instances[1]->callee.self);
	assert_int_equal(two->find(two, "volt.wares/1", &peer), -EINVAL); /* a bus itself */
	peer.size--;
	assert_int_equal(one->find(one, "volt.wares/1", &peer), -EINVAL);
	m->sealed = true;
	assert_int_equal(one->find(one, "volt.wares/1", &peer), -EPERM);
}

static void note_call(void *self, void *arg)
{
	assert_ptr_equal(self, m->instances[0]->callee.self);
	*(bool *)arg = kit_locked(&m->instances[0]->callee);
}

static void a_bus_calls_its_devices_under_their_lock(void **state)
{
	bool locked = false;

	two->call(two, one, note_call, &locked);
	assert_false(locked); /* it is no bus yet, so nothing happened */
	make_bus(m->instances[1]);
	two->call(two, one, note_call, &locked);
	assert_true(locked);
	locked = false;
	one->call(one, two, note_call, &locked);
	assert_false(locked);
}

static void the_time_of_day_is_for_those_with_its_flag(void **state)
{
	assert_int_equal(timers->realtime(one), 0);
	m->instances[0]->plugin.flags |= VOLT_FLAG_WALL_CLOCK;
	assert_true(timers->realtime(one) / 1000000000u >= (uint64_t)time(NULL) - 1);
}

static void counters_are_the_instances_own(void **state)
{
	volt_count(one, 0, 3);
	volt_count(one, 1, UINT64_MAX);
	volt_count(one, 0, 4);
	assert_int_equal(m->instances[0]->host.counters[0], 7);
	assert_int_equal(m->instances[0]->host.counters[1], UINT64_MAX);
	assert_int_equal(m->instances[1]->host.counters[0], 0);
}

/* ------------------------------------------------------------------- messages */

static void a_message_has_the_instances_id(void **state)
{
	volt_log(one, VOLT_LOG_WARN, "port 0x%x", 0x60);
	assert_string_equal(kit_log(), "volt: warning: one: port 0x60\n");
}

static void messages_above_the_level_are_dropped(void **state)
{
	volt_log(one, VOLT_LOG_DEBUG, "no");
	one->log(one, VOLT_LOG_DEBUG, "no");
	one->log(one, UINT32_MAX, "no");
	assert_int_equal(kit_log_lines(), 0);
}

static void a_guest_cannot_drive_the_terminal(void **state)
{
	one->log(one, VOLT_LOG_INFO, "\x1b]0;x\a");
	assert_string_equal(kit_log(), "volt: one: ?]0;x?\n");
}

static void fail_says_why_and_returns_the_number(void **state)
{
	assert_int_equal(volt_fail(one, EINVAL, "base=%d is odd", 3), -EINVAL);
	assert_string_equal(kit_log(), "volt: error: one: base=3 is odd\n");
}

static void wiring_may_say_as_much_as_it_wants(void **state)
{
	for (unsigned i = 0; i < 100; i++)
		one->log(one, VOLT_LOG_INFO, "x");
	assert_int_equal(kit_log_lines(), 100);
}

static void after_the_seal_lines_are_rationed_and_counted(void **state)
{
	const uint64_t since = clock_now();
	char note[80];

	m->sealed = true;
	for (unsigned i = 0; i < 1000; i++)
		one->log(one, VOLT_LOG_INFO, "flood");
	/* 20 at once, and 5 for each second that a busy machine took for all of them. */
	unsigned lines = kit_log_lines();
	assert_in_range(lines, 20, 21 + (clock_now() - since) / 200000000);

	/* Another instance has its own ration. */
	two->log(two, VOLT_LOG_INFO, "calm");
	assert_true(kit_logged("two: calm"));

	/* It gets another line before long. */
	unsigned tries = 0;
	kit_log_clear();
	for (; !kit_logged("one: again"); tries++)
		one->log(one, VOLT_LOG_INFO, "again");
	snprintf(note, sizeof(note), "volt: warning: one: %u messages suppressed\n",
	    1000 - lines + tries - 1);
	assert_int_equal(strncmp(kit_log(), note, strlen(note)), 0);
	assert_true(kit_logged("one: again"));
}

#define FLOODERS 4
#define FLOOD    20000u

static void *flood(void *arg)
{
	for (unsigned i = 0; i < FLOOD; i++)
		one->log(one, VOLT_LOG_INFO, "flood");
	return NULL;
}

/* Workers and handlers of PARALLEL ranges hold no lock. */
static void lines_of_several_threads_are_all_printed_or_counted(void **state)
{
	pthread_t threads[FLOODERS];
	unsigned long long lines = 0, counted = 0, n;

	m->sealed = true;
	for (unsigned i = 0; i < FLOODERS; i++)
		assert_int_equal(pthread_create(&threads[i], NULL, flood, NULL), 0);
	for (unsigned i = 0; i < FLOODERS; i++)
		pthread_join(threads[i], NULL);
	m->sealed = false;
	one->log(one, VOLT_LOG_INFO, "the last");
	for (const char *line = kit_log(); *line != '\0'; line = strchr(line, '\n') + 1)
		if (sscanf(line, "volt: warning: one: %llu messages suppressed", &n) == 1)
			counted += n;
		else
			lines += strncmp(line, "volt: one: flood", 16) == 0;
	assert_int_equal(lines + counted, FLOODERS * FLOOD);
	assert_true(lines >= 20);
}

/* --------------------------------------------------------------------- wiring */

static void ranges_are_added_for_their_owner(void **state)
{
	struct volt_range r = range(0x60), bad = range(0x10000);

	assert_int_equal(one->add_range(one, &r), 0);
	assert_ptr_equal(m->bus.ranges[0].owner, m->instances[0]);
	assert_int_equal(two->add_range(two, &bad), -EINVAL);
	assert_int_equal(kit_log_lines(), 0); /* fail() says it */
	assert_int_equal(volt_fail(two, EINVAL, "cannot add its port"), -EINVAL);
	assert_int_equal(kit_log_lines(), 1);
	assert_true(kit_logged("two: cannot add its port: range \"port\""));
}

/* Plugins that pass on what a call answered, without fail(). */
static int init_without_words(void *self, const struct volt_host *h, const struct volt_args *a)
{
	uint32_t line;

	return h->add_irq(h, 24, VOLT_IRQ_EDGE, &line);
}

static int init_with_words(void *self, const struct volt_host *h, const struct volt_args *a)
{
	return volt_fail(h, -init_without_words(self, h, a), "irq=24");
}

static void a_failed_init_is_one_line_with_the_hosts_reason(void **state)
{
	struct instance *i = m->instances[0];

	i->plugin.init = init_without_words;
	assert_int_equal(instance_wire(i), -EINVAL);
	assert_int_equal(kit_log_lines(), 1);
	assert_true(kit_logged("one: init failed: no interrupt line 24 (flags 0)"));
	assert_false(i->wired);
	kit_log_clear();
	i->plugin.init = init_with_words;
	assert_int_equal(instance_wire(i), -EINVAL);
	assert_int_equal(kit_log_lines(), 1);
	assert_true(kit_logged("one: irq=24: no interrupt line 24 (flags 0)"));
	i->plugin.init = toy_init;
	assert_int_equal(instance_wire(i), 0);
	assert_true(i->wired);
}

static void a_refusal_that_was_got_over_is_not_said_later(void **state)
{
	struct volt_range r = range(0x60), bad = range(0x10000);

	assert_int_equal(one->add_range(one, &bad), -EINVAL);
	assert_int_equal(one->add_range(one, &r), 0);
	assert_int_equal(volt_fail(one, EINVAL, "no clock"), -EINVAL);
	assert_string_equal(kit_log(), "volt: error: one: no clock\n");
}

static int measure(void)
{
	const struct volt_metrics *t = one->get_ext(one, VOLT_EXT_METRICS);

	return t->measure(one);
}

static int alloc_none(void)
{
	const struct volt_msi *t = one->get_ext(one, VOLT_EXT_MSI);
	uint32_t first;

	return t->alloc(one, 0, &first);
}

static int add_no_doorbell(void)
{
	const struct volt_doorbell *t = one->get_ext(one, VOLT_EXT_DOORBELL);
	const struct volt_doorbell_at at = {.size = sizeof(at)};
	uint32_t doorbell;

	return t->add(one, &at, &doorbell);
}

static int add_no_timer(void)
{
	uint32_t timer;

	return timers->add_timer(one, NULL, &timer);
}

static int add_no_worker(void)
{
	const struct volt_worker *t = one->get_ext(one, VOLT_EXT_WORKER);
	uint32_t worker;

	return t->add(one, "a name", NULL, &worker);
}

/* A plugin's next words are about the newest call, whichever it was. */
static void every_wiring_call_ends_an_older_refusal(void **state)
{
	static int (*const calls[])(void) = {
	    measure, alloc_none, add_no_doorbell, add_no_timer, add_no_worker};
	const struct volt_range bad = range(0x10000);

	for (unsigned i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		assert_int_equal(one->add_range(one, &bad), -EINVAL);
		calls[i]();
		kit_log_clear();
		volt_fail(one, EINVAL, "call %u", i);
		assert_false(kit_logged("range \"port\""));
	}
}

static void a_line_is_claimed_once(void **state)
{
	uint32_t line = 99;

	assert_int_equal(one->add_irq(one, 4, VOLT_IRQ_EDGE, &line), 0);
	assert_true(line < IRQ_LINES);
	assert_int_equal(two->add_irq(two, 4, VOLT_IRQ_EDGE, &line), -EBUSY);
	volt_fail(two, EBUSY, "irq=4");
	assert_string_equal(
	    kit_log(), "volt: error: two: irq=4: interrupt 4 is already used by plugin one\n");
	assert_int_equal(one->add_irq(one, 24, VOLT_IRQ_EDGE, &line), -EINVAL);
	assert_int_equal(one->add_irq(one, 5, 2, &line), -EINVAL);
	assert_int_equal(one->add_irq(one, 23, VOLT_IRQ_LEVEL, &line), 0);
}

static void a_line_anywhere_is_the_highest_free_one(void **state)
{
	static const uint32_t expected[] = {
	    23, 21, 20, 19, 18, 17, 16, 15, 14, 13, 11, 10, 9, 7, 6, 5};
	uint32_t line = 99;

	assert_int_equal(one->add_irq(one, 22, VOLT_IRQ_LEVEL, &line), 0);
	for (unsigned i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		assert_int_equal(two->add_irq(two, VOLT_ANY, VOLT_IRQ_EDGE, &line), 0);
		assert_int_equal(two->irq_number(two, line), expected[i]);
		assert_int_equal(one->irq_number(one, line), VOLT_ANY);
	}
	assert_int_equal(two->add_irq(two, VOLT_ANY, VOLT_IRQ_EDGE, &line), -ENOSPC);
	assert_int_equal(two->add_irq(two, VOLT_ANY, 2, &line), -EINVAL);
	assert_int_equal(two->irq_number(two, UINT32_MAX), VOLT_ANY);
}

static void noop(void *self)
{
}

static void idle(void *self, uint32_t worker)
{
}

static void an_instance_has_16_timers(void **state)
{
	uint32_t timer;

	for (unsigned i = 0; i < INSTANCE_TIMER_MAX; i++)
		assert_int_equal(timers->add_timer(one, noop, &timer), 0);
	assert_int_equal(timers->add_timer(one, noop, &timer), -ENOSPC);
	assert_int_equal(timers->add_timer(two, noop, &timer), 0);
	assert_int_equal(timers->add_timer(two, NULL, &timer), -EINVAL);
}

/* HOLDS(D10) */
static void wiring_after_the_seal_is_refused(void **state)
{
	static const struct volt_stream_ops ops = {.size = sizeof(ops)};
	struct volt_range r = range(0x60);
	const struct volt_acpi_device d = {.size = sizeof(d), .hid = "PNP0501"};
	const struct volt_acpi_fixed f = {.size = sizeof(f), .kind = VOLT_FIXED_RESET};
	uint32_t handle;

	m->sealed = true;
	assert_int_equal(one->add_range(one, &r), -EPERM);
	assert_int_equal(one->add_irq(one, 4, VOLT_IRQ_EDGE, &handle), -EPERM);
	assert_int_equal(timers->add_timer(one, noop, &handle), -EPERM);
	assert_int_equal(streams->attach(one, 0, &ops), -EPERM);
	assert_int_equal(describe->device(one, &d), -EPERM);
	assert_int_equal(describe->fixed(one, &f), -EPERM);
	assert_int_equal(describe->cmdline(one, "x"), -EPERM);
	assert_int_equal(m->bus.count, 0);
}

static void workers_have_a_name_and_a_job(void **state)
{
	const struct volt_worker *workers = one->get_ext(one, VOLT_EXT_WORKER);
	char name[] = "fifteen-Letter_";
	uint32_t worker = 99;

	assert_int_equal(workers->add(one, "", idle, &worker), -EINVAL);
	assert_int_equal(workers->add(one, NULL, idle, &worker), -EINVAL);
	assert_int_equal(workers->add(one, "sixteen-letters_", idle, &worker), -EINVAL);
	assert_int_equal(workers->add(one, "two words", idle, &worker), -EINVAL);
	assert_int_equal(workers->add(one, "\xc3\xa4", idle, &worker), -EINVAL);
	assert_int_equal(workers->add(one, "x", NULL, &worker), -EINVAL);
	assert_int_equal(workers->add(one, name, idle, &worker), 0);
	name[0] = 'x';
	assert_string_equal(m->workers[worker].name, "fifteen-Letter_");
	while (m->worker_count < WORKER_MAX)
		assert_int_equal(workers->add(two, "x", idle, &worker), 0);
	assert_int_equal(workers->add(two, "x", idle, &worker), -ENOSPC);
	m->sealed = true;
	assert_int_equal(workers->add(two, "x", idle, &worker), -EPERM);
}

static void workers_of_others_are_not_posted(void **state)
{
	const struct volt_worker *workers = one->get_ext(one, VOLT_EXT_WORKER);
	uint32_t worker;

	assert_int_equal(workers->add(one, "x", idle, &worker), 0);
	kit_arm_locks();
	workers->post(two, worker);
	workers->post(one, worker + 1);
	workers->post(one, UINT32_MAX);
	assert_int_equal(m->workers[worker].posted, 0);
	workers->post(one, worker);
	workers->post(one, worker);
	assert_int_equal(m->workers[worker].posted, 1);
	lock_wait(&m->workers[worker].posts); /* returns: it was posted */
}

/* As an instance has a descriptor: through a parameter. */
static void give_file(int fd)
{
	m->instances[0]->params.values[0].fd = fd;
}

static void a_worker_watches_files_of_its_own_parameters(void **state)
{
	const struct volt_worker *workers = one->get_ext(one, VOLT_EXT_WORKER);
	uint32_t worker, other;
	int ends[2];

	assert_int_equal(pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
	assert_int_equal(workers->add(one, "x", idle, &worker), 0);
	assert_int_equal(workers->add(one, "y", idle, &other), 0);
	assert_int_equal(workers->watch(one, worker, ends[0], VOLT_WATCH_READ), -EINVAL);
	assert_int_equal(workers->watch(one, worker, -1, VOLT_WATCH_READ), -EINVAL);
	give_file(ends[0]);
	assert_int_equal(workers->watch(two, worker, ends[0], VOLT_WATCH_READ), -EINVAL);
	assert_int_equal(workers->watch(one, worker, ends[0], 0), -EINVAL);
	assert_int_equal(workers->watch(one, worker, ends[0], 4), -EINVAL);
	assert_int_equal(workers->watch(one, 99, ends[0], VOLT_WATCH_READ), -EINVAL);
	assert_int_equal(m->workers[worker].epoll_fd, -1);
	assert_int_equal(workers->watch(one, worker, ends[0], VOLT_WATCH_READ), 0);
	assert_int_equal(workers->watch(one, worker, ends[0], VOLT_WATCH_WRITE), -EEXIST);
	assert_int_equal(workers->watch(one, other, ends[0], VOLT_WATCH_READ), 0);
	m->sealed = true;
	assert_int_equal(workers->watch(one, other, ends[0], VOLT_WATCH_READ), -EPERM);
	give_file(-1);
	close(ends[0]);
	close(ends[1]);
}

static void a_worker_watches_16_files_but_none_that_is_always_ready(void **state)
{
	const struct volt_worker *workers = one->get_ext(one, VOLT_EXT_WORKER);
	int always = memfd_create("always", MFD_CLOEXEC), ends[2];
	uint32_t worker;

	assert_int_equal(workers->add(one, "x", idle, &worker), 0);
	give_file(always);
	assert_int_equal(workers->watch(one, worker, always, VOLT_WATCH_READ), -EOPNOTSUPP);
	volt_fail(one, EOPNOTSUPP, "file");
	assert_true(kit_logged("worker x cannot watch file"));
	close(always);
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	for (unsigned i = 0; i <= WORKER_WATCH_MAX; i++) {
		int fd = fcntl(ends[0], F_DUPFD_CLOEXEC, 3);

		give_file(fd);
		assert_int_equal(workers->watch(one, worker, fd, VOLT_WATCH_READ),
		    i < WORKER_WATCH_MAX ? 0 : -ENOSPC);
	}
	volt_fail(one, ENOSPC, "file");
	assert_true(kit_logged("it watches 16 files already"));
	give_file(-1);
}

static void memory_is_given_to_other_processes_only_if_that_was_asked_for(void **state)
{
	struct volt_mem_region r[2];

	m->instances[0]->plugin.flags |= VOLT_FLAG_GUEST_MEMORY;
	const struct volt_mem *mem = one->get_ext(one, VOLT_EXT_MEM);

	assert_int_equal(mem->regions(one, r, 2), -EOPNOTSUPP);
	m->instances[0]->plugin.flags |= VOLT_FLAG_SHARED_MEMORY;
	assert_int_equal(mem->regions(one, r, 2), -EAGAIN);
	m->sealed = true;
	m->memory.low_size = MEMORY_HOLE_START;
	m->memory.high_size = 8192;
	m->memory.fd = 17;
	assert_int_equal(mem->regions(one, r, 1), -ENOSPC);
	assert_int_equal(mem->regions(one, r, 2), 2);
	assert_int_equal(r[0].gpa | r[0].offset, 0);
	assert_int_equal(r[0].len, MEMORY_HOLE_START);
	assert_int_equal(r[1].gpa, MEMORY_HIGH_START);
	assert_int_equal(r[1].offset, MEMORY_HOLE_START);
	assert_int_equal(r[1].len, 8192);
	assert_int_equal(r[1].fd, 17);
	memset(&m->memory, 0, sizeof(m->memory));
}

static void a_workers_event_is_its_owners(void **state)
{
	const struct volt_worker *workers = one->get_ext(one, VOLT_EXT_WORKER);
	uint32_t worker;

	assert_int_equal(workers->add(one, "x", idle, &worker), 0);
	assert_int_equal(workers->event_fd(one, worker), -EINVAL);
	assert_int_equal(workers->add_event(two, worker), -EINVAL);
	assert_int_equal(workers->add_event(one, worker), 0);
	assert_int_equal(workers->add_event(one, worker), 0);
	assert_int_equal(workers->event_fd(one, worker), -EAGAIN);
	m->sealed = true;
	m->workers[worker].event_fd = 9;
	assert_int_equal(workers->event_fd(one, worker), 9);
	assert_int_equal(workers->event_fd(two, worker), -EINVAL);
	assert_int_equal(workers->add_event(one, worker), -EPERM);
}

/* ------------------------------------------------------------ foreign handles */

static void lines_of_others_are_not_driven(void **state)
{
	uint32_t line;

	assert_int_equal(one->add_irq(one, 4, VOLT_IRQ_EDGE, &line), 0);
	two->set_irq(two, line, true);
	assert_int_equal(m->irq.lines[4].level, 0);
	two->set_irq(two, 5, true);
	two->set_irq(two, IRQ_LINES, true);
	two->set_irq(two, UINT32_MAX, true);
	one->set_irq(one, line, true);
	assert_int_equal(m->irq.lines[4].level, 1);
}

static void timers_of_others_are_not_armed(void **state)
{
	uint32_t timer;

	assert_int_equal(timers->add_timer(one, noop, &timer), 0);
	timers->arm(two, timer, 5);
	timers->arm(one, timer + 1, 5);
	timers->arm(one, UINT32_MAX, 5);
	assert_int_equal(m->loop.deadlines_ns[timer], 0);
	timers->arm(one, timer, 5);
	assert_int_equal(m->loop.deadlines_ns[timer], 5);
	timers->arm(two, timer, 0);
	assert_int_equal(m->loop.deadlines_ns[timer], 5);
}

static void streams_of_others_are_not_touched(void **state)
{
	static const struct volt_stream_ops ops = {.size = sizeof(ops)};
	const uint8_t byte = 1;

	assert_int_equal(streams->attach(two, 0, &ops), -EINVAL);
	assert_int_equal(streams->attach(one, 2, &ops), -EINVAL);
	assert_int_equal(streams->attach(one, 0, NULL), -EINVAL);
	assert_int_equal(streams->attach(one, UINT32_MAX, &ops), -EINVAL);
	assert_int_equal(streams->attach(one, 0, &ops), 0);
	assert_int_equal(streams->attach(one, 0, &ops), -EBUSY);
	streams->set_room(two, 0, 100);
	assert_int_equal(m->streams.list[0].room, 0);
	assert_int_equal(streams->tx(two, 0, &byte, 1), 0);
	assert_int_equal(streams->tx(one, 0, &byte, 1), 1);
	streams->set_room(one, 0, 100);
	assert_int_equal(m->streams.list[0].room, 100);
}

/* ----------------------------------------------------------------- the VM's end */

static void each_request_has_its_exit_code(void **state)
{
	static const struct {
		uint32_t what, code;
		int exit;
		const char *why;
	} rows[] = {
	    {VOLT_REQUEST_RESET, 0, EXIT_RESET, "reset"},
	    {VOLT_REQUEST_POWEROFF, 0, EXIT_POWEROFF, "off"},
	    {VOLT_REQUEST_EXIT, 42, 42, "42"},
	    {VOLT_REQUEST_PANIC, 0, EXIT_PANIC, "panicked"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		m->end.claimed = 0;
		one->request(one, rows[i].what, rows[i].code, "the reason");
		assert_true(vm_is_ending(&m->end));
		assert_int_equal(m->end.code, rows[i].exit);
		assert_non_null(strstr(m->end.why, rows[i].why));
		assert_non_null(strstr(m->end.why, "the reason"));
		assert_true(m->loop.stopping);
	}
}

static void the_first_request_wins(void **state)
{
	one->request(one, VOLT_REQUEST_EXIT, 3, "first");
	two->request(two, VOLT_REQUEST_PANIC, 0, "second");
	assert_int_equal(m->end.code, 3);
	assert_non_null(strstr(m->end.why, "first"));
}

/* HOLDS(R6) */
static void attention_and_unknown_requests_end_nothing(void **state)
{
	one->request(one, VOLT_REQUEST_ATTENTION, 0, "x");
	assert_int_equal(m->events.attention_wanted, 1);
	one->request(one, 0, 0, "x");
	one->request(one, 77, 0, "x");
	assert_false(vm_is_ending(&m->end));
}

/* ---------------------------------------------------------------- descriptions */

/* HOLDS(R8) */
static void devices_are_copied(void **state)
{
	char hid[] = "PNP0501";
	struct volt_acpi_device d = {.size = sizeof(d), .hid = hid, .resource_count = 1};

	assert_int_equal(describe->device(one, &d), 0);
	hid[0] = 'X';
	assert_string_equal(m->firmware.devices[0].hid, "PNP0501");
	assert_null(m->firmware.devices[0].cid);
	d.resource_count = VOLT_RESOURCE_MAX + 1;
	assert_int_equal(describe->device(one, &d), -EINVAL);
	d = (struct volt_acpi_device){.size = sizeof(d)};
	assert_int_equal(describe->device(one, &d), -EINVAL);
	d = (struct volt_acpi_device){.size = 8, .hid = hid};
	assert_int_equal(describe->device(one, &d), -EINVAL);
	d = (struct volt_acpi_device){.size = sizeof(d), .hid = hid};
	while (m->firmware.device_count < FIRMWARE_DEVICE_MAX)
		assert_int_equal(describe->device(one, &d), 0);
	assert_int_equal(describe->device(one, &d), -ENOSPC);
}

static void each_fixed_register_is_given_once(void **state)
{
	struct volt_acpi_fixed f = {
	    .size = sizeof(f), .kind = VOLT_FIXED_SLEEP_CONTROL, .value = 5, .address = 0x600};

	assert_int_equal(describe->fixed(one, &f), 0);
	assert_int_equal(m->firmware.sleep_control.address, 0x600);
	assert_int_equal(m->firmware.sleep_control.value, 5);
	assert_int_equal(describe->fixed(two, &f), -ENOSPC);
	f.kind = 0;
	assert_int_equal(describe->fixed(one, &f), -EINVAL);
	f.kind = 4;
	assert_int_equal(describe->fixed(one, &f), -EINVAL);
	f.kind = VOLT_FIXED_RESET;
	f.space = 2;
	assert_int_equal(describe->fixed(one, &f), -EINVAL);
	f = (struct volt_acpi_fixed){.size = 8, .kind = VOLT_FIXED_RESET};
	assert_int_equal(describe->fixed(one, &f), -EINVAL);
}

static void words_for_the_kernel_are_added_up_to_the_limit(void **state)
{
	char words[CMDLINE_MAX];

	assert_int_equal(describe->cmdline(one, "a=1"), 0);
	assert_int_equal(describe->cmdline(two, "b c"), 0);
	assert_string_equal(m->device_cmdline, " a=1 b c");
	assert_int_equal(describe->cmdline(one, "x\ny"), -EINVAL);
	assert_int_equal(describe->cmdline(one, "\xc3\xa4"), -EINVAL);
	memset(words, 'w', sizeof(words));
	words[CMDLINE_MAX - 1 - 8 - 1] = '\0'; /* what is left, less the blank and the NUL */
	assert_int_equal(describe->cmdline(one, words), 0);
	assert_int_equal(strlen(m->device_cmdline), CMDLINE_MAX - 1);
	assert_int_equal(describe->cmdline(one, ""), -ENOSPC);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(the_table_says_what_it_is),
	    TEST(unknown_extensions_are_null),
	    TEST(routes_are_for_irqchip_plugins),
	    TEST(counters_are_the_instances_own),
	    TEST(a_message_has_the_instances_id),
	    TEST(messages_above_the_level_are_dropped),
	    TEST(a_guest_cannot_drive_the_terminal),
	    TEST(fail_says_why_and_returns_the_number),
	    TEST(wiring_may_say_as_much_as_it_wants),
	    TEST(after_the_seal_lines_are_rationed_and_counted),
	    TEST(lines_of_several_threads_are_all_printed_or_counted),
	    TEST(ranges_are_added_for_their_owner),
	    TEST(a_failed_init_is_one_line_with_the_hosts_reason),
	    TEST(a_refusal_that_was_got_over_is_not_said_later),
	    TEST(every_wiring_call_ends_an_older_refusal),
	    TEST(a_line_is_claimed_once),
	    TEST(an_instance_has_16_timers),
	    TEST(wiring_after_the_seal_is_refused),
	    TEST(a_line_anywhere_is_the_highest_free_one),
	    TEST(only_a_bus_is_found),
	    TEST(a_bus_calls_its_devices_under_their_lock),
	    TEST(the_time_of_day_is_for_those_with_its_flag),
	    TEST(workers_have_a_name_and_a_job),
	    TEST(workers_of_others_are_not_posted),
	    TEST(a_worker_watches_files_of_its_own_parameters),
	    TEST(a_worker_watches_16_files_but_none_that_is_always_ready),
	    TEST(memory_is_given_to_other_processes_only_if_that_was_asked_for),
	    TEST(a_workers_event_is_its_owners),
	    TEST(lines_of_others_are_not_driven),
	    TEST(timers_of_others_are_not_armed),
	    TEST(streams_of_others_are_not_touched),
	    TEST(each_request_has_its_exit_code),
	    TEST(the_first_request_wins),
	    TEST(attention_and_unknown_requests_end_nothing),
	    TEST(devices_are_copied),
	    TEST(each_fixed_register_is_given_once),
	    TEST(words_for_the_kernel_are_added_up_to_the_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
