/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * groups - lets a virtiofsd of an ordinary user start.
 *
 * The first that it does, before it prints its help even, is to leave its supplementary groups, and
 * it ends if it may not. Without root nobody may, nor in a user namespace with one ID
 * (user_namespaces(7)). So it hears that it has left them. They are the user's own.
 */
#ifndef TOOLS_SHARE_GROUPS_H
#define TOOLS_SHARE_GROUPS_H

/* For this process and what it becomes: setgroups(2) does nothing, and no program has more rights
 * than this one. 0, or -1 with errno. */
int groups_keep(void);

#endif
