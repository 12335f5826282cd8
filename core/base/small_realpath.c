/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * small_realpath.c - realpath for small builds of volt (-Dsmall_libc=true), in place of the
 * libc's: the kernel knows the path of a file that is open.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *realpath(const char *restrict path, char *restrict to)
{
	char link[32], whole[PATH_MAX];
	int fd = open(path, O_PATH | O_CLOEXEC);

	if (fd < 0)
		return NULL;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, whole, sizeof(whole) - 1);
	int err = errno;
	close(fd);
	errno = err;
	if (n < 0)
		return NULL;
	whole[n] = '\0';
	return to ? strcpy(to, whole) : strdup(whole);
}
