/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/event/reopen.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

#include "core/event/helper.h"

int reopen_nonblocking(int fd, int mode)
{
	char path[32];
	struct stat st;

	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode))
		return fcntl(fd, F_DUPFD_CLOEXEC, 3);
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	int own = open(path, mode | O_NONBLOCK | O_CLOEXEC | O_NOCTTY);
	if (own >= 0)
		return own;
	int flags = fcntl(fd, F_GETFL);
	own = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	if (own >= 0 && (flags & O_NONBLOCK) == 0) {
		helper_restore_flags(fd, flags);
		fcntl(own, F_SETFL, flags | O_NONBLOCK);
	}
	return own;
}
