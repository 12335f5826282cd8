/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * channel - messages of the front end, each with the descriptors that came along, and answers.
 *
 * The front end may be hostile. A message is taken in pieces as they come, so that one that never
 * ends holds nothing up; descriptors beyond those that a message can have end the connection.
 */
#ifndef DEVICE_CHANNEL_H
#define DEVICE_CHANNEL_H

#include <stdbool.h>
#include <stddef.h>

#include "tools/device/protocol.h"

struct channel {
	int fd;             /* the socket, which does not block */
	struct message m;   /* that is being taken */
	size_t have;        /* bytes of it */
	int fds[TABLE_MAX]; /* that came along so far */
	unsigned fd_count;
	bool gone;       /* the front end has ended the connection, or broken the rules */
	const char *why; /* how; NULL: it has left between two messages */
};

/* True: c->m and its files are a whole message, which channel_done() ends. False: not yet, or the
 * channel is gone. */
bool channel_receive(struct channel *c);
/* Closes its files, and makes room for the next. */
void channel_done(struct channel *c);
/* Sends c->m, with the size that is in it, as the answer to itself. False: the channel is gone. */
bool channel_answer(struct channel *c);
/* Ends it for a reason, a few words that live for good. */
void channel_break(struct channel *c, const char *why);

#endif
