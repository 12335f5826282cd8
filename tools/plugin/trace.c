/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * trace - what a plugin does about each action. All totals count from the drive's begin,
 * and deadlines from now, so that instances with another past can be compared.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "drive.h"

#define GSI_MAX     24u
#define WORKER_MAX  8u
#define COUNTER_MAX 64u

static const char *const names[SEEN_ROWS] = {
    [SEEN_LINES] = "interrupt lines",
    [SEEN_TIMERS] = "timers",
    [SEEN_OUTPUT] = "output",
    [SEEN_ROOM] = "room for input",
    [SEEN_REQUESTS] = "requests to the host",
    [SEEN_WORKERS] = "posts to workers",
    [SEEN_PINS] = "interrupts of the controller",
    [SEEN_COUNTERS] = "counters",
    [SEEN_LOG] = "log",
    [SEEN_BELOW] = "accesses passed on",
    [SEEN_MESSAGES] = "messages (MSI)",
    [SEEN_MEMORY] = "guest's memory",
};

/* FNV-1a, 64 bits: Fowler, Noll and Vo; draft-eastlake-fnv. */
static void mix(uint64_t *hash, const void *bytes, size_t n)
{
	const uint8_t *b = bytes;

	if (*hash == 0)
		*hash = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < n; i++)
		*hash = (*hash ^ b[i]) * UINT64_C(0x100000001b3);
}

/* Some hundred numbers for each step: a whole one at a time, its high half folded in. */
static void mix_number(uint64_t *hash, uint64_t n)
{
	if (*hash == 0)
		*hash = UINT64_C(0xcbf29ce484222325);
	*hash = (*hash ^ n) * UINT64_C(0x100000001b3);
	*hash ^= *hash >> 32;
}

static unsigned counter_rows(const struct drive *d)
{
	unsigned n = d->c->plugin->counter_count;

	return n < COUNTER_MAX ? n : COUNTER_MAX;
}

void trace_take_totals(struct drive *d)
{
	for (uint32_t gsi = 0; gsi < GSI_MAX; gsi++) {
		d->rises[gsi] = fake_irq_rises(d->f, gsi);
		d->fires[gsi] = fake_fires(d->f, gsi);
	}
	for (uint32_t what = VOLT_REQUEST_RESET; what <= VOLT_REQUEST_ATTENTION; what++)
		d->requests[what] = fake_requested(d->f, what, NULL, NULL);
	for (uint32_t w = 0; w < fake_worker_count(d->f); w++)
		d->posts[w] = fake_worker_posts(d->f, w);
	for (unsigned i = 0; i < counter_rows(d); i++)
		d->counters[i] = fake_host_table(d->f)->counters[i];
	for (uint32_t s = 0; s < fake_stream_count(d->f); s++)
		fake_stream_clear(d->f, s);
	fake_host_logged(d->f, &d->logged);
	d->messages = fake_messages(d->f, NULL, NULL);
}

static void look_at_lines(const struct drive *d, uint64_t seen[SEEN_ROWS])
{
	for (uint32_t gsi = 0; gsi < GSI_MAX; gsi++) {
		uint64_t address = 0;
		uint32_t data = 0;

		mix_number(&seen[SEEN_LINES], fake_irq_level(d->f, gsi));
		mix_number(&seen[SEEN_LINES], fake_irq_rises(d->f, gsi) - d->rises[gsi]);
		fake_route(d->f, gsi, &address, &data);
		mix_number(&seen[SEEN_PINS], address);
		mix_number(&seen[SEEN_PINS], data);
		mix_number(&seen[SEEN_PINS], fake_fires(d->f, gsi) - d->fires[gsi]);
	}
}

static void look_at_timers(const struct drive *d, uint64_t *hash)
{
	for (uint32_t t = 0; t < fake_timer_count(d->f); t++) {
		uint64_t deadline = 0;
		bool armed = fake_timer_armed(d->f, t, &deadline);

		mix_number(hash, armed);
		mix_number(hash, armed ? deadline - fake_now(d->f) : 0);
	}
}

/* What was put out is looked at once, then forgotten: it may be much. */
static void look_at_streams(const struct drive *d, uint64_t seen[SEEN_ROWS])
{
	for (uint32_t s = 0; s < fake_stream_count(d->f); s++) {
		size_t n;
		const char *output = fake_stream_output(d->f, s, &n);

		mix(&seen[SEEN_OUTPUT], output, n);
		mix_number(&seen[SEEN_ROOM], fake_stream_room(d->f, s));
		fake_stream_clear(d->f, s);
	}
}

static void look_at_requests(const struct drive *d, uint64_t *hash)
{
	for (uint32_t what = VOLT_REQUEST_RESET; what <= VOLT_REQUEST_ATTENTION; what++) {
		uint32_t code = 0;
		unsigned n = fake_requested(d->f, what, &code, NULL) - d->requests[what];

		mix_number(hash, n);
		mix_number(hash, n ? code : 0);
	}
}

static void look_at_guest(const struct drive *d, uint64_t seen[SEEN_ROWS])
{
	struct memory *m = check_memory(d->c, d->f);
	uint64_t address;
	uint32_t data;
	unsigned n = fake_messages(d->f, &address, &data) - d->messages;

	mix_number(&seen[SEEN_MESSAGES], n);
	mix_number(&seen[SEEN_MESSAGES], n ? address : 0);
	mix_number(&seen[SEEN_MESSAGES], n ? data : 0);
	for (uint32_t gsi = 0; gsi < GSI_MAX; gsi++)
		mix_number(&seen[SEEN_LINES], fake_irq_fd_count(d->f, gsi));
	if (m)
		seen[SEEN_MEMORY] = memory_sum(m);
}

static void look(const struct drive *d, uint64_t seen[SEEN_ROWS])
{
	unsigned logged;
	const char *line = fake_host_logged(d->f, &logged);

	look_at_lines(d, seen);
	look_at_guest(d, seen);
	look_at_timers(d, &seen[SEEN_TIMERS]);
	look_at_streams(d, seen);
	look_at_requests(d, &seen[SEEN_REQUESTS]);
	for (uint32_t w = 0; w < fake_worker_count(d->f) && w < WORKER_MAX; w++)
		mix_number(&seen[SEEN_WORKERS], fake_worker_posts(d->f, w) - d->posts[w]);
	for (unsigned i = 0; i < counter_rows(d); i++)
		mix_number(
		    &seen[SEEN_COUNTERS], fake_host_table(d->f)->counters[i] - d->counters[i]);
	if (check_mock(d->c, d->f))
		seen[SEEN_BELOW] = check_mock(d->c, d->f)->seen;
	mix_number(&seen[SEEN_LOG], logged - d->logged);
	if (logged != d->logged)
		mix(&seen[SEEN_LOG], line, strlen(line));
}

void trace_add(struct trace *t, struct drive *d, const char *text, uint64_t value)
{
	if (t->count == t->capacity) {
		t->capacity = t->capacity ? 2 * t->capacity : 1024;
		t->steps = realloc(t->steps, t->capacity * sizeof(t->steps[0]));
		if (!t->steps)
			abort();
	}
	struct trace_step *s = &t->steps[t->count++];

	*s = (struct trace_step){.value = value};
	snprintf(s->text, sizeof(s->text), "%s", text);
	look(d, s->seen);
}

static bool same_step(const struct trace_step *a, const struct trace_step *b, unsigned number,
    unsigned seen, char *why, size_t size)
{
	if (strcmp(a->text, b->text) != 0)
		snprintf(why, size, "step %u was %s, then %s", number, a->text, b->text);
	else if (a->value != b->value)
		snprintf(why, size, "%s (step %u) gave 0x%" PRIx64 ", then 0x%" PRIx64, a->text,
		    number, a->value, b->value);
	else
		why[0] = '\0';
	for (unsigned s = 0; !why[0] && s < SEEN_ROWS; s++)
		if ((seen & SEEN_BIT(s)) && a->seen[s] != b->seen[s])
			snprintf(why, size, "the %s differed after %s (step %u)", names[s], a->text,
			    number);
	return !why[0];
}

bool trace_same(
    const struct trace *a, const struct trace *b, unsigned seen, char *why, size_t why_size)
{
	for (unsigned i = 0; i < a->count && i < b->count; i++)
		if (!same_step(&a->steps[i], &b->steps[i], i, seen, why, why_size))
			return false;
	return true;
}

void trace_finish(struct trace *t)
{
	free(t->steps);
	*t = (struct trace){0};
}
