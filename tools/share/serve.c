/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * The process has user, mount, process, network and IPC namespaces of its own. An ordinary user has
 * one ID in it, 0, which is the user's; root has all IDs that it has here, and no right beyond
 * files.
 */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/exitcode.h"
#include "tools/share/share.h"

#define MAP_MAX 4096

static int write_file(pid_t pid, const char *name, const char *text)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	const int fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	const int err = write(fd, text, strlen(text)) < 0 ? errno : 0;
	close(fd);
	return -err;
}

/* Each line of this process's map, FIRST PARENT COUNT, as FIRST FIRST COUNT. */
static void copy_lines(FILE *f, char *text, size_t size)
{
	char line[128], *end;
	size_t used = 0;

	while (used + sizeof(line) < size && fgets(line, sizeof(line), f)) {
		const unsigned long first = strtoul(line, &end, 10);

		strtoul(end, &end, 10);
		used += (size_t)snprintf(text + used, size - used, "%lu %lu %lu\n", first, first,
		    strtoul(end, NULL, 10));
	}
}

static int keep_ids(pid_t pid, const char *name)
{
	char path[64], text[MAP_MAX] = "";

	snprintf(path, sizeof(path), "/proc/self/%s", name);
	FILE *f = fopen(path, "re");
	if (!f)
		return -errno;
	copy_lines(f, text, sizeof(text));
	fclose(f);
	return write_file(pid, name, text);
}

static int map_one(pid_t pid, const char *name, unsigned id)
{
	char text[64];

	snprintf(text, sizeof(text), "0 %u 1\n", id);
	return write_file(pid, name, text);
}

static int set_ids(const struct share *s, pid_t pid)
{
	int err;

	if (!s->mapped) {
		err = keep_ids(pid, "uid_map");
		return err ? err : keep_ids(pid, "gid_map");
	}
	err = map_one(pid, "uid_map", geteuid());
	if (err)
		return err;
	err = write_file(pid, "setgroups", "deny");
	return err ? err : map_one(pid, "gid_map", getegid());
}

/* The first line of what it reports, or its end, which is good news. */
static int hear(const struct share *s, int report)
{
	char text[512];
	const ssize_t n = read(report, text, sizeof(text) - 1);

	if (n <= 0)
		return 0;
	text[n] = '\0';
	return share_say(s, EXIT_HOST, "%s", text);
}

static int tell_no_namespace(const struct share *s, int err)
{
	return share_say(s, EXIT_HOST,
	    "cannot make namespaces for virtiofsd: %s; the host must let users have them "
	    "(sysctl user.max_user_namespaces, kernel.unprivileged_userns_clone)",
	    strerror(err));
}

static int start(struct share *s, const struct backend *b, const int go[2], const int report[2])
{
	const unsigned long flags =
	    CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | SIGCHLD;
	const pid_t pid = (pid_t)syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);

	if (pid < 0)
		return tell_no_namespace(s, errno);
	if (pid == 0) {
		close(go[1]);
		close(report[0]);
		inside_run(
		    &(struct inside){.share = s, .backend = b, .go = go[0], .report = report[1]});
	}
	const int err = set_ids(s, pid);
	if (err)
		return tell_no_namespace(s, -err); /* it ends with the pipe */
	if (write(go[1], "", 1) != 1)
		return share_say(s, EXIT_HOST, "its process ended");
	return 0;
}

int serve_start(struct share *s, const struct backend *b)
{
	int go[2], report[2];

	s->mapped = geteuid() != 0;
	if (pipe2(go, O_CLOEXEC) != 0 || pipe2(report, O_CLOEXEC) != 0)
		return share_say(s, EXIT_RESOURCES, "%s", strerror(errno));
	int code = start(s, b, go, report);
	close(go[0]);
	close(go[1]);
	close(report[1]);
	if (!code)
		code = hear(s, report[0]);
	close(report[0]);
	close(s->listener);
	return code;
}
