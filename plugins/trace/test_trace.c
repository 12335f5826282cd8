/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>
#include <setjmp.h>
#include <string.h>

#include <volt/fake_host.h>

/* After Volt's headers: it has a macro called fail. */
#include <cmocka.h>
#include <filter_bench.h>

extern const struct volt_plugin volt_plugin_trace;

static void assert_written(struct bench *b, const char *text)
{
	assert_string_equal(fake_stream_output(b->f, 0, NULL), text);
}

static void a_read_is_shown_with_what_the_device_answered(void **state)
{
	struct bench b;

	open_bench(&b, &volt_plugin_trace, "to=null");
	fake_advance(b.f, 1002003004);
	assert_int_equal(get(&b, 5, 1), 0x15);
	assert_written(&b, "1.002003004 cpu0 device registers+0x5 read1 0x15\n");
	fake_host_destroy(b.f);
}

static void a_write_is_shown_at_its_size(void **state)
{
	struct bench b;

	open_bench(&b, &volt_plugin_trace, "to=null");
	fake_filter_write(b.f, b.layer, 3, 0xc, 4, 0xbeef);
	assert_written(&b, "0.000000000 cpu3 device registers+0xc write4 0x0000beef\n");
	assert_int_equal(b.device.newest_value, 0xbeef);
	fake_host_destroy(b.f);
}

static void only_the_wanted_direction_is_shown(void **state)
{
	struct bench b;

	open_bench(&b, &volt_plugin_trace, "to=null,what=writes");
	get(&b, 0, 1);
	assert_written(&b, "");
	put(&b, 0, 1, 1);
	assert_int_equal(fake_counter(b.f, "lines"), 1);
	fake_host_destroy(b.f);
}

static void a_line_of_which_only_a_part_fits_is_ended_later(void **state)
{
	struct bench b;

	open_bench(&b, &volt_plugin_trace, "to=null");
	fake_stream_limit(b.f, 0, 10);
	get(&b, 0, 1);
	assert_written(&b, "0.00000000");
	fake_stream_limit(b.f, 0, SIZE_MAX);
	get(&b, 1, 1);
	assert_written(&b, "0.000000000 cpu0 device registers+0x0 read1 0x10\n"
			   "0.000000000 cpu0 device registers+0x1 read1 0x11\n");
	fake_host_destroy(b.f);
}

static void lost_lines_are_counted_and_told(void **state)
{
	struct bench b;

	open_bench(&b, &volt_plugin_trace, "to=null");
	fake_stream_limit(b.f, 0, 0);
	assert_int_equal(get(&b, 0, 1), 0x10);
	get(&b, 0, 1);
	fake_stream_limit(b.f, 0, SIZE_MAX);
	get(&b, 2, 1);
	assert_written(&b, "... 2 accesses lost\n"
			   "0.000000000 cpu0 device registers+0x2 read1 0x12\n");
	assert_int_equal(fake_counter(b.f, "lost"), 2);
	assert_int_equal(fake_counter(b.f, "lines"), 1);
	fake_host_destroy(b.f);
}

/* A driver that hangs makes no further access, and its last line is the one that counts. */
static void what_waits_leaves_without_another_access(void **state)
{
	struct bench b;

	open_bench(&b, &volt_plugin_trace, "to=null");
	fake_stream_limit(b.f, 0, 10);
	get(&b, 0, 1);
	get(&b, 1, 1);
	fake_advance(b.f, 1000000000);
	assert_written(&b, "0.00000000");
	fake_stream_limit(b.f, 0, SIZE_MAX);
	fake_advance(b.f, 1000000000);
	assert_written(&b, "0.000000000 cpu0 device registers+0x0 read1 0x10\n"
			   "... 1 accesses lost\n");
	assert_false(fake_timer_armed(b.f, 0, NULL));
	fake_host_destroy(b.f);
}

static void the_next_client_gets_no_end_of_a_line(void **state)
{
	struct bench b;

	open_bench(&b, &volt_plugin_trace, "to=unix:/x");
	fake_stream_event(b.f, 0, VOLT_STREAM_CONNECTED);
	fake_stream_limit(b.f, 0, 10);
	get(&b, 0, 1);
	fake_stream_event(b.f, 0, VOLT_STREAM_DISCONNECTED);
	fake_stream_clear(b.f, 0);
	fake_stream_event(b.f, 0, VOLT_STREAM_CONNECTED);
	fake_stream_limit(b.f, 0, SIZE_MAX);
	get(&b, 1, 1);
	assert_written(&b, "0.000000000 cpu0 device registers+0x1 read1 0x11\n");
	fake_host_destroy(b.f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_read_is_shown_with_what_the_device_answered),
	    cmocka_unit_test(a_write_is_shown_at_its_size),
	    cmocka_unit_test(only_the_wanted_direction_is_shown),
	    cmocka_unit_test(a_line_of_which_only_a_part_fits_is_ended_later),
	    cmocka_unit_test(lost_lines_are_counted_and_told),
	    cmocka_unit_test(what_waits_leaves_without_another_access),
	    cmocka_unit_test(the_next_client_gets_no_end_of_a_line),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
