/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * run - one case in a process of its own, and what became of it.
 *
 * The verdict lies in shared memory, so that neither a crash nor a filter can lose it.
 * What was written on standard output and error is kept in a memfd: when the fake
 * host aborts over a broken promise, its words are the reason.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"
#include "core/base/log.h"
#include "core/plugin/library.h"
#include "plugins/sandbox/calls.h"
#include "tool.h"

#define TEXT_MAX    8192u
#define CALLS_LIMIT 20u /* a whole case may take as long as this many calls */

static void set_limit(int what, rlim_t most)
{
	struct rlimit r;

	if (getrlimit(what, &r) != 0)
		return;
	if (r.rlim_max > most)
		r.rlim_max = most;
	if (r.rlim_cur > most)
		r.rlim_cur = most;
	setrlimit(what, &r);
}

static void set_limits(void)
{
	set_limit(RLIMIT_CORE, 0);
	set_limit(RLIMIT_NOFILE, 256);
	set_limit(RLIMIT_FSIZE, 64u << 20);
#ifndef VOLT_SANITIZED
	set_limit(RLIMIT_AS, 1u << 30);
#endif
}

static void load(struct check *c)
{
	check_step(c, "loading");
	c->plugin = library_load(c->path);
	if (!c->plugin)
		check_fail(c, "%s", ""); /* the log says why */
	free(c->base);                   /* of the case before, in this process */
	config_make_base(c);
}

static void work(struct check *c, const struct check_case *k)
{
	if (!k->unloaded)
		load(c);
	if (k->kinds != CHECK_KIND_ANY && !(k->kinds & CHECK_KIND(c->plugin->kind)))
		check_skip(c, "not for a %s", tool_kind_name(c->plugin->kind));
	check_step(c, "%s", "");
	k->run(c);
	c->shared->result.state = CHECK_PASSED;
}

/* Sets signals as volt does while it wires plugins, so that a check sees a change: SIGPIPE is
 * ignored, and those that volt reads from a file or holds back are blocked. */
static void hold_signals(void)
{
	static const int held[] = {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGUSR1};
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(held) / sizeof(held[0]); i++)
		sigaddset(&set, held[i]);
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
}

_Noreturn static void be_child(struct check *c, const struct check_case *k, int out)
{
	int nothing = open("/dev/null", O_RDONLY | O_CLOEXEC);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	setpgid(0, 0);
	if (nothing >= 0) {
		dup2(nothing, STDIN_FILENO);
		close(nothing);
	}
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	close(out);
	setvbuf(stdout, NULL, _IONBF, 0);
	set_limits();
	hold_signals();
	work(c, k);
	_exit(0);
}

/* ------------------------------------------------------------------ waiting */

/* Kills it when a call, or all of them, take too long. Returns the wait status. */
static int wait_for(struct check *c, pid_t pid, bool *late)
{
	const uint64_t call_ns = c->limit_s * UINT64_C(1000000000);
	const uint64_t begun_ns = check_clock_ns();
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	int status = 0;

	*late = false;
	while (waitpid(pid, &status, WNOHANG) == 0) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		uint64_t since = __atomic_load_n(&c->shared->step_since_ns, __ATOMIC_ACQUIRE);
		uint64_t now = check_clock_ns();

		if (!*late && ((now > since && now - since > call_ns) ||
				  now - begun_ns > CALLS_LIMIT * call_ns)) {
			*late = true;
			kill(pid, SIGKILL);
		}
		poll(&p, 1, 100);
	}
	if (fd >= 0)
		close(fd);
	kill(-pid, SIGKILL); /* children that it left */
	return status;
}

/* ------------------------------------------------------------------ judging */

/* The line of `text` that begins with `head`, without it, in `out`. */
static bool find_line(const char *text, const char *head, char *out, size_t size)
{
	for (const char *line = text; line; line = strchr(line, '\n')) {
		line += *line == '\n';
		if (strncmp(line, head, strlen(head)) != 0)
			continue;
		line += strlen(head);
		snprintf(out, size, "%.*s", (int)strcspn(line, "\n"), line);
		return true;
	}
	return false;
}

static void say(struct check_result *r, const char *fmt, ...) VOLT_PRINTF(2, 3);
static void say(struct check_result *r, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(r->why, sizeof(r->why), fmt, ap);
	va_end(ap);
	r->state = CHECK_FAILED;
}

static const char *name_call(int nr, char buf[48])
{
	const char *name = call_name(nr);

	if (name)
		return name;
	snprintf(buf, 48, "number %d", nr);
	return buf;
}

/* It broke its word to the fake host, or a sanitizer found something. */
static bool judge_text(struct check *c, struct check_result *r, const char *text)
{
	char found[CHECK_WHY - 260];
	const char *after;

	if (find_line(text, "fake host: ", found, sizeof(found))) {
		after = strncmp(found, "plugin ", 7) == 0 ? strstr(found, ": ") : NULL;
		say(r, "%s%s%s%s", after ? after + 2 : found, c->shared->step[0] ? " [" : "",
		    c->shared->step, c->shared->step[0] ? "]" : "");
		return true;
	}
	after = strstr(text, "AddressSanitizer: ");
	if (!after)
		after = strstr(text, "runtime error: ");
	if (!after)
		return false;
	say(r, "%.*s [%s]", (int)strcspn(after, "\n") < 250 ? (int)strcspn(after, "\n") : 250,
	    after, c->shared->step);
	return true;
}

static void judge_failed(struct check_result *r, const char *text, const char *path)
{
	char found[CHECK_WHY], head[PATH_MAX + 16];

	if (r->why[0] || !find_line(text, "volt: error: ", found, sizeof(found)))
		return;
	snprintf(head, sizeof(head), "plugin %s: ", path);
	say(r, "%s", found + (strncmp(found, head, strlen(head)) == 0 ? strlen(head) : 0));
}

static void judge_death(struct check *c, struct check_result *r, int status)
{
	if (WIFSIGNALED(status))
		say(r, "killed by SIG%s in %s", sigabbrev_np(WTERMSIG(status)), c->shared->step);
	else
		say(r, "it ended the process, with status %d, in %s", WEXITSTATUS(status),
		    c->shared->step);
}

static void judge(struct check *c, struct check_result *r, int status, bool late, const char *text)
{
	char name[48];

	*r = c->shared->result;
	if (judge_text(c, r, text))
		return;
	if (c->shared->forbidden_call >= 0)
		say(r, "the system call %s is in no need of it for %s threads, but made in %s",
		    name_call(c->shared->forbidden_call, name), c->shared->forbidden_role,
		    c->shared->step);
	else if (late)
		say(r, "no end within %u s: %s", c->limit_s, c->shared->step);
	else if (r->state == CHECK_FAILED)
		judge_failed(r, text, c->path);
	else if (r->state == CHECK_UNDECIDED || !WIFEXITED(status))
		judge_death(c, r, status);
	else if (r->state == CHECK_PASSED && text[0] && strncmp(text, "volt: ", 6) != 0)
		say(r, "it writes on standard output or error: \"%.*s\"",
		    (int)strcspn(text, "\n") < 200 ? (int)strcspn(text, "\n") : 200, text);
}

/* Long output keeps its head and its tail: the tail says why the child was killed. */
static void read_text(int fd, char text[TEXT_MAX])
{
	const off_t size = lseek(fd, 0, SEEK_END), room = TEXT_MAX - 1;
	const off_t first = size > room ? room / 2 : room;
	ssize_t n = pread(fd, text, (size_t)first, 0), rest = 0;

	n = n > 0 ? n : 0;
	if (size > room)
		rest = pread(fd, text + n, (size_t)(room - n), size - (room - n));
	text[n + (rest > 0 ? rest : 0)] = '\0';
}

static void run_apart(struct check *c, const struct check_case *k, struct check_result *out)
{
	char text[TEXT_MAX];
	int fd = memfd_create("volt-plugin-output", MFD_CLOEXEC);
	bool late;

	fflush(NULL);
	pid_t pid = fd >= 0 ? fork() : -1;

	if (pid == 0)
		be_child(c, k, fd);
	if (pid < 0) {
		say(out, "cannot be run: %s", strerror(errno));
		if (fd >= 0)
			close(fd);
		return;
	}
	int status = wait_for(c, pid, &late);

	read_text(fd, text);
	close(fd);
	judge(c, out, status, late, text);
}

/* For a debugger: a crash is its to catch. */
static void run_here(struct check *c, const struct check_case *k, struct check_result *out)
{
	static jmp_buf leave;

	c->leave = &leave;
	if (setjmp(leave) == 0)
		work(c, k);
	*out = c->shared->result;
	if (out->state == CHECK_FAILED && !out->why[0])
		say(out, "see above");
}

void check_run_case(struct check *c, const struct check_case *k, struct check_result *out)
{
	const uint64_t begun_ns = check_clock_ns();

	memset(c->memory, 0, sizeof(c->memory));
	memset(c->mocks, 0, sizeof(c->mocks));
	*c->shared = (struct check_shared){.forbidden_call = -1, .step_since_ns = begun_ns};
	if (c->in_process)
		run_here(c, k, out);
	else
		run_apart(c, k, out);
	out->ms = (unsigned)((check_clock_ns() - begun_ns) / 1000000);
}
