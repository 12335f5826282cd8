/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/event/worker.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <volt/worker.h>

#include "core/base/exitcode.h"
#include "core/base/ledger.h"
#include "core/config.h"
#include "core/event/end.h"
#include "core/event/loop.h"

void worker_init(struct worker *w, struct callee *owner, const char *name,
    void (*job)(void *self, uint32_t worker), uint32_t number)
{
	w->owner = owner;
	w->job = job;
	w->number = number;
	snprintf(w->name, sizeof(w->name), "%s", name);
	lock_init_counter(&w->posts);
	lock_init(&w->ended);
	w->epoll_fd = w->event_fd = -1;
}

/* Else it waits for posts alone. */
static bool has_files(const struct worker *w)
{
	return w->watch_count > 0 || (VOLT_HAS_SHARING && w->has_event);
}

/* ------------------------------------------------------------------ files */

static int add_to_epoll(int epoll_fd, int fd, uint32_t events)
{
	struct epoll_event e = {.events = events | EPOLLET, .data.fd = fd};

	return epoll_ctl(epoll_fd, EPOLL_CTL_ADD, fd, &e) != 0 ? -errno : 0;
}

/* In an epoll for that alone: a plugin's init must leave no descriptor open. */
static int try_epoll(int fd, uint32_t events)
{
	const int epoll_fd = epoll_create1(EPOLL_CLOEXEC);

	if (epoll_fd < 0)
		return -errno;
	const int err = add_to_epoll(epoll_fd, fd, events);
	close(epoll_fd);
	return err == -EPERM ? -EOPNOTSUPP : err; /* epoll_ctl(2): does not support epoll */
}

int worker_watch(struct worker *w, int fd, uint32_t events)
{
	const uint32_t in = events & VOLT_WATCH_READ ? EPOLLIN : 0;
	const uint32_t out = events & VOLT_WATCH_WRITE ? EPOLLOUT : 0;

	for (uint32_t i = 0; i < w->watch_count; i++)
		if (w->watches[i].fd == fd)
			return -EEXIST;
	const int err = try_epoll(fd, in | out);
	if (err)
		return err;
	if (w->watch_count == WORKER_WATCH_MAX)
		return -ENOSPC;
	w->watches[w->watch_count++] = (struct worker_watch){.fd = fd, .events = in | out};
	return 0;
}

/* Whoever writes it may read it too, so nothing but the wake-up is taken from it. */
static int arm_event(struct worker *w)
{
	w->event_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return w->event_fd < 0 ? -errno : add_to_epoll(w->epoll_fd, w->event_fd, EPOLLIN);
}

/* Edge-triggered: each post is told once, so nobody has to read the eventfd. */
int worker_arm(struct worker *w)
{
	if (!has_files(w))
		return 0;
	w->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (w->epoll_fd < 0)
		return -errno;
	int err = add_to_epoll(w->epoll_fd, w->posts.event_fd, EPOLLIN);
	if (err)
		return err;
	for (uint32_t i = 0; i < w->watch_count; i++) {
		err = add_to_epoll(w->epoll_fd, w->watches[i].fd, w->watches[i].events);
		if (err)
			return err;
	}
	return VOLT_HAS_SHARING && w->has_event ? arm_event(w) : 0;
}

/* One without files waits in a read of its eventfd, as for a lock. */
void worker_declare(const struct worker *w, uint32_t index, struct ledger *l)
{
	if (!has_files(w))
		return;
	if (VOLT_HAS_SHARING)
		ledger_file(l, w->event_fd, w->owner->id, "another process's event");
	const struct ledger_block epoll =
	    ledger_file(l, w->epoll_fd, w->owner->id, "worker's wait");
	ledger_allow(
	    l, epoll, LEDGER_WORKER(index), "epoll_pwait2", NULL, "waits for posts and for files");
}

void worker_hold(struct worker *w)
{
	__atomic_store_n(&w->held, true, __ATOMIC_SEQ_CST);
}

void worker_let_go(struct worker *w)
{
	__atomic_store_n(&w->held, false, __ATOMIC_SEQ_CST);
	/* Whether a file became ready meanwhile only the worker knows: it looks for itself. */
	if (has_files(w))
		worker_post(w);
}

/* Going on would spin, or leave the guest unserved. Posts are served until the VM has ended. */
static void give_up_files(struct worker *w, int err)
{
	w->watch_count = 0;
	w->has_event = false;
	vm_end(w->end, EXIT_HOST, "thread %s: cannot wait for its files: epoll_pwait2: %s", w->name,
	    strerror(err));
}

/* True: a run is due, or no file is watched any more. */
static bool wait_for_files(struct worker *w)
{
	struct epoll_event events[WORKER_WATCH_MAX + 2]; /* with posts, and another's event */
	/* By number, as the loop does. */
	const long n =
	    syscall(SYS_epoll_pwait2, w->epoll_fd, events, WORKER_WATCH_MAX + 2, NULL, NULL, 0);

	if (n < 0 && errno != EINTR) {
		give_up_files(w, errno);
		return true;
	}
	for (long i = 0; i < n; i++)
		if (events[i].data.fd == w->posts.event_fd)
			return true;
	return n > 0 && !__atomic_load_n(&w->held, __ATOMIC_SEQ_CST);
}

static void wait_for_work(struct worker *w)
{
	if (!has_files(w))
		lock_wait(&w->posts);
	else
		while (!wait_for_files(w))
			continue;
}

/* ------------------------------------------------------------------ posts */

void worker_post(struct worker *w)
{
	/* One post is enough for all that come before the job starts. */
	if (w->ended.event_fd < 0)
		w->early = true; /* wiring: there is no thread yet */
	else if (__atomic_exchange_n(&w->posted, 1, __ATOMIC_SEQ_CST) == 0)
		lock_post(&w->posts);
}

uint32_t worker_request(struct worker *w)
{
	/* Runs follow each other: whichever begins next has number `ticket`. */
	const uint32_t ticket = __atomic_load_n(&w->runs_begun, __ATOMIC_SEQ_CST) + 1;

	worker_post(w);
	return ticket;
}

bool worker_has_run(const struct worker *w, uint32_t ticket)
{
	return (int32_t)(__atomic_load_n(&w->runs_ended, __ATOMIC_SEQ_CST) - ticket) >= 0;
}

bool worker_has_run_or_wakes(struct worker *w, uint32_t ticket, struct loop *l)
{
	__atomic_store_n(&w->waker, l, __ATOMIC_SEQ_CST);
	return worker_has_run(w, ticket);
}

/* False: who ended the run has counted us among the sleepers, and posts. */
static bool leave_sleepers(struct worker *w)
{
	uint32_t n = __atomic_load_n(&w->sleepers, __ATOMIC_SEQ_CST);

	while (n > 0)
		if (__atomic_compare_exchange_n(
			&w->sleepers, &n, n - 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			return true;
	return false;
}

void worker_await(struct worker *w, uint32_t ticket)
{
	while (!worker_has_run(w, ticket)) {
		__atomic_fetch_add(&w->sleepers, 1, __ATOMIC_SEQ_CST);
		/* It may have ended before it could see us; a post for another sleeper is as good.
		 */
		if (!worker_has_run(w, ticket) || !leave_sleepers(w))
			lock_wait(&w->ended);
	}
}

static void call_job(const struct worker *w)
{
	if (reporter_note)
		reporter_enter(w->owner->number);
	w->job(w->owner->self, w->number);
	if (reporter_note)
		reporter_leave(0);
}

/* Without the instance's lock. */
static void do_job(struct worker *w)
{
	__atomic_fetch_add(&w->runs_begun, 1, __ATOMIC_SEQ_CST);
	call_job(w);
	__atomic_fetch_add(&w->runs_ended, 1, __ATOMIC_SEQ_CST);
	for (uint32_t n = __atomic_exchange_n(&w->sleepers, 0, __ATOMIC_SEQ_CST); n > 0; n--)
		lock_post(&w->ended);
	struct loop *l = __atomic_exchange_n(&w->waker, NULL, __ATOMIC_SEQ_CST);
	if (l)
		loop_wake(l);
}

_Noreturn void worker_run(struct worker *w)
{
	if (w->early)
		do_job(w);
	for (;;) {
		wait_for_work(w);
		__atomic_store_n(&w->posted, 0, __ATOMIC_SEQ_CST);
		do_job(w);
	}
}
