/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * privileges - what a process may do, taken away for good.
 */
#ifndef JAIL_PRIVILEGES_H
#define JAIL_PRIVILEGES_H

#include <sys/types.h>

#include "jail/options.h"

/* What the caller left behind: descriptors but 0-2, which exist afterwards, signal
 * dispositions and mask, umask. */
int privileges_clean_inheritance(void);

/* --nofile, --fsize, and no core files. */
int privileges_limit(const struct options *o);

/* First half: no groups, no capability in the bounding set, root's uid means nothing. In a user
 * namespace this comes after its maps are written. */
int privileges_renounce(void);

/* Second half: the user, no capability, no_new_privs, not dumpable, no keyring. Then reads all
 * of it back and refuses if anything is left. */
int privileges_drop(uid_t uid, gid_t gid);

#endif
