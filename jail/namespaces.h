/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * namespaces - a process with its own mounts, network (a loopback interface that is down),
 * processes, IPC, host name, cgroup root and, if asked for, users.
 */
#ifndef JAIL_NAMESPACES_H
#define JAIL_NAMESPACES_H

#include <sys/types.h>

#include "jail/options.h"

/* As fork(2), but the child is process 1 of new namespaces, and is in the cgroup of the fd
 * unless that is -1. A negative result: failed, and said. */
pid_t namespaces_fork(int cgroup_fd);

/* In the child, as root: the cgroup namespace, whose root is where it is now, and the name. */
int namespaces_finish(void);

/*
 * In the child, last of what root does: a user namespace. `link` is a socket to the parent,
 * which has to answer with namespaces_serve_user(): the maps are written from outside.
 */
int namespaces_enter_user(int link);
int namespaces_serve_user(int link, pid_t child, const struct options *o);

#endif
