/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * socket - where the front end connects: it is one, and the path is gone as soon as it is there.
 */
#ifndef DEVICE_SOCKET_H
#define DEVICE_SOCKET_H

struct meeting {
	const char *path; /* or NULL: `fd` is connected already */
	int fd;
};

/* Reads "PATH" or "fd:N"; listens. 0 or -errno, which is logged. */
int meeting_open(struct meeting *m, const char *text);
/* Waits for the front end, until a signal is there to be read from `signal_fd`. Its socket, which
 * does not block; -EINTR: a signal came; another -errno, which is logged. */
int meeting_accept(struct meeting *m, int signal_fd);
/* Nobody is to come any more. Returns `code`. */
int meeting_leave(const struct meeting *m, int code);

#endif
