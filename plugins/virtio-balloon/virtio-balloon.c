/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "balloon.h"

#include <errno.h>
#include <string.h>

#define BALLOON_DEVICE 5u
#define PFNS           256u   /* that are copied at once: those of Linux in a request */
#define PFNS_MAX       65536u /* of a request, 256 MiB: those behind stay with the guest */

#define F_STATS          (UINT64_C(1) << 1)
#define F_DEFLATE_ON_OOM (UINT64_C(1) << 2)
#define F_PAGE_POISON    (UINT64_C(1) << 4)
#define F_REPORTING      (UINT64_C(1) << 5)

enum { PARAM_DEFLATE_ON_OOM };

/* --------------------------------------------------------------------- pages */

/* Pages that follow each other, in either direction. */
struct run {
	uint64_t start, end; /* numbers of pages */
};

static void give(const struct balloon *b, uint64_t gpa, uint64_t n)
{
	uint64_t given = 0;

	if (b->discard->give(b->v.h, gpa, n, &given) != 0)
		volt_count(b->v.h, COUNT_REFUSED, n / BALLOON_PAGE);
	else
		volt_count(b->v.h, COUNT_GIVEN_BACK, given);
}

static void flush(const struct balloon *b, const struct run *r)
{
	if (r->end > r->start)
		give(b, r->start * BALLOON_PAGE, (r->end - r->start) * BALLOON_PAGE);
}

/* Drivers take pages that lie side by side, upwards or downwards: one call for many of them. */
static void add_page(const struct balloon *b, struct run *r, uint64_t page)
{
	if (page == r->end && r->end > r->start) {
		r->end++;
		return;
	}
	if (page + 1 == r->start && r->end > r->start) {
		r->start--;
		return;
	}
	flush(b, r);
	*r = (struct run){page, page + 1};
}

/* 5.5.6: numbers of pages of 4096 bytes, whatever the guest's pages are. */
static void inflate(const struct balloon *b, struct volt_chain *c)
{
	struct run r = {0, 0};
	uint32_t pfns[PFNS];
	uint64_t count = 0;

	while (count < PFNS_MAX) {
		const size_t n = volt_chain_read(c, pfns, sizeof(pfns)) / sizeof(pfns[0]);

		for (size_t i = 0; i < n; i++)
			add_page(b, &r, volt_le32(&pfns[i]));
		count += n;
		if (n < PFNS)
			break;
	}
	flush(b, &r);
	volt_count(b->v.h, COUNT_INFLATED, count);
}

/* 5.5.6.7: free pages, that a driver with poison expects as they were, or full of it. */
static bool may_discard(const struct balloon *b)
{
	const uint64_t features = __atomic_load_n(&b->features, __ATOMIC_RELAXED);

	return !(features & F_PAGE_POISON) ||
	       __atomic_load_n(&b->config[CONFIG_POISON], __ATOMIC_RELAXED) == 0;
}

static void report(const struct balloon *b, const struct volt_chain *c)
{
	for (unsigned i = c->out; i < c->out + c->in; i++) {
		const uint64_t start = (c->gpa[i] + BALLOON_PAGE - 1) & ~(BALLOON_PAGE - 1);
		const uint64_t end = (c->gpa[i] + c->len[i]) & ~(BALLOON_PAGE - 1);

		if (start >= end)
			continue;
		volt_count(b->v.h, COUNT_REPORTED, end - start);
		if (may_discard(b))
			give(b, start, end - start);
	}
}

/* -------------------------------------------------------------------- queues */

/*
 * 5.5.2 numbers the queues of reports 4, and 2 those of statistics. Linux before 6.11 counts only
 * those that were agreed to, so that reports come by 3 there. Buffers tell which is meant: the
 * device reads statistics, and could write free pages.
 */
static bool is_report(const struct balloon *b, const struct volt_chain *c)
{
	return c->in > 0 && __atomic_load_n(&b->features, __ATOMIC_RELAXED) & F_REPORTING;
}

/* A page that was deflated comes back when the guest touches it. */
static bool balloon_request(void *self, struct volt_queue *q, struct volt_chain *c)
{
	struct balloon *b = self;

	if (q->number == QUEUE_INFLATE)
		inflate(b, c);
	else if (q->number == QUEUE_DEFLATE)
		volt_count(b->v.h, COUNT_DEFLATED, c->out_len / sizeof(uint32_t));
	else if (is_report(b, c))
		report(b, c);
	else if (q->number == QUEUE_STATS)
		return stats_request(b, q, c);
	volt_chain_done(q, c, 0);
	return true;
}

static void balloon_live(void *self, uint64_t features)
{
	struct balloon *b = self;

	__atomic_store_n(&b->features, features, __ATOMIC_RELAXED);
	stats_reset(b);
}

/* A driver that begins anew has no page in the balloon; what it shall give up stays. */
static void balloon_reset(void *self)
{
	struct balloon *b = self;

	b->config[CONFIG_ACTUAL] = 0;
	__atomic_store_n(&b->config[CONFIG_POISON], 0, __ATOMIC_RELAXED);
	stats_reset(b);
}

/* 5.5.4: `actual` and `poison_val` are the driver's. */
static void balloon_config_written(void *self, uint32_t off, uint32_t n, uint32_t val)
{
	struct balloon *b = self;
	const uint32_t row = off / 4, shift = off % 4 * 8;
	const uint32_t mask = (n == 4 ? UINT32_MAX : (1u << n * 8) - 1) << shift;

	if ((row != CONFIG_ACTUAL && row != CONFIG_POISON) || off % 4 + n > 4)
		return;
	const uint32_t old = volt_le32(&b->config[row]);
	volt_put_le32(&b->config[row], (old & ~mask) | (val << shift & mask));
}

/* -------------------------------------------------------------------- wiring */

static int find_services(struct balloon *b)
{
	const struct volt_host *h = b->v.h;

	b->discard = h->get_ext(h, VOLT_EXT_DISCARD);
	if (!b->discard)
		return volt_fail(h, ENOTSUP, "the host has no " VOLT_EXT_DISCARD);
	b->loop = h->get_ext(h, VOLT_EXT_LOOP);
	if (!b->loop)
		return volt_fail(h, ENOTSUP, "the host has no " VOLT_EXT_LOOP);
	const int err = b->discard->allow(h, b->v.workers[0]);
	return err ? volt_fail(h, -err, "cannot give memory back: %s", strerror(-err)) : 0;
}

static int balloon_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct balloon *b = self;
	const bool oom = volt_arg(a, PARAM_DEFLATE_ON_OOM)->u;

	b->type = (struct volt_virtio_type){
	    .size = sizeof(b->type),
	    .id = BALLOON_DEVICE,
	    .name = "balloon",
	    .features = F_STATS | F_PAGE_POISON | F_REPORTING | (oom ? F_DEFLATE_ON_OOM : 0),
	    .queues = BALLOON_QUEUES,
	    .ring = 128,
	    .segments = VOLT_CHAIN_MAX,
	    .workers = 1,
	    .config = b->config,
	    .config_size = sizeof(b->config),
	    .request = balloon_request,
	    .live = balloon_live,
	    .reset = balloon_reset,
	    .config_written = balloon_config_written,
	};
	const int err = volt_virtio_init(b, b->q, &b->type, h, a);
	return err ? err : find_services(b);
}

static const struct volt_field fields[] = {
    VOLT_VIRTIO_FIELDS(struct balloon),
    {VOLT_FIELD(struct balloon, config, VOLT_F_U32, CONFIG_ROWS)},
};

static int validate(const void *candidate)
{
	const struct balloon *b = candidate;

	if (b->config[CONFIG_HINT])
		return -EINVAL;
	return volt_virtio_validate(&b->v, b->q);
}

static const void *balloon_get_ext(const char *id)
{
	static const struct volt_state state = {
	    .size = sizeof(state),
	    .version = 1,
	    .oldest = 1,
	    VOLT_FIELDS(fields),
	    .pause = volt_virtio_pause,
	    .resume = volt_virtio_resume,
	    .validate = validate,
	};

	if (strcmp(id, VOLT_EXT_STATE) == 0)
		return &state;
	return strcmp(id, VOLT_EXT_COMMAND) == 0 ? &balloon_commands : NULL;
}

static const struct volt_param params[] = {
    [PARAM_DEFLATE_ON_OOM] =
	{
	    .name = "deflate-on-oom",
	    .type = VOLT_PARAM_BOOL,
	    .def = "on",
	    .help = "the guest may take memory back before it ends a program for want of it",
	},
    VOLT_VIRTIO_PARAMS(),
};

static const struct volt_counter counters[] = {
    VOLT_VIRTIO_COUNTERS(),
    [COUNT_INFLATED] = {"inflated", "pages that the guest put into the balloon"},
    [COUNT_DEFLATED] = {"deflated", "pages that it took out"},
    [COUNT_REPORTED] = {"reported", "bytes of free pages that it reported"},
    [COUNT_GIVEN_BACK] = {"given_back", "bytes that went back to the host"},
    [COUNT_REFUSED] = {"refused", "pages that are not memory of the guest's"},
};

VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "virtio-balloon",
    .version = "0.1.0",
    .summary = "gives memory that the guest does not need back to the host",
    .flags = VOLT_FLAG_GUEST_MEMORY,
    .instance_size = sizeof(struct balloon),
    VOLT_PARAMS(params),
    VOLT_COUNTERS(counters),
    .init = balloon_init,
    .reset = volt_virtio_reset,
    .get_ext = balloon_get_ext,
};
