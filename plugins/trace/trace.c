/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * trace - a filter that writes one line for every access to a device.
 *
 *   0.001234567 cpu0 serial registers+0x5 read1 0x60
 *
 * Lines are whole or lost: when the far end is too slow, a line says how many are missing.
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

struct trace {
	const struct volt_host *h;
	const struct volt_loop *loop;
	const struct volt_stream *stream;
	uint32_t to;
	uint64_t what;
	uint64_t started_ns;
	uint64_t lost;             /* since the newest line that was taken */
	char rest[LINE_MAX_BYTES]; /* of a line whose beginning was taken */
	size_t rest_size;
};

/* True if the line will leave whole: what does not fit now waits in `rest`. */
static bool send(struct trace *t, const char *line, size_t n)
{
	if (t->rest_size > 0) {
		size_t taken = t->stream->tx(t->h, t->to, (const uint8_t *)t->rest, t->rest_size);

		t->rest_size -= taken;
		memmove(t->rest, t->rest + taken, t->rest_size);
		if (t->rest_size > 0)
			return false;
	}
	size_t taken = t->stream->tx(t->h, t->to, (const uint8_t *)line, n);
	if (taken == 0)
		return false;
	t->rest_size = n - taken;
	memcpy(t->rest, line + taken, t->rest_size);
	return true;
}

static void put_line(struct trace *t, const char *line, size_t n)
{
	char gap[64];

	if (t->lost > 0) {
		int len = snprintf(gap, sizeof(gap), "... %" PRIu64 " accesses lost\n", t->lost);

		if (send(t, gap, (size_t)len))
			t->lost = 0;
	}
	if (t->lost == 0 && send(t, line, n)) {
		volt_count(t->h, COUNT_LINES, 1);
		return;
	}
	t->lost++;
	volt_count(t->h, COUNT_LOST, 1);
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

static const struct volt_stream_ops stream_ops = {.size = sizeof(stream_ops)};

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
	return err ? volt_fail(h, -err, "cannot have the stream of to=") : 0;
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
    [COUNT_LOST] = {"lost", "accesses not shown because the far end was too slow"},
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
