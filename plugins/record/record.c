/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * record - a filter that writes all accesses to a device into a file, for replay.
 *
 * Entries are whole or missing: when the peer is too slow, an entry says how many are
 * missing, and replay refuses to go on beyond it. A timer sends what waits, for the guest may
 * make no further access.
 */
#include <errno.h>
#include <string.h>

#include <volt/filter.h>
#include <volt/loop.h>
#include <volt/plugin.h>
#include <volt/recording.h>
#include <volt/stream.h>

enum { PARAM_TO };
enum { COUNT_ENTRIES, COUNT_LOST };

#define RETRY_NS 50000000u

struct record {
	const struct volt_host *h;
	const struct volt_loop *loop;
	const struct volt_stream *stream;
	const char *device;
	uint32_t to, timer;
	uint64_t started_ns;
	uint64_t lost; /* since the newest entry that was taken */
	uint8_t rest[sizeof(struct volt_recording_entry)];
	size_t rest_size;
	bool retries; /* the timer is armed */
};

static bool send_rest(struct record *r)
{
	if (r->rest_size == 0)
		return true;
	size_t taken = r->stream->tx(r->h, r->to, r->rest, r->rest_size);

	r->rest_size -= taken;
	memmove(r->rest, r->rest + taken, r->rest_size);
	return r->rest_size == 0;
}

static bool send(struct record *r, const void *bytes, size_t n)
{
	if (!send_rest(r))
		return false;
	size_t taken = r->stream->tx(r->h, r->to, bytes, n);
	if (taken == 0)
		return false;
	r->rest_size = n - taken;
	memcpy(r->rest, (const uint8_t *)bytes + taken, r->rest_size);
	return true;
}

/* Sends what waits; true if nothing does any more, or only the rest of an entry. */
static bool catch_up(struct record *r, uint64_t now)
{
	const struct volt_recording_entry gap = {.ns = now - r->started_ns, .value = r->lost};

	if (r->lost == 0)
		return send_rest(r);
	if (send(r, &gap, sizeof(gap)))
		r->lost = 0;
	return r->lost == 0;
}

static void retry_later(struct record *r, uint64_t now)
{
	if (r->retries || (r->lost == 0 && r->rest_size == 0))
		return;
	r->retries = true;
	r->loop->arm(r->h, r->timer, now + RETRY_NS);
}

static void record_fire(void *self)
{
	struct record *r = self;
	const uint64_t now = r->loop->now(r->h);

	r->retries = false;
	catch_up(r, now);
	retry_later(r, now);
}

static void put_entry(struct record *r, const struct volt_recording_entry *entry)
{
	const uint64_t now = r->started_ns + entry->ns;
	const bool sent = catch_up(r, now) && send(r, entry, sizeof(*entry));

	r->lost += !sent;
	volt_count(r->h, sent ? COUNT_ENTRIES : COUNT_LOST, 1);
	retry_later(r, now);
}

static uint64_t record_access(
    void *self, const struct volt_layer *below, const struct volt_access *a)
{
	struct record *r = self;
	struct volt_recording_entry entry = {.ns = r->loop->now(r->h) - r->started_ns,
	    .value = a->value,
	    .base = below->base,
	    .offset = (uint32_t)a->offset,
	    .vcpu = (uint16_t)a->vcpu,
	    .n = a->n,
	    .kind = (uint8_t)((a->write ? VOLT_RECORDING_WRITE : 0) |
			      (below->space == VOLT_SPACE_MMIO ? VOLT_RECORDING_MMIO : 0))};

	/* A write is told before it acts: it may end the VM. */
	if (a->write)
		put_entry(r, &entry);
	uint64_t val = below->pass(below, a);
	if (!a->write) {
		entry.value = val;
		put_entry(r, &entry);
	}
	return val;
}

static int record_attach(void *self, const struct volt_layer *below)
{
	struct record *r = self;

	if (below->len > UINT32_MAX)
		return volt_fail(r->h, E2BIG, "range %s is longer than 4 GiB", below->name);
	r->device = below->device;
	return 0;
}

static int record_start(void *self)
{
	struct record *r = self;
	struct volt_recording_head head = {
	    .magic = VOLT_RECORDING_MAGIC, .entry_size = sizeof(struct volt_recording_entry)};

	snprintf(head.device, sizeof(head.device), "%s", r->device);
	r->stream->tx(r->h, r->to, (const uint8_t *)&head, sizeof(head));
	r->started_ns = r->loop->now(r->h);
	return 0;
}

static const struct volt_stream_ops stream_ops = {.size = sizeof(stream_ops)};

static int record_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct record *r = self;

	r->h = h;
	r->to = (uint32_t)volt_arg(a, PARAM_TO)->u;
	r->loop = h->get_ext(h, VOLT_EXT_LOOP);
	r->stream = h->get_ext(h, VOLT_EXT_STREAM);
	if (!r->loop || !r->stream)
		return volt_fail(
		    h, ENOTSUP, "the host lacks %s", r->loop ? VOLT_EXT_STREAM : VOLT_EXT_LOOP);
	int err = r->stream->attach(h, r->to, &stream_ops);
	if (err)
		return volt_fail(h, -err, "cannot have the stream of to=");
	err = r->loop->add_timer(h, record_fire, &r->timer);
	return err ? volt_fail(h, -err, "cannot have a timer") : 0;
}

static const void *record_get_ext(const char *id)
{
	static const struct volt_filter filter = {
	    .size = sizeof(filter), .attach = record_attach, .access = record_access};

	return strcmp(id, VOLT_EXT_FILTER) == 0 ? &filter : NULL;
}

static const struct volt_param params[] = {
    [PARAM_TO] = {.name = "to",
	.type = VOLT_PARAM_STREAM,
	.help = "where the recording goes: file:PATH, a file that is new or empty"},
};

static const struct volt_counter counters[] = {
    [COUNT_ENTRIES] = {"entries", "accesses recorded"},
    [COUNT_LOST] = {"lost", "accesses not recorded because the peer was too slow"},
};

VOLT_PLUGIN(VOLT_KIND_FILTER) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_FILTER),
    .name = "record",
    .version = "0.1.0",
    .summary = "records all accesses to a device",
    .instance_size = sizeof(struct record),
    VOLT_PARAMS(params),
    VOLT_COUNTERS(counters),
    .init = record_init,
    .start = record_start,
    .get_ext = record_get_ext,
};
