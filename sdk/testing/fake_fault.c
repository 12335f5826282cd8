/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fake_fault - a host that refuses: calls that fail on request, services that are not
 * there, and a record of what was refused and when.
 */
#include <string.h>

#include "fake_internal.h"

void fake_host_fail_call(struct fake_host *f, unsigned n, int err)
{
	if (n && err <= 0)
		fake_die(f, "the test injects %d, which is not a positive errno", err);
	f->fault.at = n;
	f->fault.err = err;
}

unsigned fake_host_calls(const struct fake_host *f)
{
	return f->fault.calls;
}

const char *fake_host_failed_call(const struct fake_host *f)
{
	return f->fault.failed;
}

const char *fake_host_refused_call(const struct fake_host *f)
{
	return f->fault.refused;
}

const char *fake_host_late_call(const struct fake_host *f)
{
	return f->fault.late;
}

void fake_host_hide_ext(struct fake_host *f, const char *id)
{
	f->fault.hidden = id;
}

const char *fake_host_ext_asked(const struct fake_host *f, unsigned i)
{
	return i < f->fault.asked_count ? f->fault.asked[i] : NULL;
}

const char *fake_host_inside(const struct fake_host *f)
{
	return f->inside;
}

/* ------------------------------------------------------------- the host's side */

int fake_fault_count(struct fake_host *f, const char *function)
{
	if (++f->fault.calls != f->fault.at)
		return 0;
	f->fault.failed = function;
	return -f->fault.err;
}

int fake_refuse(struct fake_host *f, const char *function, int err)
{
	f->fault.refused = function;
	return err;
}

void fake_fault_late(struct fake_host *f, const char *function)
{
	if (!f->fault.late)
		f->fault.late = function;
}

bool fake_fault_hides(struct fake_host *f, const char *id)
{
	struct fake_fault *t = &f->fault;

	if (t->asked_count < FAKE_EXT_MAX)
		snprintf(t->asked[t->asked_count++], sizeof(t->asked[0]), "%s", id);
	return t->hidden && strcmp(t->hidden, id) == 0;
}
