/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/run/place.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#define PREFIX       "volt-run-"
#define CHILDREN_MAX 8
#define TRIES        100

enum { NOTE_CHILD, NOTE_TERMINAL };

struct note {
	int kind, value;
};

/* ------------------------------------------------------------------- the folder */

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *at)
{
	remove(path);
	return 0;
}

static void remove_folder(const char *path)
{
	nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT);
}

static const char *parent_folder(void)
{
	const char *named = getenv("TMPDIR");

	return named && named[0] == '/' ? named : "/tmp";
}

static int lock_folder(const char *path)
{
	const int fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) != 0 || st.st_uid != geteuid() || flock(fd, LOCK_EX | LOCK_NB) != 0) {
		close(fd);
		return -EBUSY;
	}
	return fd;
}

/* Those of runs that died together with their helper. */
static void sweep(const char *parent)
{
	char path[PATH_MAX];
	struct dirent *e;
	DIR *d = opendir(parent);

	while (d && (e = readdir(d))) {
		if (strncmp(e->d_name, PREFIX, strlen(PREFIX)) != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", parent, e->d_name);
		const int lock = lock_folder(path);
		if (lock < 0)
			continue;
		remove_folder(path);
		close(lock);
	}
	if (d)
		closedir(d);
}

/* Between its making and its lock another run may take it for one that was left. */
static int make_folder(struct place *p, const char *parent)
{
	struct stat named, locked;

	for (int i = 0; i < TRIES; i++) {
		const int n = snprintf(p->path, sizeof(p->path), "%s/" PREFIX "XXXXXX", parent);
		if (n < 0 || (size_t)n >= sizeof(p->path))
			return -ENAMETOOLONG;
		if (!mkdtemp(p->path))
			return -errno;
		p->lock = lock_folder(p->path);
		if (p->lock < 0)
			continue;
		if (stat(p->path, &named) == 0 && fstat(p->lock, &locked) == 0 &&
		    named.st_ino == locked.st_ino)
			return 0;
		close(p->lock);
	}
	return -EBUSY;
}

/* ------------------------------------------------------------------- the helper */

struct helper {
	int children[CHILDREN_MAX], count; /* pidfds: a number may be another's by then */
	bool has_terminal, changed;
	struct termios terminal;
};

static void take_note(struct helper *k, const struct note *note)
{
	if (note->kind == NOTE_TERMINAL) {
		k->changed = note->value;
		return;
	}
	const int fd = (int)syscall(SYS_pidfd_open, note->value, 0);

	if (fd >= 0 && k->count < CHILDREN_MAX)
		k->children[k->count++] = fd;
}

static void wait_for_end(int pidfd)
{
	struct pollfd end = {.fd = pidfd, .events = POLLIN};

	syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0);
	poll(&end, 1, 10000);
}

/* No signal reaches it, neither a terminal's nor a shell's. */
static void keep(const struct place *p, int line, struct helper *k)
{
	struct note note;
	ssize_t n;

	setsid();
	prctl(PR_SET_NAME, "volt-run-helper");
	/* Whoever waits for the end of these streams does not wait for this process. */
	if (!k->has_terminal)
		close(STDIN_FILENO);
	close(STDOUT_FILENO);
	close(STDERR_FILENO);
	while ((n = read(line, &note, sizeof(note))) > 0 || (n < 0 && errno == EINTR))
		if (n == sizeof(note))
			take_note(k, &note);
	for (int i = 0; i < k->count; i++)
		wait_for_end(k->children[i]);
	if (k->has_terminal && k->changed)
		tcsetattr(STDIN_FILENO, TCSANOW, &k->terminal);
	remove_folder(p->path);
	_exit(0);
}

/* All that the helper must have, it has from its first moment on: it may run much later. */
static pid_t start_helper(const struct place *p, const int line[2])
{
	struct helper k = {.has_terminal = tcgetattr(STDIN_FILENO, &k.terminal) == 0};
	sigset_t all, before;

	sigfillset(&all);
	sigprocmask(SIG_SETMASK, &all, &before);
	const pid_t pid = fork();
	if (pid == 0) {
		close(line[1]);
		keep(p, line[0], &k);
	}
	const int err = errno;
	sigprocmask(SIG_SETMASK, &before, NULL);
	errno = err;
	return pid;
}

int place_open(struct place *p, const char *parent)
{
	int line[2];

	parent = parent ? parent : parent_folder();
	sweep(parent);
	const int err = make_folder(p, parent);
	if (err)
		return err;
	if (pipe2(line, O_CLOEXEC) != 0 || (p->helper = start_helper(p, line)) < 0) {
		const int why = errno;
		remove_folder(p->path);
		return -why;
	}
	close(line[0]);
	p->line = line[1];
	return 0;
}

static void tell(struct place *p, int kind, int value)
{
	const struct note note = {kind, value};

	if (write(p->line, &note, sizeof(note)) != sizeof(note))
		return; /* somebody killed the helper: place_close() does its work */
}

void place_note_child(struct place *p, pid_t pid)
{
	tell(p, NOTE_CHILD, pid);
}

void place_note_terminal(struct place *p, int changed)
{
	tell(p, NOTE_TERMINAL, changed);
}

void place_close(struct place *p)
{
	int status;

	close(p->line);
	while (waitpid(p->helper, &status, 0) < 0 && errno == EINTR)
		continue;
	if (status != 0)
		remove_folder(p->path);
	close(p->lock);
}
