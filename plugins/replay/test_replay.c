/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <volt/fake_host.h>
#include <volt/recording.h>

/* After Volt's headers: it has a macro called fail. */
#include <cmocka.h>
#include <filter_bench.h>

extern const struct volt_plugin volt_plugin_replay;

#define READ(off_, val_) \
	{ \
		.value = (val_), .base = 0x300, .offset = (off_), .n = 1 \
	}
#define WRITE(off_, val_) \
	{ \
		.value = (val_), .base = 0x300, .offset = (off_), .n = 1, \
		.kind = VOLT_RECORDING_WRITE \
	}

static char path[64];

static void write_file(const void *head, size_t head_size, const void *rest, size_t rest_size)
{
	snprintf(path, sizeof(path), "/tmp/volt-replay-XXXXXX");
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	assert_int_equal(write(fd, head, head_size), head_size);
	assert_int_equal(write(fd, rest, rest_size), rest_size);
	close(fd);
}

static void record(const struct volt_recording_entry *entries, unsigned count)
{
	const struct volt_recording_head head = {
	    .magic = VOLT_RECORDING_MAGIC, .entry_size = sizeof(*entries), .device = "device"};

	write_file(&head, sizeof(head), entries, count * sizeof(*entries));
}

/* Opens the bench with what record() wrote. */
static void open_replay(struct bench *b, const char *more)
{
	char params[128];

	snprintf(params, sizeof(params), "from=%s%s", path, more);
	open_bench(b, &volt_plugin_replay, params);
	unlink(path);
}

static void assert_refused(const char *reason)
{
	struct fake_host *f = fake_host_create(&volt_plugin_replay);
	char params[128];

	snprintf(params, sizeof(params), "from=%s", path);
	assert_true(fake_host_wire(f, params) < 0);
	assert_non_null(strstr(fake_host_message(f), reason));
	fake_host_destroy(f);
	unlink(path);
}

static void a_device_that_answers_as_recorded_passes(void **state)
{
	static const struct volt_recording_entry entries[] = {
	    READ(0, 0x10), WRITE(1, 0x77), READ(1, 0x77)};
	struct bench b;

	record(entries, sizeof(entries) / sizeof(*entries));
	open_replay(&b, "");
	assert_int_equal(get(&b, 0, 1), 0x10);
	put(&b, 1, 1, 0x77);
	assert_int_equal(get(&b, 1, 1), 0x77);
	assert_int_equal(fake_counter(b.f, "matched"), 3);
	assert_int_equal(fake_counter(b.f, "diverged"), 0);
	assert_int_equal(fake_requested(b.f, VOLT_REQUEST_EXIT, NULL, NULL), 0);
	fake_host_destroy(b.f);
}

static void a_device_that_answers_otherwise_stops_the_machine(void **state)
{
	static const struct volt_recording_entry entries[] = {READ(0, 0x99)};
	struct bench b;

	record(entries, sizeof(entries) / sizeof(*entries));
	open_replay(&b, "");
	uint32_t code;

	assert_int_equal(get(&b, 0, 1), 0x10);
	assert_int_equal(fake_counter(b.f, "diverged"), 1);
	assert_int_equal(fake_requested(b.f, VOLT_REQUEST_EXIT, &code, NULL), 1);
	assert_int_equal(code, 1);
	assert_string_equal(fake_host_logged(b.f, NULL),
	    "vCPU 0 differs: read of 1 bytes at 0x300+0x0, 0x10; recorded is read of 1 bytes at "
	    "0x300+0x0, 0x99");
	fake_host_destroy(b.f);
}

static void a_driver_that_writes_otherwise_differs(void **state)
{
	static const struct volt_recording_entry entries[] = {WRITE(1, 0x77)};
	struct bench b;

	record(entries, sizeof(entries) / sizeof(*entries));
	open_replay(&b, "");
	put(&b, 1, 1, 0x78);
	assert_int_equal(fake_counter(b.f, "diverged"), 1);
	assert_int_equal(b.device.registers[1], 0x78);
	fake_host_destroy(b.f);
}

static void the_end_of_the_recording_is_a_difference(void **state)
{
	static const struct volt_recording_entry entries[] = {READ(0, 0x10)};
	struct bench b;

	record(entries, sizeof(entries) / sizeof(*entries));
	open_replay(&b, ",else=pass");
	get(&b, 0, 1);
	assert_int_equal(get(&b, 0, 1), 0x10);
	assert_int_equal(fake_counter(b.f, "diverged"), 1);
	assert_non_null(strstr(fake_host_logged(b.f, NULL), "the recording's end"));
	assert_int_equal(fake_requested(b.f, VOLT_REQUEST_EXIT, NULL, NULL), 0);
	fake_host_destroy(b.f);
}

static void a_gap_is_a_difference(void **state)
{
	static const struct volt_recording_entry entries[] = {{.value = 5}, READ(0, 0x10)};
	struct bench b;

	record(entries, sizeof(entries) / sizeof(*entries));
	open_replay(&b, ",else=ones");
	assert_int_equal(get(&b, 0, 1), 0xff);
	assert_non_null(strstr(fake_host_logged(b.f, NULL), "a gap of 5 entries"));
	assert_int_equal(b.device.reads, 0);
	fake_host_destroy(b.f);
}

/* How many accesses are missing is known, but not whose: what follows cannot be compared. */
static void nothing_matches_beyond_a_gap(void **state)
{
	static const struct volt_recording_entry entries[] = {
	    READ(0, 0x10), {.value = 1}, READ(1, 0x11), READ(2, 0x12)};
	struct bench b;

	record(entries, sizeof(entries) / sizeof(*entries));
	open_replay(&b, ",else=pass");
	get(&b, 0, 1);
	get(&b, 9, 1); /* the missing one */
	get(&b, 1, 1);
	get(&b, 2, 1);
	assert_int_equal(fake_counter(b.f, "matched"), 1);
	assert_int_equal(fake_counter(b.f, "diverged"), 3);
	fake_host_destroy(b.f);
}

static void only_the_first_difference_is_logged(void **state)
{
	static const struct volt_recording_entry entries[] = {READ(0, 0x99), READ(0, 0x99)};
	struct bench b;

	record(entries, sizeof(entries) / sizeof(*entries));
	open_replay(&b, ",else=pass");
	unsigned count;

	get(&b, 0, 1);
	get(&b, 0, 1);
	fake_host_logged(b.f, &count);
	assert_int_equal(count, 1);
	assert_int_equal(fake_counter(b.f, "diverged"), 2);
	fake_host_destroy(b.f);
}

static void in_the_device_s_place_reads_get_what_was_recorded(void **state)
{
	static const struct volt_recording_entry entries[] = {READ(0, 0x99), WRITE(1, 0x77)};
	struct bench b;

	record(entries, sizeof(entries) / sizeof(*entries));
	open_replay(&b, ",mode=answer");
	assert_int_equal(get(&b, 0, 1), 0x99);
	put(&b, 1, 1, 0x77);
	assert_int_equal(b.device.reads + b.device.writes, 0);
	assert_int_equal(fake_counter(b.f, "matched"), 2);
	fake_host_destroy(b.f);
}

static void each_vcpu_follows_its_own_entries(void **state)
{
	static const struct volt_recording_entry entries[] = {READ(0, 0x10),
	    {.value = 0x11, .base = 0x300, .offset = 1, .n = 1, .vcpu = 1}, READ(2, 0x12)};
	struct bench b;

	record(entries, sizeof(entries) / sizeof(*entries));
	open_replay(&b, "");
	assert_int_equal(fake_filter_read(b.f, b.layer, 1, 1, 1), 0x11);
	get(&b, 0, 1);
	get(&b, 2, 1);
	assert_int_equal(fake_counter(b.f, "matched"), 3);
	fake_host_destroy(b.f);
}

static void a_vcpu_that_no_recording_can_have_differs(void **state)
{
	static const struct volt_recording_entry entries[] = {READ(0, 0x10)};
	struct bench b;

	record(entries, sizeof(entries) / sizeof(*entries));
	open_replay(&b, ",else=ones");
	assert_int_equal(fake_filter_read(b.f, b.layer, 4000000000, 0, 1), 0xff);
	fake_host_destroy(b.f);
}

static void what_is_no_recording_is_refused(void **state)
{
	write_file("", 0, "", 0);
	assert_refused("is not a recording");
	write_file("VOLTREC2........................................................", 64, "", 0);
	assert_refused("is not a recording");
}

static void a_cut_off_recording_is_refused(void **state)
{
	const struct volt_recording_head head = {
	    .magic = VOLT_RECORDING_MAGIC, .entry_size = sizeof(struct volt_recording_entry)};
	const struct volt_recording_head wide = {.magic = VOLT_RECORDING_MAGIC, .entry_size = 40};

	write_file(&head, sizeof(head), "0123456789", 10);
	assert_refused("is cut off");
	write_file(&wide, sizeof(wide), "", 0);
	assert_refused("has entries of 40 bytes");
}

static void two_recordings_in_one_file_are_refused(void **state)
{
	struct {
		struct volt_recording_entry entry;
		struct volt_recording_head head;
		struct volt_recording_entry other;
	} rest = {
	    .entry = READ(0, 0x10),
	    .head = {.magic = VOLT_RECORDING_MAGIC,
		.entry_size = sizeof(rest.entry),
		.device = "d"},
	    .other = READ(0, 0x10),
	};

	write_file(&rest.head, sizeof(rest.head), &rest, sizeof(rest));
	assert_refused("holds two recordings");
}

static void an_entry_that_record_never_writes_is_refused(void **state)
{
	static const struct volt_recording_entry three[] = {READ(0, 1), {.n = 3}},
						 kind[] = {{.n = 1, .kind = 4}};

	record(three, 2);
	assert_refused("entry 1 is damaged");
	record(kind, 1);
	assert_refused("entry 0 is damaged");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_device_that_answers_as_recorded_passes),
	    cmocka_unit_test(a_device_that_answers_otherwise_stops_the_machine),
	    cmocka_unit_test(a_driver_that_writes_otherwise_differs),
	    cmocka_unit_test(the_end_of_the_recording_is_a_difference),
	    cmocka_unit_test(a_gap_is_a_difference),
	    cmocka_unit_test(nothing_matches_beyond_a_gap),
	    cmocka_unit_test(only_the_first_difference_is_logged),
	    cmocka_unit_test(in_the_device_s_place_reads_get_what_was_recorded),
	    cmocka_unit_test(each_vcpu_follows_its_own_entries),
	    cmocka_unit_test(a_vcpu_that_no_recording_can_have_differs),
	    cmocka_unit_test(what_is_no_recording_is_refused),
	    cmocka_unit_test(a_cut_off_recording_is_refused),
	    cmocka_unit_test(two_recordings_in_one_file_are_refused),
	    cmocka_unit_test(an_entry_that_record_never_writes_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
