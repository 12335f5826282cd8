/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * process_state - what the kernel holds of this process, to be compared: open files,
 * signals, identity, limits, directory, timers, children, program code.
 */
#ifndef TOOLS_PLUGIN_PROCESS_STATE_H
#define TOOLS_PLUGIN_PROCESS_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>

#define PROCESS_FILE_MAX  1024
#define PROCESS_FACT_MAX  16
#define PROCESS_CHILD_MAX 16

struct process_file {
	int fd;
	dev_t device, special;
	ino_t inode;
	mode_t mode;
};

struct process_state {
	struct process_file files[PROCESS_FILE_MAX];
	unsigned file_count;
	char facts[PROCESS_FACT_MAX][48]; /* from /proc/self/status; "" if the kernel has none */
	struct stat directory;
	struct rlimit limits[RLIMIT_NLIMITS];
	struct itimerval timers[3];
	bool posix_timers;
	char locale[128];
	int children[PROCESS_CHILD_MAX]; /* process ids */
	unsigned child_count;
};

/* 0 or -errno. */
int process_state_read(struct process_state *s);

/* The first difference, in words that follow "init": "left ..., which ...". False: none. */
bool process_state_differs(const struct process_state *before, const struct process_state *after,
    char *what, unsigned size);

#endif
