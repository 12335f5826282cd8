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

/* A socket's stream has nobody at its far end until a client comes. */
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
	    cmocka_unit_test(an_endless_line_is_answered_too),
	    cmocka_unit_test(the_file_is_written_at_the_start_and_every_so_often),
	    cmocka_unit_test(accesses_are_timed_only_if_asked),
	    cmocka_unit_test(nowhere_to_show_it_is_refused),
	    cmocka_unit_test(each_failing_service_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
