/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fake_loop - volt.loop/1 on a clock that only the test moves.
 */
#include <errno.h>

#include "fake_internal.h"

/* More firings than this in one step of time: the plugin arms for the past again and
 * again, and a real loop would spin. */
#define FIRE_MAX 1000000u

static struct fake_timer *own(struct fake_host *f, uint32_t timer, const char *function)
{
	if (timer >= f->timer_count)
		fake_die(
		    f, "%s: timer %u is not its own (it has %u)", function, timer, f->timer_count);
	return &f->timers[timer];
}

static int loop_add_timer(const struct volt_host *h, void (*fire)(void *self), uint32_t *timer)
{
	int err;
	struct fake_host *f = fake_wire_call(h, "add_timer", &err);

	if (err)
		return err;
	if (!fire)
		fake_die(f, "add_timer: fire is NULL");
	if (f->timer_count == FAKE_TIMER_MAX)
		return fake_refuse(f, "add_timer", -ENOSPC);
	f->timers[f->timer_count] = (struct fake_timer){.fire = fire};
	*timer = f->timer_count++;
	return 0;
}

static void loop_arm(const struct volt_host *h, uint32_t timer, uint64_t deadline_ns)
{
	struct fake_host *f = fake_of(h, "arm");
	struct fake_timer *t = own(f, timer, "arm");

	t->deadline_ns = deadline_ns;
	t->armed_as = ++f->armings;
}

static uint64_t loop_now(const struct volt_host *h)
{
	struct fake_host *f = fake_of(h, "now");

	f->now_ns += f->now_step_ns;
	return f->now_ns;
}

static uint64_t loop_realtime(const struct volt_host *h)
{
	struct fake_host *f = fake_of(h, "realtime");

	if (!(f->plugin->flags & VOLT_FLAG_WALL_CLOCK))
		return 0;
	return loop_now(h) + (uint64_t)f->wall_ns;
}

const struct volt_loop fake_loop = {
    .size = sizeof(fake_loop),
    .add_timer = loop_add_timer,
    .arm = loop_arm,
    .now = loop_now,
    .realtime = loop_realtime,
};

void fake_now_step(struct fake_host *f, uint64_t ns)
{
	f->now_step_ns = ns;
}

void fake_set_realtime(struct fake_host *f, uint64_t ns)
{
	f->wall_ns = (int64_t)(ns - f->now_ns);
}

uint64_t fake_now(const struct fake_host *f)
{
	return f->now_ns;
}

unsigned fake_timer_count(const struct fake_host *f)
{
	return f->timer_count;
}

bool fake_timer_armed(const struct fake_host *f, uint32_t timer, uint64_t *deadline_ns)
{
	if (timer >= f->timer_count)
		fake_die(f, "the test asks about timer %u of %u", timer, f->timer_count);
	const struct fake_timer *t = &f->timers[timer];

	if (deadline_ns && t->deadline_ns)
		*deadline_ns = t->deadline_ns;
	return t->deadline_ns != 0;
}

static bool is_before(const struct fake_timer *a, const struct fake_timer *b)
{
	if (a->deadline_ns != b->deadline_ns)
		return a->deadline_ns < b->deadline_ns;
	return a->armed_as < b->armed_as;
}

/* The timer that fires next, if that is not after `until`. */
static struct fake_timer *next_due(struct fake_host *f, uint64_t until)
{
	struct fake_timer *due = NULL;

	for (unsigned i = 0; i < f->timer_count; i++) {
		struct fake_timer *t = &f->timers[i];

		if (t->deadline_ns && t->deadline_ns <= until && (!due || is_before(t, due)))
			due = t;
	}
	return due;
}

static void fire(struct fake_host *f, struct fake_timer *due)
{
	if (due->deadline_ns > f->now_ns)
		f->now_ns = due->deadline_ns;
	due->deadline_ns = 0;
	fake_enter(f, "fire");
	due->fire(f->self);
	fake_leave(f);
}

unsigned fake_fire_due(struct fake_host *f)
{
	struct fake_timer *due = next_due(f, f->now_ns);

	if (due)
		fire(f, due);
	return due ? 1 : 0;
}

void fake_advance(struct fake_host *f, uint64_t ns)
{
	struct fake_timer *due;
	uint64_t until;
	unsigned fired = 0;

	fake_must_run(f, "fake_advance");
	if (__builtin_add_overflow(f->now_ns, ns, &until))
		until = UINT64_MAX;
	while ((due = next_due(f, until))) {
		if (++fired > FIRE_MAX)
			fake_die(f, "timer %d never lets time pass", (int)(due - f->timers));
		fire(f, due);
	}
	f->now_ns = until;
}
