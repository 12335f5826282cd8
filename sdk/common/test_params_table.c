/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * The table of parameters itself, and numbers and names as people type them.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>

#include <sdk/common/params.h>

#include <cmocka.h> /* last: it defines fail() */

static const struct volt_param sound[] = {
    {"base", "0x3f8", "first port", .type = VOLT_PARAM_UINT, .min = 1, .max = 0xfff8},
    {"mode", "slow", "how fast", .type = VOLT_PARAM_ENUM, .choices = "slow|fast|faster"},
    {"size", NULL, "how much", .type = VOLT_PARAM_SIZE},
    {"name", "x", "any text", .type = VOLT_PARAM_STRING},
    {"rom", "", "bytes to read", .type = VOLT_PARAM_FILE_RO},
    {"console", "stdio", "where bytes go", .type = VOLT_PARAM_STREAM},
};

#define PLUGIN(table) \
	{ \
		.name = "toy", .param_stride = sizeof((table)[0]), \
		.param_count = sizeof(table) / sizeof((table)[0]), .params = (table), \
	}
static const struct volt_plugin toy = PLUGIN(sound);

static char why[256];

/* ------------------------------------------------------------------- table */

static void assert_bad_row(struct volt_param row, const char *part)
{
	struct volt_plugin p = {
	    .name = "toy", .param_stride = sizeof(row), .param_count = 1, .params = &row};

	assert_int_equal(params_check_table(&p, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, part));
}

static void sound_table_passes(void **state)
{
	assert_int_equal(params_check_table(&toy, why, sizeof(why)), 0);
}

static void malformed_row_is_named(void **state)
{
	assert_bad_row((struct volt_param){NULL, "1", "h", .type = VOLT_PARAM_UINT}, "must match");
	assert_bad_row(
	    (struct volt_param){"Base", "1", "h", .type = VOLT_PARAM_UINT}, "must match");
	assert_bad_row((struct volt_param){"a_b", "1", "h", .type = VOLT_PARAM_UINT}, "must match");
	assert_bad_row((struct volt_param){"id", "1", "h", .type = VOLT_PARAM_UINT}, "reserved");
	assert_bad_row((struct volt_param){"help", "1", "h", .type = VOLT_PARAM_UINT}, "reserved");
	assert_bad_row((struct volt_param){"a", "1", "h", .type = 0}, "unknown type");
	assert_bad_row((struct volt_param){"a", "1", "h", .type = 13}, "unknown type");
	assert_bad_row((struct volt_param){"a", "1", "h", .type = VOLT_PARAM_UINT, .flags = 1},
	    "unknown flags");
	assert_bad_row((struct volt_param){"a", "stdio", "h", .type = VOLT_PARAM_STREAM,
			   .flags = VOLT_PARAM_HOST_SIDE},
	    "unknown flags");
	assert_bad_row((struct volt_param){"a", "1", NULL, .type = VOLT_PARAM_UINT}, "no help");
	assert_bad_row((struct volt_param){"a", "x", "h", .type = VOLT_PARAM_UINT}, "a=x");
	assert_bad_row(
	    (struct volt_param){"a", "9", "h", .type = VOLT_PARAM_UINT, .max = 8}, "0 to 8");
	assert_bad_row(
	    (struct volt_param){"a", "9", "h", .type = VOLT_PARAM_UINT, .min = 8}, "above max");
	assert_bad_row(
	    (struct volt_param){"a", "on", "h", .type = VOLT_PARAM_BOOL, .max = 8}, "no min");
	assert_bad_row((struct volt_param){"a", "b", "h", .type = VOLT_PARAM_ENUM}, "choices");
	assert_bad_row(
	    (struct volt_param){"a", "b", "h", .type = VOLT_PARAM_STRING, .choices = "b"},
	    "choices");
	assert_bad_row((struct volt_param){"a", "", "h", .type = VOLT_PARAM_STREAM}, "a=");
}

static void name_used_twice_is_refused(void **state)
{
	const struct volt_param twice[] = {sound[0], sound[0]};
	const struct volt_plugin p = PLUGIN(twice);

	assert_int_equal(params_check_table(&p, why, sizeof(why)), -EINVAL);
	assert_non_null(strstr(why, "twice"));
}

static void wrong_stride_and_count_are_refused(void **state)
{
	struct volt_plugin p = toy;

	p.param_stride = sizeof(struct volt_param) - 8;
	assert_int_equal(params_check_table(&p, why, sizeof(why)), -EINVAL);
	p = toy;
	p.param_count = PARAMS_MAX + 1;
	assert_int_equal(params_check_table(&p, why, sizeof(why)), -EINVAL);
	p = toy;
	p.params = NULL;
	assert_int_equal(params_check_table(&p, why, sizeof(why)), -EINVAL);
}

static void rows_of_a_newer_abi_are_stepped_over(void **state)
{
	const struct {
		struct volt_param row;
		uint64_t later;
	} wide[] = {{sound[3], 1}, {sound[0], 2}};
	const struct volt_plugin p = {.name = "toy",
	    .param_stride = sizeof(wide[0]),
	    .param_count = 2,
	    .params = &wide[0].row};

	struct params parsed;

	assert_int_equal(params_parse(&parsed, &p, "base=3", NULL, why, sizeof(why)), 0);
	assert_int_equal(parsed.values[1].u, 3);
	params_finish(&parsed);
}

/* -------------------------------------------------------- numbers and names */

static void failed_number_leaves_its_target_alone(void **state)
{
	uint64_t n = 7;

	assert_int_equal(parse_uint("18446744073709551616", &n), -ERANGE);
	assert_int_equal(parse_uint("1x", &n), -EINVAL);
	assert_int_equal(parse_size("16777216T", &n), -EINVAL);
	assert_int_equal(parse_size("0x400000000G", &n), -ERANGE);
	assert_int_equal(parse_size("1KK", &n), -EINVAL);
	assert_int_equal(parse_size("K", &n), -EINVAL);
	assert_int_equal(parse_size("", &n), -EINVAL);
	assert_int_equal(n, 7);
}

static void largest_numbers_are_read(void **state)
{
	uint64_t n = 0;

	assert_int_equal(parse_uint("18446744073709551615", &n), 0);
	assert_true(n == UINT64_MAX);
	assert_int_equal(parse_uint("0xffffffffffffffff", &n), 0);
	assert_true(n == UINT64_MAX);
	assert_int_equal(parse_uint("01777777777777777777777", &n), 0);
	assert_true(n == UINT64_MAX);
	assert_int_equal(parse_size("17179869183G", &n), 0);
	assert_true(n == 17179869183ull << 30);
	assert_int_equal(parse_uint("0", &n), 0);
	assert_true(n == 0);
}

static void nearest_name_forgives_one_slip_in_three_letters(void **state)
{
	static const char *const names[] = {"serial", "i8042", "ioapic", "sandbox", NULL};

	assert_string_equal(nearest_name("serail", names), "serial");
	assert_string_equal(nearest_name("serialx", names), "serial");
	assert_string_equal(nearest_name("i8024", names), "i8042");
	assert_string_equal(nearest_name("oapic", names), "ioapic");
	assert_string_equal(nearest_name("sandbix", names), "sandbox");
	assert_string_equal(nearest_name("serial", names), "serial");
	assert_null(nearest_name("virtio", names));
	assert_null(nearest_name("", names));
}

static void nearest_name_counts_a_swap_as_one_slip(void **state)
{
	static const char *const names[] = {"abd", "bac", NULL};

	assert_string_equal(nearest_name("abc", names), "abd");
	assert_string_equal(nearest_name("bca", names), "bac");
}

static void nearest_name_takes_any_length(void **state)
{
	static const char *const none[] = {NULL}, *const one[] = {"a", NULL};
	char typed[300];

	memset(typed, 'a', sizeof(typed));
	typed[sizeof(typed) - 1] = '\0';
	assert_null(nearest_name(typed, one));
	assert_null(nearest_name("a", none));
	assert_null(nearest_name("b", one));
}

#define CASE(f) cmocka_unit_test(f)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(sound_table_passes),
	    CASE(malformed_row_is_named),
	    CASE(name_used_twice_is_refused),
	    CASE(wrong_stride_and_count_are_refused),
	    CASE(rows_of_a_newer_abi_are_stepped_over),
	    CASE(failed_number_leaves_its_target_alone),
	    CASE(largest_numbers_are_read),
	    CASE(nearest_name_forgives_one_slip_in_three_letters),
	    CASE(nearest_name_counts_a_swap_as_one_slip),
	    CASE(nearest_name_takes_any_length),
	};

	return cmocka_run_group_tests_name("params_table", tests, NULL, NULL);
}
