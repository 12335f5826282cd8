/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Instances made, refused and ended: with each value of each parameter, a hundred times
 * over, and on a host that fails at every point in turn.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "hooks.h"
#include "process_snapshot.h"

#define LIVES   100u
#define WARM_UP 10u

/* From wiring to the end, if it goes that far. Returns what init did. */
static int live(struct check *c, struct fake_host *f, bool run)
{
	const int err = fake_host_wire(f, c->base);
	struct memory memory;
	struct mock device;

	if (err)
		return err;
	if (c->plugin->flags & VOLT_FLAG_GUEST_MEMORY)
		memory_add(&memory, f, c->seed);
	if (c->plugin->kind == VOLT_KIND_FILTER)
		mock_put(&device, f);
	if (run && c->plugin->kind != VOLT_KIND_SANDBOX)
		fake_host_run(f);
	return 0;
}

static int live_once(struct check *c, bool run)
{
	struct fake_host *f = fake_host_create(c->plugin);
	const int err = live(c, f, run);

	fake_host_destroy(f);
	return err;
}

void case_init(struct check *c)
{
	struct fake_host *f =
	    c->plugin->kind == VOLT_KIND_SANDBOX ? check_wired(c) : check_running(c);
	const char *refused = fake_host_refused_call(f);

	if (refused)
		check_fail(c, "the host refused a call of %s (%s), and init went on", refused,
		    fake_host_logged(f, NULL));
	check_end(c, f);
}

/* -------------------------------------------------------------- parameters */

enum expect { ACCEPTED, REFUSED, EITHER };

/* One instance with one parameter changed. */
static void try(struct check *c, const struct volt_param *p, const char *value, enum expect e)
{
	struct fake_host *f = fake_host_create(c->plugin);
	char *text = config_with(c, p->name, value);
	char shown[48];

	snprintf(shown, sizeof(shown), "%.40s%s", value, strlen(value) > 40 ? "..." : "");
	check_step(c, "init with %s=%s", p->name, shown);
	int err = fake_host_wire(f, text);

	if (err && !*fake_host_message(f))
		check_fail(c, "%s=%s is refused without a reason", p->name, shown);
	if (err && e == ACCEPTED)
		check_fail(c,
		    "%s=%s is within the bounds of its table, but refused: %s: the table should "
		    "say so",
		    p->name, shown, fake_host_message(f));
	if (!err && e == REFUSED)
		check_fail(c, "%s=%s is taken, and should be refused", p->name, shown);
	if (!err && fake_host_refused_call(f))
		check_fail(c,
		    "%s=%s: the host refused a call of %s (%s), and init went on as if it had "
		    "not",
		    p->name, shown, fake_host_refused_call(f), fake_host_logged(f, NULL));
	fake_host_destroy(f);
	free(text);
}

static void try_number(struct check *c, const struct volt_param *p, uint64_t n, enum expect e)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, n);
	try(c, p, text, e);
}

static void try_numbers(struct check *c, const struct volt_param *p)
{
	bool limits = p->min || p->max;

	try_number(c, p, p->min, limits ? ACCEPTED : EITHER);
	try_number(c, p, limits ? p->max : UINT64_MAX, limits ? ACCEPTED : EITHER);
	if (p->min)
		try_number(c, p, p->min - 1, REFUSED);
	if (limits && p->max < UINT64_MAX)
		try_number(c, p, p->max + 1, REFUSED);
	try(c, p, "18446744073709551616", REFUSED);
	try(c, p, "-1", REFUSED);
	try(c, p, "", REFUSED);
	try(c, p, "many", REFUSED);
}

static void try_text(struct check *c, const struct volt_param *p, uint64_t len, enum expect e)
{
	char *text = calloc(1, len + 1);

	if (!text)
		abort();
	memset(text, 'x', len);
	try(c, p, text, e);
	free(text);
}

/* What a text must be beyond its length is for init to say, so either answer is right. */
static void try_texts(struct check *c, const struct volt_param *p)
{
	bool limits = p->min || p->max;

	try_text(c, p, p->min, EITHER);
	try_text(c, p, limits && p->max < 4096 ? p->max : 4096, EITHER);
	if (p->min)
		try_text(c, p, p->min - 1, REFUSED);
	if (limits && p->max < 65536)
		try_text(c, p, p->max + 1, REFUSED);
}

static void try_choices(struct check *c, const struct volt_param *p)
{
	char word[64];

	for (const char *at = p->choices; *at; at += *at == '|') {
		size_t n = strcspn(at, "|");

		snprintf(word, sizeof(word), "%.*s", (int)n, at);
		try(c, p, word, ACCEPTED);
		at += n;
	}
	try(c, p, "none-of-these", REFUSED);
}

static void try_streams(struct check *c, const struct volt_param *p)
{
	static const char *const ends[] = {
	    "stdio", "null", "pty", "file:/tmp/x", "pipe:/tmp/x", "unix:/tmp/x"};

	for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		try(c, p, ends[i], ACCEPTED);
	try(c, p, "nowhere", REFUSED);
}

static void try_param(struct check *c, const struct volt_param *p)
{
	if (p->def)
		try(c, p, p->def, p->type == VOLT_PARAM_STREAM || *p->def ? ACCEPTED : EITHER);
	switch (p->type) {
	case VOLT_PARAM_BOOL:
		try(c, p, "on", ACCEPTED);
		try(c, p, "off", ACCEPTED);
		try(c, p, "maybe", REFUSED);
		break;
	case VOLT_PARAM_UINT:
	case VOLT_PARAM_SIZE:
		try_numbers(c, p);
		break;
	case VOLT_PARAM_ENUM:
		try_choices(c, p);
		break;
	case VOLT_PARAM_STRING:
		try_texts(c, p);
		break;
	case VOLT_PARAM_FILE_RO:
	case VOLT_PARAM_FILE_RW:
	case VOLT_PARAM_DISK:
		try(c, p, c->input_path, EITHER);
		try(c, p, "/dev/null/none", REFUSED);
		break;
	case VOLT_PARAM_STREAM:
		try_streams(c, p);
		break;
	}
}

/* A required one that is not given must be asked for. */
static void leave_out(struct check *c, const struct volt_param *p)
{
	struct fake_host *f = fake_host_create(c->plugin);
	char *text = config_with(c, p->name, NULL);

	check_step(c, "init without %s", p->name);
	if (fake_host_wire(f, text) == 0)
		check_fail(c, "init takes a missing %s, which is required", p->name);
	fake_host_destroy(f);
	free(text);
}

void case_parameters(struct check *c)
{
	struct fake_host *f = fake_host_create(c->plugin);

	if (fake_host_wire(f, "no-such-parameter=1") == 0)
		check_fail(c, "a parameter that is not in its table is taken");
	fake_host_destroy(f);
	for (unsigned i = 0; i < c->plugin->param_count; i++) {
		const struct volt_param *p = config_row(c->plugin, i);

		try_param(c, p);
		if (!p->def)
			leave_out(c, p);
	}
}

/* ------------------------------------------------------------------- leaks */

/* Measures two instances, so that both include what is made once for the process. */
static struct process_snapshot before, after;

void case_leaks(struct check *c)
{
	char why[200];

	if (!hooks_install(c->plugin))
		check_fail(c, "its imports cannot be watched");
	process_snapshot_take(&before);
	live_once(c, true); /* alone first: a thread may be gone before the hundredth */
	process_snapshot_take(&after);
	if (process_state_differs(&before.process, &after.process, why, sizeof(why)))
		check_fail(c, "an instance that was ended %s", why);
	if (hooks_live())
		check_fail(c, "%u of its allocations %s not freed after fini", hooks_live(),
		    hooks_live() == 1 ? "is" : "are");
	for (unsigned i = 0; i < WARM_UP; i++)
		live_once(c, true);
	process_snapshot_take(&before);
	for (unsigned i = 0; i < LIVES; i++) {
		check_step(c, "instance %u of %u", i, LIVES);
		live_once(c, true);
	}
	process_snapshot_take(&after);
	if (process_state_differs(&before.process, &after.process, why, sizeof(why)))
		check_fail(c, "%u instances that were ended %s", LIVES, why);
	if (after.heap > before.heap + LIVES)
		check_fail(c, "%u instances leave %" PRIu64 " bytes of heap behind", LIVES,
		    after.heap - before.heap);
	if (!CHECK_SANITIZED && after.mappings > before.mappings + 4)
		check_fail(c, "%u instances leave %u mappings behind", LIVES,
		    after.mappings - before.mappings);
	if (!process_snapshot_no_writable_code(why, sizeof(why)))
		check_fail(c, "%s", why);
}

/* ---------------------------------------------------------------- failures */

/* What is left where init said no; it gets no fini. */
static void expect_clean(struct check *c, const char *what)
{
	char why[200];

	if (hooks_live())
		check_fail(c, "init fails with %s and leaves %u allocation%s", what, hooks_live(),
		    hooks_live() == 1 ? "" : "s");
	process_snapshot_take(&after);
	if (process_state_differs(&before.process, &after.process, why, sizeof(why)))
		check_fail(c, "init fails with %s, and it %s", what, why);
}

/* True while there was still a call to fail. */
static bool fail_call(struct check *c, unsigned n, int err)
{
	struct fake_host *f = fake_host_create(c->plugin);
	char what[96];

	check_step(c, "init with host call %u failing", n);
	fake_host_fail_call(f, n, err);
	int got = fake_host_wire(f, c->base);
	const char *failed = fake_host_failed_call(f);

	if (failed)
		snprintf(what, sizeof(what), "a failing %s (host call %u)", failed, n);
	fake_host_destroy(f);
	if (got && failed)
		expect_clean(c, what);
	return failed != NULL;
}

static bool fail_allocation(struct check *c, unsigned n)
{
	struct fake_host *f = fake_host_create(c->plugin);
	char what[96];

	check_step(c, "init with allocation %u failing", n);
	hooks_fail_at(n);
	int got = fake_host_wire(f, c->base);
	const char *failed = hooks_failed();

	hooks_fail_at(0);
	if (failed)
		snprintf(what, sizeof(what), "a failing %s (allocation %u)", failed, n);
	fake_host_destroy(f);
	if (got && failed)
		expect_clean(c, what);
	return failed != NULL;
}

/* An older host, which knows one extension less. */
static void hide(struct check *c, const char *id)
{
	struct fake_host *f = fake_host_create(c->plugin);
	char what[96];

	check_step(c, "init on a host without %s", id);
	fake_host_hide_ext(f, id);
	int got = fake_host_wire(f, c->base);

	if (got && !strstr(fake_host_message(f), id))
		check_fail(c, "init on a host without %s fails, but does not name it: %s", id,
		    fake_host_message(f));
	if (!got && c->plugin->kind != VOLT_KIND_SANDBOX)
		fake_host_run(f);
	fake_host_destroy(f);
	snprintf(what, sizeof(what), "no %.60s", id);
	if (got)
		expect_clean(c, what);
}

void case_failures(struct check *c)
{
	static const int errors[] = {ENOMEM, EINVAL, EBUSY};
	char ids[32][64];
	unsigned count = 0;

	if (!hooks_install(c->plugin))
		check_fail(c, "its imports cannot be watched");
	live_once(c, false);
	process_snapshot_take(&before);
	for (unsigned e = 0; e < sizeof(errors) / sizeof(errors[0]); e++)
		for (unsigned n = 1; fail_call(c, n, errors[e]); n++)
			;
	for (unsigned n = 1; fail_allocation(c, n); n++)
		;
	struct fake_host *f = check_wired(c);

	for (; count < 32 && fake_host_ext_asked(f, count); count++)
		snprintf(ids[count], sizeof(ids[0]), "%s", fake_host_ext_asked(f, count));
	check_end(c, f);
	for (unsigned i = 0; i < count; i++)
		hide(c, ids[i]);
}
