/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * What the fake host does not let a plugin get away with: each misuse runs in a child,
 * which must abort and say what was wrong.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include "toy.h"

#include <cmocka.h> /* last: it defines fail() */

#if defined(__SANITIZE_ADDRESS__)
#define ASAN 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define ASAN 1
#endif
#endif

static struct volt_plugin bad;
static struct fake_host *host;
static void (*misuse_now)(struct toy *t);

static int bad_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct toy *t = self;
	int err = toy_init(self, h, a);

	h->add_irq(h, 4, VOLT_IRQ_LEVEL, &t->line);
	t->loop->add_timer(h, toy_plugin.reset, &t->timers[0]);
	return err;
}

static int bad_start(void *self)
{
	misuse_now(self);
	return 0;
}

/* A host whose plugin runs `misuse` in start. */
static void start_with(void (*misuse)(struct toy *t))
{
	bad = toy_plugin;
	bad.init = bad_init;
	bad.start = bad_start;
	misuse_now = misuse;
	host = fake_host_create(&bad);
	fake_host_wire(host, NULL);
	fake_host_run(host);
}

static void wire_with(int (*init)(void *, const struct volt_host *, const struct volt_args *))
{
	bad = toy_plugin;
	bad.init = init;
	fake_host_wire(fake_host_create(&bad), NULL);
}

/* MISUSE(name, body): a function that makes start run `body`. */
#define MISUSE(name, body) \
	static void name##_body(struct toy *t) \
	{ \
		body; \
	} \
	static void name(void) \
	{ \
		start_with(name##_body); \
	}

/* -------------------------------------------------------------------- host */

MISUSE(raise_gsi, t->h->set_irq(t->h, 4, true))
MISUSE(raise_other, t->h->set_irq(t->h, t->line + 1, true))

static void line_that_is_not_its_own_aborts(void **state)
{
	assert_aborts(raise_gsi, "in start: set_irq: line 4 is not its own");
	assert_aborts(raise_other, "is not its own");
}

MISUSE(request_nothing, t->h->request(t->h, 9, 0, "why"))
MISUSE(request_big_status, t->h->request(t->h, VOLT_REQUEST_EXIT, 256, "why"))
MISUSE(request_silently, t->h->request(t->h, VOLT_REQUEST_RESET, 0, NULL))

static void malformed_request_aborts(void **state)
{
	assert_aborts(request_nothing, "request: unknown request 9");
	assert_aborts(request_big_status, "exit status 256");
	assert_aborts(request_silently, "says not why");
}

MISUSE(log_newline, volt_log(t->h, VOLT_LOG_INFO, "a\nb"))
MISUSE(log_level, t->h->log(t->h, 5, "a"))

static void malformed_log_line_aborts(void **state)
{
	assert_aborts(log_newline, "newline");
	assert_aborts(log_level, "unknown level 5");
}

MISUSE(copy_host, struct volt_host copy = *t->h; copy.log(&copy, VOLT_LOG_INFO, "a"))
MISUSE(write_host, ((struct volt_host *)(uintptr_t)t->h)->log_level = 0)

static void copied_or_written_host_table_aborts(void **state)
{
	assert_aborts(copy_host, "copy of the host table");
	assert_aborts(write_host, "wrote into the host's table");
}

static void call_early(void)
{
	const struct volt_host *h = fake_host_table(fake_host_create(&toy_plugin));

	h->log(h, VOLT_LOG_INFO, "early");
}

static void host_call_before_init_aborts(void **state)
{
	assert_aborts(call_early, "log: called before init");
}

/* -------------------------------------------------------------------- init */

static int fail_silently(void *self, const struct volt_host *h, const struct volt_args *a)
{
	return -ENODEV;
}

static int fail_and_go_on(void *self, const struct volt_host *h, const struct volt_args *a)
{
	volt_fail(h, ENODEV, "lost");
	return 0;
}

static int fail_negative(void *self, const struct volt_host *h, const struct volt_args *a)
{
	return volt_fail(h, -ENODEV, "sign");
}

static void wire_silent(void)
{
	wire_with(fail_silently);
}

static void wire_going_on(void)
{
	wire_with(fail_and_go_on);
}

static void wire_negative(void)
{
	wire_with(fail_negative);
}

static void init_that_disagrees_with_fail_aborts(void **state)
{
	assert_aborts(wire_silent, "in init: returned -19");
	assert_aborts(wire_going_on, "in init: returned 0");
	assert_aborts(wire_negative, "fail: -19 is not a positive errno");
}

/* --------------------------------------------------------------- extensions */

MISUSE(tx_unattached, t->stream->tx(t->h, 0, (const uint8_t *)"a", 1))
MISUSE(tx_other, t->stream->tx(t->h, 2, (const uint8_t *)"a", 1))
MISUSE(room_unattached, t->stream->set_room(t->h, 1, 1))

static int attach_other(void *self, const struct volt_host *h, const struct volt_args *a)
{
	static const struct volt_stream_ops ops = {.size = sizeof(ops)};
	struct toy *t = self;
	int err = toy_init(self, h, a);

	t->stream->attach(h, 2, &ops);
	return err;
}

static void wire_other_stream(void)
{
	wire_with(attach_other);
}

static void stream_that_is_not_its_own_aborts(void **state)
{
	assert_aborts(wire_other_stream, "in init: attach: stream 2 is not its own");
	assert_aborts(tx_other, "tx: stream 2 is not its own");
	assert_aborts(tx_unattached, "tx: stream 0 is not attached");
	assert_aborts(room_unattached, "set_room: stream 1 is not attached");
}

MISUSE(arm_other, t->loop->arm(t->h, 1, 5))

static void timer_that_is_not_its_own_aborts(void **state)
{
	assert_aborts(arm_other, "arm: timer 1 is not its own");
}

static void spin(void *self)
{
	struct toy *t = self;

	t->loop->arm(t->h, t->timers[0], t->loop->now(t->h));
}

static int spin_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct toy *t = self;
	int err = toy_init(self, h, a);

	t->loop->add_timer(h, spin, &t->timers[0]);
	t->loop->arm(h, t->timers[0], 1);
	return err;
}

static void spin_for_ever(void)
{
	fake_advance(toy_run(spin_init), 0);
}

static void timer_that_never_lets_time_pass_aborts(void **state)
{
	assert_aborts(spin_for_ever, "timer 0 never lets time pass");
}

/* ------------------------------------------------------------------ memory */

MISUSE(recurse, fake_host_reset(host))

static void recursion_into_the_instance_aborts(void **state)
{
	assert_aborts(recurse, "reset was called before start returned");
}

MISUSE(overrun, ((volatile char *)t)[sizeof(*t) + 2] = 1)
MISUSE(overrun_counters, volt_count(t->h, TOY_WRITES + 1, 1))

static void writing_beyond_the_instance_aborts(void **state)
{
#ifdef ASAN /* sees the write itself */
	assert_aborts(overrun, "use-after-poison");
	assert_aborts(overrun_counters, "use-after-poison");
#else
	char message[64];

	snprintf(message, sizeof(message), "wrote at offset %zu of its instance",
	    sizeof(struct toy) + 2);
	assert_aborts(overrun, message);
	assert_aborts(overrun_counters, "wrote at offset 16 of its counters");
#endif
}

MISUSE(count_one, volt_count(t->h, TOY_READS, 1))

static void count_down(void)
{
	count_one();
	volt_count(fake_host_table(host), TOY_READS, UINT64_MAX);
	fake_host_reset(host);
}

static void counter_that_goes_down_aborts(void **state)
{
	assert_aborts(count_down, "in reset: counter 0 went down");
}

/* -------------------------------------------------------------- descriptor */

static void create_bad(void)
{
	fake_host_create(&bad);
}

/* Aborts for the toy with one member changed. */
#define ASSERT_BAD(member, value, message) \
	do { \
		bad = toy_plugin; \
		bad.member = (value); \
		assert_aborts(create_bad, message); \
	} while (0)

static void malformed_head_aborts(void **state)
{
	ASSERT_BAD(size, sizeof(bad) - 1, "size");
	ASSERT_BAD(abi_major, VOLT_ABI_MAJOR + 1, "ABI 1.");
	ASSERT_BAD(abi_major, VOLT_ABI_MAJOR + 1, "the major must be 0");
	ASSERT_BAD(name, "Toy", "name: must match");
	ASSERT_BAD(name, "a12345678901234567890123456789012", "name: must match");
	ASSERT_BAD(summary, "Ends with a full stop.", "no full stop");
	ASSERT_BAD(kind, 4, "kind 4");
	ASSERT_BAD(flags, 32, "flags 0x20");
	ASSERT_BAD(instance_size, 0, "instance_size 0");
	ASSERT_BAD(instance_size, (16u << 20) + 1, "instance_size 16777217");
	ASSERT_BAD(init, NULL, "init: is required");
}

static const struct volt_need need = {"read", "to read", VOLT_ROLE_BIT(VOLT_ROLE_LOOP), 1,
    {{.arg = 0, .op = VOLT_TEST_FD_PARAM, .value = TOY_ROM}}};

static void with_need(const struct volt_need *row)
{
	bad = toy_plugin;
	bad.need_count = 1;
	bad.need_stride = sizeof(*row);
	bad.needs = row;
}

static void assert_bad_need(struct volt_need row, const char *message)
{
	with_need(&row);
	assert_aborts(create_bad, message);
}

static void malformed_need_aborts(void **state)
{
	struct volt_need n;

	n = need, n.syscall = NULL, assert_bad_need(n, "has no name");
	n = need, n.reason = "", assert_bad_need(n, "has no reason");
	n = need, n.roles = VOLT_ROLE_BIT(VOLT_ROLE_VCPU), assert_bad_need(n, "roles 0x2");
	n = need, n.roles = VOLT_ROLE_BIT(VOLT_ROLE_COUNT), assert_bad_need(n, "roles 0x8");
	n = need, n.roles = 0, assert_bad_need(n, "roles 0x0");
	n = need, n.test_count = 5, assert_bad_need(n, "5 tests");
	n = need, n.tests[0].arg = 6, assert_bad_need(n, "malformed test");
	n = need, n.tests[0].value = TOY_BASE, assert_bad_need(n, "base is not a file");
	n = need, n.tests[0].value = 4, assert_bad_need(n, "no parameter 4");
}

static void sound_need_passes(void **state)
{
	with_need(&need);
	fake_host_destroy(fake_host_create(&bad));
}

static const void *answer_all(const char *id)
{
	return &bad;
}

static void malformed_tables_abort(void **state)
{
	ASSERT_BAD(param_stride, 8, "params: param_stride 8");
	ASSERT_BAD(counters, NULL, "counters: 2 rows");
	ASSERT_BAD(counter_stride, 8, "counters: 2 rows, stride 8");
	ASSERT_BAD(get_ext, answer_all, "get_ext: answers");
}

/* --------------------------------------------------------------- the test's */

static void run_unwired(void)
{
	fake_host_run(fake_host_create(&toy_plugin));
}

static void read_unsealed(void)
{
	struct fake_host *f = fake_host_create(&toy_plugin);

	fake_host_wire(f, NULL);
	fake_in(f, 0x100);
}

static void read_three_bytes(void)
{
	fake_read(toy_run(toy_init), VOLT_SPACE_PIO, 0x100, 3);
}

static void read_unknown_counter(void)
{
	fake_counter(toy_run(toy_init), "bytes");
}

static void feed_nobody(void)
{
	fake_stream_feed(toy_run(toy_init), 1, "a", 1);
}

static void misuse_by_the_test_aborts(void **state)
{
	assert_aborts(run_unwired, "runs a host that is not wired");
	assert_aborts(read_unsealed, "fake_read while the VM does not run");
	assert_aborts(read_three_bytes, "an access of 3 bytes");
	assert_aborts(read_unknown_counter, "unknown counter bytes");
	assert_aborts(feed_nobody, "no peer is connected");
}

#define CASE(name) cmocka_unit_test(name)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(line_that_is_not_its_own_aborts),
	    CASE(malformed_request_aborts),
	    CASE(malformed_log_line_aborts),
	    CASE(copied_or_written_host_table_aborts),
	    CASE(host_call_before_init_aborts),
	    CASE(init_that_disagrees_with_fail_aborts),
	    CASE(stream_that_is_not_its_own_aborts),
	    CASE(timer_that_is_not_its_own_aborts),
	    CASE(timer_that_never_lets_time_pass_aborts),
	    CASE(recursion_into_the_instance_aborts),
	    CASE(writing_beyond_the_instance_aborts),
	    CASE(counter_that_goes_down_aborts),
	    CASE(malformed_head_aborts),
	    CASE(malformed_need_aborts),
	    CASE(sound_need_passes),
	    CASE(malformed_tables_abort),
	    CASE(misuse_by_the_test_aborts),
	};

	return cmocka_run_group_tests_name("fake_contract", tests, NULL, NULL);
}
