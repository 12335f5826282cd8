/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fake_worker - volt.worker/1 without threads: a posted job runs when the test says so.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "fake_internal.h"

#define NAME_BYTES "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-"

static int worker_add(const struct volt_host *h, const char *name,
    void (*job)(void *self, uint32_t worker), uint32_t *worker)
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

static bool is_own_file(const struct fake_host *f, int fd)
{
	for (unsigned i = 0; i < f->fd_count; i++)
		if (f->fds[i] == fd)
			return true;
	return false;
}

static struct fake_watch *find_watch(struct fake_worker *w, int fd)
{
	for (unsigned i = 0; i < w->watch_count; i++)
		if (w->watches[i].fd == fd)
			return &w->watches[i];
	return NULL;
}

/* The kernel refuses to watch what is always ready: asked as the real host asks. */
static bool is_always_ready(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode));
}

static int worker_watch(const struct volt_host *h, uint32_t worker, int32_t fd, uint32_t events)
{
	int err;
	struct fake_host *f = fake_wire_call(h, "watch", &err);

	if (err)
		return err;
	if (worker >= f->worker_count || !is_own_file(f, fd) || !events ||
	    events & ~(VOLT_WATCH_READ | VOLT_WATCH_WRITE))
		return fake_refuse(f, "watch", -EINVAL);
	struct fake_worker *w = &f->workers[worker];

	if (find_watch(w, fd))
		return fake_refuse(f, "watch", -EEXIST);
	if (is_always_ready(fd))
		return fake_refuse(f, "watch", -EOPNOTSUPP);
	if (w->watch_count == FAKE_WATCH_MAX)
		return fake_refuse(f, "watch", -ENOSPC);
	w->watches[w->watch_count++] = (struct fake_watch){fd, events};
	return 0;
}

bool fake_file_ready(struct fake_host *f, uint32_t worker, int fd)
{
	if (worker >= f->worker_count)
		fake_die(f, "the test asks about worker %u of %u", worker, f->worker_count);
	if (!find_watch(&f->workers[worker], fd))
		return false;
	f->workers[worker].waits = true;
	return true;
}

/* As the worker's own thread would; whoever waits for it holds the instance's lock. */
static void do_run(struct fake_host *f, uint32_t worker)
{
	const char *outside = f->inside;

	f->workers[worker].waits = false;
	f->workers[worker].runs++;
	f->in_job = true;
	f->inside = "job";
	f->workers[worker].job(f->self, worker);
	f->inside = outside;
	f->in_job = false;
}

void fake_worker_job(struct fake_host *f, uint32_t worker)
{
	do_run(f, worker);
}

void fake_worker_runner(struct fake_host *f, void (*runner)(void *arg, uint32_t worker), void *arg)
{
	f->runner = runner;
	f->runner_arg = arg;
}

static int worker_run(const struct volt_host *h, uint32_t worker)
{
	struct fake_host *f = fake_of(h, "run");

	if (f->in_job)
		fake_die(f, "run: called by a job, which would wait for ever");
	if (worker >= f->worker_count)
		return -EINVAL;
	if (f->state != FAKE_RUNNING || !f->started)
		return -EAGAIN;
	f->workers[worker].posts++;
	if (f->runner)
		f->runner(f->runner_arg, worker);
	else
		do_run(f, worker);
	return 0;
}

void fake_worker_wake(struct fake_host *f, uint32_t worker)
{
	f->workers[worker].waits = true;
}

static int worker_add_event(const struct volt_host *h, uint32_t worker)
{
	int err;
	struct fake_host *f = fake_wire_call(h, "add_event", &err);

	if (err)
		return err;
	if (worker >= f->worker_count)
		return fake_refuse(f, "add_event", -EINVAL);
	fake_open_event(f, &f->workers[worker].event_fd);
	return 0;
}

static int worker_event_fd(const struct volt_host *h, uint32_t worker)
{
	const struct fake_host *f = fake_of(h, "event_fd (worker)");

	if (worker >= f->worker_count || f->workers[worker].event_fd <= 0)
		return -EINVAL;
	return f->state == FAKE_RUNNING ? f->workers[worker].event_fd : -EAGAIN;
}

const struct volt_worker fake_worker = {
    .size = sizeof(fake_worker),
    .add = worker_add,
    .post = worker_post,
    .watch = worker_watch,
    .run = worker_run,
    .add_event = worker_add_event,
    .event_fd = worker_event_fd,
};

bool fake_worker_event(struct fake_host *f, uint32_t worker)
{
	if (worker >= f->worker_count || f->workers[worker].event_fd <= 0)
		return false;
	f->workers[worker].waits = true;
	return true;
}

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
		fake_enter(f, "job");
		do_run(f, i);
		fake_leave(f);
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

unsigned fake_worker_runs(const struct fake_host *f, uint32_t worker)
{
	return look(f, worker)->runs;
}

unsigned fake_worker_posts(const struct fake_host *f, uint32_t worker)
{
	return look(f, worker)->posts;
}
