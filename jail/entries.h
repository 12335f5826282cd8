/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * entries - the list of what the jail's root will show: each a file or folder of the host, the
 * name it has inside and how it may be used. The list is made first, from the command line and
 * from volt's needs, then opened, then mounted.
 */
#ifndef JAIL_ENTRIES_H
#define JAIL_ENTRIES_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#define ENTRIES_MAX 256

#define ENTRY_WRITE  1u /* else read-only */
#define ENTRY_EXEC   2u /* else noexec */
#define ENTRY_CREATE 4u /* a log, which volt would create if it is not there; only written */

struct entry {
	char *host, *guest; /* absolute and normalised; owned */
	const char *what;   /* who asked, for messages: "--kernel" */
	unsigned flags;
	int code; /* exit code if it cannot be used */
	bool folder;
	int tree; /* once opened: a detached mount of it */
};

struct entries {
	struct entry list[ENTRIES_MAX];
	uint32_t count;
};

/* `guest` NULL: the same name inside. Relative names start at the current directory. */
int entries_add(struct entries *es, const char *what, int code, const char *host, const char *guest,
    unsigned flags);

/*
 * Orders the list so that a folder comes before what lies in it, and makes one of entries with
 * the same names. Two host files under one name are refused.
 */
int entries_order(struct entries *es);

/* Opens each entry, by which it is fixed, and makes a mount of it with its attributes. Creates
 * a missing ENTRY_CREATE file for this user. Needs a mount namespace of our own. */
int entries_open(struct entries *es, uid_t uid, gid_t gid);

/* Run as the jail's user, inside: refuses an entry that the user may not use as it should. */
int entries_check(const struct entries *es, uid_t uid);

#endif
