/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>
#include <setjmp.h>
#include <string.h>

#include <volt/fake_host.h>

/* After Volt's headers: it has a macro called fail. */
#include <cmocka.h>

#define PORT 0xf6

extern const struct volt_plugin volt_plugin_bootmark;

static struct fake_host *boot(const char *params)
{
	struct fake_host *f = fake_host_create(&volt_plugin_bootmark);

	assert_int_equal(fake_host_wire(f, params), 0);
	assert_int_equal(fake_host_run(f), 0);
	return f;
}

static int setup(void **state)
{
	*state = boot(NULL);
	return 0;
}

static int teardown(void **state)
{
	fake_host_destroy(*state);
	return 0;
}

static void assert_logged(struct fake_host *f, const char *text)
{
	assert_string_equal(fake_host_logged(f, NULL), text);
}

static void a_mark_is_logged_with_the_time_since_start(void **state)
{
	fake_advance(*state, 12345678);
	fake_out(*state, PORT, 'A');
	assert_logged(*state, "boot mark 0x41 ('A') after 12.345 ms");
	assert_int_equal(fake_counter(*state, "marks"), 1);
}

static void times_have_three_decimals(void **state)
{
	fake_out(*state, PORT, '0');
	assert_logged(*state, "boot mark 0x30 ('0') after 0.000 ms");
	fake_advance(*state, 1999);
	fake_out(*state, PORT, '1');
	assert_logged(*state, "boot mark 0x31 ('1') after 0.001 ms");
	fake_advance(*state, UINT64_C(3600000000000));
	fake_out(*state, PORT, '2');
	assert_logged(*state, "boot mark 0x32 ('2') after 3600000.001 ms");
}

static void what_cannot_be_printed_is_a_number_only(void **state)
{
	static const uint8_t marks[] = {0x00, 0x0a, 0x1b, 0x20, 0x7f, 0x80, 0xff};

	for (unsigned i = 0; i < sizeof(marks); i++) {
		char text[64];

		fake_out(*state, PORT, marks[i]);
		snprintf(text, sizeof(text), "boot mark 0x%02x after 0.000 ms", marks[i]);
		assert_logged(*state, text);
	}
	assert_int_equal(fake_counter(*state, "marks"), sizeof(marks));
}

static void reads_return_the_newest_mark(void **state)
{
	assert_int_equal(fake_in(*state, PORT), 0);
	fake_out(*state, PORT, 0x12);
	fake_out(*state, PORT, 0x34);
	assert_int_equal(fake_in(*state, PORT), 0x34);
}

static void reset_forgets_the_mark_and_keeps_the_clock(void **state)
{
	fake_out(*state, PORT, 0x12);
	fake_advance(*state, 5000000);
	fake_host_reset(*state);
	assert_int_equal(fake_in(*state, PORT), 0);
	fake_out(*state, PORT, 'B');
	assert_logged(*state, "boot mark 0x42 ('B') after 5.000 ms");
}

static void a_wide_write_gives_its_lowest_byte(void **state)
{
	fake_write(*state, VOLT_SPACE_PIO, PORT, 2, 0x4243);
	assert_int_equal(fake_read(*state, VOLT_SPACE_PIO, PORT, 2), 0xff43);
	assert_int_equal(fake_counter(*state, "marks"), 1);
}

static void the_command_line_names_the_port(void **state)
{
	assert_string_equal(fake_cmdline(*state), "volt.mark=0xf6");
}

static void two_instances_live_apart(void **state)
{
	struct fake_host *other = boot("base=0x80");

	assert_string_equal(fake_cmdline(other), "volt.mark=0x80");
	fake_out(other, 0x80, 5);
	assert_int_equal(fake_in(other, 0x80), 5);
	assert_int_equal(fake_in(*state, PORT), 0);
	assert_int_equal(fake_counter(*state, "marks"), 0);
	fake_host_destroy(other);
}

/* -------------------------------------------------------------------- init */

static void init_fails_when_any_call_of_it_does(void **state)
{
	const unsigned calls = fake_host_calls(*state);

	assert_int_equal(calls, 2);
	for (unsigned n = 1; n <= calls; n++) {
		struct fake_host *f = fake_host_create(&volt_plugin_bootmark);

		fake_host_fail_call(f, n, ENOSPC);
		assert_int_equal(fake_host_wire(f, NULL), -ENOSPC);
		assert_string_not_equal(fake_host_message(f), "");
		fake_host_destroy(f);
	}
}

static void a_base_beyond_the_last_port_is_refused(void **state)
{
	struct fake_host *good = boot("base=0xffff"),
			 *bad = fake_host_create(&volt_plugin_bootmark);

	assert_int_equal(fake_host_wire(bad, "base=0x10000"), -EINVAL);
	assert_non_null(strstr(fake_host_message(bad), "base"));
	fake_host_destroy(good);
	fake_host_destroy(bad);
}

/* A host of which only the extensions named here are there. */
static const void *some_ext(const struct volt_host *h, const char *id)
{
	static const struct volt_loop loop = {.size = sizeof(loop)};

	return h->core && strcmp(id, h->core) == 0 ? &loop : NULL;
}

static int no_range(const struct volt_host *h, const struct volt_range *r)
{
	return 0;
}

static int bare_fail(const struct volt_host *h, int32_t err, const char *msg)
{
	assert_non_null(strstr(msg, "volt."));
	return -err;
}

static int init_with_only(const char *ext)
{
	const struct volt_host host = {
	    .size = sizeof(host),
	    .core = (void *)(uintptr_t)ext,
	    .get_ext = some_ext,
	    .add_range = no_range,
	    .fail = bare_fail,
	};
	const struct volt_value value = {.u = 0x100};
	const struct volt_args args = {sizeof(args), sizeof(value), 1, &value};
	uint64_t self[16] = {0};

	assert_true(sizeof(self) >= volt_plugin_bootmark.instance_size);
	return volt_plugin_bootmark.init(self, &host, &args);
}

static void init_fails_on_a_host_without_an_extension_it_needs(void **state)
{
	assert_int_equal(init_with_only("none"), -ENOTSUP);
	assert_int_equal(init_with_only(VOLT_EXT_LOOP), -ENOTSUP);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(a_mark_is_logged_with_the_time_since_start),
	    T(times_have_three_decimals),
	    T(what_cannot_be_printed_is_a_number_only),
	    T(reads_return_the_newest_mark),
	    T(reset_forgets_the_mark_and_keeps_the_clock),
	    T(a_wide_write_gives_its_lowest_byte),
	    T(the_command_line_names_the_port),
	    T(two_instances_live_apart),
	    T(init_fails_when_any_call_of_it_does),
	    T(a_base_beyond_the_last_port_is_refused),
	    T(init_fails_on_a_host_without_an_extension_it_needs),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
