/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * The filters are made by the sandbox plugin's own compiler from the same rows; only the
 * verdict is another, so that the call can be named. Sources: seccomp(2).
 */
#include "confined.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <malloc.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "core/vm/need.h"
#include "hooks.h"
#include "plugins/sandbox/layers.h"

#define RULE_MAX 128u
#define ROOM     (32 << 20) /* bytes: what one step may allocate is half of it */

struct cell {
	struct confined *confined;
	uint32_t role;
	int go_fd, done_fd;
	pthread_t thread;
	struct volt_rule rules[RULE_MAX];
	uint32_t rule_count;
	struct filter filter;
};

struct confined {
	struct check *c;
	struct fake_host *f;
	struct cell cells[VOLT_ROLE_COUNT];
	/* what the cell that runs is to do, and what came of it */
	struct drive *drive;
	const struct action *action;
	uint64_t value;
	bool waits;      /* a callback does, for the job of */
	uint32_t worker; /* this worker */
};

static const char *const role_names[] = {"the event loop's", "vCPU", "worker"};

static struct check_shared *shared; /* for the handler */
static _Thread_local const char *role_name = "other";

static void meet_forbidden(int signal, siginfo_t *info, void *context)
{
	shared->forbidden_role = role_name;
	shared->forbidden_call = info->si_syscall;
	_exit(1);
}

/* ------------------------------------------------------------------- rules */

static void allow(struct cell *cell, const char *syscall, int fd)
{
	struct volt_rule *r = &cell->rules[cell->rule_count++];

	*r = (struct volt_rule){.syscall = syscall, .asked_by = "the check", .reason = "its own"};
	if (fd < 0)
		return;
	r->test_count = 1;
	r->tests[0] = (struct volt_arg_test){.op = VOLT_TEST_EQ, .value = (uint64_t)fd};
}

/* Waking, being woken, the fake host's last words and the end. */
static void allow_own(struct cell *cell)
{
#ifdef VOLT_SANITIZED
	static const char *const runtime[] = {"mmap", "munmap", "mprotect", "madvise", "futex",
	    "sched_yield", "getpid", "gettid", "rt_sigprocmask", "rt_sigaction", "sigaltstack",
	    "tgkill", "write", "readlink", "openat", "read", "close", "newfstatat", "fstat"};

	for (unsigned i = 0; i < sizeof(runtime) / sizeof(runtime[0]); i++)
		allow(cell, runtime[i], -1);
#endif
	allow(cell, "read", cell->go_fd);
	allow(cell, "write", cell->done_fd);
	allow(cell, "write", STDERR_FILENO);
	allow(cell, "exit_group", -1);
}

/* In the place of the core, the fake host rings for another process. */
static void allow_events(const struct fake_host *f, struct cell *cell)
{
	for (unsigned i = 0; fake_doorbell_at(f, i); i++)
		if (fake_doorbell_event(f, i) >= 0)
			allow(cell, "write", fake_doorbell_event(f, i));
}

static const struct volt_need *need_row(const struct volt_plugin *p, unsigned i)
{
	return (const void *)((const char *)p->needs + (size_t)i * p->need_stride);
}

static void allow_need(
    struct check *c, struct fake_host *f, struct cell *cell, const struct volt_need *need)
{
	const struct volt_plugin *p = c->plugin;
	const struct volt_value *values = fake_host_values(f);

	for (uint32_t n = 0; n < need_count(need, p, values); n++) {
		struct volt_rule *rule = &cell->rules[cell->rule_count];

		if (cell->rule_count == RULE_MAX)
			check_fail(c, "it has more than %u needs", RULE_MAX);
		const int err = need_to_rule(need, p->name, p, values, n, rule);

		if (err < 0)
			check_fail(c, "%s", ""); /* the log says why */
		cell->rule_count += err != NEED_DROPPED;
	}
}

static void allow_needs(struct check *c, struct fake_host *f, struct cell *cell)
{
	for (unsigned i = 0; i < c->plugin->need_count; i++) {
		const struct volt_need *need = need_row(c->plugin, i);

		if (need->roles & VOLT_ROLE_BIT(cell->role))
			allow_need(c, f, cell, need);
	}
}

static void make_filter(struct check *c, struct fake_host *f, struct cell *cell)
{
	const struct volt_thread t = {
	    .role = cell->role,
	    .name = role_names[cell->role],
	    .rules = cell->rules,
	    .rule_stride = sizeof(cell->rules[0]),
	    .rule_count = cell->rule_count,
	};
	struct filter_calls calls = {0};

	if (filter_compile(fake_host_table(f), &t, false, &cell->filter, &calls) != 0)
		check_fail(c, "its needs make no filter: %s", fake_host_message(f));
	for (uint32_t i = 0; i < cell->filter.count; i++)
		if (cell->filter.code[i].code == (BPF_RET | BPF_K) &&
		    cell->filter.code[i].k == SECCOMP_RET_KILL_PROCESS)
			cell->filter.code[i].k = SECCOMP_RET_TRAP;
}

/* ----------------------------------------------------------------- threads */

static void *live(void *arg)
{
	struct cell *cell = arg;
	struct confined *confined = cell->confined;
	const struct sock_fprog prog = {
	    .len = (unsigned short)cell->filter.count, .filter = cell->filter.code};
	uint64_t n = 1;

	role_name = role_names[cell->role];
	if (filter_install(&prog) != 0)
		abort();
	while (read(cell->go_fd, &n, sizeof(n)) == sizeof(n)) {
		if (cell->role == VOLT_ROLE_WORKER && confined->waits)
			fake_worker_job(confined->f, confined->worker);
		else
			confined->value = drive_apply(confined->drive, confined->action);
		if (write(cell->done_fd, &n, sizeof(n)) != sizeof(n))
			break;
	}
	return NULL;
}

/*
 * The fake host allocates on the threads of the cells, where the kernel would have to be asked
 * for memory: it is asked before, on the thread that no filter holds. A plugin's own
 * allocations are found by hooks.h. A sanitizer's runtime has calls of its own.
 */
static void tune_allocator(void)
{
#ifdef __GLIBC__
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_TOP_PAD, ROOM);
	mallopt(M_TRIM_THRESHOLD, INT_MAX);
	mallopt(M_MMAP_THRESHOLD, ROOM);
#endif
}

/* Output is forgotten, so that no step needs more than the ones before it. */
static void make_room(struct fake_host *f)
{
	for (uint32_t s = 0; s < fake_stream_count(f); s++)
		fake_stream_clear(f, s);
#if defined(__GLIBC__) && !defined(VOLT_SANITIZED)
	while (mallinfo2().keepcost < ROOM / 2) {
		void *volatile room = malloc(ROOM / 2); /* volatile: a compiler drops the pair */

		if (!room)
			abort();
		free(room);
	}
#endif
}

/* For the end of a job, which has its own thread, as in volt. */
static void allow_waiting(const struct confined *confined, struct cell *cell)
{
	const struct cell *worker = &confined->cells[VOLT_ROLE_WORKER];

	if (cell == worker)
		return;
	allow(cell, "write", worker->go_fd);
	allow(cell, "read", worker->done_fd);
}

static void run_job(void *arg, uint32_t worker)
{
	struct confined *confined = arg;
	const struct cell *cell = &confined->cells[VOLT_ROLE_WORKER];
	uint64_t n = 1;

	confined->waits = true;
	confined->worker = worker;
	if (write(cell->go_fd, &n, sizeof(n)) != sizeof(n) ||
	    read(cell->done_fd, &n, sizeof(n)) != sizeof(n))
		abort();
	confined->waits = false;
}

static void make_events(struct confined *confined)
{
	for (uint32_t role = 0; role < VOLT_ROLE_COUNT; role++) {
		struct cell *cell = &confined->cells[role];

		cell->confined = confined;
		cell->role = role;
		cell->go_fd = eventfd(0, EFD_CLOEXEC);
		cell->done_fd = eventfd(0, EFD_CLOEXEC);
	}
}

static void make_cell(struct check *c, struct confined *confined, uint32_t role)
{
	struct cell *cell = &confined->cells[role];

	allow_own(cell);
	allow_waiting(confined, cell);
	allow_events(confined->f, cell);
	for (uint32_t gsi = 0; gsi < 24; gsi++)
		if (fake_irq_fd(confined->f, gsi) >= 0)
			allow(cell, "write", fake_irq_fd(confined->f, gsi));
	allow_needs(c, confined->f, cell);
	make_filter(c, confined->f, cell);
	if (cell->go_fd < 0 || cell->done_fd < 0 ||
	    pthread_create(&cell->thread, NULL, live, cell) != 0)
		check_fail(c, "no thread to run it on: %s", strerror(errno));
}

struct confined *confined_create(struct check *c, struct fake_host *f)
{
	const struct sigaction forbidden = {
	    .sa_sigaction = meet_forbidden, .sa_flags = SA_SIGINFO | SA_NODEFER};
	struct confined *confined = calloc(1, sizeof(*confined));

	if (!confined)
		abort();
	confined->c = c;
	confined->f = f;
	shared = c->shared;
	tune_allocator();
	sigaction(SIGSYS, &forbidden, NULL);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		check_fail(c, "no filter can be entered: %s", strerror(errno));
	make_events(confined);
	for (uint32_t role = 0; role < VOLT_ROLE_COUNT; role++)
		make_cell(c, confined, role);
	fake_worker_runner(f, run_job, confined);
	return confined;
}

static uint32_t role_of(const struct action *a)
{
	switch (a->kind) {
	case ACTION_READ:
	case ACTION_WRITE:
	case ACTION_PIN:
	case ACTION_EOI:
	case ACTION_MEMORY:
	case ACTION_THROUGH:
		return VOLT_ROLE_VCPU;
	case ACTION_WORK:
		return VOLT_ROLE_WORKER;
	default:
		return VOLT_ROLE_LOOP;
	}
}

uint64_t confined_apply(struct drive *d, const struct action *a)
{
	struct confined *confined = d->arg;
	struct cell *cell = &confined->cells[role_of(a)];
	uint64_t n = 1;

	confined->drive = d;
	confined->action = a;
	make_room(d->f);
	hooks_watch(true);
	if (write(cell->go_fd, &n, sizeof(n)) != sizeof(n) ||
	    read(cell->done_fd, &n, sizeof(n)) != sizeof(n))
		check_fail(confined->c, "a thread of the check was lost: %s", strerror(errno));
	if (hooks_seen())
		check_fail(confined->c,
		    "it calls %s in %s: an allocation after the seal makes system calls that no "
		    "filter allows",
		    hooks_seen(), confined->c->shared->step);
	hooks_watch(false);
	return confined->value;
}
