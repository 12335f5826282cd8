/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>
#include <setjmp.h>
#include <string.h>

#include <volt/fake_host.h>

/* After Volt's headers: it has a macro called fail. */
#include <cmocka.h>

#define PORT 0xf4

extern const struct volt_plugin volt_plugin_exitport;

static struct fake_host *boot(const char *params)
{
	struct fake_host *f = fake_host_create(&volt_plugin_exitport);

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

static void a_written_byte_is_the_exit_status(void **state)
{
	for (unsigned status = 0; status < 256; status++) {
		uint32_t code = 999;
		const char *why = NULL;

		fake_out(*state, PORT, (uint8_t)status);
		assert_int_equal(fake_asked(*state, VOLT_ASK_EXIT, &code, &why), status + 1);
		assert_int_equal(code, status);
		assert_non_null(why);
	}
}

static void reads_return_zero_and_ask_for_nothing(void **state)
{
	assert_int_equal(fake_in(*state, PORT), 0);
	assert_int_equal(fake_asked(*state, VOLT_ASK_EXIT, NULL, NULL), 0);
}

static void a_wide_write_gives_its_lowest_byte(void **state)
{
	uint32_t code = 999;

	fake_write(*state, VOLT_SPACE_PIO, PORT, 4, 0x11223344);
	assert_int_equal(fake_asked(*state, VOLT_ASK_EXIT, &code, NULL), 1);
	assert_int_equal(code, 0x44);
	assert_int_equal(fake_read(*state, VOLT_SPACE_PIO, PORT, 2), 0xff00);
}

static void the_command_line_names_the_port(void **state)
{
	assert_string_equal(fake_cmdline(*state), "volt.exit=0xf4");
}

static void two_instances_live_apart(void **state)
{
	struct fake_host *other = boot("base=0x501");
	uint32_t code = 999;

	assert_string_equal(fake_cmdline(other), "volt.exit=0x501");
	fake_out(other, PORT, 1);
	assert_int_equal(fake_asked(other, VOLT_ASK_EXIT, NULL, NULL), 0);
	assert_int_equal(fake_misses(other), 1);
	fake_out(other, 0x501, 7);
	assert_int_equal(fake_asked(other, VOLT_ASK_EXIT, &code, NULL), 1);
	assert_int_equal(code, 7);
	assert_int_equal(fake_asked(*state, VOLT_ASK_EXIT, NULL, NULL), 0);
	fake_host_destroy(other);
}

/* -------------------------------------------------------------------- init */

static void init_fails_when_any_call_of_it_does(void **state)
{
	const unsigned calls = fake_host_calls(*state);

	assert_int_equal(calls, 2);
	for (unsigned n = 1; n <= calls; n++) {
		struct fake_host *f = fake_host_create(&volt_plugin_exitport);

		fake_host_fail_call(f, n, ENOSPC);
		assert_int_equal(fake_host_wire(f, NULL), -ENOSPC);
		assert_string_not_equal(fake_host_message(f), "");
		fake_host_destroy(f);
	}
}

static void a_base_beyond_the_last_port_is_refused(void **state)
{
	struct fake_host *good = boot("base=0xffff"),
			 *bad = fake_host_create(&volt_plugin_exitport);

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

	assert_true(sizeof(self) >= volt_plugin_exitport.instance_size);
	return volt_plugin_exitport.init(self, &host, &args);
}

static void init_fails_on_a_host_without_an_extension_it_needs(void **state)
{
	assert_int_equal(init_with_only("none"), -ENOTSUP);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(a_written_byte_is_the_exit_status),
	    T(reads_return_zero_and_ask_for_nothing),
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
