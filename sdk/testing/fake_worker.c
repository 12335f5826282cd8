/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fake_worker - volt.worker/1 without threads: a posted job runs when the test says so.
 */
#include <errno.h>
#include <string.h>

#include "fake_internal.h"

#define NAME_BYTES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

static int worker_add(
    const struct volt_host *h, const char *name, void (*job)(void *self), uint32_t *worker)
{
	int err;
	struct fake_host *f = fake_wire_call(h, "add (worker)", &err);
	size_t n = name ? strspn(name, NAME_BYTES) : 0;

	if (err)
		return err;
	if (n == 0 || n >= sizeof(f->workers[0].name) || name[n] || !job)
		return fake_refuse(f, "add (worker)", -EINVAL);
	if (f->worker_count == FAKE_WORKER_MAX)
		return fake_refuse(f, "add (worker)", -ENOSPC);
	struct fake_worker *w = &f->workers[f->worker_count];

	w->job = job;
	memcpy(w->name, name, n + 1);
	*worker = f->worker_count++;
	return 0;
}

static void worker_post(const struct volt_host *h, uint32_t worker)
{
	struct fake_host *f = fake_of(h, "post");

	if (worker >= f->worker_count)
		fake_die(f, "post: worker %u is not its own (it has %u)", worker, f->worker_count);
	f->workers[worker].posts++;
	f->workers[worker].waits = true;
}

const struct volt_worker fake_worker = {
    .size = sizeof(fake_worker),
    .add = worker_add,
    .post = worker_post,
};

unsigned fake_run_workers(struct fake_host *f)
{
	bool due[FAKE_WORKER_MAX] = {false};
	unsigned count = 0;

	fake_must_run(f, "fake_run_workers");
	/* What a job posts waits for the next call: a job may post itself for ever. */
	for (unsigned i = 0; i < f->worker_count; i++)
		due[i] = f->workers[i].waits;
	for (unsigned i = 0; i < f->worker_count; i++) {
		if (!due[i])
			continue;
		f->workers[i].waits = false;
		f->in_job = true;
		fake_enter(f, "job");
		f->workers[i].job(f->self);
		fake_leave(f);
		f->in_job = false;
		count++;
	}
	return count;
}

static const struct fake_worker *look(const struct fake_host *f, uint32_t worker)
{
	if (worker >= f->worker_count)
		fake_die(f, "the test asks about worker %u of %u", worker, f->worker_count);
	return &f->workers[worker];
}

unsigned fake_worker_count(const struct fake_host *f)
{
	return f->worker_count;
}

const char *fake_worker_name(const struct fake_host *f, uint32_t worker)
{
	return look(f, worker)->name;
}

unsigned fake_worker_posts(const struct fake_host *f, uint32_t worker)
{
	return look(f, worker)->posts;
}
