/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tests/core/kit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/clock.h"
#include "core/base/lock.h"
#include "core/base/log.h"
#include "core/base/open_files.h"
#include "core/vm/plugins.h"
#include "core/vm/policy.h"

#define ROOM (512u << 10)

/* A test that cannot be set up must not look like one that passed. */
static void must(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "kit: %s: %s\n", what, strerror(errno));
	abort();
}

/* ------------------------------------------------------------------- the log */

static int log_file = -1;

void kit_log_start(void)
{
	if (log_file < 0) {
		log_init();
		log_file = memfd_create("log", MFD_CLOEXEC);
		must(log_file >= 0, "memfd_create");
		/* Threads share the file's position, and a memfd has no lock for it. */
		must(fcntl(log_file, F_SETFL, O_APPEND) == 0, "fcntl(F_SETFL)");
	}
	kit_log_clear();
	log_set_fd(log_file);
}

void kit_log_clear(void)
{
	must(ftruncate(log_file, 0) == 0, "ftruncate");
}

const char *kit_log(void)
{
	static char text[ROOM];
	ssize_t n = pread(log_file, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

unsigned kit_log_lines(void)
{
	unsigned lines = 0;

	for (const char *p = kit_log(); *p != '\0'; p++)
		lines += *p == '\n';
	return lines;
}

bool kit_logged(const char *part)
{
	return strstr(kit_log(), part) != NULL;
}

/* ------------------------------------------------------------------- machine */

char kit_why[256];

/* What kit_run() and kit_run_until() hang into the loop. */
static struct {
	struct machine *m;
	struct callee timer_owner;
	uint32_t timer;
	unsigned turns;
	bool (*done)(void *arg);
	void *arg;
	bool seen;
	uint64_t deadline_ns;
} run;

void kit_look(void *unused)
{
	/* At the deadline the timer itself makes a turn, which proves nothing. */
	if (!run.done || run.seen || clock_now() >= run.deadline_ns || !run.done(run.arg))
		return;
	run.seen = true;
	loop_stop(&run.m->loop);
}

static void on_turn(void *arg)
{
	run.turns++;
	kit_look(arg);
}

static void on_time(void *self)
{
	loop_stop(&run.m->loop);
}

static struct callee_lock states[32];
static unsigned state_count;

void kit_owner(struct callee *i, const char *id, void *self)
{
	must(state_count < sizeof(states) / sizeof(states[0]), "too many owners");
	memset(i, 0, sizeof(*i));
	snprintf(i->id, sizeof(i->id), "%s", id);
	i->self = self;
	i->lock = &states[state_count++];
	lock_init(&i->lock->lock);
}

void kit_owners_finish(void)
{
	while (state_count > 0)
		lock_finish(&states[--state_count].lock);
}

bool kit_locked(const struct callee *i)
{
	return __atomic_load_n(&i->lock->lock.holders, __ATOMIC_SEQ_CST) > 0;
}

void kit_arm_locks(void)
{
	must(locks_arm((int)open_files_highest() + 1) == 0, "locks_arm");
}

struct machine *kit_machine(void)
{
	static const struct options options = {.cpus = 1};
	struct machine *m = calloc(1, sizeof(*m));

	must(m != NULL, "calloc");
	m->options = &options;
	m->firmware.cpus = 1;
	m->kernel_fd = m->initrd_fd = m->trace_fd = m->events.signal_fd = -1;
	memset(m->module_fds, -1, sizeof(m->module_fds));
	m->kvm.fd = m->kvm.vm_fd = -1;
	must(bus_init(&m->bus) == 0 && loop_init(&m->loop) == 0, "machine");
	m->end.loop = &m->loop;
	irq_init(&m->irq, &m->kvm, &m->end);
	streams_init(&m->streams, &m->loop, &m->end, &m->events, false);
	m->events.loop = &m->loop;
	m->events.end = &m->end;
	doorbells_init(&m->doorbells, &m->bus, &m->kvm, &m->loop);
	run.m = m;
	kit_owner(&run.timer_owner, "kit", NULL);
	must(loop_add_prepare(&m->loop, on_turn, NULL) == 0 &&
		 loop_add_timer(&m->loop, &run.timer_owner, on_time, &run.timer) == 0,
	    "loop");
	return m;
}

void kit_bus_finish(struct bus *b)
{
	for (uint32_t i = 0; i < b->count; i++)
		free((void *)(uintptr_t)b->ranges[i].name);
	munmap(b->ranges, BUS_TABLE_BYTES);
	memset(b, 0, sizeof(*b));
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void finish_stream(struct stream *s)
{
	if (s->in_fd != s->out_fd)
		close_fd(&s->out_fd);
	close_fd(&s->in_fd);
	close_fd(&s->listen_fd);
	close_fd(&s->next_fd);
	if (s->ring)
		munmap(s->ring, STREAM_RING + 2 * STREAM_HELD);
}

void kit_machine_finish(struct machine *m)
{
	free(m->tallies);
	for (uint32_t i = 0; i < m->streams.count; i++)
		finish_stream(&m->streams.list[i]);
	for (uint32_t i = 0; i < m->instance_count; i++)
		instance_destroy(m->instances[i]);
	for (uint32_t i = 0; i < IRQ_LINES; i++)
		close_fd(&m->irq.lines[i].event_fd);
	for (uint32_t i = 0; i < m->firmware.device_count; i++) {
		free((void *)(uintptr_t)m->firmware.devices[i].hid);
		free((void *)(uintptr_t)m->firmware.devices[i].cid);
	}
	policy_finish(&m->policy);
	ledger_finish(&m->ledger);
	for (uint32_t i = 0; i < m->worker_count; i++) {
		lock_finish(&m->workers[i].posts);
		lock_finish(&m->workers[i].ended);
	}
	lock_finish(&m->irq.route_lock);
	kit_owners_finish();
	kit_bus_finish(&m->bus);
	close_fd(&m->loop.wake_fd);
	close_fd(&m->loop.epoll_fd);
	close_fd(&m->events.signal_fd);
	free(m);
}

struct instance *kit_instance(struct machine *m, const struct volt_plugin *d, const char *text)
{
	return plugins_add(m, d, text, "toy.so");
}

int kit_stream(struct machine *m, struct callee *owner, const char *text)
{
	uint32_t number = m->streams.count;

	kit_why[0] = '\0';
	int err = stream_open(&m->streams, owner, text, kit_why, sizeof(kit_why));
	if (err >= 0)
		return 0;
	finish_stream(&m->streams.list[number]);
	return err;
}

static unsigned run_loop(struct machine *m, unsigned ms)
{
	run.turns = 0;
	run.seen = false;
	m->loop.stopping = 0;
	run.deadline_ns = clock_now() + ms * 1000000ull;
	loop_arm(&m->loop, run.timer, run.deadline_ns);
	loop_run(&m->loop);
	loop_arm(&m->loop, run.timer, 0);
	return run.turns;
}

bool kit_run_until(struct machine *m, bool (*done)(void *arg), void *arg, unsigned ms)
{
	run.done = done;
	run.arg = arg;
	run_loop(m, ms);
	run.done = NULL;
	return run.seen;
}

unsigned kit_run(struct machine *m, unsigned ms)
{
	run.done = NULL;
	return run_loop(m, ms);
}

/* --------------------------------------------------------------------- others */

int kit_child(int (*body)(void *arg), void *arg)
{
	int status = 0;
	pid_t child = fork();

	must(child >= 0, "fork");
	if (child == 0) {
		static const int faults[] = {SIGSEGV, SIGBUS, SIGABRT, SIGILL, SIGFPE};
		const struct rlimit none = {0, 0};

		setrlimit(RLIMIT_CORE, &none);
		/* A sanitizer would report the fault; here the fault is the answer. */
		for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
			signal(faults[i], SIG_DFL);
		dup2(open("/dev/null", O_WRONLY), STDERR_FILENO);
		alarm(20);
		_exit(body(arg));
	}
	must(waitpid(child, &status, 0) == child, "waitpid");
	return status;
}

bool kit_faults(int (*body)(void *arg), void *arg)
{
	int status = kit_child(body, arg);

	return WIFSIGNALED(status) && (WTERMSIG(status) == SIGSEGV || WTERMSIG(status) == SIGBUS);
}

static char dir[64];

const char *kit_path(const char *name)
{
	static char paths[8][PATH_MAX];
	static unsigned next;

	if (dir[0] == '\0') {
		strcpy(dir, "/tmp/volt-core-XXXXXX");
		must(mkdtemp(dir) != NULL, "mkdtemp");
	}
	char *path = paths[next++ % 8];
	snprintf(path, PATH_MAX, "%s/%s", dir, name);
	return path;
}

void kit_remove_dir(void)
{
	DIR *d = dir[0] != '\0' ? opendir(dir) : NULL;
	struct dirent *e;

	if (!d)
		return;
	while ((e = readdir(d)))
		unlinkat(dirfd(d), e->d_name, 0);
	closedir(d);
	rmdir(dir);
	dir[0] = '\0';
}

const char *kit_file(const char *path, size_t *size)
{
	static char text[ROOM];
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : 0;

	if (fd >= 0)
		close(fd);
	text[n > 0 ? n : 0] = '\0';
	if (size)
		*size = n > 0 ? (size_t)n : 0;
	return text;
}
