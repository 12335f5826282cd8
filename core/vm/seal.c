/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/vm/seal.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/lock.h"
#include "core/base/log.h"
#include "core/base/open_files.h"
#include "core/base/trace.h"
#include "core/event/reporter.h"
#include "core/plugin/library.h"
#include "core/vm/declare.h"
#include "core/vm/vm.h"
#include "sdk/common/params.h"

#define STACK_SIZE (128u << 10) /* handlers format short messages, nothing more */

static struct {
	struct lock ready; /* posted by each thread once it is in its filter */
	struct lock go;    /* posted once for each thread: the loop is sealed and started */
	uint32_t failed;   /* atomic; threads that could not enter */
} gate;

/* Before and after the first KVM_RUN, in which no plugin's code runs; 0: not known. */
static struct {
	uint32_t before, after;
} counted;

/* The start argument of one thread; `thread` is its index in the policy's table. */
struct thread_arg {
	struct machine *machine;
	uint32_t thread;
	struct vcpu *vcpu;     /* or */
	struct worker *worker; /* this */
};

static int enter_thread(struct machine *m, uint32_t thread)
{
	struct instance *s = m->sandbox;

	return s ? s->sandbox->enter_thread(s->callee.self, thread) : 0;
}

static void *run_thread(void *arg)
{
	struct thread_arg mine = *(struct thread_arg *)arg;

	prctl(PR_SET_NAME, mine.machine->policy.names[mine.thread]);
	reporter_register(mine.thread);
	if ((mine.vcpu && park_register(&mine.vcpu->spot) != 0) ||
	    enter_thread(mine.machine, mine.thread) != 0)
		__atomic_fetch_add(&gate.failed, 1, __ATOMIC_SEQ_CST);
	lock_post(&gate.ready);
	lock_wait(&gate.go);
	if (mine.worker)
		worker_run(mine.worker);
	vcpu_run(mine.vcpu);
	park_end(&mine.vcpu->spot);
	/* Not ended: the memory that other threads still use stays as it is. */
	for (;;)
		lock_wait(&gate.go);
	return NULL;
}

static int start_thread(const pthread_attr_t *attr, struct thread_arg *arg)
{
	pthread_t id;
	int err = pthread_create(&id, attr, run_thread, arg);

	if (err)
		return log_error(err, "cannot start thread %s: %s",
		    arg->machine->policy.names[arg->thread], strerror(err));
	return 0;
}

static int start_threads(struct machine *m)
{
	static struct thread_arg args[OPTIONS_CPU_MAX + WORKER_MAX];
	uint32_t cpus = m->firmware.cpus;
	pthread_attr_t attr;
	int err = 0;

	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	for (uint32_t i = 0; !err && i < cpus + m->worker_count; i++) {
		args[i] = (struct thread_arg){.machine = m,
		    .thread = 1 + i,
		    .vcpu = i < cpus ? &m->vcpus[i] : NULL,
		    .worker = i < cpus ? NULL : &m->workers[i - cpus]};
		err = start_thread(&attr, &args[i]);
	}
	pthread_attr_destroy(&attr);
	return err;
}

/* Flags of a task in /proc/PID/task/TID/stat, field 9 (proc(5)); 0 if it is gone. */
static unsigned long task_flags(const char *tid, char *name, size_t size)
{
	char path[64], line[512];
	unsigned long flags = 0;

	snprintf(path, sizeof(path), "/proc/self/task/%.20s/stat", tid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, line, sizeof(line) - 1) : -1;
	if (fd >= 0)
		close(fd);
	line[n > 0 ? n : 0] = '\0';
	char *start = strchr(line, '('), *end = strrchr(line, ')');
	if (!start || !end)
		return 0;
	snprintf(name, size, "%.*s", (int)(end - start - 1), start + 1);
	/* State, parent, group, session, terminal and its group come before. */
	for (unsigned i = 0; i < 7 && end; i++)
		end = strchr(end + 1, ' ');
	for (end += end != NULL; end && *end >= '0' && *end <= '9'; end++)
		flags = 10 * flags + (unsigned long)(*end - '0');
	return flags;
}

/* How many this process has, by the links of a folder of /proc (proc(5)); 0: it cannot be read. */
static uint32_t count_threads(void)
{
	struct stat tasks;

	return stat("/proc/self/task", &tasks) == 0 && tasks.st_nlink > 2
		   ? (uint32_t)tasks.st_nlink - 2
		   : 0;
}

int seal_warm(struct machine *m)
{
	counted.before = count_threads();
	const int err = vcpu_warm(&m->vcpus[0]);
	counted.after = count_threads();
	return err;
}

/* The only other one that may exist is the kernel's own helper of KVM, which never runs user code:
 * the kernel marks it as its own, and no program can give itself that mark. */
static int find_thread(void)
{
	enum { USER_WORKER = 0x4000, KERNEL_THREAD = 0x200000 }; /* linux/sched.h, PF_* */
	DIR *d = opendir("/proc/self/task");
	struct dirent *e;
	int err = 0;

	if (!d)
		return log_error(errno, "cannot read /proc/self/task: %s", strerror(errno));
	while (!err && (e = readdir(d))) {
		char name[32] = "?";
		uint64_t tid;

		if (parse_uint(e->d_name, &tid) != 0 || tid == (uint64_t)getpid())
			continue;
		if ((task_flags(e->d_name, name, sizeof(name)) & (USER_WORKER | KERNEL_THREAD)) ==
		    0)
			err = log_error(EPERM,
			    "a thread named \"%s\" was started before the seal: plugins must not "
			    "start threads; "
			    "volt.worker/1 makes them",
			    name);
	}
	closedir(d);
	return err;
}

/* A thread that exists before the sandbox is entered would stay outside of parts of it. Where there
 * was one before KVM ran for the first time, and is none since but what that run brought, there is
 * nobody to look for: to list and read them takes 40 us, to count them 2. */
static int check_threads(void)
{
	if (counted.before == 1 && counted.after <= 2 && count_threads() == counted.after)
		return 0;
	return find_thread();
}

static struct volt_sandbox_report sandbox_report(struct machine *m)
{
	struct volt_sandbox_report r = {.size = sizeof(r)};

	m->sandbox->sandbox->report(m->sandbox->callee.self, &r);
	return r;
}

void seal_init(void)
{
	lock_init(&gate.ready);
	lock_init(&gate.go);
}

/* Eventfds of locks get numbers of their own above all others. They begin at a multiple, as a rule
 * is about a block of a power of two: 12 of them are two blocks and not four. */
static int arm_locks(void)
{
	enum { MULTIPLE = 16 };
	const int err = locks_arm((int)open_files_highest() / MULTIPLE * MULTIPLE + MULTIPLE);

	return err ? log_error(-err, "cannot make the eventfds of locks: %s", strerror(-err)) : 0;
}

/* Of workers that wait for files. */
static int arm_workers(struct machine *m)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < m->worker_count; i++)
		err = worker_arm(&m->workers[i]);
	return err ? log_host_error(
			 -err, "the files of workers: cannot watch them: %s", loop_watch_why(-err))
		   : 0;
}

static int arm_rings(struct machine *m)
{
	int err = 0;

	for (uint32_t i = 0; !err && i < m->ring_count; i++)
		err = ring_arm(&m->rings[i]);
	return err;
}

int seal_prepare(struct machine *m)
{
	m->sealed = true; /* wiring calls answer -EPERM from here on */
	int err = check_threads();

	if (err)
		return err;
	trace_mark("threads counted", NULL);
	err = arm_locks();
	if (err)
		return err;
	library_finish(); /* not before: each number that is free then costs a lock two calls */
	err = arm_workers(m);
	if (err)
		return err;
	err = arm_rings(m);
	if (err)
		return err;
	clock_seal(m->tsc_invariant, vcpu_tsc_khz(&m->vcpus[0]));
	err = declare_policy(m);
	if (err)
		return err;
	if (m->sandbox)
		err = m->sandbox->sandbox->prepare(m->sandbox->callee.self, &m->policy.table);
	trace_mark("policy", NULL);
	return err;
}

static int enter_process(struct machine *m)
{
	int err = m->sandbox->sandbox->enter_process(m->sandbox->callee.self);
	struct volt_sandbox_report r = sandbox_report(m);

	if (r.landlock_abi > 0)
		trace_mark("Landlock", "ABI %u, no rule", r.landlock_abi);
	else
		trace_mark("Landlock", "not entered");
	trace_mark("capabilities", "%s", r.capabilities);
	return err;
}

/* Each of these threads enters its filter by itself, while the loop's enters its own. */
static int await_threads(const struct machine *m)
{
	const uint32_t threads = m->firmware.cpus + m->worker_count;

	for (uint32_t i = 0; i < threads; i++)
		lock_wait(&gate.ready);
	if (gate.failed > 0)
		return log_error(EPERM, "%u threads could not enter their sandbox", gate.failed);
	return 0;
}

/* A restored VM says that it is ready, and then waits with its threads in their filters. */
static bool waits_for_go(const struct machine *m)
{
	return VOLT_HAS_SNAPSHOT && m->options->restore_wait;
}

/* In the broker's process, whose memory is a copy of this one. */
static int confine_broker(void *arg)
{
	struct machine *m = arg;
	struct instance *s = m->sandbox;
	int err = s ? s->sandbox->enter_process(s->callee.self) : 0;

	return err ? err : enter_thread(m, POLICY_BROKER(m));
}

/* The filters have been built, and plugin files looked at: many pages of the heap hold nothing any
 * more, and nobody could give them back under the seal. */
static void give_heap_back(void)
{
#ifdef __GLIBC__
	malloc_trim(0);
#endif
}

int seal_machine(struct machine *m)
{
	int err = seal_prepare(m);

	if (err)
		return err;
	give_heap_back();
	err = peers_start(&m->peers, confine_broker, m);
	if (err)
		return err;
	if (m->sandbox)
		err = enter_process(m);
	if (err)
		return err;
	err = start_threads(m);
	trace_mark("threads", "%u made", m->firmware.cpus + m->worker_count);
	return !err && waits_for_go(m) ? await_threads(m) : err;
}

int seal_loop(struct machine *m)
{
	reporter_register(POLICY_LOOP);
	int err = enter_thread(m, POLICY_LOOP);

	if (err)
		return err;
	if (!waits_for_go(m))
		err = await_threads(m);
	if (err)
		return err;
	if (m->sandbox) {
		struct volt_sandbox_report r = sandbox_report(m);

		trace_mark(
		    "seccomp", "%u system calls, %u BPF instructions", r.syscalls, r.instructions);
	}
	return 0;
}

void seal_release(struct machine *m)
{
	for (uint32_t i = 0; i < m->worker_count; i++)
		__atomic_store_n(&m->workers[i].released, true, __ATOMIC_SEQ_CST);
	for (uint32_t i = 0; i < m->firmware.cpus + m->worker_count; i++)
		lock_post(&gate.go);
}
