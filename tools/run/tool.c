/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/run/tool.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

void tool_set_path(void)
{
	const char *path = getenv("PATH");
	char longer[8192];

	snprintf(longer, sizeof(longer), "%s:/usr/sbin:/sbin",
	    path && *path ? path : "/usr/local/bin:/usr/bin:/bin");
	setenv("PATH", longer, 1);
}

bool tool_is_there(const char *name)
{
	const char *at = getenv("PATH");
	char path[4096];

	while (at && *at) {
		const int n = (int)strcspn(at, ":");

		snprintf(path, sizeof(path), "%.*s/%s", n, at, name);
		if (n > 0 && access(path, X_OK) == 0)
			return true;
		at += n + (at[n] == ':');
	}
	return false;
}

/* Never returns. `parent`: it dies with that one; 0: it does not. The errno of a failed exec goes
 * through `report`, which a good one closes. */
static void become(const char *const argv[], const int fds[3], int report, pid_t parent)
{
	sigset_t none;

	if (parent) {
		setpgid(0, 0); /* Ctrl-C is for the one that was typed */
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
	}
	for (int i = 0; i < 3; i++)
		dup2(fds[i], i);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	signal(SIGPIPE, SIG_DFL);
	execvp(argv[0], (char *const *)(uintptr_t)argv);
	const int why = errno;
	if (write(report, &why, sizeof(why)) < 0)
		_exit(1);
	_exit(127);
}

/* `bound`: it dies with this process, and signals of the terminal are not its own. */
static pid_t start(const char *const argv[], int out, int err, bool bound)
{
	const pid_t parent = bound ? getpid() : 0;
	int report[2], why = 0;
	const int in = open("/dev/null", O_RDONLY | O_CLOEXEC);
	const int fds[3] = {in, out, err};

	if (in < 0)
		return -errno;
	if (pipe2(report, O_CLOEXEC) != 0) {
		why = errno;
		close(in);
		return -why;
	}
	const pid_t pid = fork();
	if (pid == 0)
		become(argv, fds, report[1], parent);
	const int failed = pid < 0 ? errno : 0;
	close(in);
	close(report[1]);
	if (pid > 0 && read(report[0], &why, sizeof(why)) == sizeof(why))
		waitpid(pid, NULL, 0);
	close(report[0]);
	return failed ? -failed : why ? -why : pid;
}

pid_t tool_start(const char *const argv[], int out)
{
	return start(argv, out, out, true);
}

static void read_end(int fd, char text[TOOL_TEXT])
{
	const off_t size = lseek(fd, 0, SEEK_END);
	const ssize_t n =
	    pread(fd, text, TOOL_TEXT - 1, size < TOOL_TEXT ? 0 : size - (TOOL_TEXT - 1));
	size_t len = n > 0 ? (size_t)n : 0;

	while (len > 0 && text[len - 1] == '\n')
		len--;
	text[len] = '\0';
}

static int wait_for(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int tool_run(struct tool_result *r, const char *const argv[], bool loud)
{
	const int out = memfd_create("output", MFD_CLOEXEC);
	const int err = memfd_create("errors", MFD_CLOEXEC);

	*r = (struct tool_result){.out = ""};
	pid_t pid = out < 0 || err < 0 ? -errno
				       : start(argv, loud ? STDERR_FILENO : out,
					     loud ? STDERR_FILENO : err, !loud);
	const int status = pid < 0 ? (int)pid : wait_for(pid);
	if (out >= 0) {
		read_end(out, r->out);
		close(out);
	}
	if (err >= 0) {
		read_end(err, r->said);
		close(err);
	}
	return status;
}

const char *tool_last_line(const char *text)
{
	const char *line = strrchr(text, '\n');

	return line ? line + 1 : text;
}

const char *tool_reason(const struct tool_result *r, int err)
{
	if (err == -ENOENT)
		return "it is not installed";
	if (err < 0)
		return strerror(-err);
	return r->said[0]  ? tool_last_line(r->said)
	       : r->out[0] ? tool_last_line(r->out)
			   : "it failed";
}
