/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Saving and restoring by tables: what a table may be, what a section is, what of a hostile
 * one is refused, and how versions go on from each other.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <sdk/common/state.h>

#include <cmocka.h>

struct cell {
	uint16_t key;
	uint32_t pad;
	uint64_t value;
};

struct device {
	void *kept; /* no field: survives every load */
	uint8_t small;
	uint16_t middle;
	uint32_t large;
	uint64_t huge;
	bool flag;
	uint8_t bytes[5];
	struct cell cells[3];
	uint32_t late; /* since version 2 */
};

static const struct volt_field good[] = {
    {VOLT_FIELD(struct device, small, VOLT_F_U8, 1), .min = 1, .max = 200},
    {VOLT_FIELD(struct device, middle, VOLT_F_U16, 1)},
    {VOLT_FIELD(struct device, large, VOLT_F_U32, 1), .max = 0xffff},
    {VOLT_FIELD(struct device, huge, VOLT_F_U64, 1)},
    {VOLT_FIELD(struct device, flag, VOLT_F_BOOL, 1)},
    {VOLT_FIELD(struct device, bytes, VOLT_F_U8, 5)},
    {VOLT_FIELD_EACH(struct device, cells, key, VOLT_F_U16)},
    {VOLT_FIELD_EACH(struct device, cells, value, VOLT_F_U64), .max = 1ull << 40},
    {VOLT_FIELD(struct device, late, VOLT_F_U32, 1), .since = 2},
};

#define GOOD_COUNT (sizeof(good) / sizeof(good[0]))

static struct volt_field fields[GOOD_COUNT];
static struct volt_state table;
static struct device device, scratch;
static struct state_target target;
static uint8_t bytes[1024];
static size_t length;
static char why[200];

static int setup(void **state)
{
	memcpy(fields, good, sizeof(good));
	table = (struct volt_state){.size = sizeof(table),
	    .version = 2,
	    .oldest = 1,
	    .field_stride = sizeof(fields[0]),
	    .field_count = GOOD_COUNT,
	    .fields = fields};
	device = (struct device){.kept = &device,
	    .small = 7,
	    .middle = 0x1234,
	    .large = 0xabcd,
	    .huge = 0x1122334455667788,
	    .flag = true,
	    .bytes = {1, 2, 3, 4, 5},
	    .cells = {{1, 0, 10}, {2, 0, 20}, {3, 0, 1ull << 40}},
	    .late = 99};
	target = (struct state_target){.id = "one",
	    .plugin = "toy",
	    .table = &table,
	    .self = &device,
	    .scratch = &scratch,
	    .instance_size = sizeof(device)};
	length = state_save(&target, bytes, sizeof(bytes));
	why[0] = '\0';
	return 0;
}

static int check(void)
{
	return state_check_table(&table, sizeof(struct device), why, sizeof(why));
}

static int load(void)
{
	return state_load(&target, bytes, length, why, sizeof(why));
}

/* The section is refused with these words, and nothing of the device has changed. */
static void refused(int err, const char *words)
{
	const struct device before = device;

	assert_int_equal(load(), err);
	if (!strstr(why, words))
		fail_msg("\"%s\" does not say \"%s\"", why, words);
	assert_memory_equal(&before, &device, sizeof(device));
}

/* Where the text first lies in the section. */
static uint8_t *at(const char *text)
{
	for (size_t i = 0; i + strlen(text) <= length; i++)
		if (memcmp(bytes + i, text, strlen(text)) == 0)
			return bytes + i;
	fail_msg("no \"%s\" in the section", text);
	return NULL;
}

/* ------------------------------------------------------------------- tables */

static void a_good_table_is_taken(void **state)
{
	assert_int_equal(check(), 0);
}

static void a_device_without_state_has_a_table_without_fields(void **state)
{
	table.field_count = 0;
	table.fields = NULL;
	table.field_stride = 0;
	assert_int_equal(check(), 0);
	length = state_save(&target, bytes, sizeof(bytes));
	assert_int_equal(length, 16 + 3 + 3 + 4);
	assert_int_equal(load(), 0);
}

static void tables_that_are_wrong_are_refused(void **state)
{
	static const struct {
		const char *words;
		struct volt_state s;
	} rows[] = {
	    {"its size is smaller", {.size = 16, .version = 1, .oldest = 1}},
	    {"1 <= oldest <= version", {.size = sizeof(table), .version = 0, .oldest = 0}},
	    {"1 <= oldest <= version", {.size = sizeof(table), .version = 1, .oldest = 2}},
	    {"1 <= oldest <= version", {.size = sizeof(table), .version = 1, .oldest = 0}},
	    {"more than 256",
		{.size = sizeof(table), .version = 1, .oldest = 1, .field_count = 257}},
	    {"malformed", {.size = sizeof(table), .version = 1, .oldest = 1, .field_count = 1}},
	    {"malformed", {.size = sizeof(table),
			      .version = 1,
			      .oldest = 1,
			      .field_count = 1,
			      .field_stride = 8,
			      .fields = fields}},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		table = rows[i].s;
		assert_int_equal(check(), -EINVAL);
		assert_non_null(strstr(why, rows[i].words));
	}
}

static void fields_that_are_wrong_are_refused(void **state)
{
	const struct {
		const char *words;
		struct volt_field f;
	} rows[] = {
	    {"name", {.name = NULL, .count = 1, .stride = 1, .type = VOLT_F_U8}},
	    {"name", {.name = "", .count = 1, .stride = 1, .type = VOLT_F_U8}},
	    {"name", {.name = "Upper", .count = 1, .stride = 1, .type = VOLT_F_U8}},
	    {"type", {.name = "a", .count = 1, .stride = 1, .type = 0}},
	    {"type", {.name = "a", .count = 1, .stride = 1, .type = 6}},
	    {"no element", {.name = "a", .count = 0, .stride = 1, .type = VOLT_F_U8}},
	    {"no element", {.name = "a", .count = 1, .stride = 3, .type = VOLT_F_U32}},
	    {"leaves", {.name = "a",
			   .offset = sizeof(device) - 3,
			   .count = 1,
			   .stride = 4,
			   .type = VOLT_F_U32}},
	    {"leaves", {.name = "a",
			   .offset = UINT32_MAX,
			   .count = UINT32_MAX,
			   .stride = UINT32_MAX,
			   .type = VOLT_F_U64}},
	    {"later version",
		{.name = "a", .count = 1, .stride = 1, .type = VOLT_F_U8, .since = 3}},
	    {"limits", {.name = "a", .count = 1, .stride = 1, .type = VOLT_F_U8, .max = 256}},
	    {"limits", {.name = "a", .count = 1, .stride = 1, .type = VOLT_F_BOOL, .max = 2}},
	    {"limits",
		{.name = "a", .count = 1, .stride = 1, .type = VOLT_F_U8, .min = 2, .max = 1}},
	    {"same name as field small",
		{.name = "small", .count = 1, .stride = 1, .type = VOLT_F_U8}},
	    {"in common with field huge", {.name = "a",
					      .offset = offsetof(struct device, huge) + 7,
					      .count = 1,
					      .stride = 1,
					      .type = VOLT_F_U8}},
	    {"in common with field cells.value",
		{.name = "a",
		    .offset = offsetof(struct device, cells[2].value) - 4,
		    .count = 1,
		    .stride = 8,
		    .type = VOLT_F_U64}},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		fields[GOOD_COUNT - 1] = rows[i].f;
		assert_int_equal(check(), -EINVAL);
		if (!strstr(why, rows[i].words))
			fail_msg("row %zu: %s", i, why);
	}
}

/* Both are strided; between their elements is room. */
static void members_of_one_array_may_interleave(void **state)
{
	fields[GOOD_COUNT - 1] =
	    (struct volt_field){VOLT_FIELD_EACH(struct device, cells, pad, VOLT_F_U32)};
	assert_int_equal(check(), 0);
	fields[GOOD_COUNT - 1].offset -= 3;
	assert_int_equal(check(), -EINVAL);
	assert_non_null(strstr(why, "in common with field cells.key"));
}

/* ----------------------------------------------------------------- sections */

static void a_section_is_as_its_header_says(void **state)
{
	static const uint8_t head[] = {'V', 'S', 'E', 'C', 0, 0, 0, 0, 2, 0, 3, 3, GOOD_COUNT, 0, 0,
	    0, 'o', 'n', 'e', 't', 'o', 'y', 5, VOLT_F_U8, 0, 0, 1, 0, 0, 0, 's', 'm', 'a', 'l',
	    'l', 7, 6, VOLT_F_U16, 0, 0, 1, 0, 0, 0, 'm', 'i', 'd', 'd', 'l', 'e', 0x34, 0x12};

	assert_int_equal(length, state_size(&target));
	bytes[4] = bytes[5] = 0;
	assert_memory_equal(bytes, head, sizeof(head));
}

/* RFC 3720, B.4 */
static void the_crc_is_castagnolis(void **state)
{
	uint8_t data[32] = {0};

	assert_int_equal(state_crc((const uint8_t *)"123456789", 9), 0xe3069283);
	assert_int_equal(state_crc(data, 32), 0x8a9136aa);
	memset(data, 0xff, 32);
	assert_int_equal(state_crc(data, 32), 0x62a8ab43);
}

/* The polynomial 0x1edc6f41 bit by bit (RFC 3720, B.4), for the words and for what is left. */
static void the_crc_is_the_same_for_each_length(void **state)
{
	uint8_t data[41];

	for (unsigned i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 37 + 11);
	for (unsigned n = 0; n <= sizeof(data); n++) {
		uint32_t crc = UINT32_MAX;

		for (unsigned bit = 0; bit < 8 * n; bit++) {
			const uint32_t out = (crc ^ data[bit / 8] >> bit % 8) & 1;

			crc = crc >> 1 ^ (out ? 0x82f63b78 : 0);
		}
		assert_int_equal(state_crc(data, n), ~crc);
	}
}

static void what_was_saved_comes_back(void **state)
{
	const struct device saved = device;

	memset(&device, 0x5a, sizeof(device));
	device.kept = &device;
	assert_int_equal(load(), 0);
	assert_ptr_equal(device.kept, saved.kept);
	assert_int_equal(device.cells[1].pad, 0x5a5a5a5a); /* between two fields' elements */
	for (unsigned i = 0; i < 3; i++)
		device.cells[i].pad = 0;
	assert_int_equal(device.huge, saved.huge);
	assert_memory_equal(device.bytes, saved.bytes, 5);
	uint8_t again[sizeof(bytes)];
	assert_int_equal(state_save(&target, again, sizeof(again)), length);
	assert_memory_equal(again, bytes, length);
}

static void too_little_room_saves_nothing(void **state)
{
	bytes[0] = 0x77;
	assert_int_equal(state_save(&target, bytes, length - 1), 0);
	assert_int_equal(bytes[0], 0x77);
}

static void damage_anywhere_is_noticed(void **state)
{
	const struct device before = device;

	for (size_t i = 0; i < length; i++)
		for (unsigned bit = 0; bit < 8; bit++) {
			bytes[i] ^= (uint8_t)(1u << bit);
			assert_int_equal(load(), -EINVAL);
			bytes[i] ^= (uint8_t)(1u << bit);
		}
	for (size_t whole = length; length > 0; length--)
		if (length != whole)
			assert_int_equal(load(), -EINVAL);
	assert_memory_equal(&before, &device, sizeof(device));
}

/* From here on the CRC is right: what is wrong was written so. */
static void a_shortened_section_is_refused_wherever_it_ends(void **state)
{
	uint8_t whole[sizeof(bytes)];

	memcpy(whole, bytes, sizeof(bytes));
	for (size_t n = 0; n < state_size(&target); n++) {
		memcpy(bytes, whole, sizeof(bytes));
		length = n;
		state_mend(bytes, n);
		refused(-EINVAL, "");
	}
}

static void another_devices_state_is_refused(void **state)
{
	target.id = "two";
	refused(-EINVAL, "not that of instance two");
	target.id = "one";
	target.plugin = "toys";
	refused(-EINVAL, "not one of plugin toys");
}

static void values_outside_of_their_limits_are_refused(void **state)
{
	at("small")[5] = 0;
	state_mend(bytes, length);
	refused(-EINVAL, "field small[0] is 0; it must be 1 to 200");
	at("small")[5] = 201;
	state_mend(bytes, length);
	refused(-EINVAL, "field small[0] is 201");
	at("small")[5] = 200;
	at("flag")[4] = 2;
	state_mend(bytes, length);
	refused(-EINVAL, "field flag[0] is 2; it must be 0 to 1");
	at("flag")[4] = 1;
	at("cells.value")[11 + 16 + 6] = 1;
	state_mend(bytes, length);
	refused(-EINVAL, "field cells.value[2]");
	at("cells.value")[11 + 16 + 6] = 0;
	state_mend(bytes, length);
	assert_int_equal(load(), 0);
	assert_int_equal(device.small, 200);
}

static void fields_must_be_those_of_the_table(void **state)
{
	at("middle")[0] = 'x';
	state_mend(bytes, length);
	refused(-EINVAL, "has no field xiddle");
	at("xiddle")[0] = 0xff;
	state_mend(bytes, length);
	refused(-EINVAL, "no valid name");
	memcpy(at("\xffiddle"), "middle", 6);
	at("middle")[-7] = VOLT_F_U8; /* and so one byte too many follows */
	state_mend(bytes, length);
	refused(-EINVAL, "field middle has type 1 and 1 elements; it must be 2 and 1");
	at("middle")[-7] = VOLT_F_U16;
	at("middle")[-1] = 0x80; /* 2^31 + 1 elements */
	state_mend(bytes, length);
	refused(-EINVAL, "field middle has type 2");
}

static void a_field_that_comes_twice_is_refused(void **state)
{
	memcpy(at("large") - 8, at("small") - 8, 14);
	memmove(at("huge") - 11, at("huge") - 8, (size_t)(bytes + length - (at("huge") - 8)));
	length -= 3;
	state_mend(bytes, length);
	refused(-EINVAL, "field small is there twice");
}

static void a_field_that_is_missing_is_refused(void **state)
{
	const size_t gone = (size_t)(at("middle") - at("small"));

	memmove(at("small") - 8, at("middle") - 8, (size_t)(bytes + length - (at("middle") - 8)));
	length -= gone;
	bytes[12]--;
	state_mend(bytes, length);
	refused(-EINVAL, "field small is missing");
}

static void bytes_behind_the_last_field_are_refused(void **state)
{
	length += 4;
	state_mend(bytes, length);
	refused(-EINVAL, "4 bytes follow the last field");
}

/* ----------------------------------------------------------------- validate */

static int validate_result;
static const struct device *seen;

static int validate(const void *candidate)
{
	seen = candidate;
	return validate_result;
}

static void validate_sees_the_whole_on_a_copy(void **state)
{
	table.validate = validate;
	device.small = 100;
	assert_int_equal(load(), 0);
	assert_ptr_equal(seen, &scratch);
	assert_int_equal(seen->small, 7);
	assert_ptr_equal(seen->kept, &device);
	assert_int_equal(device.small, 7);
}

static void what_validate_refuses_is_not_put_in(void **state)
{
	static const int results[] = {-EINVAL, -EIO, 1};

	table.validate = validate;
	device.small = 100;
	for (unsigned i = 0; i < 3; i++) {
		validate_result = results[i];
		refused(-EINVAL, "toy cannot be in this state");
	}
	validate_result = 0;
}

/* ----------------------------------------------------------------- versions */

/* Rewrites the section as the plugin's version 1 wrote it. */
static void save_as_version_1(void)
{
	table.version = 1;
	table.field_count = GOOD_COUNT - 1;
	length = state_save(&target, bytes, sizeof(bytes));
	table.version = 2;
	table.field_count = GOOD_COUNT;
}

static void an_older_state_leaves_new_fields_as_reset_did(void **state)
{
	save_as_version_1();
	device.late = 1234;
	device.small = 8;
	assert_int_equal(load(), 0);
	assert_int_equal(device.late, 1234);
	assert_int_equal(device.small, 7);
}

static void an_older_state_cannot_have_a_newer_field(void **state)
{
	bytes[8] = 1;
	state_mend(bytes, length);
	refused(-EINVAL, "version 1 has no field late");
}

static void versions_before_oldest_and_after_the_tables_are_refused(void **state)
{
	save_as_version_1();
	table.oldest = 2;
	refused(-ENOTSUP, "has version 1; this plugin reads 2 to 2");
	bytes[8] = 3;
	state_mend(bytes, length);
	refused(-ENOTSUP, "has version 3");
	bytes[8] = 0;
	state_mend(bytes, length);
	refused(-ENOTSUP, "has version 0");
}

/* --------------------------------------------------------------------- sets */

static struct device other, other_scratch;
static struct state_target both[2];
static uint8_t set[2048];
static size_t set_length;

static int set_setup(void **state)
{
	setup(state);
	other = device;
	other.small = 50;
	both[0] = both[1] = target;
	both[1].id = "another";
	both[1].self = &other;
	both[1].scratch = &other_scratch;
	set_length = state_save_set(both, 2, set, sizeof(set));
	return 0;
}

static int load_set(unsigned count)
{
	return state_load_set(both, count, set, set_length, why, sizeof(why));
}

static void a_set_restores_all_of_its_instances(void **state)
{
	device.small = other.small = 1;
	assert_int_equal(set_length, state_set_size(both, 2));
	assert_int_equal(load_set(2), 0);
	assert_int_equal(device.small, 7);
	assert_int_equal(other.small, 50);
}

static void a_set_with_one_bad_section_restores_none(void **state)
{
	device.small = other.small = 1;
	set[set_length - 5] ^= 1; /* in the second section */
	assert_int_equal(load_set(2), -EINVAL);
	assert_int_equal(device.small, 1);
	assert_int_equal(other.small, 1);
}

static void a_set_has_each_instance_once_and_no_other(void **state)
{
	assert_int_equal(load_set(1), -EINVAL);
	assert_non_null(strstr(why, "a device that is not here, that of instance \"another\""));
	set_length = state_save_set(both, 1, set, sizeof(set));
	assert_int_equal(load_set(2), -EINVAL);
	assert_non_null(strstr(why, "nothing of instance \"another\""));
	both[1].id = "one";
	set_length = state_save_set(both, 2, set, sizeof(set));
	assert_int_equal(load_set(2), -EINVAL);
	assert_non_null(strstr(why, "two sections of instance \"one\""));
}

static void a_set_that_is_cut_or_longer_is_refused(void **state)
{
	const size_t whole = set_length;

	for (set_length = 0; set_length < whole; set_length++)
		assert_int_equal(load_set(2), -EINVAL);
	set_length = whole + 1;
	assert_int_equal(load_set(2), -EINVAL);
	assert_non_null(strstr(why, "follow the last section"));
	set_length = whole;
	set[8]++;
	assert_int_equal(load_set(2), -EINVAL);
	assert_non_null(strstr(why, "format"));
	set[0] = 'W';
	assert_int_equal(load_set(2), -EINVAL);
	assert_non_null(strstr(why, "not a saved state"));
}

#define T(name)   cmocka_unit_test_setup(name, setup)
#define SET(name) cmocka_unit_test_setup(name, set_setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    T(a_good_table_is_taken),
	    T(a_device_without_state_has_a_table_without_fields),
	    T(tables_that_are_wrong_are_refused),
	    T(fields_that_are_wrong_are_refused),
	    T(members_of_one_array_may_interleave),
	    T(a_section_is_as_its_header_says),
	    T(the_crc_is_castagnolis),
	    T(the_crc_is_the_same_for_each_length),
	    T(what_was_saved_comes_back),
	    T(too_little_room_saves_nothing),
	    T(damage_anywhere_is_noticed),
	    T(a_shortened_section_is_refused_wherever_it_ends),
	    T(another_devices_state_is_refused),
	    T(values_outside_of_their_limits_are_refused),
	    T(fields_must_be_those_of_the_table),
	    T(a_field_that_comes_twice_is_refused),
	    T(a_field_that_is_missing_is_refused),
	    T(bytes_behind_the_last_field_are_refused),
	    T(validate_sees_the_whole_on_a_copy),
	    T(what_validate_refuses_is_not_put_in),
	    T(an_older_state_leaves_new_fields_as_reset_did),
	    T(an_older_state_cannot_have_a_newer_field),
	    T(versions_before_oldest_and_after_the_tables_are_refused),
	    SET(a_set_restores_all_of_its_instances),
	    SET(a_set_with_one_bad_section_restores_none),
	    SET(a_set_has_each_instance_once_and_no_other),
	    SET(a_set_that_is_cut_or_longer_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
