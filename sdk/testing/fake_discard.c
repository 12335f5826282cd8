/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fake_discard - volt.discard/1: what goes back is zeros at once, and counted.
 */
#include <errno.h>
#include <string.h>

#include "fake_internal.h"

static int discard_allow(const struct volt_host *h, uint32_t worker)
{
	int err;
	struct fake_host *f = fake_wire_call(h, "allow", &err);

	if (err)
		return err;
	if (worker >= f->worker_count)
		return fake_refuse(f, "allow", -EINVAL);
	f->discarders |= UINT64_C(1) << worker;
	return 0;
}

static int discard_give(const struct volt_host *h, uint64_t gpa, uint64_t n, uint64_t *given)
{
	struct fake_host *f = fake_of(h, "give");

	*given = 0;
	if (!f->discarders)
		return -EPERM;
	if (!f->in_job)
		fake_die(f, "give: only a job may");
	if ((gpa | n) % VOLT_DISCARD_PAGE)
		return -EINVAL;
	if (f->keeps_memory)
		return fake_memory_clear(f, gpa, 0);
	const int err = fake_memory_clear(f, gpa, n);
	if (err)
		return err;
	*given = n;
	f->discarded += n;
	return 0;
}

void fake_discard_keeps(struct fake_host *f, bool keeps)
{
	f->keeps_memory = keeps;
}

uint64_t fake_discarded(const struct fake_host *f)
{
	return f->discarded;
}

const struct volt_discard fake_discard = {
    .size = sizeof(fake_discard), .allow = discard_allow, .give = discard_give};
