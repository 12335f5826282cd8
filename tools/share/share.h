/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * share - volt-share: starts a virtiofsd for each folder, and then becomes volt.
 *
 * main.c      options, and the order of things
 * backend.c   which virtiofsd there is, and how it is called
 * groups.c    what lets virtiofsd start without root
 * pair.c      the connection that virtiofsd accepts and volt inherits
 * serve.c     the process of a folder, seen from outside: its namespaces and IDs
 * inside.c    the same from inside: its mounts, virtiofsd, and the end of it
 */
#ifndef TOOLS_SHARE_SHARE_H
#define TOOLS_SHARE_SHARE_H

#include <limits.h>
#include <stdbool.h>

#include "core/vm/share_spec.h"
#include "tools/share/backend.h"

struct share {
	const char *text; /* as it was typed */
	struct share_spec spec;
	char folder[PATH_MAX]; /* its whole path, without links */
	int listener, client;  /* virtiofsd's end, and volt's */
	bool mapped;           /* it has one user ID, this user's */
};

/* "volt: error: --share DIR: " and a line, on standard error. Returns `code`. */
__attribute__((format(printf, 3, 4))) int share_say(
    const struct share *s, int code, const char *fmt, ...);

/* Connects both ends, for a virtiofsd that accepts. 0, or -errno. */
int pair_make(struct share *s);
/* Starts the process; it ends with this one, whatever program that has become. 0, or an exit code
 * of volt(1), whose reason is printed. */
int serve_start(struct share *s, const struct backend *b);

/* Where the folder is for virtiofsd, whatever its name: /sys is on every host, and virtiofsd uses
 * nothing of it. */
#define INSIDE_FOLDER "/sys"

struct inside {
	const struct share *share;
	const struct backend *backend;
	int go;     /* a byte comes when the IDs are there; its end, if the parent is gone */
	int report; /* takes the reason of a failure; closed on exec */
	int words;  /* takes what virtiofsd prints */
};

/* Process 1 of its namespaces. */
__attribute__((noreturn)) void inside_run(const struct inside *in);

#endif
