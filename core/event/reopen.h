/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * reopen - a file description of our own for something inherited.
 */
#ifndef CORE_REOPEN_H
#define CORE_REOPEN_H

/* Opens what descriptor `fd` (0, 1 or 2) stands for once more, not blocking, so that the
 * parent's is left as it is. `mode` is O_RDONLY or O_WRONLY. What cannot be reopened (a
 * socket, another user's terminal) is duplicated, and the helper charged to restore its
 * flags. A regular file, which never blocks, is only duplicated: where it stands is shared
 * with the parent. The new descriptor, or -1 with errno. */
int reopen_nonblocking(int fd, int mode);

#endif
