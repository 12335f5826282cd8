/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Sources: virtiofsd --help of QEMU 7.2; README of the virtiofsd in Rust, 1.13.
 */
#include "tools/share/backend.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/share/groups.h"

#define HELP_MAX 32768
#define WAIT_MS  10000

/* Besides PATH. Debian 13 and Fedora, Debian 12, Arch. */
#ifndef SHARE_PLACES
#define SHARE_PLACES "/usr/libexec:/usr/lib/qemu:/usr/lib"
#endif

static bool find_in(struct backend *b, const char *folders)
{
	while (*folders != '\0') {
		const size_t n = strcspn(folders, ":");
		const int len =
		    snprintf(b->program, sizeof(b->program), "%.*s/virtiofsd", (int)n, folders);

		if (folders[0] == '/' && len > 0 && (size_t)len < sizeof(b->program) &&
		    access(b->program, X_OK) == 0)
			return true;
		folders += n + (folders[n] == ':');
	}
	return false;
}

bool backend_find(struct backend *b)
{
	const char *path = getenv("PATH");

	return (path && find_in(b, path)) || find_in(b, SHARE_PLACES);
}

/* ---------------------------------------------------------------------- its help */

static pid_t start(const char *program, int out)
{
	const pid_t pid = fork();

	if (pid != 0)
		return pid;
	const int in = open("/dev/null", O_RDONLY);

	dup2(in, STDIN_FILENO);
	dup2(out, STDOUT_FILENO);
	dup2(out, STDERR_FILENO);
	if (geteuid() != 0 && groups_keep() != 0)
		_exit(127);
	execl(program, program, "--help", (char *)NULL);
	_exit(127);
}

static void read_all(int fd, char *text, size_t size)
{
	struct pollfd f = {.fd = fd, .events = POLLIN};
	size_t used = 0;

	while (used < size - 1 && poll(&f, 1, WAIT_MS) > 0) {
		const ssize_t n = read(fd, text + used, size - 1 - used);

		if (n <= 0)
			break;
		used += (size_t)n;
	}
	text[used] = '\0';
}

static int read_help(const char *program, char *text, size_t size)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) != 0)
		return -errno;
	const pid_t pid = start(program, ends[1]);
	const int err = pid < 0 ? errno : 0;

	close(ends[1]);
	if (!err)
		read_all(ends[0], text, size);
	close(ends[0]);
	if (pid > 0) {
		kill(pid, SIGKILL);
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			continue;
	}
	return -err;
}

int backend_ask(struct backend *b, char *why, size_t size)
{
	static char help[HELP_MAX];
	const int err = read_help(b->program, help, sizeof(help));

	b->is_rust = strstr(help, "--shared-dir") != NULL;
	b->has_readonly = strstr(help, "--readonly") != NULL;
	if (!err && (b->is_rust || strstr(help, "source=PATH")) && strstr(help, "--fd"))
		return 0;
	snprintf(why, size, "%s: is not a virtiofsd that volt knows: its --help names %s",
	    b->program, strstr(help, "--fd") ? "neither --shared-dir nor source=PATH" : "no --fd");
	return -EINVAL;
}

void backend_words(
    const struct backend *b, const char *folder, bool read_only, const char *words[BACKEND_WORDS])
{
	static char source[64];
	unsigned n = 0;

	words[n++] = b->program;
	words[n++] = "--fd=" BACKEND_FD_TEXT;
	words[n++] = "--rlimit-nofile=0"; /* to raise it needs a right that root alone has */
	if (b->is_rust) {
		words[n++] = "--shared-dir";
		words[n++] = folder;
		words[n++] = "--sandbox=chroot";
		words[n++] = "--log-level=error";
		if (read_only && b->has_readonly)
			words[n++] = "--readonly";
	} else {
		snprintf(source, sizeof(source), "source=%s,sandbox=chroot,log_level=err", folder);
		words[n++] = "-f";
		words[n++] = "-o";
		words[n++] = source;
	}
	words[n] = NULL;
}
