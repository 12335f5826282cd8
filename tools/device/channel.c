/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/device/channel.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

union control {
	struct cmsghdr head;
	char room[CMSG_SPACE(TABLE_MAX * sizeof(int))];
};

void channel_break(struct channel *c, const char *why)
{
	if (c->gone)
		return;
	c->gone = true;
	c->why = why;
}

void channel_done(struct channel *c)
{
	for (unsigned i = 0; i < c->fd_count; i++)
		close(c->fds[i]);
	c->fd_count = 0;
	c->have = 0;
}

static void keep_file(struct channel *c, int fd)
{
	if (c->fd_count < TABLE_MAX) {
		c->fds[c->fd_count++] = fd;
		return;
	}
	close(fd);
	channel_break(c, "a message has more files than any may have");
}

static void take_files(struct channel *c, struct msghdr *got)
{
	for (struct cmsghdr *h = CMSG_FIRSTHDR(got); h; h = CMSG_NXTHDR(got, h)) {
		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		const size_t count = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		for (size_t i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(h) + i * sizeof(fd), sizeof(fd));
			keep_file(c, fd);
		}
	}
	if (got->msg_flags & MSG_CTRUNC)
		channel_break(c, "a message has more files than any may have");
}

static void see_end(struct channel *c, ssize_t n)
{
	if (n < 0 && errno != ECONNRESET) {
		if (errno != EAGAIN && errno != EINTR)
			channel_break(c, "its socket cannot be read");
		return;
	}
	channel_break(c, c->have ? "its last message is incomplete" : NULL);
}

/* At most `n` bytes. False: there are none for now. */
static bool take(struct channel *c, size_t n)
{
	union control control;
	struct iovec bytes = {(uint8_t *)&c->m + c->have, n};
	struct msghdr msg = {.msg_iov = &bytes,
	    .msg_iovlen = 1,
	    .msg_control = control.room,
	    .msg_controllen = sizeof(control.room)};
	const ssize_t got = recvmsg(c->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	if (got <= 0) {
		see_end(c, got);
		return false;
	}
	take_files(c, &msg);
	c->have += (size_t)got;
	return !c->gone;
}

static bool has_header(struct channel *c)
{
	while (c->have < HEADER_SIZE)
		if (!take(c, HEADER_SIZE - c->have))
			return false;
	return true;
}

static bool is_sound(struct channel *c)
{
	if ((c->m.flags & ~FLAG_NEED_REPLY) != FLAG_VERSION)
		channel_break(c, "a message has flags that no request has");
	else if (c->m.size > PAYLOAD_MAX)
		channel_break(c, "a message is longer than any may be");
	return !c->gone;
}

bool channel_receive(struct channel *c)
{
	if (c->gone || !has_header(c) || !is_sound(c))
		return false;
	while (c->have < HEADER_SIZE + c->m.size)
		if (!take(c, HEADER_SIZE + c->m.size - c->have))
			return false;
	return true;
}

bool channel_answer(struct channel *c)
{
	const size_t n = HEADER_SIZE + c->m.size;

	c->m.flags = FLAG_VERSION | FLAG_REPLY;
	if (send(c->fd, &c->m, n, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)n)
		channel_break(c, "it does not take its answers");
	return !c->gone;
}
