/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * The life of an instance in the fake host: order, failures, and what it remembers.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "toy.h"

#include <cmocka.h> /* last: it defines fail() */

static struct volt_plugin plugin;
static struct fake_host *f;

static int make(void **state)
{
	plugin = toy_plugin;
	f = fake_host_create(&plugin);
	return 0;
}

static int destroy(void **state)
{
	fake_host_destroy(f);
	return 0;
}

static struct toy *self(void)
{
	return fake_host_self(f);
}

/* -------------------------------------------------------------------- life */

static void order_event(void *state, uint32_t stream, uint32_t event)
{
	toy_note(state, "connected%u ", stream);
}

static const struct volt_stream_ops order_ops = {.size = sizeof(order_ops), .event = order_event};

static int order_init(void *state, const struct volt_host *h, const struct volt_args *a)
{
	struct toy *t = state;
	int err = toy_init(state, h, a);

	t->stream->attach(h, 0, &order_ops);
	t->stream->attach(h, 1, &order_ops);
	return err;
}

static char at_the_end[sizeof(((struct toy *)0)->calls) + 4];

static void order_fini(void *state)
{
	snprintf(at_the_end, sizeof(at_the_end), "%sfini", ((struct toy *)state)->calls);
}

static void life_is_init_reset_connected_start_fini(void **state)
{
	struct volt_plugin p = toy_plugin;

	p.init = order_init;
	p.fini = order_fini;
	struct fake_host *g = fake_host_create(&p);

	assert_int_equal(fake_host_wire(g, NULL), 0);
	assert_int_equal(fake_host_run(g), 0);
	fake_host_destroy(g);
	assert_string_equal(at_the_end, "init reset connected0 start fini");
}

static void reset_comes_again_when_asked(void **state)
{
	fake_host_wire(f, NULL);
	fake_host_run(f);
	fake_host_reset(f);
	assert_string_equal(toy_calls(f), "init reset start reset ");
}

static void missing_callbacks_are_passed_over(void **state)
{
	plugin.reset = NULL;
	plugin.start = NULL;
	assert_int_equal(fake_host_wire(f, NULL), 0);
	assert_int_equal(fake_host_run(f), 0);
	fake_host_reset(f);
	assert_string_equal(toy_calls(f), "init ");
}

static int start_fails(void *state)
{
	return -EIO;
}

static void run_returns_what_start_returned(void **state)
{
	plugin.start = start_fails;
	fake_host_wire(f, NULL);
	assert_int_equal(fake_host_run(f), -EIO);
}

static int init_fails(void *state, const struct volt_host *h, const struct volt_args *a)
{
	return volt_fail(h, ENODEV, "no %s here", "thing");
}

static void must_not_be_called(void *state)
{
	abort();
}

static void failed_init_says_why_and_gets_no_fini(void **state)
{
	plugin.init = init_fails;
	plugin.fini = must_not_be_called;
	assert_int_equal(fake_host_wire(f, NULL), -ENODEV);
	assert_string_equal(fake_host_message(f), "no thing here");
}

/* -------------------------------------------------------------- parameters */

static void parameters_arrive_in_init(void **state)
{
	assert_int_equal(fake_host_wire(f, "base=0x2f8,rom=/dev/null"), 0);
	assert_int_equal(self()->base, 0x2f8);
	assert_true(fcntl(self()->rom_fd, F_GETFD) & FD_CLOEXEC);
	assert_string_equal(fake_host_message(f), "");
}

static void refused_parameters_never_reach_init(void **state)
{
	plugin.init = NULL; /* would crash */
	assert_int_equal(fake_host_wire(f, "base=0x10000"), -EINVAL);
	assert_string_equal(fake_host_message(f), "base=0x10000: must be 0x0 to 0xffff");
}

static void missing_file_is_refused(void **state)
{
	assert_int_equal(fake_host_wire(f, "rom=/no/such/file"), -ENOENT);
	assert_string_equal(
	    fake_host_message(f), "rom=/no/such/file: cannot be opened: No such file or directory");
}

static void unknown_kind_of_stream_is_refused(void **state)
{
	assert_int_equal(fake_host_wire(f, "console=tty"), -EINVAL);
	assert_non_null(strstr(fake_host_message(f), "console=tty: must be stdio"));
}

static void files_are_closed_at_the_end(void **state)
{
	struct fake_host *g = fake_host_create(&plugin);

	assert_int_equal(fake_host_wire(g, "rom=/dev/null"), 0);
	int fd = ((struct toy *)fake_host_self(g))->rom_fd;

	fake_host_destroy(g);
	assert_int_equal(fcntl(fd, F_GETFD), -1);
}

/* ------------------------------------------------------- wiring and failing */

static void ignore(void *state)
{
}

static int add_one_of_each(struct toy *t, const struct volt_host *h, const struct volt_args *a)
{
	const struct volt_range r = toy_range(VOLT_SPACE_PIO, VOLT_IO_1, 0, 0x100, 8);
	const struct volt_acpi_device d = {.size = sizeof(d), .hid = "PNP0501"};
	const struct volt_acpi_fixed x = {.size = sizeof(x), .kind = VOLT_FIXED_RESET};
	int err = toy_init(t, h, a);

	if (err)
		return err;
	err = h->add_range(h, &r);
	if (err)
		return err;
	err = h->add_irq(h, 4, VOLT_IRQ_EDGE, &t->line);
	if (err)
		return err;
	err = t->loop->add_timer(h, ignore, &t->timers[0]);
	if (err)
		return err;
	err = t->stream->attach(h, 0, &order_ops);
	if (err)
		return err;
	err = t->describe->device(h, &d);
	if (err)
		return err;
	err = t->describe->fixed(h, &x);
	return err ? err : t->describe->cmdline(h, "toy");
}

static int wire_one_of_each(void *state, const struct volt_host *h, const struct volt_args *a)
{
	const int err = add_one_of_each(state, h, a);

	return err ? volt_fail(h, -err, "wiring failed") : 0;
}

static void every_wiring_call_is_counted(void **state)
{
	plugin.init = wire_one_of_each;
	assert_int_equal(fake_host_wire(f, NULL), 0);
	assert_int_equal(fake_host_calls(f), 7);
}

static void any_one_wiring_call_can_fail(void **state)
{
	plugin.init = wire_one_of_each;
	for (unsigned n = 1; n <= 7; n++) {
		struct fake_host *g = fake_host_create(&plugin);

		fake_host_fail_call(g, n, ENOMEM);
		assert_int_equal(fake_host_wire(g, NULL), -ENOMEM);
		assert_int_equal(fake_host_calls(g), n);
		assert_string_equal(fake_host_message(g), "wiring failed");
		fake_host_destroy(g);
	}
}

static void wiring_after_the_seal_answers_eperm(void **state)
{
	struct volt_range r = toy_range(VOLT_SPACE_PIO, VOLT_IO_1, 0, 0x200, 8);
	struct volt_acpi_device d = {.size = sizeof(d), .hid = "PNP0501"};
	struct volt_acpi_fixed x = {.size = sizeof(x), .kind = VOLT_FIXED_RESET};
	const struct volt_host *h = fake_host_table(f);
	uint32_t handle;

	fake_host_wire(f, NULL);
	fake_host_run(f);
	assert_int_equal(h->add_range(h, &r), -EPERM);
	assert_int_equal(h->add_irq(h, 4, VOLT_IRQ_EDGE, &handle), -EPERM);
	assert_int_equal(self()->loop->add_timer(h, ignore, &handle), -EPERM);
	assert_int_equal(self()->stream->attach(h, 0, &order_ops), -EPERM);
	assert_int_equal(self()->describe->device(h, &d), -EPERM);
	assert_int_equal(self()->describe->fixed(h, &x), -EPERM);
	assert_int_equal(self()->describe->cmdline(h, "late"), -EPERM);
	assert_null(h->get_ext(h, VOLT_EXT_LOOP));
	assert_int_equal(fake_range_count(f), 0);
	assert_int_equal(fake_host_calls(f), 0);
}

static void unknown_extension_is_null(void **state)
{
	const struct volt_host *h = fake_host_table(f);

	fake_host_wire(f, NULL);
	assert_null(h->get_ext(h, "volt.loop/2"));
	assert_null(h->get_ext(h, VOLT_EXT_IRQROUTE)); /* the toy is no irqchip */
}

/* -------------------------------------------------------------- remembered */

static void newest_log_line_and_their_number_are_kept(void **state)
{
	unsigned count = 9;

	assert_string_equal(fake_host_logged(f, &count), "");
	assert_int_equal(count, 0);
	fake_host_wire(f, NULL);
	volt_log(fake_host_table(f), VOLT_LOG_INFO, "one");
	volt_log(fake_host_table(f), VOLT_LOG_TRACE, "t%s", "wo");
	assert_string_equal(fake_host_logged(f, &count), "two");
	assert_int_equal(count, 2);
}

static void requests_are_counted_with_the_newest_reason(void **state)
{
	const struct volt_host *h = fake_host_table(f);
	uint32_t code = 0;
	const char *why = NULL;

	fake_host_wire(f, NULL);
	h->request(h, VOLT_REQUEST_EXIT, 3, "first");
	h->request(h, VOLT_REQUEST_EXIT, 4, "second");
	assert_int_equal(fake_requested(f, VOLT_REQUEST_EXIT, &code, &why), 2);
	assert_int_equal(code, 4);
	assert_string_equal(why, "second");
	assert_int_equal(fake_requested(f, VOLT_REQUEST_RESET, NULL, NULL), 0);
}

static void counters_are_found_by_name(void **state)
{
	fake_host_wire(f, NULL);
	volt_count(fake_host_table(f), TOY_WRITES, 5);
	assert_int_equal(fake_counter(f, "writes"), 5);
	assert_int_equal(fake_counter(f, "reads"), 0);
}

static void two_hosts_share_nothing(void **state)
{
	struct fake_host *g = fake_host_create(&plugin);

	fake_host_wire(f, "base=1");
	fake_host_wire(g, "base=2");
	volt_count(fake_host_table(g), TOY_READS, 1);
	assert_int_equal(self()->base, 1);
	assert_int_equal(((struct toy *)fake_host_self(g))->base, 2);
	assert_int_equal(fake_counter(f, "reads"), 0);
	fake_host_destroy(g);
}

static void toy_attention(void *state)
{
	toy_note(state, "attention ");
}

static const struct volt_attention attention = {
    .size = sizeof(attention), .attention = toy_attention};

static const void *attention_ext(const char *id)
{
	return strcmp(id, VOLT_EXT_ATTENTION) == 0 ? &attention : NULL;
}

static void attention_reaches_the_plugin(void **state)
{
	plugin.get_ext = attention_ext;
	fake_host_wire(f, NULL);
	fake_host_run(f);
	toy_forget(f);
	fake_attention(f);
	assert_string_equal(toy_calls(f), "attention ");
}

#define CASE(name) cmocka_unit_test_setup_teardown(name, make, destroy)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(life_is_init_reset_connected_start_fini),
	    CASE(reset_comes_again_when_asked),
	    CASE(missing_callbacks_are_passed_over),
	    CASE(run_returns_what_start_returned),
	    CASE(failed_init_says_why_and_gets_no_fini),
	    CASE(parameters_arrive_in_init),
	    CASE(refused_parameters_never_reach_init),
	    CASE(missing_file_is_refused),
	    CASE(unknown_kind_of_stream_is_refused),
	    CASE(files_are_closed_at_the_end),
	    CASE(every_wiring_call_is_counted),
	    CASE(any_one_wiring_call_can_fail),
	    CASE(wiring_after_the_seal_answers_eperm),
	    CASE(unknown_extension_is_null),
	    CASE(newest_log_line_and_their_number_are_kept),
	    CASE(requests_are_counted_with_the_newest_reason),
	    CASE(counters_are_found_by_name),
	    CASE(two_hosts_share_nothing),
	    CASE(attention_reaches_the_plugin),
	};

	return cmocka_run_group_tests_name("fake_host", tests, NULL, NULL);
}
