/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * place - a folder for the files of one run, which ends with it, however it ends.
 *
 * A process of its own, the helper, waits for the end of this one and then kills what was noted,
 * sets the terminal back and removes the folder. The folder is locked while either lives; one that
 * is not, as after a power cut, is removed by whoever makes the next.
 */
#ifndef TOOLS_RUN_PLACE_H
#define TOOLS_RUN_PLACE_H

#include <sys/types.h>

#define PLACE_PATH         1024
#define PLACE_SOCKETS_PATH 80 /* at most, for a socket in it to have room in an address */

struct place {
	char path[PLACE_PATH];
	int lock, line; /* the folder; what leads to the helper */
	pid_t helper;
};

/* Below `parent`; NULL: $TMPDIR, or /tmp. 0, or -errno. */
int place_open(struct place *p, const char *parent);
/* A child that is to end with this process. */
void place_note_child(struct place *p, pid_t pid);
/* Whether the terminal of standard input has to be set back; it is as it should be at place_open().
 */
void place_note_terminal(struct place *p, int changed);
/* Ends the helper, and with it the folder. */
void place_close(struct place *p);

#endif
