/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * toy_virtio - a device of the library's tests: it gives back what it was sent, each byte plus
 * one, as far as there is room. Queue 0 has a limit, and queue 1 answers only while the test lets
 * it. With `slots` it answers the newest of three requests first.
 */
#include <string.h>

#include "toy_virtio.h"

static void answer(struct toy *t, struct volt_queue *q, struct volt_chain *c)
{
	uint8_t bytes[64];
	uint32_t written = 0;
	size_t n;

	while ((n = volt_chain_read(c, bytes, sizeof(bytes))) > 0) {
		for (size_t i = 0; i < n; i++)
			bytes[i]++;
		written += (uint32_t)volt_chain_write(c, bytes, n);
	}
	if (q->number == 0)
		volt_limit_charge(&t->limit, written);
	volt_chain_done(q, c, written);
}

static void hold(struct toy *t, unsigned q, struct volt_chain *c)
{
	t->held[q][t->held_count[q]++] = c;
	if (t->held_count[q] > t->most)
		t->most = t->held_count[q];
}

static void progress(void *self, struct volt_queue *q)
{
	struct toy *t = self;

	answer(t, q, t->held[q->number][--t->held_count[q->number]]);
}

static bool request(void *self, struct volt_queue *q, struct volt_chain *c)
{
	struct toy *t = self;

	if (q->number == 1 && t->busy)
		return false;
	if (q->number == 0 && !volt_limit_allows(&t->limit))
		return false;
	t->requests++;
	t->segments = (uint32_t)(c->out + c->in);
	if (t->type.slots)
		hold(t, q->number, c);
	else
		answer(t, q, c);
	return true;
}

static void live(void *self, uint64_t features)
{
	((struct toy *)self)->agreed = features;
}

static void reset(void *self)
{
	((struct toy *)self)->agreed = 0;
}

static void drain(void *self, struct volt_queue *q)
{
	((struct toy *)self)->drained |= 1u << q->number;
}

static int init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	static const struct volt_virtio_type type = {
	    .size = sizeof(type),
	    .id = TOY_ID,
	    .name = "toy",
	    .features = TOY_FEATURE,
	    .queues = 2,
	    .ring = TOY_RING,
	    .segments = TOY_SEGMENTS,
	    .workers = 2,
	    .request = request,
	    .live = live,
	    .reset = reset,
	    .drain = drain,
	    .config_size = TOY_CONFIG,
	    .config = "\1\2\3\4\5",
	};

	struct toy *t = self;

	t->type = type;
	if (volt_arg(a, 0)->u) {
		t->type.slots = t->slots;
		t->type.slot_count = TOY_SLOTS;
		t->type.progress = progress;
	}
	const int err = volt_virtio_init(t, t->q, &t->type, h, a);

	return err ? err : volt_limit_init(&t->limit, &t->v, &(struct volt_rate){0});
}

VOLT_VIRTIO_STATE(struct toy, toy_state);

static const void *get_ext(const char *id)
{
	return strcmp(id, VOLT_EXT_STATE) ? NULL : &toy_state;
}

static const struct volt_param params[] = {
    {.name = "slots", .def = "off", .help = "hold requests", .type = VOLT_PARAM_BOOL},
    VOLT_VIRTIO_PARAMS(),
};

static const struct volt_counter counters[] = {VOLT_VIRTIO_COUNTERS()};

const struct volt_plugin volt_plugin_toy_virtio = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "toy-virtio",
    .version = "1",
    .summary = "gives back what it was sent",
    .flags = VOLT_FLAG_GUEST_MEMORY,
    .instance_size = sizeof(struct toy),
    VOLT_PARAMS(params),
    VOLT_COUNTERS(counters),
    .init = init,
    .reset = volt_virtio_reset,
    .get_ext = get_ext,
};
