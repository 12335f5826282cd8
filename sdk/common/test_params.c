/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * The parameter parser: what a user types, value by value, and how it is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

#include <sdk/common/params.h>

#include <cmocka.h> /* last: it defines fail() */

enum { BASE, BUFFER, ECHO, MODE, LABEL, ROM, DISK, CONSOLE };

static const struct volt_param rows[] = {
    {"base", "0x3f8", "first port", .type = VOLT_PARAM_UINT, .min = 1, .max = 0xfff8},
    {"buffer", "4K", "bytes kept", .type = VOLT_PARAM_SIZE, .min = 1024, .max = 1 << 20},
    {"echo", "off", "send back what comes", .type = VOLT_PARAM_BOOL},
    {"mode", "slow", "how fast", .type = VOLT_PARAM_ENUM, .choices = "slow|fast|faster"},
    {"label", "none", "a name", .type = VOLT_PARAM_STRING, .min = 2, .max = 5},
    {"rom", "", "bytes to read", .type = VOLT_PARAM_FILE_RO},
    {"disk", "", "bytes to write", .type = VOLT_PARAM_FILE_RW},
    {"console", "stdio", "where bytes go", .type = VOLT_PARAM_STREAM},
};
static const struct volt_param needy[] = {
    {"size", NULL, "how much", .type = VOLT_PARAM_SIZE},
    {"name", "x", "any text", .type = VOLT_PARAM_STRING},
};

#define PLUGIN(table) \
	{ \
		.name = "toy", .param_stride = sizeof((table)[0]), \
		.param_count = sizeof(table) / sizeof((table)[0]), .params = (table), \
	}
static const struct volt_plugin toy = PLUGIN(rows);
static const struct volt_plugin needy_toy = PLUGIN(needy);

static struct params parsed;
static char why[256];

/* Opens a pipe's end for a file; numbers streams; refuses "bad". */
struct opener_log {
	unsigned opened;
	int fd;
};

static int fake_open(void *arg, const struct volt_param *param, const char *text,
    struct volt_value *value, char *reason, size_t reason_size)
{
	struct opener_log *log = arg;

	log->opened++;
	if (strcmp(text, "bad") == 0) {
		snprintf(reason, reason_size, "no such thing");
		return -ENOENT;
	}
	if (param->type == VOLT_PARAM_STREAM)
		value->u = 40 + log->opened;
	else
		log->fd = value->fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	return 0;
}

static int parse_with(const struct volt_plugin *p, const char *text, struct opener_log *log)
{
	struct params_opener opener = {fake_open, log};

	why[0] = '\0';
	return params_parse(&parsed, p, text, &opener, why, sizeof(why));
}

static int parse(const char *text)
{
	struct opener_log log = {0, -1};

	return parse_with(&toy, text, &log);
}

static int finish(void **state)
{
	params_finish(&parsed);
	return 0;
}

static void assert_refused(const char *text, const char *reason)
{
	assert_int_equal(parse(text), -EINVAL);
	assert_string_equal(why, reason);
	assert_null(parsed.text);
}

/* ---------------------------------------------------------------- accepted */

static void absent_text_gives_every_default(void **state)
{
	assert_int_equal(parse(NULL), 0);
	assert_int_equal(parsed.values[BASE].u, 0x3f8);
	assert_int_equal(parsed.values[BUFFER].u, 4096);
	assert_int_equal(parsed.values[ECHO].u, 0);
	assert_int_equal(parsed.values[MODE].u, 0);
	assert_string_equal(parsed.values[MODE].s, "slow");
	assert_string_equal(parsed.values[LABEL].s, "none");
	assert_null(parsed.id);
}

static void empty_text_gives_every_default(void **state)
{
	assert_int_equal(parse(""), 0);
	assert_int_equal(parsed.values[BASE].u, 0x3f8);
}

static void given_tells_typed_values_from_defaults(void **state)
{
	assert_int_equal(parse("base=0x3f8"), 0);
	assert_int_equal(parsed.values[BASE].given, 1);
	assert_int_equal(parsed.values[BUFFER].given, 0);
}

static void uint_is_read_as_decimal_hex_or_octal(void **state)
{
	assert_int_equal(parse("base=760"), 0);
	assert_int_equal(parsed.values[BASE].u, 760);
	finish(NULL);
	assert_int_equal(parse("base=0x2F8"), 0);
	assert_int_equal(parsed.values[BASE].u, 0x2f8);
	finish(NULL);
	assert_int_equal(parse("base=0100"), 0);
	assert_int_equal(parsed.values[BASE].u, 64);
}

static void limits_are_inclusive(void **state)
{
	assert_int_equal(parse("base=1,buffer=1M,label=ab"), 0);
	finish(NULL);
	assert_int_equal(parse("base=0xfff8,buffer=1K,label=abcde"), 0);
}

static void size_takes_k_m_and_g(void **state)
{
	struct opener_log log = {0, -1};

	assert_int_equal(parse("buffer=64k"), 0);
	assert_int_equal(parsed.values[BUFFER].u, 65536);
	finish(NULL);
	assert_int_equal(parse_with(&needy_toy, "size=3G", &log), 0);
	assert_int_equal(parsed.values[0].u, 3ull << 30);
}

static void bool_takes_its_eight_words(void **state)
{
	static const char *const on[] = {"echo=on", "echo=yes", "echo=true", "echo=1"};
	static const char *const off[] = {"echo=off", "echo=no", "echo=false", "echo=0"};

	for (unsigned i = 0; i < 4; i++) {
		assert_int_equal(parse(on[i]), 0);
		assert_int_equal(parsed.values[ECHO].u, 1);
		finish(NULL);
		assert_int_equal(parse(off[i]), 0);
		assert_int_equal(parsed.values[ECHO].u, 0);
		finish(NULL);
	}
}

static void bare_bool_means_on(void **state)
{
	assert_int_equal(parse("echo,base=5"), 0);
	assert_int_equal(parsed.values[ECHO].u, 1);
	assert_int_equal(parsed.values[ECHO].given, 1);
}

static void enum_gives_index_and_text(void **state)
{
	assert_int_equal(parse("mode=faster"), 0);
	assert_int_equal(parsed.values[MODE].u, 2);
	assert_string_equal(parsed.values[MODE].s, "faster");
}

static void two_commas_are_one_comma_of_the_value(void **state)
{
	assert_int_equal(parse("label=a,,b,base=7"), 0);
	assert_string_equal(parsed.values[LABEL].s, "a,b");
	assert_int_equal(parsed.values[BASE].u, 7);
	finish(NULL);
	assert_int_equal(parse("label=ab,,"), 0);
	assert_string_equal(parsed.values[LABEL].s, "ab,");
	finish(NULL);
	assert_int_equal(parse("label=a,,,base=9"), 0);
	assert_string_equal(parsed.values[LABEL].s, "a,");
	assert_int_equal(parsed.values[BASE].u, 9);
}

static void value_may_hold_equal_signs(void **state)
{
	assert_int_equal(parse("label=a=b"), 0);
	assert_string_equal(parsed.values[LABEL].s, "a=b");
}

static void unlimited_string_may_be_empty(void **state)
{
	struct opener_log log = {0, -1};

	assert_int_equal(parse_with(&needy_toy, "size=1,name=", &log), 0);
	assert_string_equal(parsed.values[1].s, "");
}

static void id_is_kept_for_every_plugin(void **state)
{
	assert_int_equal(parse("id=Com-1_a.b,base=5"), 0);
	assert_string_equal(parsed.id, "Com-1_a.b");
	finish(NULL);
	assert_int_equal(parse("id=a1234567890123456789012345678901"), 0);
	assert_int_equal(strlen(parsed.id), 32);
}

/* ----------------------------------------------------------------- opening */

static void files_and_streams_go_to_the_opener_in_order(void **state)
{
	struct opener_log log = {0, -1};

	assert_int_equal(parse_with(&toy, "console=null,rom=/r,disk=/d", &log), 0);
	assert_int_equal(log.opened, 3);
	assert_true(parsed.values[ROM].fd >= 0);
	assert_string_equal(parsed.values[DISK].s, "/d");
	assert_int_equal(parsed.values[CONSOLE].u, 43);
	close(parsed.values[ROM].fd);
	close(parsed.values[DISK].fd);
}

static void file_left_out_has_no_descriptor(void **state)
{
	assert_int_equal(parse(NULL), 0);
	assert_int_equal(parsed.values[ROM].fd, -1);
	assert_int_equal(parsed.values[BASE].fd, -1);
}

static void refusal_of_the_opener_names_key_and_value(void **state)
{
	assert_int_equal(parse("rom=bad"), -ENOENT);
	assert_string_equal(why, "rom=bad: no such thing");
}

static void files_are_closed_when_a_later_value_fails(void **state)
{
	struct opener_log log = {0, -1};

	assert_int_equal(parse_with(&toy, "rom=/r,console=bad", &log), -ENOENT);
	assert_true(log.fd >= 0);
	assert_int_equal(fcntl(log.fd, F_GETFD), -1);
}

static void typing_error_opens_nothing(void **state)
{
	struct opener_log log = {0, -1};

	assert_int_equal(parse_with(&toy, "rom=/r,base=zz", &log), -EINVAL);
	assert_int_equal(log.opened, 0);
}

static void stream_without_opener_is_refused(void **state)
{
	assert_int_equal(params_parse(&parsed, &toy, NULL, NULL, why, sizeof(why)), -EINVAL);
	assert_string_equal(why, "console=stdio: cannot be opened here");
}

/* ----------------------------------------------------------------- refused */

static void unknown_key_gets_the_nearest_name(void **state)
{
	assert_refused("bsae=1", "bsae: no such parameter; did you mean base?");
	assert_refused("consoel", "consoel: no such parameter; did you mean console?");
	assert_refused("zzzzzz=1", "zzzzzz: no such parameter of toy; help lists them");
}

static void number_out_of_limits_names_them(void **state)
{
	assert_refused("base=0", "base=0: must be 0x1 to 0xfff8");
	assert_refused("base=0xfff9", "base=0xfff9: must be 0x1 to 0xfff8");
	assert_refused("buffer=1023", "buffer=1023: must be 1K to 1M");
	assert_refused("buffer=1048577", "buffer=1048577: must be 1K to 1M");
}

static void malformed_number_is_refused(void **state)
{
	static const char *const bad[] = {"base=", "base=-1", "base=+1", "base= 1", "base=1 ",
	    "base=0x", "base=08", "base=1e3", "base=4K", "base=0b1", "base=99999999999999999999x"};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(parse(bad[i]), -EINVAL);
		assert_non_null(strstr(why, "not a number"));
	}
}

static void number_beyond_64_bits_is_refused(void **state)
{
	assert_refused(
	    "base=18446744073709551616", "base=18446744073709551616: does not fit in 64 bits");
	assert_refused("buffer=17179869184G", "buffer=17179869184G: does not fit in 64 bits");
}

static void malformed_words_are_refused(void **state)
{
	assert_refused("echo=ON", "echo=ON: must be on or off");
	assert_refused("mode=fas", "mode=fas: must be one of slow|fast|faster");
	assert_refused("mode=slow|fast", "mode=slow|fast: must be one of slow|fast|faster");
	assert_refused("mode=", "mode=: must be one of slow|fast|faster");
	assert_refused("label=a", "label=a: must be 2 to 5 characters long");
	assert_refused("label=abcdef", "label=abcdef: must be 2 to 5 characters long");
}

static void empty_parts_are_refused(void **state)
{
	assert_refused("base=1,", "empty parameter in \"base=1,\"; write key=value,key=value");
	assert_refused(",", "empty parameter in \",\"; write key=value,key=value");
	assert_refused(",base=1", "empty parameter in \",base=1\"; write key=value,key=value");
	assert_refused("=1", "=1: has no key; write key=value");
	assert_refused("base", "base: has no value; write base=value");
	assert_refused(
	    "console=", "console=: must be stdio, null, pty, or file:, pipe: or unix: and a path");
}

static void key_given_twice_is_refused(void **state)
{
	assert_refused("base=1,base=1", "base: given twice");
	assert_refused("echo,echo=on", "echo: given twice");
	assert_refused("id=a,id=a", "id: given twice");
}

static void malformed_id_is_refused(void **state)
{
	static const char *const bad[] = {"id", "id=", "id=-a", "id=.a", "id=a b", "id=a/b",
	    "id=a,,b", "id=a12345678901234567890123456789012"};

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(parse(bad[i]), -EINVAL);
		assert_int_equal(strncmp(why, "id=", 3), 0);
	}
}

static void missing_required_key_is_refused(void **state)
{
	struct opener_log log = {0, -1};

	assert_int_equal(parse_with(&needy_toy, "name=a", &log), -EINVAL);
	assert_string_equal(why, "size: is required (how much)");
}

static void control_bytes_do_not_reach_the_message(void **state)
{
	assert_refused("echo=\x1b[2J\n", "echo=?[2J?: must be on or off");
}

static void message_fits_any_buffer(void **state)
{
	char tiny[4] = "...";

	assert_int_equal(params_parse(&parsed, &toy, "base=zz", NULL, tiny, sizeof(tiny)), -EINVAL);
	assert_string_equal(tiny, "bas");
	assert_int_equal(params_parse(&parsed, &toy, "base=zz", NULL, NULL, 0), -EINVAL);
}

#define CASE(f) cmocka_unit_test_teardown(f, finish)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(absent_text_gives_every_default),
	    CASE(empty_text_gives_every_default),
	    CASE(given_tells_typed_values_from_defaults),
	    CASE(uint_is_read_as_decimal_hex_or_octal),
	    CASE(limits_are_inclusive),
	    CASE(size_takes_k_m_and_g),
	    CASE(bool_takes_its_eight_words),
	    CASE(bare_bool_means_on),
	    CASE(enum_gives_index_and_text),
	    CASE(two_commas_are_one_comma_of_the_value),
	    CASE(value_may_hold_equal_signs),
	    CASE(unlimited_string_may_be_empty),
	    CASE(id_is_kept_for_every_plugin),
	    CASE(files_and_streams_go_to_the_opener_in_order),
	    CASE(file_left_out_has_no_descriptor),
	    CASE(refusal_of_the_opener_names_key_and_value),
	    CASE(files_are_closed_when_a_later_value_fails),
	    CASE(typing_error_opens_nothing),
	    CASE(stream_without_opener_is_refused),
	    CASE(unknown_key_gets_the_nearest_name),
	    CASE(number_out_of_limits_names_them),
	    CASE(malformed_number_is_refused),
	    CASE(number_beyond_64_bits_is_refused),
	    CASE(malformed_words_are_refused),
	    CASE(empty_parts_are_refused),
	    CASE(key_given_twice_is_refused),
	    CASE(malformed_id_is_refused),
	    CASE(missing_required_key_is_refused),
	    CASE(control_bytes_do_not_reach_the_message),
	    CASE(message_fits_any_buffer),
	};

	return cmocka_run_group_tests_name("params", tests, NULL, NULL);
}
