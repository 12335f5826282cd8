/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "jail/namespaces.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "jail/say.h"

#define HOST_NAME "volt-jail"

pid_t namespaces_fork(int cgroup_fd)
{
	struct clone_args args = {
	    .flags = CLONE_NEWNS | CLONE_NEWNET | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS,
	    .exit_signal = SIGCHLD,
	};

	if (cgroup_fd >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (unsigned)cgroup_fd;
	}
	pid_t child = (pid_t)syscall(SYS_clone3, &args, sizeof(args));
	if (child < 0) {
		int err = errno;

		complain(JAIL_STEP, "cannot make namespaces: %s%s", strerror(err),
		    err == EINVAL   ? " (does this kernel have all of them?)"
		    : err == ENOSPC ? " (see /proc/sys/user/max_*_namespaces)"
		    : err == EPERM  ? " (CAP_SYS_ADMIN is needed)"
				    : "");
	}
	return child;
}

int namespaces_finish(void)
{
	if (unshare(CLONE_NEWCGROUP) != 0)
		return complain(JAIL_STEP, "cannot make a cgroup namespace: %s", strerror(errno));
	if (sethostname(HOST_NAME, strlen(HOST_NAME)) != 0 || setdomainname("", 0) != 0)
		return complain(JAIL_STEP, "cannot set the host name: %s", strerror(errno));
	return 0;
}

int namespaces_enter_user(int link)
{
	char byte = 'u';

	if (unshare(CLONE_NEWUSER) != 0)
		return complain(JAIL_STEP, "--user-namespace: cannot make one: %s%s",
		    strerror(errno),
		    errno == ENOSPC ? " (see /proc/sys/user/max_user_namespaces)" : "");
	if (send(link, &byte, 1, MSG_NOSIGNAL) != 1 || recv(link, &byte, 1, 0) != 1)
		return JAIL_STEP; /* the parent printed why, or has ended */
	return 0;
}

static int write_map(pid_t child, const char *file, uint32_t id)
{
	char path[64], text[64];

	/* Root must be mapped too: volt trusts plugins that root owns. Nobody
	 * inside can become root, as there is no capability to do it with. */
	int len = snprintf(text, sizeof(text), "0 0 1\n%u %u 1\n", id, id);
	snprintf(path, sizeof(path), "/proc/%d/%s", (int)child, file);
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n = fd >= 0 ? write(fd, text, (size_t)len) : -1;
	int err = errno;
	if (fd >= 0)
		close(fd);
	if (n != len)
		return complain(JAIL_STEP, "--user-namespace: %s: %s", path, strerror(err));
	return 0;
}

int namespaces_serve_user(int link, pid_t child, const struct options *o)
{
	char byte;

	if (recv(link, &byte, 1, 0) != 1)
		return 0; /* the parent failed first, and printed why */
	int code = write_map(child, "uid_map", o->uid);
	if (code == 0)
		code = write_map(child, "gid_map", o->gid);
	if (code == 0 && send(link, &byte, 1, MSG_NOSIGNAL) != 1)
		return 0;
	return code;
}
