/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * open_files - which file descriptors this process has.
 *
 * From Linux 6.2 on the size of /proc/self/fd is their number (proc(5)). As most are low, to
 * try one number after the other until all are found then takes a tenth of what it takes to
 * list the folder, which makes an inode for each.
 */
#ifndef CORE_OPEN_FILES_H
#define CORE_OPEN_FILES_H

#include <stdbool.h>
#include <stdint.h>

/* Calls `see` for each number that may be open, upwards; it says whether it is.
 * 0, or -errno if the folder has to be listed and cannot. */
int open_files_each(bool (*see)(void *arg, int fd), void *arg);

/* How many there are. `folder` is an fd of /proc/self/fd, which may have been
 * closed, or -1. 0, or -errno if the folder has to be listed and cannot. */
int open_files_count(int folder, uint64_t *count);

/* Gives a descriptor the free number `want`. 0; or -errno, and it is closed. */
int open_files_move(int fd, int want);

/* At least 2. What cannot be listed counts as closed. */
uint32_t open_files_highest(void);

/* Closes [first, last]; where close_range(2) is refused, one by one. 0, or -errno if it is and the
 * open ones cannot be listed. */
int open_files_close(uint32_t first, uint32_t last);

/* What to add to EACCES for root, whose capabilities the early filter took; else "". */
const char *open_files_hint(int err);

#endif
