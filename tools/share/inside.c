/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/share/groups.h"
#include "tools/share/share.h"

__attribute__((format(printf, 2, 3), noreturn)) static void fail(
    const struct inside *in, const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (write(in->report, text, strlen(text)) < 0)
		_exit(1);
	_exit(0); /* it is told already */
}

/* ---------------------------------------------------------------------- mounts */

/* A copy of the folder's mounts, those below it too. Who has left the rights of process 1 cannot
 * make it writable again. */
static void mount_folder(const struct inside *in)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
					      (in->share->spec.read_only ? MOUNT_ATTR_RDONLY : 0)};

	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0)
		fail(in, "cannot make its mounts private: %s", strerror(errno));
	const int tree = open_tree(
	    AT_FDCWD, in->share->folder, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE);
	if (tree < 0)
		fail(in, "cannot be mounted: %s", strerror(errno));
	if (mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr, sizeof(attr)) != 0)
		fail(in, "cannot be mounted %s: %s",
		    in->share->spec.read_only ? "read-only" : "without set-user-ID",
		    strerror(errno));
	if (move_mount(tree, "", AT_FDCWD, INSIDE_FOLDER, MOVE_MOUNT_F_EMPTY_PATH) != 0)
		fail(in, "cannot be mounted on " INSIDE_FOLDER ": %s", strerror(errno));
	close(tree);
}

/* In a container that hides parts of its own it is refused: then the outer one stays. */
static void mount_proc(void)
{
	if (mount("proc", "/proc", "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) != 0)
		errno = 0;
}

/* ---------------------------------------------------------------------- virtiofsd */

static void raise_limit(void)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

static void place_files(struct inside *in)
{
	const int null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	const int socket = fcntl(in->share->listener, F_DUPFD_CLOEXEC, 10);
	const int report = fcntl(in->report, F_DUPFD_CLOEXEC, 10);

	if (null < 0 || socket < 0 || report < 0)
		fail(in, "cannot place its files: %s", strerror(errno));
	dup2(null, STDIN_FILENO);
	dup2(in->words, STDOUT_FILENO);
	dup2(in->words, STDERR_FILENO);
	dup2(socket, BACKEND_FD);
	close_range(4, UINT_MAX, CLOSE_RANGE_CLOEXEC);
	in->report = report;
}

/* Who stops a service signals all its processes: the guest still needs its files then. */
static void be_deaf(void)
{
	signal(SIGHUP, SIG_IGN);
	signal(SIGINT, SIG_IGN);
	signal(SIGTERM, SIG_IGN);
}

__attribute__((noreturn)) static void become(struct inside *in)
{
	const char *words[BACKEND_WORDS], *path = getenv("PATH");
	char room[4096];
	char *env[2] = {path ? room : NULL, NULL};

	snprintf(room, sizeof(room), "PATH=%s", path ? path : "");
	place_files(in);
	raise_limit();
	be_deaf();
	backend_words(in->backend, INSIDE_FOLDER, in->share->spec.read_only, words);
	if (chdir("/") != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    (in->share->mapped && groups_keep() != 0))
		fail(in, "cannot confine virtiofsd: %s", strerror(errno));
	execve(words[0], (char *const *)(uintptr_t)words, env);
	fail(in, "%s: cannot be started: %s", words[0], strerror(errno));
}

/* ---------------------------------------------------------------------- process 1 */

/* The last line of what virtiofsd says: it has words for its good end too. */
static void listen(int fd, char *line, size_t size)
{
	char text[512];
	size_t used = 0;
	bool fresh = true;
	ssize_t n;

	line[0] = '\0';
	while ((n = read(fd, text, sizeof(text))) > 0 || (n < 0 && errno == EINTR))
		for (ssize_t i = 0; i < n; i++) {
			used = fresh ? 0 : used;
			fresh = text[i] == '\n';
			if (!fresh && used < size - 1)
				line[used++] = text[i] < ' ' || text[i] == 0x7f ? '?' : text[i];
			line[used] = '\0';
		}
}

static void tell_end(const struct inside *in, int status, const char *line)
{
	const bool killed = WIFSIGNALED(status);

	if (killed || WEXITSTATUS(status) != 0)
		share_say(in->share, 0, "its virtiofsd %s %d%s%s",
		    killed ? "was killed by signal" : "ended with status",
		    killed ? WTERMSIG(status) : WEXITSTATUS(status), *line ? ": " : "", line);
}

static void wait_for(const struct inside *in, pid_t child, int words)
{
	char line[512];
	int status;

	listen(words, line, sizeof(line));
	for (;;) {
		const pid_t pid = waitpid(-1, &status, 0);

		if (pid == child)
			break;
		if (pid < 0 && errno != EINTR)
			return;
	}
	tell_end(in, status, line);
}

void inside_run(const struct inside *in)
{
	static struct inside own;
	int words[2];
	char byte;

	own = *in;
	prctl(PR_SET_PDEATHSIG, SIGKILL); /* and all of its namespace with it */
	if (read(own.go, &byte, 1) != 1)
		_exit(1);
	prctl(PR_SET_NAME, "volt-share");
	setsid(); /* the keys of a terminal are not for it */
	mount_folder(&own);
	mount_proc();
	const pid_t pid = pipe2(words, O_CLOEXEC) == 0 ? fork() : -1;
	if (pid < 0)
		fail(&own, "cannot make a process: %s", strerror(errno));
	own.words = words[1];
	if (pid == 0)
		become(&own);
	/* Whoever waits for the end of volt's output does not wait for this process. */
	dup2(words[0], STDIN_FILENO);
	close(STDOUT_FILENO);
	close_range(3, UINT_MAX, 0);
	wait_for(&own, pid, STDIN_FILENO);
	_exit(0);
}
