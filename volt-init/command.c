/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "parts.h"
#include "text.h"

enum { ARGS_MAX = 64 };

int command_status(int wait_status)
{
	return WIFSIGNALED(wait_status) ? 128 + WTERMSIG(wait_status) : WEXITSTATUS(wait_status);
}

/* In the child: forget what init does to signals, and own the console. */
static void become_session(void)
{
	sigset_t none;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	console_take();
	if (chdir("/root"))
		chdir("/");
}

/* The console is flushed when its session's leader ends, and what a command printed last
 * would be lost. So the leader is not the command: it waits for it, lets its output leave,
 * and ends as it did. Returns only in the command's own process. */
static void lead_session(void)
{
	int status;

	become_session();
	pid_t pid = _Fork(); /* no threads, no locks: nothing for fork() to prepare */
	if (pid == 0)
		return;
	signal(SIGINT, SIG_IGN);
	signal(SIGQUIT, SIG_IGN);
	signal(SIGTSTP, SIG_IGN);
	signal(SIGTTOU, SIG_IGN); /* the console may still belong to the command's group */
	if (pid < 0)
		_exit(127);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR) {
	}
	while (tcdrain(STDOUT_FILENO) && errno == EINTR) {
	}
	if (WIFSIGNALED(status)) {
		signal(WTERMSIG(status), SIG_DFL);
		raise(WTERMSIG(status));
	}
	_exit(command_status(status));
}

pid_t command_start(const char *text, char **args)
{
	const char *argv[ARGS_MAX] = {"/bin/sh", "-c", text, "volt-init"};
	pid_t pid = _Fork();

	if (pid)
		return pid;
	lead_session();
	for (int i = 4; args && *args && i < ARGS_MAX - 1; i++)
		argv[i] = *args++;
	execv(argv[0], (char *const *)argv);
	_exit(shell_run(text));
}

pid_t command_start_shell(void)
{
	static char name[] = "-sh";
	char *const argv[] = {name, NULL};
	pid_t pid = _Fork();

	if (pid)
		return pid;
	lead_session();
	execv("/bin/sh", argv);
	_exit(shell_main(1, NULL));
}
