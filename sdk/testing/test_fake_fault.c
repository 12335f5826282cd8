/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* A host that refuses: which call failed, which extension is missing, who came late. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include "toy.h"

#include <cmocka.h> /* last: it defines fail() */

static struct fake_host *host;

static int add_two(struct toy *t, const struct volt_host *h, const struct volt_args *a)
{
	const struct volt_range r = toy_range(VOLT_SPACE_PIO, VOLT_IO_1, 0, 0x100, 8);
	int err = toy_init(t, h, a);

	if (err)
		return err;
	err = h->add_irq(h, 4, VOLT_IRQ_EDGE, &t->line);
	return err ? err : h->add_range(h, &r);
}

static int wire_two(void *self, const struct volt_host *h, const struct volt_args *a)
{
	const int err = add_two(self, h, a);

	return err ? volt_fail(h, -err, "the toy is broken") : 0;
}

/* Goes on whatever the host says. */
static int wire_regardless(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct volt_range empty = toy_range(VOLT_SPACE_PIO, VOLT_IO_1, 0, 0x100, 0);

	toy_init(self, h, a);
	h->add_range(h, &empty);
	return 0;
}

static int start_late(void *self)
{
	struct toy *t = self;
	struct volt_range r = toy_range(VOLT_SPACE_PIO, VOLT_IO_1, 0, 0x100, 8);

	assert_int_equal(t->h->add_range(t->h, &r), -EPERM);
	assert_null(t->h->get_ext(t->h, VOLT_EXT_LOOP));
	return 0;
}

static struct volt_plugin plugin;

static void make(int (*init)(void *, const struct volt_host *, const struct volt_args *))
{
	plugin = toy_plugin;
	plugin.init = init;
	host = fake_host_create(&plugin);
}

static void names_the_call_that_was_made_to_fail(void **state)
{
	make(wire_two);
	fake_host_fail_call(host, 2, ENOMEM);
	assert_int_equal(fake_host_wire(host, NULL), -ENOMEM);
	assert_string_equal(fake_host_failed_call(host), "add_range");
	assert_int_equal(fake_host_calls(host), 2);
	fake_host_destroy(host);
}

static void says_of_a_plain_run_that_nothing_failed(void **state)
{
	make(wire_two);
	assert_int_equal(fake_host_wire(host, NULL), 0);
	assert_null(fake_host_failed_call(host));
	assert_null(fake_host_refused_call(host));
	assert_null(fake_host_late_call(host));
	assert_null(fake_host_inside(host));
	fake_host_destroy(host);
}

static void tells_which_call_it_refused_for_its_arguments(void **state)
{
	make(wire_regardless);
	assert_int_equal(fake_host_wire(host, NULL), 0);
	assert_string_equal(fake_host_refused_call(host), "add_range");
	fake_host_destroy(host);
}

static void tells_the_first_call_after_the_seal(void **state)
{
	make(wire_two);
	plugin.start = start_late;
	assert_int_equal(fake_host_wire(host, NULL), 0);
	assert_int_equal(fake_host_run(host), 0);
	assert_string_equal(fake_host_late_call(host), "add_range");
	fake_host_destroy(host);
}

static void hides_the_extension_that_a_test_names(void **state)
{
	make(wire_two);
	fake_host_hide_ext(host, VOLT_EXT_STREAM);
	assert_int_equal(fake_host_wire(host, NULL), 0);
	assert_null(((struct toy *)fake_host_self(host))->stream);
	assert_non_null(((struct toy *)fake_host_self(host))->loop);
	fake_host_destroy(host);
}

static void lists_the_extensions_in_the_order_asked(void **state)
{
	make(wire_two);
	assert_int_equal(fake_host_wire(host, NULL), 0);
	assert_string_equal(fake_host_ext_asked(host, 0), VOLT_EXT_LOOP);
	assert_string_equal(fake_host_ext_asked(host, 1), VOLT_EXT_STREAM);
	assert_null(fake_host_ext_asked(host, 31));
	fake_host_destroy(host);
}

static void counts_timers_streams_and_pins(void **state)
{
	make(wire_two);
	assert_int_equal(fake_host_wire(host, NULL), 0);
	assert_int_equal(fake_timer_count(host), 0);
	assert_int_equal(fake_stream_count(host), 2);
	assert_true(fake_stream_connected(host, 0));
	assert_int_equal(fake_pin_count(host), 0);
	fake_host_destroy(host);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(names_the_call_that_was_made_to_fail),
	    cmocka_unit_test(says_of_a_plain_run_that_nothing_failed),
	    cmocka_unit_test(tells_which_call_it_refused_for_its_arguments),
	    cmocka_unit_test(tells_the_first_call_after_the_seal),
	    cmocka_unit_test(hides_the_extension_that_a_test_names),
	    cmocka_unit_test(lists_the_extensions_in_the_order_asked),
	    cmocka_unit_test(counts_timers_streams_and_pins),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
