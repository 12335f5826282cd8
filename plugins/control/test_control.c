/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <volt/fake_host.h>

/* After Volt's headers: it has a macro called fail. */
#include <cmocka.h>

#include "test_json.h"

extern const struct volt_plugin volt_plugin_control;

#define SECOND  1000000000ull
#define CLIENTS 8 /* at once */

/* A lamp that a test plays: set, get, each of its bulbs, and one command that answers later. */
struct lamp {
	uint64_t level;
	char colour[32];
};

enum { LAMP_SET, LAMP_GET, LAMP_BULBS, LAMP_LATER, LAMP_FAIL };

static int lamp_run(
    void *self, uint32_t command, const struct volt_args *a, const struct volt_reply *r)
{
	struct lamp *l = self;

	switch (command) {
	case LAMP_SET:
		l->level = volt_arg(a, 0)->u;
		snprintf(l->colour, sizeof(l->colour), "%s", volt_arg(a, 1)->s);
		return 0;
	case LAMP_GET:
		r->number(r, 0, l->level);
		r->text(r, 1, l->colour);
		r->number(r, 2, l->level > 0);
		return 0;
	case LAMP_BULBS:
		for (uint64_t i = 0; i < l->level; i++) {
			r->number(r, 0, i);
			r->next_row(r);
		}
		return 0;
	case LAMP_LATER:
		return FAKE_LATER;
	default:
		return volt_reply_fail(r, EBUSY, "the lamp is \"hot\"");
	}
}

static const struct volt_param set_args[] = {
    {.name = "level", .type = VOLT_PARAM_UINT, .max = 100, .help = "brightness"},
    {.name = "colour", .type = VOLT_PARAM_STRING, .def = "white", .help = "colour"},
};
static const struct volt_result get_results[] = {
    {"level", "brightness", VOLT_PARAM_UINT, 0},
    {"colour", "colour", VOLT_PARAM_STRING, 0},
    {"lit", "whether it shines", VOLT_PARAM_BOOL, 0},
};
static const struct volt_result bulb_results[] = {{"bulb", "its number", VOLT_PARAM_UINT, 0}};
static const struct volt_command lamp_table[] = {
    [LAMP_SET] = {.name = "set", .help = "set it", VOLT_COMMAND_ARGS(set_args)},
    [LAMP_GET] = {.name = "get", .help = "read it", VOLT_COMMAND_RESULTS(get_results)},
    [LAMP_BULBS] = {.name = "bulbs",
	.help = "list them",
	.flags = VOLT_COMMAND_ROWS,
	VOLT_COMMAND_RESULTS(bulb_results)},
    [LAMP_LATER] = {.name = "later", .help = "answer later"},
    [LAMP_FAIL] = {.name = "fail", .help = "fail"},
};
static const struct volt_commands lamp_commands = {.size = sizeof(lamp_commands),
    .stride = sizeof(lamp_table[0]),
    .count = 5,
    .commands = lamp_table,
    .run = lamp_run};

static struct lamp lamp;

/* A running plugin with the lamp behind it, and client 0 connected. */
static int boot(void **state)
{
	struct fake_host *f = fake_host_create(&volt_plugin_control);

	lamp = (struct lamp){.level = 3, .colour = "red"};
	assert_int_equal(fake_host_wire(f, "socket=unix:/x"), 0);
	fake_manage_add(f, "desk.lamp", "lamp", &lamp_commands, &lamp);
	assert_int_equal(fake_host_run(f), 0);
	fake_stream_event(f, 0, VOLT_STREAM_CONNECTED);
	*state = f;
	return 0;
}

static int end(void **state)
{
	fake_host_destroy(*state);
	return 0;
}

/* What client `number` is answered to `line`. */
static const char *request_by(struct fake_host *f, unsigned number, const char *line)
{
	fake_stream_clear(f, number);
	fake_stream_feed(f, number, line, strlen(line));
	return fake_stream_output(f, number, NULL);
}

static const char *request(struct fake_host *f, const char *line)
{
	return request_by(f, 0, line);
}

static void a_call_gets_the_results_of_its_command(void **state)
{
	assert_string_equal(
	    request(*state, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"desk.lamp.get\"}\n"),
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":{\"level\":3,\"colour\":\"red\",\"lit\":true}"
	    "}\n");
}

static void arguments_reach_the_command_as_their_types(void **state)
{
	assert_string_equal(
	    request(*state, "{\"jsonrpc\":\"2.0\",\"id\":\"a\\n\",\"method\":\"desk.lamp.set\","
			    "\"params\":{\"colour\":\"\\u00fcber \\\"x\\\"\",\"level\":42}}\n"),
	    "{\"jsonrpc\":\"2.0\",\"id\":\"a\\n\",\"result\":{}}\n");
	assert_int_equal(lamp.level, 42);
	assert_string_equal(lamp.colour, "\xc3\xbc"
					 "ber \"x\"");
}

static void rows_become_an_array(void **state)
{
	assert_string_equal(
	    request(*state, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"desk.lamp.bulbs\"}\n"),
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":[{\"bulb\":0},{\"bulb\":1},{\"bulb\":2}]}\n");
	lamp.level = 0;
	assert_string_equal(
	    request(*state, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"desk.lamp.bulbs\"}\n"),
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"result\":[]}\n");
}

/* JSON-RPC 2.0, sections 4.1 and 5. */
static void a_notification_is_done_and_not_answered(void **state)
{
	assert_string_equal(request(*state, "{\"jsonrpc\":\"2.0\",\"method\":\"desk.lamp.set\","
					    "\"params\":{\"level\":7}}\n"),
	    "");
	assert_int_equal(lamp.level, 7);
}

static void mistakes_have_the_codes_of_the_specification(void **state)
{
	static const struct {
		const char *line, *code, *id;
	} cases[] = {
	    {"x\n", "-32700", "null"},
	    {"[]\n", "-32600", "null"},
	    {"{\"jsonrpc\":\"1.0\",\"id\":5,\"method\":\"list\"}\n", "-32600", "5"},
	    {"{\"jsonrpc\":\"2.0\",\"id\":5}\n", "-32600", "5"},
	    {"{\"jsonrpc\":\"2.0\",\"id\":{},\"method\":\"list\"}\n", "-32600", "null"},
	    {"{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"list\",\"params\":[]}\n", "-32600", "5"},
	    {"{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"nothing\"}\n", "-32601", "5"},
	    {"{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"desk.lamp.dim\"}\n", "-32601", "5"},
	    {"{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"lamp.get\"}\n", "-32601", "5"},
	    {"{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"desk.lamp.set\"}\n", "-32602", "5"},
	    {"{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"desk.lamp.set\",\"params\":{\"level\":101}"
	     "}\n",
		"-32602", "5"},
	    {"{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"desk.lamp.set\",\"params\":{\"level\":[]}}"
	     "\n",
		"-32602", "5"},
	    {"{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"events\",\"params\":{\"on\":3}}\n",
		"-32602", "5"},
	    {"{\"jsonrpc\":\"2.0\",\"id\":5,\"method\":\"desk.lamp.fail\"}\n", "-32000", "5"},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char head[64];
		const char *answer = request(*state, cases[i].line);

		snprintf(head, sizeof(head),
		    "{\"jsonrpc\":\"2.0\",\"id\":%s,\"error\":{\"code\":%s,", cases[i].id,
		    cases[i].code);
		if (strncmp(answer, head, strlen(head)) != 0)
			fail_msg("%s answers %s", cases[i].line, answer);
	}
	assert_int_equal(fake_counter(*state, "errors"), sizeof(cases) / sizeof(cases[0]));
}

static void a_failed_command_says_why(void **state)
{
	assert_string_equal(
	    request(*state, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"desk.lamp.fail\"}\n"),
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"error\":{\"code\":-32000,\"message\":"
	    "\"the lamp is \\u0022hot\\u0022\",\"data\":{\"errno\":\"EBUSY\"}}}\n");
}

static void list_tells_all_tables(void **state)
{
	const char *answer =
	    request(*state, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"list\"}\n");

	assert_non_null(strstr(answer, "\"protocol\":1"));
	assert_non_null(strstr(answer, "{\"id\":\"desk.lamp\",\"plugin\":\"lamp\",\"commands\":["));
	assert_non_null(
	    strstr(answer, "{\"name\":\"colour\",\"type\":\"string\",\"help\":\"colour\","
			   "\"default\":\"white\"}"));
	assert_non_null(strstr(answer, "\"min\":0,\"max\":100"));
	assert_non_null(
	    strstr(answer, "{\"name\":\"lit\",\"type\":\"bool\",\"help\":\"whether it shines\"}"));
}

static void a_line_may_come_in_pieces_and_many_at_once(void **state)
{
	const char *line = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"desk.lamp.get\"}\n\n";

	fake_stream_clear(*state, 0);
	for (size_t i = 0; line[i]; i++)
		fake_stream_feed(*state, 0, &line[i], 1);
	const char *once = strdup(fake_stream_output(*state, 0, NULL));
	char two[256];

	snprintf(two, sizeof(two), "%s%s", line, line);
	const char *answers = request(*state, two);
	assert_int_equal(strlen(answers), 2 * strlen(once));
	assert_memory_equal(answers, once, strlen(once));
	free((void *)(uintptr_t)once);
}

static void an_overlong_line_is_refused_once_and_the_next_is_served(void **state)
{
	static char line[40000];
	const char *next = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"desk.lamp.get\"}\n";

	memset(line, ' ', sizeof(line) - 1);
	line[sizeof(line) - 2] = '\n';
	const char *answer = request(*state, line);
	assert_non_null(strstr(answer, "-32600"));
	assert_ptr_equal(strchr(answer, '\n')[1], 0);
	assert_non_null(strstr(request(*state, next), "\"level\":3"));
}

static void events_go_to_those_who_listen(void **state)
{
	fake_stream_event(*state, 1, VOLT_STREAM_CONNECTED);
	request_by(*state, 1, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"events\"}\n");
	fake_stream_clear(*state, 0);
	fake_stream_clear(*state, 1);
	fake_manage_event(*state, "vm", "paused", "");
	assert_string_equal(fake_stream_output(*state, 0, NULL), "");
	assert_string_equal(fake_stream_output(*state, 1, NULL),
	    "{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":{\"source\":\"vm\",\"name\":"
	    "\"paused\","
	    "\"text\":\"\",\"lost\":0}}\n");
	request_by(*state, 1,
	    "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"events\",\"params\":{\"on\":false}}\n");
	fake_stream_clear(*state, 1);
	fake_manage_event(*state, "vm", "resumed", "");
	assert_string_equal(fake_stream_output(*state, 1, NULL), "");
}

static void a_late_answer_goes_to_its_client(void **state)
{
	fake_stream_event(*state, 1, VOLT_STREAM_CONNECTED);
	assert_string_equal(request_by(*state, 1,
				"{\"jsonrpc\":\"2.0\",\"id\":8,\"method\":\"desk.lamp.later\"}\n"),
	    "");
	assert_non_null(
	    strstr(request(*state, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"desk.lamp.get\"}\n"),
		"\"level\":3"));
	fake_manage_finish(*state, 0, "");
	assert_string_equal(
	    fake_stream_output(*state, 1, NULL), "{\"jsonrpc\":\"2.0\",\"id\":8,\"result\":{}}\n");
}

static void a_late_answer_does_not_reach_the_next_client(void **state)
{
	request(*state, "{\"jsonrpc\":\"2.0\",\"id\":8,\"method\":\"desk.lamp.later\"}\n");
	fake_stream_event(*state, 0, VOLT_STREAM_DISCONNECTED);
	fake_stream_event(*state, 0, VOLT_STREAM_CONNECTED);
	fake_stream_clear(*state, 0);
	fake_manage_finish(*state, EIO, "too late");
	assert_string_equal(fake_stream_output(*state, 0, NULL), "");
}

static void bytes_of_a_call_follow_a_line_and_precede_the_answer(void **state)
{
	request(*state, "{\"jsonrpc\":\"2.0\",\"id\":8,\"method\":\"desk.lamp.later\"}\n");
	assert_int_equal(fake_manage_bytes(*state, "abc", 3), 0);
	assert_int_equal(fake_manage_bytes(*state, "\n", 1), 0);
	fake_manage_finish(*state, 0, "");
	assert_string_equal(fake_stream_output(*state, 0, NULL),
	    "{\"jsonrpc\":\"2.0\",\"method\":\"bytes\",\"params\":{\"id\":8,\"size\":3}}\nabc"
	    "{\"jsonrpc\":\"2.0\",\"method\":\"bytes\",\"params\":{\"id\":8,\"size\":1}}\n\n"
	    "{\"jsonrpc\":\"2.0\",\"id\":8,\"result\":{}}\n");
}

static void bytes_wait_for_a_client_that_does_not_read(void **state)
{
	static char many[300 << 10];

	fake_stream_limit(*state, 0, 5);
	request(*state, "{\"jsonrpc\":\"2.0\",\"id\":8,\"method\":\"desk.lamp.later\"}\n");
	assert_int_equal(fake_manage_bytes(*state, many, sizeof(many)), 0);
	assert_int_equal(fake_manage_bytes(*state, many, sizeof(many)), -EAGAIN);
	fake_stream_limit(*state, 0, SIZE_MAX);
	assert_int_equal(fake_manage_bytes(*state, many, sizeof(many)), 0);
	fake_manage_finish(*state, 0, "");
}

static void bytes_do_not_reach_the_next_client(void **state)
{
	request(*state, "{\"jsonrpc\":\"2.0\",\"id\":8,\"method\":\"desk.lamp.later\"}\n");
	fake_stream_event(*state, 0, VOLT_STREAM_DISCONNECTED);
	fake_stream_event(*state, 0, VOLT_STREAM_CONNECTED);
	assert_int_equal(fake_manage_bytes(*state, "abc", 3), -EPIPE);
	fake_manage_finish(*state, EPIPE, "");
	/* Nor a notification, which has no id to tell whose they are. */
	request(*state, "{\"jsonrpc\":\"2.0\",\"method\":\"desk.lamp.later\"}\n");
	assert_int_equal(fake_manage_bytes(*state, "abc", 3), -EPIPE);
	fake_manage_finish(*state, EPIPE, "");
}

static void a_client_that_does_not_read_gets_no_more_served(void **state)
{
	const char *line = "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"desk.lamp.set\",\"params\":{"
			   "\"level\":9}}\n";

	fake_stream_limit(*state, 0, 5);
	request(*state, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"list\"}\n");
	request(*state, line);
	assert_int_equal(lamp.level, 3);
	fake_stream_limit(*state, 0, SIZE_MAX);
	fake_advance(*state, SECOND);
	fake_stream_pump(*state, 0);
	assert_int_equal(lamp.level, 9);
}

static void a_client_that_stands_still_is_cut_off(void **state)
{
	fake_stream_event(*state, 1, VOLT_STREAM_CONNECTED);
	request_by(*state, 1, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"events\"}\n");
	fake_stream_feed(*state, 0, "{", 1);
	fake_advance(*state, 25 * SECOND);
	assert_false(fake_stream_dismissed(*state, 0));
	fake_advance(*state, 10 * SECOND);
	assert_true(fake_stream_cut_off(*state, 0));
	assert_false(fake_stream_dismissed(*state, 1)); /* it listens */
	assert_int_equal(fake_counter(*state, "cut_off"), 1);
}

static void eight_clients_are_served_at_once(void **state)
{
	for (unsigned i = 1; i < CLIENTS; i++)
		fake_stream_event(*state, i, VOLT_STREAM_CONNECTED);
	for (unsigned i = 0; i < CLIENTS; i++)
		assert_non_null(
		    strstr(request_by(*state, i,
			       "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"desk.lamp.get\"}\n"),
			"\"level\":3"));
}

static void standard_input_and_output_are_one_client(void **state)
{
	struct fake_host *f = fake_host_create(&volt_plugin_control);

	assert_int_equal(fake_host_wire(f, "socket=stdio"), 0);
	fake_manage_add(f, "desk.lamp", "lamp", &lamp_commands, &lamp);
	assert_int_equal(fake_host_run(f), 0);
	assert_non_null(
	    strstr(request(f, "{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"desk.lamp.get\"}\n"),
		"\"level\""));
	fake_advance(f, 100 * SECOND);
	assert_false(fake_stream_dismissed(f, 0));
	fake_host_destroy(f);
}

/* Whatever comes, each line has at most one answer, and the next request is served. */
static void corrupted_requests_are_survived(void **state)
{
	static const char good[] = "{\"jsonrpc\":\"2.0\",\"id\":\"a\",\"method\":\"desk.lamp.set\","
				   "\"params\":{\"level\":5,\"colour\":\"b\"}}\n";
	uint32_t seed = 7;

	for (unsigned round = 0; round < 20000; round++) {
		char line[sizeof(good)];

		memcpy(line, good, sizeof(good));
		for (unsigned k = 0; k < 3; k++) {
			seed = seed * 1664525 + 1013904223;
			line[(seed >> 8) % (sizeof(good) - 2)] = (char)(seed >> 24);
		}
		const char *answer = request(*state, line);
		size_t breaks = 0, lines = 0;
		for (size_t i = 0; line[i] || i < sizeof(good) - 1; i++)
			lines += line[i] == '\n';
		for (size_t i = 0; answer[i]; i++)
			breaks += answer[i] == '\n';
		assert_in_range(breaks, 0, lines);
	}
	assert_non_null(strstr(
	    request(*state, "\n{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"desk.lamp.get\"}\n"),
	    "\"lit\""));
}

#define CASE(name_) cmocka_unit_test_setup_teardown(name_, boot, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(a_call_gets_the_results_of_its_command),
	    CASE(arguments_reach_the_command_as_their_types),
	    CASE(rows_become_an_array),
	    CASE(a_notification_is_done_and_not_answered),
	    CASE(mistakes_have_the_codes_of_the_specification),
	    CASE(a_failed_command_says_why),
	    CASE(list_tells_all_tables),
	    CASE(a_line_may_come_in_pieces_and_many_at_once),
	    CASE(an_overlong_line_is_refused_once_and_the_next_is_served),
	    CASE(events_go_to_those_who_listen),
	    CASE(a_late_answer_goes_to_its_client),
	    CASE(a_late_answer_does_not_reach_the_next_client),
	    CASE(bytes_of_a_call_follow_a_line_and_precede_the_answer),
	    CASE(bytes_wait_for_a_client_that_does_not_read),
	    CASE(bytes_do_not_reach_the_next_client),
	    CASE(a_client_that_does_not_read_gets_no_more_served),
	    CASE(a_client_that_stands_still_is_cut_off),
	    CASE(eight_clients_are_served_at_once),
	    cmocka_unit_test(standard_input_and_output_are_one_client),
	    CASE(corrupted_requests_are_survived),
	};

	return test_json() + cmocka_run_group_tests(tests, NULL, NULL);
}
