/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * root - a file system for the jail, in its own mount namespace: a small tmpfs that is read-only
 * once it is furnished, with /dev (kvm and null), /proc (of the jail's processes only) and the
 * entries. Then it becomes the root and the old one is let go of. Nothing is written to the
 * host's file systems, and no folder of the host is needed or left behind.
 */
#ifndef JAIL_ROOT_H
#define JAIL_ROOT_H

#include "jail/entries.h"
#include "jail/options.h"

struct root {
	int fd, dev_fd;
};

/* Cuts the namespace's mounts off from the host's: nothing done here shows there. */
int root_detach(void);

/* Mounts and furnishes the new root over --chroot-base. `cwd` is made in it. */
int root_build(struct root *r, const struct options *o, struct entries *es, const char *cwd);

/* Makes it the root, freezes it and goes to `cwd`. */
int root_enter(struct root *r, const char *cwd);

#endif
