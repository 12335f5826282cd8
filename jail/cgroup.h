/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * cgroup - limits of memory, CPU and processes for all that runs in the jail together: a cgroup
 * v2 of its own, removed when the jail is empty.
 */
#ifndef JAIL_CGROUP_H
#define JAIL_CGROUP_H

#include <limits.h>

#include "jail/options.h"

struct cgroup {
	int parent_fd;
	int fd; /* to start a process in; -1: no cgroup was asked for */
	char name[32];
	char path[2 * PATH_MAX]; /* for messages */
};

/* Makes the cgroup and writes its limits. On failure nothing is left of it. */
int cgroup_make(struct cgroup *c, const struct options *o);

/* Removes it; to be called when its processes are gone. Says so if it cannot. */
void cgroup_remove(struct cgroup *c);

#endif
