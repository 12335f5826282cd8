/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * trace - a filter that writes one line for every access to a device.
 *
 *   0.001234567 cpu0 serial serial+0x5 read1 0x60
 *
 * Lines are whole or lost: when the peer is too slow, a line says how many are missing. A
 * timer sends what waits, for the guest may have hung and make no further access.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <volt/filter.h>
#include <volt/loop.h>
#include <volt/plugin.h>
#include <volt/stream.h>

enum { PARAM_TO, PARAM_WHAT };
enum { COUNT_LINES, COUNT_LOST };

#define LINE_MAX_BYTES 192
#define RETRY_NS       50000000u

struct trace {
	const struct volt_host *h;
	const struct volt_loop *loop;
	const struct volt_stream *stream;
	uint32_t to, timer;
	uint64_t what;
	uint64_t started_ns;
	uint64_t lost;             /* since the newest line that was taken */
	char rest[LINE_MAX_BYTES]; /* of a line whose beginning was taken */
	size_t rest_size;
	bool retries; /* the timer is armed */
};

static bool send_rest(struct trace *t)
{
	if (t->rest_size == 0)
		return true;
	size_t taken = t->stream->tx(t->h, t->to, (const uint8_t *)t->rest, t->rest_size);

	t->rest_size -= taken;
	memmove(t->rest, t->rest + taken, t->rest_size);
	return t->rest_size == 0;
}

/* True if the line will leave whole: what does not fit now waits in `rest`. */
static bool send(struct trace *t, const char *line, size_t n)
{
	if (!send_rest(t))
		return false;
	size_t taken = t->stream->tx(t->h, t->to, (const uint8_t *)line, n);
	if (taken == 0)
		return false;
	t->rest_size = n - taken;
	memcpy(t->rest, line + taken, t->rest_size);
	return true;
}

/* Sends what waits; true if nothing does any more, or only the rest of a line. */
static bool catch_up(struct trace *t)
{
	char gap[64];

	if (t->lost == 0)
		return send_rest(t);
	int len = snprintf(gap, sizeof(gap), "... %" PRIu64 " accesses lost\n", t->lost);

	if (send(t, gap, (size_t)len))
		t->lost = 0;
	return t->lost == 0;
}

static void retry_later(struct trace *t)
{
	if (t->retries || (t->lost == 0 && t->rest_size == 0))
		return;
	t->retries = true;
	t->loop->arm(t->h, t->timer, t->loop->now(t->h) + RETRY_NS);
}

static void trace_fire(void *self)
{
	struct trace *t = self;

	t->retries = false;
	catch_up(t);
	retry_later(t);
}

static void put_line(struct trace *t, const char *line, size_t n)
{
	const bool sent = catch_up(t) && send(t, line, n);

	t->lost += !sent;
	volt_count(t->h, sent ? COUNT_LINES : COUNT_LOST, 1);
	retry_later(t);
}

static void write_line(
    struct trace *t, const struct volt_layer *below, const struct volt_access *a, uint64_t val)
{
	const uint64_t ns = t->loop->now(t->h) - t->started_ns;
	char line[LINE_MAX_BYTES];
	int n = snprintf(line, sizeof(line),
	    "%" PRIu64 ".%09" PRIu64 " cpu%" PRIu32 " %.32s %.48s+0x%" PRIx64 " %s%u 0x%0*" PRIx64
	    "\n",
	    ns / 1000000000, ns % 1000000000, a->vcpu, below->device, below->name, a->offset,
	    a->write ? "write" : "read", a->n, 2 * a->n, val);

	put_line(t, line, (size_t)n < sizeof(line) ? (size_t)n : sizeof(line) - 1);
}

static uint64_t trace_access(
    void *self, const struct volt_layer *below, const struct volt_access *a)
{
	struct trace *t = self;
	bool wanted = volt_filter_wants(t->what, a);

	/* A write is told before it acts: it may end the VM. */
	if (a->write && wanted)
		write_line(t, below, a, a->value);
	uint64_t val = below->pass(below, a);
	if (!a->write && wanted)
		write_line(t, below, a, val);
	return val;
}

static int trace_start(void *self)
{
	struct trace *t = self;

	t->started_ns = t->loop->now(t->h);
	return 0;
}

/* The end of a line whose beginning another client had would say nothing to this one. */
static void trace_event(void *self, uint32_t stream, uint32_t event)
{
	if (event == VOLT_STREAM_CONNECTED)
		((struct trace *)self)->rest_size = 0;
}

static const struct volt_stream_ops stream_ops = {.size = sizeof(stream_ops), .event = trace_event};

static int trace_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct trace *t = self;

	t->h = h;
	t->to = (uint32_t)volt_arg(a, PARAM_TO)->u;
	t->what = volt_arg(a, PARAM_WHAT)->u;
	t->loop = h->get_ext(h, VOLT_EXT_LOOP);
	t->stream = h->get_ext(h, VOLT_EXT_STREAM);
	if (!t->loop || !t->stream)
		return volt_fail(
		    h, ENOTSUP, "the host lacks %s", t->loop ? VOLT_EXT_STREAM : VOLT_EXT_LOOP);
	int err = t->stream->attach(h, t->to, &stream_ops);
	if (err)
		return volt_fail(h, -err, "cannot have the stream of to=");
	err = t->loop->add_timer(h, trace_fire, &t->timer);
	return err ? volt_fail(h, -err, "cannot have a timer") : 0;
}

static const void *trace_get_ext(const char *id)
{
	static const struct volt_filter filter = {.size = sizeof(filter), .access = trace_access};

	return strcmp(id, VOLT_EXT_FILTER) == 0 ? &filter : NULL;
}

static const struct volt_param params[] = {
    [PARAM_TO] = {.name = "to",
	.type = VOLT_PARAM_STREAM,
	.help = "where the lines go, for instance file:PATH"},
    [PARAM_WHAT] = VOLT_FILTER_WHAT("accesses to show"),
};

static const struct volt_counter counters[] = {
    [COUNT_LINES] = {"lines", "accesses shown"},
    [COUNT_LOST] = {"lost", "accesses not shown because the peer was too slow"},
};

VOLT_PLUGIN(VOLT_KIND_FILTER) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_FILTER),
    .name = "trace",
    .version = "0.1.0",
    .summary = "writes one line for every access to a device",
    .instance_size = sizeof(struct trace),
    VOLT_PARAMS(params),
    VOLT_COUNTERS(counters),
    .init = trace_init,
    .start = trace_start,
    .get_ext = trace_get_ext,
};
