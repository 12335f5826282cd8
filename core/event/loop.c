/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/event/loop.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/ledger.h"
#include "core/base/log.h"
#include "core/base/sealed.h"

_Static_assert(LOOP_TIMER_MAX <= 64, "fire_timers() has one bit for each");

/* Edge-triggered: every write is an event of its own, so the count is never read. */
static void on_wake(void *arg, uint32_t events)
{
}

int loop_init(struct loop *l)
{
	l->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	l->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (l->epoll_fd < 0 || l->wake_fd < 0)
		return log_host_error(errno, "the event loop: cannot make %s: %s",
		    l->epoll_fd < 0 ? "an epoll file" : "an eventfd", strerror(errno));
	struct timespec none = {0};
	struct epoll_event event;
	if (syscall(SYS_epoll_pwait2, l->epoll_fd, &event, 1, &none, NULL, 0) < 0)
		return log_host_error(errno, "the event loop: cannot wait: epoll_pwait2: %s%s",
		    strerror(errno),
		    errno == ENOSYS  ? "; volt needs Linux 5.11"
		    : errno == EPERM ? "; a container's filter may forbid it: allow epoll_pwait2"
				     : "");
	l->table = sealed_alloc(sizeof(*l->table));
	if (!l->table)
		return log_error(ENOMEM, "no memory for the event loop");
	return loop_watch_or_log(
	    l, "wake-ups", l->wake_fd, EPOLLIN, loop_make_watch(l, on_wake, l));
}

void loop_declare(const struct loop *l, struct ledger *ledger)
{
	const struct volt_arg_test eight = ledger_is(2, sizeof(uint64_t));
	const struct ledger_block epoll = ledger_file(ledger, l->epoll_fd, "core", "event loop");
	const struct ledger_block wake =
	    ledger_file(ledger, l->wake_fd, "core", "wakes the event loop");

	ledger_allow(ledger, epoll, LEDGER_LOOP, "epoll_pwait2", NULL, "waits for events");
	ledger_allow(ledger, wake, LEDGER_ALL, "write", &eight, "wakes the event loop");
}

const struct loop_watch *loop_make_watch(
    struct loop *l, void (*ready)(void *arg, uint32_t events), void *arg)
{
	if (l->table->watch_count == LOOP_WATCH_MAX) {
		log_error(ENOSPC, "the event loop watches %u files already", LOOP_WATCH_MAX);
		return NULL;
	}
	struct loop_watch *w = &l->table->watches[l->table->watch_count++];
	*w = (struct loop_watch){.ready = ready, .arg = arg};
	return w;
}

int loop_watch(struct loop *l, int fd, uint32_t events, const struct loop_watch *watch)
{
	/* The kernel only hands the pointer back. */
	struct epoll_event e = {.events = events | EPOLLET, .data.u64 = (uintptr_t)watch};

	if (!watch)
		return -ENOSPC;
	return epoll_ctl(l->epoll_fd, EPOLL_CTL_ADD, fd, &e) == 0 ? 0 : -errno;
}

const char *loop_watch_why(int err)
{
	if (err == ENOSPC)
		return "this user may watch no more files (fs.epoll.max_user_watches)";
	return strerror(err);
}

int loop_watch_or_log(
    struct loop *l, const char *what, int fd, uint32_t events, const struct loop_watch *watch)
{
	int err = loop_watch(l, fd, events, watch);

	if (err && watch)
		log_host_error(
		    -err, "the event loop: cannot watch %s: %s", what, loop_watch_why(-err));
	return err;
}

int loop_add_prepare(struct loop *l, void (*run)(void *), void *arg)
{
	if (l->table->prepare_count == LOOP_PREPARE_MAX)
		return -ENOSPC;
	l->table->prepares[l->table->prepare_count++] =
	    (struct loop_prepare){.run = run, .arg = arg};
	return 0;
}

int loop_add_timer(struct loop *l, struct callee *owner, void (*fire)(void *), uint32_t *timer)
{
	if (l->table->timer_count == LOOP_TIMER_MAX)
		return -ENOSPC;
	*timer = l->table->timer_count++;
	l->table->timers[*timer] = (struct loop_timer){.fire = fire, .owner = owner};
	return 0;
}

int loop_add_core_timer(struct loop *l, void (*fire)(void *), void *arg, uint32_t *timer)
{
	const int err = loop_add_timer(l, NULL, fire, timer);

	if (err)
		return err;
	l->table->timers[*timer].arg = arg;
	return 0;
}

void loop_keep_timer(struct loop *l, uint32_t timer)
{
	l->table->timers[timer].always = true;
}

void loop_wake(struct loop *l)
{
	uint64_t one = 1;

	/* One write wakes the loop for everybody who comes before it looks again. */
	if (__atomic_exchange_n(&l->woken, 1, __ATOMIC_SEQ_CST) == 0 &&
	    write(l->wake_fd, &one, sizeof(one)) < 0)
		return; /* EAGAIN: the counter is far from empty, so the loop is awake */
}

void loop_arm(struct loop *l, uint32_t timer, uint64_t deadline_ns)
{
	uint64_t old = __atomic_exchange_n(&l->deadlines_ns[timer], deadline_ns, __ATOMIC_SEQ_CST);

	/* A later deadline needs no wake-up: the loop wakes for the old one and looks. */
	if (deadline_ns != 0 && (old == 0 || deadline_ns < old))
		loop_wake(l);
}

void loop_stop(struct loop *l)
{
	__atomic_store_n(&l->stopping, 1, __ATOMIC_SEQ_CST);
	loop_wake(l);
}

/* When the timer is to fire; 0: it is disarmed, or waits until devices go on. */
static uint64_t deadline_of(const struct loop *l, uint32_t timer)
{
	const struct loop_timer *t = &l->table->timers[timer];

	if (l->held && t->owner && !t->always && !t->owner->always)
		return 0;
	return __atomic_load_n(&l->deadlines_ns[timer], __ATOMIC_SEQ_CST);
}

/* The due timer with the earliest deadline, none of `fired`; false: no timer is due. */
static bool find_due(
    const struct loop *l, uint64_t now, uint64_t fired, uint32_t *timer, uint64_t *deadline)
{
	*deadline = 0;
	for (uint32_t i = 0; i < l->table->timer_count; i++) {
		uint64_t at = deadline_of(l, i);

		if (at == 0 || at > now || (fired >> i & 1) || (*deadline != 0 && at >= *deadline))
			continue;
		*timer = i;
		*deadline = at;
	}
	return *deadline != 0;
}

/* Under the instance's lock, so that a disarm in one of its callbacks counts. */
static void fire_if_armed(const struct loop_timer *t, uint64_t *armed, uint64_t deadline)
{
	if (t->owner)
		callee_lock(t->owner);
	if (__atomic_compare_exchange_n(
		armed, &deadline, 0, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
		t->fire(t->owner ? t->owner->self : t->arg);
	if (t->owner)
		callee_unlock(t->owner);
}

/* Each once at most: one that arms itself for the past must not hold the loop. */
static void fire_timers(struct loop *l)
{
	uint64_t now = clock_now(), fired = 0, deadline;
	uint32_t i;

	while (find_due(l, now, fired, &i, &deadline)) {
		fired |= 1ull << i;
		fire_if_armed(&l->table->timers[i], &l->deadlines_ns[i], deadline);
	}
}

/* Time until the next deadline; UINT64_MAX: none. */
static uint64_t time_to_wait(const struct loop *l)
{
	uint64_t next = UINT64_MAX, now;

	if (l->hurry)
		return 0;
	for (uint32_t i = 0; i < l->table->timer_count; i++) {
		uint64_t deadline = deadline_of(l, i);

		if (deadline != 0 && deadline < next)
			next = deadline;
	}
	if (next == UINT64_MAX)
		return UINT64_MAX;
	now = clock_now();
	return next > now ? next - now : 0;
}

static int wait_events(struct loop *l, struct epoll_event *events, uint64_t wait_ns)
{
	struct timespec t = {
	    .tv_sec = (time_t)(wait_ns / 1000000000u), .tv_nsec = (long)(wait_ns % 1000000000u)};

	/* By number: musl and older glibc have no wrapper. Linux 5.11. */
	return (int)syscall(SYS_epoll_pwait2, l->epoll_fd, events, LOOP_BATCH,
	    wait_ns == UINT64_MAX ? NULL : &t, NULL, 0);
}

void loop_pause(struct loop *l, uint64_t wait_ns)
{
	struct epoll_event events[LOOP_BATCH];

	wait_events(l, events, wait_ns);
}

void loop_run(struct loop *l)
{
	struct epoll_event events[LOOP_BATCH];

	for (;;) {
		/* Cleared before the prepare callbacks look: work that comes later wakes us again.
		 */
		__atomic_store_n(&l->woken, 0, __ATOMIC_SEQ_CST);
		for (uint32_t i = 0; i < l->table->prepare_count; i++)
			l->table->prepares[i].run(l->table->prepares[i].arg);
		clock_turn();
		fire_timers(l);
		if (__atomic_load_n(&l->stopping, __ATOMIC_SEQ_CST))
			return;
		l->ready = wait_events(l, events, time_to_wait(l));
		for (int i = 0; i < l->ready; i++) {
			const struct loop_watch *w = events[i].data.ptr;

			w->ready(w->arg, events[i].events);
		}
	}
}
