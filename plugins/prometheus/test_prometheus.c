/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <volt/fake_host.h>

/* After Volt's headers: it has a macro called fail. */
#include <cmocka.h>

#define SOCKET 0 /* the stream of to= */

#define METRIC(kind_, name_, help_, labels_, value_, scale_) \
	{ \
		sizeof(struct volt_metric), kind_, name_, help_, labels_, value_, scale_ \
	}

extern const struct volt_plugin volt_plugin_prometheus;

static const struct volt_metric shown[] = {
    METRIC(VOLT_METRIC_GAUGE, "volt_info", "which volt", "version=\"9\"", 1, 1),
    METRIC(VOLT_METRIC_COUNTER, "volt_a_total", "how many", "id=\"x\"", 5, 1),
    METRIC(VOLT_METRIC_COUNTER, "volt_a_total", "how many", "id=\"y\"", 7, 1),
    METRIC(VOLT_METRIC_COUNTER, "volt_b_seconds_total", "how long", "", 1000000002, 1000000000),
};

static const char text[] = "# HELP volt_info which volt\n"
			   "# TYPE volt_info gauge\n"
			   "volt_info{version=\"9\"} 1\n"
			   "# HELP volt_a_total how many\n"
			   "# TYPE volt_a_total counter\n"
			   "volt_a_total{id=\"x\"} 5\n"
			   "volt_a_total{id=\"y\"} 7\n"
			   "# HELP volt_b_seconds_total how long\n"
			   "# TYPE volt_b_seconds_total counter\n"
			   "volt_b_seconds_total 1.000000002\n";

static struct fake_host *boot(const char *params)
{
	struct fake_host *f = fake_host_create(&volt_plugin_prometheus);

	assert_int_equal(fake_host_wire(f, params), 0);
	fake_show_metrics(f, shown, sizeof(shown) / sizeof(*shown));
	assert_int_equal(fake_host_run(f), 0);
	return f;
}

/* A socket's stream has no peer until a client comes. */
static struct fake_host *listen_only(void)
{
	struct fake_host *f = boot("to=unix:/x");

	fake_stream_event(f, SOCKET, VOLT_STREAM_DISCONNECTED);
	return f;
}

static void connect_client(struct fake_host *f)
{
	fake_stream_clear(f, SOCKET);
	fake_stream_event(f, SOCKET, VOLT_STREAM_CONNECTED);
}

static void assert_answered(struct fake_host *f, const char *expected)
{
	assert_string_equal(fake_stream_output(f, SOCKET, NULL), expected);
	assert_true(fake_stream_dismissed(f, SOCKET));
}

static void a_line_is_answered_with_the_text(void **state)
{
	struct fake_host *f = listen_only();

	connect_client(f);
	fake_stream_feed(f, SOCKET, "\n", 1);
	assert_answered(f, text);
	assert_int_equal(fake_counter(f, "answers"), 1);
	fake_host_destroy(f);
}

static void silence_is_answered_after_a_moment(void **state)
{
	struct fake_host *f = listen_only();

	connect_client(f);
	fake_advance(f, 49999999);
	assert_string_equal(fake_stream_output(f, SOCKET, NULL), "");
	fake_advance(f, 1);
	assert_answered(f, text);
	fake_host_destroy(f);
}

static void a_request_is_answered_when_it_is_whole_and_with_a_header(void **state)
{
	struct fake_host *f = listen_only();
	const char *output;

	connect_client(f);
	fake_stream_feed(f, SOCKET, "GET /metrics HTTP/1.1\r\nHost: x\r\n", 32);
	assert_string_equal(fake_stream_output(f, SOCKET, NULL), "");
	fake_stream_feed(f, SOCKET, "\r\n", 2);
	output = fake_stream_output(f, SOCKET, NULL);
	assert_memory_equal(output, "HTTP/1.0 200 OK\r\n", 17);
	assert_non_null(strstr(output, "\r\nContent-Type: text/plain; version=0.0.4"));
	assert_string_equal(strstr(output, "\r\n\r\n") + 4, text);
	assert_true(fake_stream_dismissed(f, SOCKET));
	fake_host_destroy(f);
}

static void one_connection_gets_one_answer(void **state)
{
	struct fake_host *f = listen_only();

	connect_client(f);
	fake_stream_feed(f, SOCKET, "\n\n\n", 3);
	fake_advance(f, 1000000000);
	assert_int_equal(fake_counter(f, "answers"), 1);
	fake_host_destroy(f);
}

static void the_next_client_is_served_afresh(void **state)
{
	struct fake_host *f = listen_only();

	connect_client(f);
	fake_stream_feed(f, SOCKET, "GET / HTTP/1.1\r\n", 16);
	fake_stream_event(f, SOCKET, VOLT_STREAM_DISCONNECTED);
	connect_client(f);
	fake_stream_feed(f, SOCKET, "\n", 1);
	assert_answered(f, text);
	fake_host_destroy(f);
}

static void what_does_not_fit_follows_later(void **state)
{
	struct fake_host *f = listen_only();

	connect_client(f);
	fake_stream_limit(f, SOCKET, 30);
	fake_stream_feed(f, SOCKET, "\n", 1);
	assert_false(fake_stream_dismissed(f, SOCKET));
	fake_stream_limit(f, SOCKET, SIZE_MAX);
	fake_advance(f, 1000000);
	assert_answered(f, text);
	fake_host_destroy(f);
}

static void a_client_that_leaves_early_stops_the_answer(void **state)
{
	struct fake_host *f = listen_only();

	connect_client(f);
	fake_stream_limit(f, SOCKET, 30);
	fake_stream_feed(f, SOCKET, "\n", 1);
	fake_stream_event(f, SOCKET, VOLT_STREAM_DISCONNECTED);
	fake_stream_limit(f, SOCKET, SIZE_MAX);
	fake_advance(f, 1000000000);
	assert_int_equal(fake_counter(f, "answers"), 0);
	fake_host_destroy(f);
}

#define MANY 4000u

/* About twice as much as there is room for. */
static const struct volt_metric *many(void)
{
	static struct volt_metric rows[MANY];
	static char names[MANY / 40][40], labels[MANY][160];

	for (unsigned i = 0; i < MANY; i++) {
		snprintf(names[i / 40], sizeof(names[0]), "volt_many_%u_total", i / 40);
		snprintf(labels[i], sizeof(labels[0]), "id=\"%u\",filler=\"%0*d\"", i,
		    (int)(i % 100), 0);
		rows[i] = (struct volt_metric)METRIC(
		    VOLT_METRIC_COUNTER, names[i / 40], "many", labels[i], i, 1);
	}
	return rows;
}

/* Line by line, as a reader of the format would; returns how many values there are. */
static unsigned count_values(const char *at, const char *note)
{
	char family[64] = "";
	unsigned values = 0, told = 0;

	for (const char *end; (end = strchr(at, '\n')); at = end + 1) {
		unsigned id;

		assert_int_equal(told, 0); /* the note is the last line */
		if (sscanf(at, "# TYPE %63s counter", family) == 1 ||
		    strncmp(at, "# HELP ", 7) == 0)
			continue;
		if (sscanf(at, note, &told) == 1)
			continue;
		assert_memory_equal(at, family, strlen(family));
		assert_int_equal(sscanf(strchr(at, '{'), "{id=\"%u\",", &id), 1);
		assert_int_equal(id, values);
		assert_int_equal(atoi(strstr(at, "\"} ") + 3), id);
		values++;
	}
	assert_string_equal(at, "");
	assert_int_equal(values + told, MANY);
	return values;
}

static void a_text_without_room_ends_with_a_whole_value_and_a_note(void **state)
{
	static const char note[] = "# %u more values have no room here";
	struct fake_host *f = listen_only();
	const char *output, *body;
	unsigned values;

	fake_show_metrics(f, many(), MANY);
	connect_client(f);
	fake_stream_feed(f, SOCKET, "GET / HTTP/1.1\r\n\r\n", 18);
	output = fake_stream_output(f, SOCKET, NULL);
	assert_in_range(strlen(output), (256 << 10) - 500, 256 << 10);
	body = strstr(output, "\r\n\r\n") + 4;
	values = count_values(body, note);
	assert_in_range(values, MANY / 4, MANY - 1);
	assert_int_equal(strtoul(strstr(output, "Content-Length:") + 15, NULL, 10), strlen(body));
	assert_int_equal(fake_counter(f, "omitted"), MANY - values);
	fake_host_destroy(f);
}

static void a_client_that_does_not_read_is_cut_off_in_the_end(void **state)
{
	struct fake_host *f = listen_only();

	connect_client(f);
	fake_stream_limit(f, SOCKET, 30);
	fake_stream_feed(f, SOCKET, "\n", 1);
	fake_advance(f, 9999999999);
	assert_false(fake_stream_dismissed(f, SOCKET));
	fake_advance(f, 1);
	assert_true(fake_stream_cut_off(f, SOCKET));
	assert_int_equal(fake_counter(f, "answers"), 0);
	fake_stream_event(f, SOCKET, VOLT_STREAM_DISCONNECTED);
	assert_int_equal(fake_counter(f, "timeouts"), 1);
	fake_stream_limit(f, SOCKET, SIZE_MAX);
	connect_client(f);
	fake_stream_feed(f, SOCKET, "\n", 1);
	assert_answered(f, text);
	fake_host_destroy(f);
}

/* What the host took the client may still have to read. */
static void a_client_that_is_slow_to_leave_is_cut_off_too(void **state)
{
	struct fake_host *f = listen_only();

	connect_client(f);
	fake_stream_feed(f, SOCKET, "\n", 1);
	fake_advance(f, 9999999999);
	assert_false(fake_stream_cut_off(f, SOCKET));
	fake_advance(f, 1);
	assert_true(fake_stream_cut_off(f, SOCKET));
	fake_host_destroy(f);
}

static void who_leaves_in_time_is_no_timeout(void **state)
{
	struct fake_host *f = listen_only();

	connect_client(f);
	fake_stream_feed(f, SOCKET, "\n", 1);
	fake_stream_event(f, SOCKET, VOLT_STREAM_DISCONNECTED);
	fake_advance(f, 20000000000);
	assert_false(fake_stream_cut_off(f, SOCKET));
	assert_int_equal(fake_counter(f, "timeouts"), 0);
	fake_host_destroy(f);
}

static void an_endless_line_is_answered_too(void **state)
{
	struct fake_host *f = listen_only();
	static char blanks[40000];

	memset(blanks, ' ', sizeof(blanks));
	connect_client(f);
	fake_stream_feed(f, SOCKET, blanks, sizeof(blanks));
	assert_answered(f, text);
	fake_host_destroy(f);
}

static void the_file_is_written_at_the_start_and_every_so_often(void **state)
{
	char path[] = "/tmp/volt-metrics-XXXXXX", params[64], found[8192] = "";
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	snprintf(params, sizeof(params), "file=%s,every=2", path);
	struct fake_host *f = boot(params);
	ssize_t size = pread(fd, found, sizeof(found), 0);
	assert_int_equal(size % 4096, 0);
	assert_memory_equal(found, text, strlen(text));
	for (ssize_t i = (ssize_t)strlen(text); i < size; i++)
		assert_int_equal(found[i], '\n');
	fake_advance(f, 1999999999);
	assert_int_equal(fake_counter(f, "files"), 1);
	fake_advance(f, 1);
	assert_int_equal(fake_counter(f, "files"), 2);
	fake_host_destroy(f);
	close(fd);
	unlink(path);
}

/* Both are made in one place: the file must not take it from under an answer. */
static void the_file_waits_for_an_answer(void **state)
{
	char path[] = "/tmp/volt-metrics-XXXXXX", params[80];
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	snprintf(params, sizeof(params), "to=unix:/x,file=%s,every=1", path);
	struct fake_host *f = boot(params);
	fake_stream_event(f, SOCKET, VOLT_STREAM_DISCONNECTED);
	connect_client(f);
	fake_stream_limit(f, SOCKET, 30);
	fake_stream_feed(f, SOCKET, "GET / HTTP/1.1\r\n\r\n", 18);
	fake_advance(f, 2000000000);
	assert_int_equal(fake_counter(f, "files"), 1);
	fake_stream_limit(f, SOCKET, SIZE_MAX);
	fake_advance(f, 2000000);
	const char *output = fake_stream_output(f, SOCKET, NULL);
	assert_memory_equal(output, "HTTP/1.0 200 OK\r\n", 17);
	assert_string_equal(strstr(output, "\r\n\r\n") + 4, text);
	assert_int_equal(fake_counter(f, "files"), 2);
	fake_host_destroy(f);
	close(fd);
	unlink(path);
}

static void without_a_socket_nobody_is_answered(void **state)
{
	char path[] = "/tmp/volt-metrics-XXXXXX", params[64];
	int fd = mkstemp(path);

	assert_true(fd >= 0);
	snprintf(params, sizeof(params), "file=%s", path);
	struct fake_host *f = boot(params);
	fake_advance(f, 1000000000);
	assert_int_equal(fake_counter(f, "answers"), 0);
	fake_host_destroy(f);
	close(fd);
	unlink(path);
}

static void accesses_are_timed_only_if_asked(void **state)
{
	struct fake_host *plain = boot("to=unix:/x"), *timed = boot("to=unix:/x,times=on");

	assert_false(fake_measured(plain));
	assert_true(fake_measured(timed));
	fake_host_destroy(plain);
	fake_host_destroy(timed);
}

static void nowhere_to_show_it_is_refused(void **state)
{
	struct fake_host *f = fake_host_create(&volt_plugin_prometheus);

	assert_int_equal(fake_host_wire(f, NULL), -EINVAL);
	assert_string_equal(fake_host_message(f), "to=unix:PATH or file=PATH is required");
	fake_host_destroy(f);
}

static void each_failing_service_is_told(void **state)
{
	for (unsigned n = 1; n <= 4; n++) {
		struct fake_host *f = fake_host_create(&volt_plugin_prometheus);

		fake_host_fail_call(f, n, ENOSPC);
		assert_int_equal(fake_host_wire(f, "to=unix:/x,times=on"), -ENOSPC);
		fake_host_destroy(f);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_line_is_answered_with_the_text),
	    cmocka_unit_test(silence_is_answered_after_a_moment),
	    cmocka_unit_test(a_request_is_answered_when_it_is_whole_and_with_a_header),
	    cmocka_unit_test(one_connection_gets_one_answer),
	    cmocka_unit_test(the_next_client_is_served_afresh),
	    cmocka_unit_test(what_does_not_fit_follows_later),
	    cmocka_unit_test(a_client_that_leaves_early_stops_the_answer),
	    cmocka_unit_test(a_text_without_room_ends_with_a_whole_value_and_a_note),
	    cmocka_unit_test(a_client_that_does_not_read_is_cut_off_in_the_end),
	    cmocka_unit_test(a_client_that_is_slow_to_leave_is_cut_off_too),
	    cmocka_unit_test(who_leaves_in_time_is_no_timeout),
	    cmocka_unit_test(an_endless_line_is_answered_too),
	    cmocka_unit_test(the_file_is_written_at_the_start_and_every_so_often),
	    cmocka_unit_test(the_file_waits_for_an_answer),
	    cmocka_unit_test(without_a_socket_nobody_is_answered),
	    cmocka_unit_test(accesses_are_timed_only_if_asked),
	    cmocka_unit_test(nowhere_to_show_it_is_refused),
	    cmocka_unit_test(each_failing_service_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
