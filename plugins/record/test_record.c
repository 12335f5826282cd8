/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>
#include <setjmp.h>
#include <string.h>

#include <volt/fake_host.h>
#include <volt/recording.h>

/* After Volt's headers: it has a macro called fail. */
#include <cmocka.h>
#include <filter_bench.h>

extern const struct volt_plugin volt_plugin_record;

static const struct volt_recording_entry *entries(struct bench *b, unsigned *count)
{
	size_t size;
	const char *bytes = fake_stream_output(b->f, 0, &size);

	assert_true(size >= sizeof(struct volt_recording_head));
	assert_memory_equal(bytes, VOLT_RECORDING_MAGIC, 8);
	size -= sizeof(struct volt_recording_head);
	assert_int_equal(size % sizeof(struct volt_recording_entry), 0);
	*count = (unsigned)(size / sizeof(struct volt_recording_entry));
	return (const void *)(bytes + sizeof(struct volt_recording_head));
}

static void the_head_names_the_device_and_the_size_of_entries(void **state)
{
	struct bench b;

	open_bench(&b, &volt_plugin_record, "to=null");
	struct volt_recording_head head;
	memcpy(&head, fake_stream_output(b.f, 0, NULL), sizeof(head));
	assert_int_equal(head.entry_size, 32);
	assert_string_equal(head.device, "device");
	fake_host_destroy(b.f);
}

static void a_read_is_recorded_with_what_the_device_answered(void **state)
{
	struct bench b;

	open_bench(&b, &volt_plugin_record, "to=null");
	unsigned count;
	fake_advance(b.f, 77);
	assert_int_equal(fake_filter_read(b.f, b.layer, 2, 4, 2), 0x1514);
	const struct volt_recording_entry *e = entries(&b, &count);
	assert_int_equal(count, 1);
	assert_int_equal(e->ns, 77);
	assert_int_equal(e->value, 0x1514);
	assert_int_equal(e->base, 0x300);
	assert_int_equal(e->offset, 4);
	assert_int_equal(e->vcpu, 2);
	assert_int_equal(e->n, 2);
	assert_int_equal(e->kind, 0);
	fake_host_destroy(b.f);
}

static void a_write_is_recorded_and_reaches_the_device(void **state)
{
	struct bench b;

	open_bench(&b, &volt_plugin_record, "to=null");
	unsigned count;
	put(&b, 1, 1, 0xaa);
	assert_int_equal(entries(&b, &count)->kind, VOLT_RECORDING_WRITE);
	assert_int_equal(b.device.registers[1], 0xaa);
	fake_host_destroy(b.f);
}

static void what_did_not_fit_leaves_a_gap_that_is_told(void **state)
{
	struct bench b;

	open_bench(&b, &volt_plugin_record, "to=null");
	unsigned count;
	fake_stream_limit(b.f, 0, 0);
	get(&b, 0, 1);
	get(&b, 1, 1);
	fake_stream_limit(b.f, 0, SIZE_MAX);
	get(&b, 2, 1);
	const struct volt_recording_entry *e = entries(&b, &count);
	assert_int_equal(count, 2);
	assert_int_equal(e[0].n, 0);
	assert_int_equal(e[0].value, 2);
	assert_int_equal(e[1].offset, 2);
	assert_int_equal(fake_counter(b.f, "lost"), 2);
	assert_int_equal(fake_counter(b.f, "entries"), 1);
	fake_host_destroy(b.f);
}

static void what_waits_leaves_without_another_access(void **state)
{
	struct bench b;

	open_bench(&b, &volt_plugin_record, "to=null");
	unsigned count;
	fake_stream_limit(b.f, 0, 10);
	get(&b, 0, 1);
	get(&b, 1, 1);
	fake_stream_limit(b.f, 0, SIZE_MAX);
	fake_advance(b.f, 1000000000);
	const struct volt_recording_entry *e = entries(&b, &count);
	assert_int_equal(count, 2);
	assert_int_equal(e[0].value, 0x10);
	assert_int_equal(e[1].n, 0);
	assert_int_equal(e[1].value, 1);
	assert_false(fake_timer_armed(b.f, 0, NULL));
	fake_host_destroy(b.f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(the_head_names_the_device_and_the_size_of_entries),
	    cmocka_unit_test(a_read_is_recorded_with_what_the_device_answered),
	    cmocka_unit_test(a_write_is_recorded_and_reaches_the_device),
	    cmocka_unit_test(what_did_not_fit_leaves_a_gap_that_is_told),
	    cmocka_unit_test(what_waits_leaves_without_another_access),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
