/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "drive.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#define SECOND UINT64_C(1000000000)

static const struct volt_attention *attention_of(const struct volt_plugin *p)
{
	return p->get_ext ? p->get_ext(VOLT_EXT_ATTENTION) : NULL;
}

/* splitmix64: Steele, Lea and Flood, "Fast splittable pseudorandom number generators". */
uint64_t drive_random(struct drive *d)
{
	uint64_t z = d->random += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static unsigned below(struct drive *d, unsigned n)
{
	return (unsigned)(drive_random(d) % n);
}

void drive_begin(struct drive *d, struct check *c, struct fake_host *f, uint64_t seed)
{
	*d = (struct drive){.c = c, .f = f, .random = seed, .apply = drive_apply};
	trace_take_totals(d);
}

/* ----------------------------------------------------------------- choosing */

/* Values that registers treat as special are more likely than their share. */
static uint64_t interesting(struct drive *d)
{
	if (check_memory(d->c, d->f) && below(d, 3) == 0)
		return d->told = memory_address(drive_random(d));
	switch (below(d, 6)) {
	case 0:
		return 0;
	case 1:
		return UINT64_MAX;
	case 2:
		return UINT64_C(1) << below(d, 64);
	case 3:
		return below(d, 256);
	}
	return drive_random(d);
}

/* Only a write of its very address and width rings a doorbell. */
static bool choose_doorbell(struct drive *d, struct action *a)
{
	unsigned count = 0;

	while (fake_doorbell_at(d->f, count))
		count++;
	if (count == 0 || below(d, 2))
		return false;
	const struct volt_doorbell_at *b = fake_doorbell_at(d->f, below(d, count));

	a->kind = ACTION_WRITE;
	a->space = b->space;
	a->n = b->width;
	a->addr = b->address;
	a->val = b->flags & VOLT_DOORBELL_MATCH && below(d, 2) ? b->value : interesting(d);
	return true;
}

/* What the guest's driver would do: words that point somewhere, and then the doorbell. */
static bool choose_guest(struct drive *d, struct action *a)
{
	if (below(d, 2) && fake_doorbell_at(d->f, 0)) {
		a->kind = ACTION_RING;
		return true;
	}
	if (!check_memory(d->c, d->f))
		return false;
	a->kind = ACTION_MEMORY;
	a->addr = below(d, 4) ? d->told : memory_address(drive_random(d));
	a->n = sizeof(a->bytes);
	for (unsigned i = 0; i < a->n; i += sizeof(uint64_t)) {
		const uint64_t word = memory_word(drive_random(d));

		memcpy(a->bytes + i, &word, sizeof(word));
	}
	return true;
}

static bool is_range(const struct drive *d, const struct action *a)
{
	for (unsigned i = 0; i < fake_range_count(d->f); i++) {
		const struct volt_range *r = fake_range(d->f, i);

		if (r->space == a->space && a->addr >= r->base && a->addr - r->base < r->len)
			return true;
	}
	return false;
}

/* An index port has its data port behind it: reads and writes of it, and the index again. A
 * device with guest memory is told addresses instead. */
static bool choose_behind(struct drive *d, struct action *a)
{
	if (d->index.n == 0 || check_memory(d->c, d->f) || below(d, 3))
		return false;
	const unsigned what = below(d, 5);

	*a = d->index;
	if (what == 4)
		return true;
	a->kind = what < 2 ? ACTION_READ : ACTION_WRITE;
	a->addr += a->n;
	a->val = interesting(d);
	return is_range(d, a);
}

/* Mostly inside of a range, at times across one of its ends. */
static bool choose_access(struct drive *d, struct action *a)
{
	unsigned count = fake_range_count(d->f);

	if (count == 0)
		return false;
	const struct volt_range *r = fake_range(d->f, below(d, count));
	uint64_t off = drive_random(d) % (r->len < 4096 || below(d, 4) == 0 ? r->len : 4096);

	a->kind = below(d, 2) ? ACTION_READ : ACTION_WRITE;
	a->space = r->space;
	a->n = 1u << below(d, r->space == VOLT_SPACE_PIO ? 3 : 4);
	a->addr = r->base + (below(d, 8) ? off : off - off % a->n);
	if (below(d, 64) == 0 && r->base >= a->n)
		a->addr = r->base - a->n / 2;
	a->val = interesting(d);
	if (a->kind == ACTION_WRITE)
		d->index = *a;
	return true;
}

/* Always one that a host would let through: all others end above a filter. */
static bool choose_through(struct drive *d, struct action *a)
{
	unsigned count = fake_layer_count(d->f);

	if (count == 0)
		return false;
	a->kind = ACTION_THROUGH;
	a->target = below(d, count);
	const struct volt_layer *l = fake_layer(d->f, a->target);

	do
		a->n = 1u << below(d, 4);
	while (!(l->sizes & a->n));
	const uint64_t places = l->len - a->n + 1;

	a->addr = below(d, 4) ? drive_random(d) % places : below(d, 2) ? places - 1 : 0;
	a->write = below(d, 2);
	a->vcpu = below(d, 4) ? 0 : below(d, 255);
	a->val = interesting(d);
	return true;
}

static void choose_time(struct drive *d, struct action *a)
{
	static const uint64_t spans[] = {1, 1000, 87000, 1000000, 20000000, SECOND, 10 * SECOND};
	unsigned timers = fake_timer_count(d->f);
	uint64_t deadline;

	a->kind = ACTION_TIME;
	a->val = spans[below(d, 7)];
	if (timers && below(d, 2) && fake_timer_armed(d->f, below(d, timers), &deadline) &&
	    deadline > fake_now(d->f) && deadline - fake_now(d->f) < 1000 * SECOND)
		a->val = deadline - fake_now(d->f);
}

static bool choose_stream(struct drive *d, struct action *a)
{
	unsigned count = fake_stream_count(d->f);
	unsigned what = below(d, 16);

	if (count == 0)
		return false;
	a->target = below(d, count);
	a->kind = what == 0 && !d->tame ? ACTION_EVENT : what == 1 ? ACTION_LIMIT : ACTION_FEED;
	a->n = 1 + below(d, sizeof(a->bytes));
	for (unsigned i = 0; i < a->n; i++)
		a->bytes[i] = (uint8_t)drive_random(d);
	a->val = what == 0 ? 1 + below(d, 3) : below(d, 2) ? SIZE_MAX : below(d, 20);
	return true;
}

static bool choose_pin(struct drive *d, struct action *a)
{
	unsigned pins = fake_pin_count(d->f);

	if (pins == 0)
		return false;
	a->kind = below(d, 3) || d->tame ? ACTION_PIN : ACTION_EOI;
	a->target = a->kind == ACTION_PIN ? below(d, pins) : below(d, 256);
	a->val = below(d, 2);
	return true;
}

static bool choose_other(struct drive *d, struct action *a)
{
	unsigned what = below(d, 40);

	if (what == 0 && !d->tame)
		a->kind = ACTION_RESET;
	else if (what < 3 && attention_of(d->c->plugin))
		a->kind = ACTION_ATTENTION;
	else if (what >= 3 && fake_worker_count(d->f) > 0)
		a->kind = ACTION_WORK;
	else
		return false;
	return true;
}

static void choose(struct drive *d, struct action *a)
{
	unsigned what = below(d, 100);

	if (below(d, 3) == 0 && choose_guest(d, a))
		return;
	bool found = what < 60 ? choose_through(d, a) || choose_doorbell(d, a) ||
				     choose_behind(d, a) || choose_access(d, a)
		     : what < 75 ? choose_stream(d, a)
		     : what < 85 ? choose_pin(d, a)
		     : what < 90 ? choose_other(d, a)
				 : false;

	if (!found && !(what >= 60 && choose_access(d, a)))
		choose_time(d, a);
	if (what >= 95)
		choose_time(d, a);
}

/* ----------------------------------------------------------------- carrying out */

static void feed(struct drive *d, const struct action *a)
{
	size_t room = fake_stream_room(d->f, a->target);

	if (fake_stream_connected(d->f, a->target))
		fake_stream_feed(d->f, a->target, a->bytes, a->n < room ? a->n : room);
}

static void tell(struct drive *d, const struct action *a)
{
	bool there = fake_stream_connected(d->f, a->target);

	if (a->val == VOLT_STREAM_CONNECTED ? there : !there)
		return;
	fake_stream_event(d->f, a->target, (uint32_t)a->val);
}

uint64_t drive_apply(struct drive *d, const struct action *a)
{
	switch (a->kind) {
	case ACTION_READ:
		return fake_read(d->f, a->space, a->addr, a->n);
	case ACTION_WRITE:
		fake_write(d->f, a->space, a->addr, a->n, a->val);
		break;
	case ACTION_TIME:
		fake_advance(d->f, a->val);
		break;
	case ACTION_FEED:
		feed(d, a);
		break;
	case ACTION_LIMIT:
		fake_stream_limit(d->f, a->target, a->val);
		break;
	case ACTION_EVENT:
		tell(d, a);
		break;
	case ACTION_WORK:
		fake_run_workers(d->f);
		break;
	case ACTION_ATTENTION:
		fake_attention(d->f);
		break;
	case ACTION_PIN:
		fake_set_line(d->f, a->target, a->val);
		break;
	case ACTION_EOI:
		fake_eoi(d->f, (uint8_t)a->target);
		break;
	case ACTION_RESET:
		fake_host_reset(d->f);
		break;
	case ACTION_MEMORY:
		memory_write(check_memory(d->c, d->f), a->addr, a->bytes, a->n);
		break;
	case ACTION_RING:
		fake_ring(d->f);
		break;
	case ACTION_THROUGH:
		if (!a->write)
			return fake_filter_read(
			    d->f, fake_layer(d->f, a->target), a->vcpu, a->addr, a->n);
		fake_filter_write(
		    d->f, fake_layer(d->f, a->target), a->vcpu, a->addr, a->n, a->val);
		break;
	case ACTION_RUN:
		return (uint64_t)(int64_t)fake_host_run(d->f);
	}
	return 0;
}

/* ------------------------------------------------------------------ telling */

static void tell_access(const struct drive *d, const struct action *a, char *text, size_t size)
{
	const char *space = a->space == VOLT_SPACE_PIO ? "port" : "address";

	if (a->kind == ACTION_READ)
		snprintf(text, size, "a read of %u byte%s at %s 0x%" PRIx64, a->n,
		    a->n > 1 ? "s" : "", space, a->addr);
	else
		snprintf(text, size, "a write of 0x%" PRIx64 ", %u byte%s at %s 0x%" PRIx64,
		    a->n < 8 ? a->val & ((UINT64_C(1) << 8 * a->n) - 1) : a->val, a->n,
		    a->n > 1 ? "s" : "", space, a->addr);
}

static void tell_through(const struct drive *d, const struct action *a, char *text, size_t size)
{
	const char *name = fake_layer(d->f, a->target)->name;

	if (a->write)
		snprintf(text, size, "a write of 0x%" PRIx64 ", %u bytes at 0x%" PRIx64 " of %s",
		    a->n < 8 ? a->val & ((UINT64_C(1) << 8 * a->n) - 1) : a->val, a->n, a->addr,
		    name);
	else
		snprintf(
		    text, size, "a read of %u bytes at 0x%" PRIx64 " of %s", a->n, a->addr, name);
}

static void describe(const struct drive *d, const struct action *a, char *text, size_t size)
{
	static const char *const plain[] = {
	    [ACTION_WORK] = "the workers' jobs",
	    [ACTION_ATTENTION] = "a call for attention",
	    [ACTION_RING] = "the doorbells that were rung",
	    [ACTION_RESET] = "a reset",
	    [ACTION_RUN] = "reset and start",
	};

	switch (a->kind) {
	case ACTION_READ:
	case ACTION_WRITE:
		tell_access(d, a, text, size);
		break;
	case ACTION_THROUGH:
		tell_through(d, a, text, size);
		break;
	case ACTION_MEMORY:
		snprintf(text, size, "the guest writing %u bytes of memory at 0x%" PRIx64, a->n,
		    a->addr);
		break;
	case ACTION_TIME:
		snprintf(text, size, "%" PRIu64 " ns going by", a->val);
		break;
	case ACTION_FEED:
		snprintf(text, size, "%u bytes of input on stream %u", a->n, a->target);
		break;
	case ACTION_LIMIT:
		snprintf(text, size, "a peer of stream %u that takes %lld bytes", a->target,
		    (long long)a->val);
		break;
	case ACTION_EVENT:
		snprintf(text, size, "event %" PRIu64 " on stream %u", a->val, a->target);
		break;
	case ACTION_PIN:
		snprintf(text, size, "pin %u going %s", a->target, a->val ? "high" : "low");
		break;
	case ACTION_EOI:
		snprintf(text, size, "an EOI of vector 0x%x", a->target);
		break;
	default:
		snprintf(text, size, "%s", plain[a->kind]);
	}
}

void drive_do(struct drive *d, const struct action *a)
{
	char text[sizeof(((struct trace_step *)0)->text)];

	describe(d, a, text, sizeof(text));
	check_step(d->c, "%s (step %u)", text, d->done);
	uint64_t value = d->apply(d, a);

	if (d->trace)
		trace_add(d->trace, d, text, value);
	d->done++;
	if (fake_filter_misfit(d->f))
		check_fail(d->c, "it passes on %s, which does not fit the range [%s]",
		    fake_filter_misfit(d->f), d->c->shared->step);
}

void drive_step(struct drive *d)
{
	struct action a = {0};

	choose(d, &a);
	drive_do(d, &a);
}

void drive_run(struct drive *d, unsigned rounds)
{
	for (unsigned i = 0; i < rounds; i++)
		drive_step(d);
}

static void scan_range(struct drive *d, const struct volt_range *r)
{
	uint64_t end = r->len < 256 ? r->len : 256;

	for (uint32_t n = 1; n <= (r->space == VOLT_SPACE_PIO ? 4 : 8); n *= 2) {
		for (uint64_t off = 0; (r->sizes & n) && off + n <= end; off += n)
			drive_do(d, &(struct action){.kind = ACTION_READ,
					.space = r->space,
					.n = n,
					.addr = r->base + off});
	}
}

void drive_scan(struct drive *d)
{
	for (unsigned i = 0; i < fake_range_count(d->f); i++)
		scan_range(d, fake_range(d->f, i));
}

void drive_calm(struct drive *d)
{
	for (uint32_t s = 0; s < fake_stream_count(d->f); s++) {
		if (fake_stream_connected(d->f, s))
			fake_stream_event(d->f, s, VOLT_STREAM_DISCONNECTED);
		fake_stream_event(d->f, s, VOLT_STREAM_CONNECTED);
		fake_stream_limit(d->f, s, SIZE_MAX);
	}
	if (fake_doorbell_at(d->f, 0))
		fake_ring(d->f);
	for (uint32_t pin = 0; pin < fake_pin_count(d->f); pin++)
		fake_set_line(d->f, pin, false);
	for (unsigned i = 0; i < 8 && fake_worker_count(d->f) && fake_run_workers(d->f); i++)
		;
	/* Last, as jobs write to it. */
	if (check_memory(d->c, d->f))
		memory_fill(check_memory(d->c, d->f), d->random);
}
