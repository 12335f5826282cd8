/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * tool - programs that exist already, which are run and not replaced.
 */
#ifndef TOOLS_RUN_TOOL_H
#define TOOLS_RUN_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define TOOL_TEXT 16384

struct tool_result {
	char out[TOOL_TEXT];  /* the end of what it printed, without the last end of line */
	char said[TOOL_TEXT]; /* the same of its errors */
};

/* Adds /usr/sbin and /sbin to PATH: a user's may lack them. */
void tool_set_path(void);

/* A program of that name is in PATH. */
bool tool_is_there(const char *name);

/* Runs it to its end, with nothing to read. 0; a status of it; -ENOENT: it is not installed; or
 * -errno. It dies with this process. `loud`: its output goes to standard error at once, and it ends
 * by itself. */
int tool_run(struct tool_result *r, const char *const argv[], bool loud);

/* Starts it and goes on: its process, or -errno. Both of its outputs go to `out`. */
pid_t tool_start(const char *const argv[], int out);

/* The reason for `err`, which tool_run() returned and which is not 0: text for a message, of the
 * result or static. */
const char *tool_reason(const struct tool_result *r, int err);

/* The part of `text` behind its last end of line. */
const char *tool_last_line(const char *text);

#endif
