/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * file - exact reads from a kernel or module that may change under our hands, and its
 * pages in guest memory.
 *
 * What is mapped the monitor never touches itself: where a file shrank that would end it
 * with SIGBUS. The guest's access fails instead, which ends the VM with a log line.
 */
#ifndef CORE_BOOT_FILE_H
#define CORE_BOOT_FILE_H

#include <stdbool.h>
#include <stdint.h>

struct boot_file {
	int fd;
	const char *name;
	uint64_t size; /* when it was looked at */
	bool map;      /* file_place() may map it */
	const uint8_t
	    *head; /* its first `head_size` bytes, which file_peek() need not read again */
	uint32_t head_size;
};

/* Insists on a regular file that is not empty. 0 or -errno, which is logged. */
int file_init(struct boot_file *file, int fd, const char *name);

/* All of [off, off + len) or an error: 0 or -errno, which is logged. */
int file_read(const struct boot_file *file, uint64_t off, void *to, uint64_t len);

/* The same, but it logs nothing: true if [off, off + len) lies in the file and was read. */
bool file_peek(const struct boot_file *file, uint64_t off, void *to, uint64_t len);

/* Puts [off, off + len) at `to`, guest memory that is fresh: read, or as a private mapping
 * of those pages that the file fills alone. 0 or -errno, which is logged. */
int file_place(const struct boot_file *file, uint64_t off, uint8_t *to, uint64_t len);

#endif
