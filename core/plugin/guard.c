/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/plugin/guard.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "core/base/exitcode.h"
#include "core/base/log.h"
#include "core/base/open_files.h"
#include "sdk/common/compat.h"

/* The watch's ticks: a length that a plugin's own timer will hardly have. */
#define TICK_US 999983

#define CHILD_MAX 16

/* What outlives a call: numbers of threads and open files; processes. */
struct holdings {
	uint64_t threads, files;
	int children[CHILD_MAX];
	uint32_t child_count;
};

static struct {
	bool ready, on, registered;
	pid_t pid;
	const char *id, *step; /* the call that is under way; NULL: none */
	struct timespec entered;
	sigset_t old_mask;
	int files, tasks; /* /proc/self/fd, /proc/self/task: a look at one open is a third of the
			     cost of its path */
	struct holdings before;
} guard;

static _Noreturn void end(int code)
{
	for (;;)
		syscall(SYS_exit_group, code);
}

/* A plugin may have closed the log with everything else. */
static void find_log(void)
{
	if (fcntl(log_fd(), F_GETFD) < 0)
		log_set_fd(STDERR_FILENO);
}

/* True in a process that a plugin forked: what it does is not volt's. */
static bool is_stray(void)
{
	return guard.pid != getpid();
}

static void refuse_exit(const char *how)
{
	if (!guard.id)
		return;
	if (!is_stray()) {
		find_log();
		log_error(EPERM, "plugin %s: its %s called %s; to fail it returns an error",
		    guard.id, guard.step, how);
	}
	end(EXIT_PLUGIN);
}

static void on_exit_call(void)
{
	refuse_exit("exit()");
}

static void on_quick_exit(void)
{
	refuse_exit("quick_exit()");
}

#ifndef VOLT_SANITIZED
/* These run no handlers. So they stand here in the place of the C library's, for plugins
 * too: the loader looks for a name in the program first. */
__attribute__((visibility("default"))) void _exit(int status)
{
	refuse_exit("_exit()");
	end(status);
}

__attribute__((visibility("default"))) void _Exit(int status)
{
	refuse_exit("_Exit()");
	end(status);
}
#endif

/* The process is stuck, so there is nobody who could be in the log's way. */
static void on_tick(int number)
{
	struct timespec now;

	if (!guard.id || is_stray() || clock_gettime(CLOCK_MONOTONIC, &now) != 0 ||
	    now.tv_sec - guard.entered.tv_sec < GUARD_LIMIT_S)
		return;
	find_log();
	log_error(ETIMEDOUT, "plugin %s: its %s did not return within %d s", guard.id, guard.step,
	    GUARD_LIMIT_S);
	end(EXIT_PLUGIN);
}

/* Only to name the plugin: what it did happens again behind this, and ends volt. Sanitizers
 * tell more of a crash, and have no use for it. */
__attribute__((unused)) static void on_crash(int number)
{
	if (!guard.id || is_stray())
		return;
	find_log();
	log_error(EFAULT, "plugin %s: its %s crashed (SIG%s)", guard.id, guard.step,
	    sigabbrev_np(number));
}

static void watch_crashes(bool on)
{
#ifndef VOLT_SANITIZED /* which tells more of a crash */
	static const int signals[] = {SIGABRT, SIGBUS, SIGFPE, SIGILL, SIGSEGV, SIGSYS};
	static char stack[16384]; /* for a plugin that used up the other */
	const stack_t own = {
	    .ss_sp = stack, .ss_size = sizeof(stack), .ss_flags = on ? 0 : SS_DISABLE};
	const struct sigaction action = {.sa_handler = on ? on_crash : SIG_DFL,
	    .sa_flags = (int)(on ? SA_ONSTACK | SA_RESETHAND : 0)};

	sigaltstack(&own, NULL);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaction(signals[i], &action, NULL);
#endif
}

/* SIGALRM is blocked otherwise, and the timer off. */
static void watch(bool on)
{
	const struct sigaction action = {
	    .sa_handler = on ? on_tick : SIG_DFL, .sa_flags = SA_RESTART};
	const struct itimerval tick = {
	    .it_interval.tv_usec = on ? TICK_US : 0, .it_value.tv_usec = on ? TICK_US : 0};
	sigset_t alarm;

	sigemptyset(&alarm);
	sigaddset(&alarm, SIGALRM);
	if (!on)
		sigprocmask(SIG_SETMASK, &guard.old_mask, NULL);
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &tick, NULL);
	if (on)
		sigprocmask(SIG_UNBLOCK, &alarm, &guard.old_mask);
}

void guard_begin(void)
{
	guard.ready = true;
}

static void begin(void)
{
	guard.pid = getpid();
	if (!guard.registered && (atexit(on_exit_call) != 0 || at_quick_exit(on_quick_exit) != 0))
		log_warn("no memory to watch for plugins that exit");
	guard.registered = true;
	watch(true);
	watch_crashes(true);
	/* So that the child of a child that ended is seen as well. */
	prctl(PR_SET_CHILD_SUBREAPER, 1);
	guard.files = open("/proc/self/fd", O_RDONLY | O_CLOEXEC | O_DIRECTORY);
	guard.tasks = open("/proc/self/task", O_PATH | O_CLOEXEC | O_DIRECTORY);
	guard.on = true;
}

void guard_finish(void)
{
	guard.ready = false;
	if (!guard.on)
		return;
	if (guard.files >= 0)
		close(guard.files);
	if (guard.tasks >= 0)
		close(guard.tasks);
	prctl(PR_SET_CHILD_SUBREAPER, 0);
	watch(false);
	watch_crashes(false);
	guard.on = false;
}

/* Mostly the process has no children, which one call tells. */
static void count_children(struct holdings *h)
{
	siginfo_t info;
	char path[64], text[512];
	const char *p = text;

	if (waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT | __WALL) != 0 && errno == ECHILD)
		return;
	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? read(fd, text, sizeof(text) - 1) : -1;

	text[n > 0 ? n : 0] = '\0';
	if (fd >= 0)
		close(fd);
	for (char *end; h->child_count < CHILD_MAX; p = end) {
		int pid = (int)strtol(p, &end, 10);

		if (end == p)
			break;
		h->children[h->child_count++] = pid;
	}
	if (h->child_count == 0)
		h->children[h->child_count++] = 0; /* a kernel without that file */
}

/* Source: proc(5). A folder of threads has two links and one for each. */
static int count(struct holdings *h)
{
	struct stat tasks;

	*h = (struct holdings){0};
	count_children(h);
	if ((guard.tasks < 0 || fstat(guard.tasks, &tasks) != 0) &&
	    stat("/proc/self/task", &tasks) != 0)
		return -errno;
	h->threads = tasks.st_nlink;
	return open_files_count(guard.files, &h->files);
}

void guard_enter(const char *id, const char *step)
{
	if (!guard.ready)
		return;
	if (!guard.on)
		begin();
	if (count(&guard.before) != 0)
		guard.before = (struct holdings){0}; /* it will be seen to differ */
	clock_gettime(CLOCK_MONOTONIC, &guard.entered);
	guard.step = step;
	guard.id = id;
}

static bool was_there(int pid)
{
	for (uint32_t i = 0; i < guard.before.child_count; i++)
		if (guard.before.children[i] == pid)
			return true;
	return false;
}

/* True if there were new ones. */
static bool kill_children(const struct holdings *after)
{
	bool any = false;

	for (uint32_t i = 0; i < after->child_count; i++) {
		if (was_there(after->children[i]))
			continue;
		any = true;
		if (after->children[i] > 0)
			kill(after->children[i], SIGKILL);
	}
	return any;
}

/* In words that follow "init"; NULL: nothing. */
static const char *fault_of(const struct holdings *after)
{
	if (kill_children(after))
		return "left a child process behind";
	if (after->threads > guard.before.threads)
		return "left a thread behind; volt.worker/1 makes threads";
	if (after->files > guard.before.files)
		return "left a file open; files come as parameters";
	if (after->files < guard.before.files)
		return "closed a file that is the core's";
	return NULL;
}

int guard_leave(void)
{
	const char *id = guard.id;
	struct holdings after;

	if (!guard.on)
		return 0;
	if (is_stray())
		end(EXIT_PLUGIN);
	guard.id = NULL;
	int err = count(&after);
	if (err) {
		find_log();
		return log_error(-err, "plugin %s: what its %s did cannot be read from /proc: %s",
		    id, guard.step, strerror(-err));
	}
	const char *fault = fault_of(&after);
	if (!fault)
		return 0;
	find_log();
	return log_error(
	    EPERM, "plugin %s: its %s %s; volt-plugin check tells more", id, guard.step, fault);
}
