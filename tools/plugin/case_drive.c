/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * What a guest, time and peers can do. Seeds differ from case to case, so that
 * together they see more; each comes from the one that was typed.
 */
#include <stdlib.h>

#include "cases.h"
#include "confined.h"
#include "drive.h"
#include "hooks.h"

#define SCRIPT          300u /* actions after a reset */
#define RESETS          24u
#define ACTIONS_A_ROUND 20u /* rough: of state fuzzing */

void case_random(struct check *c)
{
	struct fake_host *f = check_running(c);
	struct drive d;

	drive_begin(&d, c, f, c->seed);
	drive_scan(&d);
	drive_run(&d, c->rounds);
	check_end(c, f);
}

void case_seal(struct check *c)
{
	struct fake_host *f = check_running(c);
	struct drive d;

	drive_begin(&d, c, f, c->seed + 1);
	for (unsigned i = 0; i < c->rounds && !fake_host_late_call(f); i++)
		drive_step(&d);
	if (fake_host_late_call(f))
		check_fail(c, "it calls %s after the seal, in %s: [wire] calls belong in init",
		    fake_host_late_call(f), c->shared->step);
	check_end(c, f);
}

void case_needs(struct check *c)
{
	struct fake_host *f = check_wired(c);
	struct drive d;

	if (!hooks_install(c->plugin))
		check_fail(c, "its imports cannot be watched");
	struct confined *confined = confined_create(c, f);

	drive_begin(&d, c, f, c->seed + 2);
	d.apply = confined_apply;
	d.arg = confined;
	drive_do(&d, &(struct action){.kind = ACTION_RUN});
	drive_scan(&d);
	drive_run(&d, c->rounds);
}

/* ------------------------------------------------------------------ traces */

static void traced(struct drive *d, struct trace *t, unsigned rounds)
{
	d->trace = t;
	drive_scan(d);
	drive_run(d, rounds);
	d->trace = NULL;
}

static void expect_same(struct check *c, const struct trace *a, const struct trace *b,
    unsigned seen, const char *meaning)
{
	char why[400];

	if (!trace_same(a, b, seen, why, sizeof(why)))
		check_fail(c, "%s: %s", meaning, why);
}

/* Both live at once, so that an address that leaks into a register differs. */
void case_repeat(struct check *c)
{
	struct trace t[2] = {{0}};
	struct fake_host *f[2];
	struct drive d;

	for (unsigned i = 0; i < 2; i++) {
		f[i] = check_running(c);
		drive_begin(&d, c, f[i], c->seed + 3);
		traced(&d, &t[i], c->rounds);
	}
	expect_same(c, &t[0], &t[1], SEEN_ALL, "the same seed gave two traces");
	for (unsigned i = 0; i < 2; i++) {
		check_end(c, f[i]);
		trace_finish(&t[i]);
	}
}

/* Counters and log go on over a reset, and so do the routes that a host keeps. */
#define RESET_SEEN \
	(SEEN_ALL & ~(SEEN_BIT(SEEN_COUNTERS) | SEEN_BIT(SEEN_LOG) | SEEN_BIT(SEEN_PINS)))

static void reset_and_trace(struct check *c, struct fake_host *f, uint64_t seed, struct trace *t)
{
	struct drive d;

	drive_begin(&d, c, f, seed);
	drive_calm(&d);
	check_step(c, "reset");
	fake_host_reset(f);
	drive_begin(&d, c, f, seed);
	d.tame = true;
	traced(&d, t, SCRIPT);
}

/* What was used, however, against one that has just been made. */
static void compare_reset(struct check *c, struct fake_host *used, uint64_t seed)
{
	struct fake_host *fresh = check_running(c);
	struct trace t[2] = {{0}};

	/* The clock is the host's, and is to tell both the same. */
	fake_advance(fresh, fake_now(used) - fake_now(fresh));
	reset_and_trace(c, fresh, seed, &t[0]);
	reset_and_trace(c, used, seed, &t[1]);
	expect_same(c, &t[0], &t[1], RESET_SEEN, "after a reset it is not as after power-on");
	check_end(c, fresh);
	for (unsigned i = 0; i < 2; i++)
		trace_finish(&t[i]);
}

/* At several moments: what a reset forgets may happen to be as it should. */
void case_reset(struct check *c)
{
	struct fake_host *used = check_running(c);
	struct drive d;

	drive_begin(&d, c, used, c->seed + 4);
	for (unsigned i = 0; i < RESETS; i++) {
		drive_run(&d, 1 + c->rounds / RESETS);
		compare_reset(c, used, c->seed + 5 + i);
	}
	check_end(c, used);
}

/* Each is driven by its own seed: once alone, then in turns with the other. */
void case_instances(struct check *c)
{
	struct trace alone[2] = {{0}}, together[2] = {{0}};
	struct fake_host *f[2];
	struct drive d[2];

	for (unsigned i = 0; i < 2; i++) {
		f[0] = check_running(c);
		drive_begin(&d[0], c, f[0], c->seed + 6 + i);
		d[0].trace = &alone[i];
		drive_run(&d[0], c->rounds);
		check_end(c, f[0]);
	}
	for (unsigned i = 0; i < 2; i++) {
		f[i] = check_running(c);
		drive_begin(&d[i], c, f[i], c->seed + 6 + i);
		d[i].trace = &together[i];
	}
	for (unsigned n = 0; n < c->rounds; n++)
		for (unsigned i = 0; i < 2; i++)
			drive_step(&d[i]);
	for (unsigned i = 0; i < 2; i++) {
		expect_same(c, &alone[i], &together[i], SEEN_ALL,
		    "an instance acts otherwise when there is another");
		check_end(c, f[i]);
		trace_finish(&alone[i]);
		trace_finish(&together[i]);
	}
}

/* State fuzzing by the fake host. A round is one restore and eight corrupted states. */
void case_state(struct check *c)
{
	unsigned rounds = c->rounds / ACTIONS_A_ROUND + 1;

	if (!c->plugin->get_ext || !c->plugin->get_ext(VOLT_EXT_STATE))
		check_skip(c, "it offers no " VOLT_EXT_STATE);
	for (unsigned i = 0; i < rounds; i++) {
		check_step(c, "state fuzzing, round %u", i);
		fake_state_fuzz(c->plugin, c->base, c->seed + 40 + i, 1);
	}
}
