/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * prometheus - shows every counter of the VM in Prometheus' text format, version 0.0.4.
 *
 * Whoever connects to the socket gets the text as it is at that moment: after an HTTP/1
 * request with a header, else, after a line or a moment's silence, without. Or the text is put
 * into a file every so often, at full length each time, so that it never shrinks.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <unistd.h>

#include <volt/loop.h>
#include <volt/metrics.h>
#include <volt/plugin.h>
#include <volt/stream.h>

enum { PARAM_TO, PARAM_FILE, PARAM_EVERY, PARAM_TIMES };
enum { COUNT_ANSWERS, COUNT_TIMEOUTS, COUNT_FILES, COUNT_FAILURES, COUNT_OMITTED };

/* Of the client of the socket. */
enum phase {
	AWAY,
	ASKING,    /* has sent no whole request yet */
	ANSWERING, /* is to get the rest of the text */
	LEAVING,   /* has been given all of it, and may still have to read it */
	CUT_OFF,   /* took too long */
};

#define TEXT_SIZE     (256u << 10)   /* a power of 2, as a need bounds by a mask */
#define NOTE_SIZE     64u            /* of what is said of values that the text has no room for */
#define LENGTH_DIGITS 6              /* of TEXT_SIZE */
#define SILENCE_NS    50000000ull    /* who has sent nothing by then wants plain text */
#define RETRY_NS      1000000ull     /* the host's buffer was full */
#define PATIENCE_NS   10000000000ull /* with a client; Prometheus itself has no more by default */
#define REQUEST_ROOM  65536u         /* of a request; what is longer is answered as it is */

struct prometheus {
	const struct volt_host *h;
	const struct volt_loop *loop;
	const struct volt_stream *stream;
	const struct volt_metrics *metrics;
	uint32_t to, client_timer, file_timer;
	int file;
	bool cleared; /* the file holds nothing from before */
	uint64_t every_ns;
	enum phase phase;
	uint64_t deadline_ns; /* of the client's stay */
	bool http;
	char head[4]; /* first bytes of what the client sent */
	size_t head_size;
	uint32_t newest; /* bytes of the request's end, to find an empty line */
	size_t request_size;
	size_t size, sent;
	char family_name[VOLT_METRIC_NAME_MAX + 1];
	unsigned omitted; /* values that the text had no room for */
	char text[TEXT_SIZE];
};

/* -------------------------------------------------------------------- text */

/* True if it fitted, `kept` bytes apart that are for something else; else nothing is put. */
VOLT_PRINTF(3, 4)
static bool put(struct prometheus *m, size_t kept, const char *fmt, ...)
{
	size_t room = sizeof(m->text) - m->size - kept;
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(m->text + m->size, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room)
		return false;
	m->size += (size_t)n;
	return true;
}

static bool put_family(struct prometheus *m, const struct volt_metric *metric)
{
	return strcmp(m->family_name, metric->name) == 0 ||
	       put(m, NOTE_SIZE, "# HELP %s %s\n# TYPE %s %s\n", metric->name, metric->help,
		   metric->name, metric->kind == VOLT_METRIC_GAUGE ? "gauge" : "counter");
}

static bool put_value(struct prometheus *m, const struct volt_metric *metric)
{
	const bool labelled = metric->labels[0] != '\0';
	char fraction[24] = "";

	if (metric->scale == 1000000000)
		snprintf(fraction, sizeof(fraction), ".%09" PRIu64, metric->value % metric->scale);
	return put(m, NOTE_SIZE, "%s%s%s%s %" PRIu64 "%s\n", metric->name, labelled ? "{" : "",
	    metric->labels, labelled ? "}" : "", metric->value / metric->scale, fraction);
}

/* Whole values only, and none after one that did not fit: a text cut anywhere else would be
 * none of the format, or tell wrong numbers. */
static void put_metric(void *arg, const struct volt_metric *metric)
{
	struct prometheus *m = arg;
	const size_t before = m->size;

	if (m->omitted > 0 || !put_family(m, metric) || !put_value(m, metric)) {
		m->size = before;
		m->omitted++;
		return;
	}
	snprintf(m->family_name, sizeof(m->family_name), "%s", metric->name);
}

static void put_values(struct prometheus *m)
{
	m->omitted = 0;
	m->family_name[0] = '\0';
	m->metrics->each(m->h, m, put_metric);
	if (m->omitted > 0)
		put(m, 0, "# %u more values have no room here\n", m->omitted);
	volt_count(m->h, COUNT_OMITTED, m->omitted);
}

/* A client that is cut off sees by the length that the text is not whole. */
static void make_answer(struct prometheus *m)
{
	static const char head[] = "HTTP/1.0 200 OK\r\n"
				   "Content-Type: text/plain; version=0.0.4; charset=utf-8\r\n"
				   "Connection: close\r\n"
				   "Content-Length: ";
	char length[LENGTH_DIGITS + 1];

	m->size = m->sent = 0;
	if (m->http)
		put(m, 0, "%s%*s\r\n\r\n", head, LENGTH_DIGITS, "");
	const size_t start = m->size;
	put_values(m);
	snprintf(length, sizeof(length), "%*zu", LENGTH_DIGITS, m->size - start);
	if (m->http)
		memcpy(m->text + strlen(head), length, LENGTH_DIGITS);
}

/* ------------------------------------------------------------------ socket */

static void wake_at(struct prometheus *m, uint64_t at_ns)
{
	m->loop->arm(m->h, m->client_timer, at_ns < m->deadline_ns ? at_ns : m->deadline_ns);
}

static void send_rest(struct prometheus *m)
{
	m->sent +=
	    m->stream->tx(m->h, m->to, (const uint8_t *)m->text + m->sent, m->size - m->sent);
	if (m->sent < m->size) {
		wake_at(m, m->loop->now(m->h) + RETRY_NS);
		return;
	}
	m->phase = LEAVING;
	volt_count(m->h, COUNT_ANSWERS, 1);
	m->stream->hang_up(m->h, m->to);
	wake_at(m, m->deadline_ns);
}

static void answer(struct prometheus *m)
{
	m->http = m->head_size == sizeof(m->head) && memcmp(m->head, "GET ", 4) == 0;
	m->phase = ANSWERING;
	make_answer(m);
	send_rest(m);
}

/* Only a second call does not wait until all is read. */
static void cut_off(struct prometheus *m)
{
	if (m->phase != LEAVING)
		m->stream->hang_up(m->h, m->to);
	m->stream->hang_up(m->h, m->to);
	m->phase = CUT_OFF;
}

static void on_client_timer(void *self)
{
	struct prometheus *m = self;

	if (m->phase == ASKING)
		answer(m);
	else if (m->loop->now(m->h) >= m->deadline_ns)
		cut_off(m);
	else if (m->phase == ANSWERING)
		send_rest(m);
}

/* An HTTP request ends with an empty line, anything else with its first line. */
static bool request_ended(struct prometheus *m, uint8_t byte)
{
	if (m->head_size < sizeof(m->head))
		m->head[m->head_size++] = (char)byte;
	m->newest = m->newest << 8 | byte;
	m->request_size++;
	if (byte != '\n')
		return m->request_size >= REQUEST_ROOM / 2;
	if (m->head_size < sizeof(m->head) || memcmp(m->head, "GET ", 4) != 0)
		return true;
	return m->newest == 0x0d0a0d0a || (m->newest & 0xffff) == 0x0a0a;
}

static void on_bytes(void *self, uint32_t stream, const uint8_t *bytes, size_t n)
{
	struct prometheus *m = self;

	for (size_t i = 0; i < n && m->phase == ASKING; i++)
		if (request_ended(m, bytes[i]))
			answer(m);
	m->stream->set_room(m->h, m->to, REQUEST_ROOM);
}

static void on_event(void *self, uint32_t stream, uint32_t event)
{
	struct prometheus *m = self;

	if (event != VOLT_STREAM_CONNECTED && event != VOLT_STREAM_DISCONNECTED)
		return;
	if (m->phase == CUT_OFF)
		volt_count(m->h, COUNT_TIMEOUTS, 1);
	const bool here = event == VOLT_STREAM_CONNECTED;
	const uint64_t now = m->loop->now(m->h);
	m->phase = here ? ASKING : AWAY;
	m->head_size = m->request_size = 0;
	m->newest = 0;
	m->deadline_ns = now + PATIENCE_NS;
	m->loop->arm(m->h, m->client_timer, here ? now + SILENCE_NS : 0);
	m->stream->set_room(m->h, m->to, here ? REQUEST_ROOM : 0);
}

static const struct volt_stream_ops stream_ops = {
    .size = sizeof(stream_ops), .rx = on_bytes, .event = on_event};

/* -------------------------------------------------------------------- file */

/* In one call and at one length, so that a reader finds no half of two texts. Empty lines
 * are allowed anywhere in the format. */
static void on_file_timer(void *self)
{
	struct prometheus *m = self;

	if (m->phase == ANSWERING) { /* the text is that client's still */
		m->loop->arm(m->h, m->file_timer, m->loop->now(m->h) + RETRY_NS);
		return;
	}
	m->http = false;
	make_answer(m);
	memset(m->text + m->size, '\n', sizeof(m->text) - m->size);
	size_t size = (m->size + 4096) & ~(size_t)4095;
	/* At first all of it, for the file may hold a longer text from before. */
	if (!m->cleared || size > sizeof(m->text))
		size = sizeof(m->text);
	bool written = pwrite(m->file, m->text, size, 0) == (ssize_t)size;
	m->cleared = m->cleared || written;
	volt_count(m->h, written ? COUNT_FILES : COUNT_FAILURES, 1);
	m->loop->arm(m->h, m->file_timer, m->loop->now(m->h) + m->every_ns);
}

/* -------------------------------------------------------------------- life */

static int prometheus_start(void *self)
{
	struct prometheus *m = self;

	if (m->file >= 0)
		on_file_timer(m);
	return 0;
}

static int find_services(struct prometheus *m, const struct volt_host *h)
{
	m->h = h;
	m->loop = h->get_ext(h, VOLT_EXT_LOOP);
	m->stream = h->get_ext(h, VOLT_EXT_STREAM);
	m->metrics = h->get_ext(h, VOLT_EXT_METRICS);
	if (!m->loop || !m->stream || !m->metrics || !VOLT_HAS(m->stream, hang_up))
		return volt_fail(h, ENOTSUP, "the host lacks one of %s, %s with hang_up, %s",
		    VOLT_EXT_LOOP, VOLT_EXT_STREAM, VOLT_EXT_METRICS);
	return 0;
}

static int wire(struct prometheus *m, const struct volt_host *h, const struct volt_args *a)
{
	int err = m->loop->add_timer(h, on_client_timer, &m->client_timer);

	if (err)
		return err;
	err = m->loop->add_timer(h, on_file_timer, &m->file_timer);
	if (err)
		return err;
	if (volt_arg(a, PARAM_TO)->given)
		err = m->stream->attach(h, m->to, &stream_ops);
	if (err)
		return err;
	return volt_arg(a, PARAM_TIMES)->u ? m->metrics->measure(h) : 0;
}

static int prometheus_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct prometheus *m = self;
	int err = find_services(m, h);

	if (err)
		return err;
	m->to = (uint32_t)volt_arg(a, PARAM_TO)->u;
	m->file = volt_arg(a, PARAM_FILE)->fd;
	m->every_ns = volt_arg(a, PARAM_EVERY)->u * 1000000000;
	if (!volt_arg(a, PARAM_TO)->given && m->file < 0)
		return volt_fail(h, EINVAL, "to=unix:PATH or file=PATH is required");
	err = wire(m, h, a);
	return err ? volt_fail(h, -err, "cannot be wired") : 0;
}

static const struct volt_param params[] = {
    [PARAM_TO] = {.name = "to",
	.type = VOLT_PARAM_STREAM,
	.def = "null",
	.help = "socket that gives the text to whoever connects: unix:PATH"},
    [PARAM_FILE] = {.name = "file",
	.type = VOLT_PARAM_FILE_RW,
	.def = "",
	.help = "existing file to keep the text in"},
    [PARAM_EVERY] = {.name = "every",
	.type = VOLT_PARAM_UINT,
	.def = "10",
	.min = 1,
	.max = 86400,
	.help = "seconds between two writes of the file"},
    [PARAM_TIMES] = {.name = "times",
	.type = VOLT_PARAM_BOOL,
	.def = "off",
	.help = "count and time accesses by range, at the cost of two clock readings each"},
};

static const struct volt_need needs[] = {
    {.syscall = "pwrite64",
	.reason = "writes the file of file=",
	.roles = VOLT_ROLE_BIT(VOLT_ROLE_LOOP),
	.test_count = 2,
	.tests = {{.arg = 0, .op = VOLT_TEST_FD_PARAM, .value = PARAM_FILE},
	    {.arg = 2, .op = VOLT_TEST_MASKED_EQ, .mask = ~(uint64_t)(TEXT_SIZE - 1)}}},
    {.syscall = "pwrite64",
	.reason = "writes all of the file of file=",
	.roles = VOLT_ROLE_BIT(VOLT_ROLE_LOOP),
	.test_count = 2,
	.tests = {{.arg = 0, .op = VOLT_TEST_FD_PARAM, .value = PARAM_FILE},
	    {.arg = 2, .op = VOLT_TEST_EQ, .value = TEXT_SIZE}}},
};

static const struct volt_counter counters[] = {
    [COUNT_ANSWERS] = {"answers", "clients of the socket that got the text"},
    [COUNT_TIMEOUTS] = {"timeouts", "clients that were cut off, as they took too long"},
    [COUNT_FILES] = {"files", "times that the file was written"},
    [COUNT_FAILURES] = {"failures", "times that the file could not be written"},
    [COUNT_OMITTED] = {"omitted", "values that a text had no room for"},
};

VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "prometheus",
    .version = "0.1.0",
    .summary = "shows every counter in Prometheus' text format",
    .flags = VOLT_FLAG_IN_PROCESS_ONLY,
    .instance_size = sizeof(struct prometheus),
    VOLT_PARAMS(params),
    VOLT_NEEDS(needs),
    VOLT_COUNTERS(counters),
    .init = prometheus_init,
    .start = prometheus_start,
};
