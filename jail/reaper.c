/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "jail/reaper.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "jail/say.h"
#include "sdk/common/compat.h"

#define GRACE_SECONDS 2 /* for what volt leaves behind to tidy up */

static const int passed_on[] = {SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2};

void reaper_signals(sigset_t *set)
{
	sigemptyset(set);
	sigaddset(set, SIGCHLD);
	for (size_t i = 0; i < sizeof(passed_on) / sizeof(passed_on[0]); i++)
		sigaddset(set, passed_on[i]);
}

bool reaper_should_pass(int signal, int code)
{
	return signal != SIGCHLD && code != SI_KERNEL;
}

static pid_t start(const char *program, char **argv, char **envp)
{
	sigset_t none;
	pid_t child = fork();

	if (child < 0)
		complain(JAIL_RESOURCES, "cannot start %s: %s", program, strerror(errno));
	if (child != 0)
		return child;
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	execve(program, argv, envp);
	_exit(complain(JAIL_PROGRAM, "cannot execute %s: %s", program, strerror(errno)));
}

static int to_code(int status)
{
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	return complain(JAIL_SIGNAL + WTERMSIG(status), "volt was killed by SIG%s",
	    sigabbrev_np(WTERMSIG(status)));
}

/* Collects all who have ended. True if nobody is left. */
static bool reap(pid_t volt, int *code)
{
	pid_t pid;
	int status;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		if (pid == volt)
			*code = to_code(status);
	return pid < 0 && errno == ECHILD;
}

static void wait_for_rest(pid_t volt, const sigset_t *set)
{
	const struct timespec tick = {.tv_nsec = 50000000};
	struct timespec now, end;
	int code;

	clock_gettime(CLOCK_MONOTONIC, &end);
	end.tv_sec += GRACE_SECONDS;
	do {
		sigtimedwait(set, NULL, &tick);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (!reap(volt, &code) && now.tv_sec < end.tv_sec);
}

static void pass_on(pid_t volt, int signal_fd)
{
	struct signalfd_siginfo info;

	while (read(signal_fd, &info, sizeof(info)) == sizeof(info))
		if (reaper_should_pass((int)info.ssi_signo, info.ssi_code))
			kill(volt, (int)info.ssi_signo);
}

/* Until volt has ended or the launcher has; true if nobody is left. */
static bool attend(pid_t volt, int signal_fd, int link, int *code)
{
	struct pollfd fds[] = {{.fd = signal_fd, .events = POLLIN}, {.fd = link}};
	bool alone = false;

	while (*code < 0) {
		if (poll(fds, 2, -1) < 0 && errno != EINTR)
			*code = complain(JAIL_RESOURCES, "cannot wait: %s", strerror(errno));
		if (fds[1].revents & (POLLHUP | POLLERR))
			_exit(JAIL_STEP);
		pass_on(volt, signal_fd);
		alone = reap(volt, code);
	}
	return alone;
}

int reaper_run(const char *program, char **argv, char **envp, int link)
{
	const struct timespec at_once = {0};
	siginfo_t info = {0};
	sigset_t set;
	int code = -1;

	reaper_signals(&set);
	sigdelset(&set, SIGCHLD);
	/* Sent before there was anybody to hand it to. */
	if (sigtimedwait(&set, &info, &at_once) > 0)
		return JAIL_SIGNAL + info.si_signo;
	sigaddset(&set, SIGCHLD);
	int signal_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (signal_fd < 0)
		return complain(JAIL_RESOURCES, "cannot take signals: %s", strerror(errno));
	pid_t volt = start(program, argv, envp);
	if (volt < 0)
		return JAIL_RESOURCES;
	if (!attend(volt, signal_fd, link, &code))
		wait_for_rest(volt, &set);
	return code;
}
