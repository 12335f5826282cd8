/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "init.h"
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

pid_t command_start(const char *text, char **args)
{
	const char *argv[ARGS_MAX] = {"/bin/sh", "-c", text, "volt-init"};
	pid_t pid = fork();

	if (pid)
		return pid;
	become_session();
	for (int i = 4; args && *args && i < ARGS_MAX - 1; i++)
		argv[i] = *args++;
	execv(argv[0], (char *const *)argv);
	_exit(shell_run(text));
}

pid_t command_start_shell(void)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	become_session();
	execl("/bin/sh", "-sh", NULL);
	_exit(shell_main(1, NULL));
}
