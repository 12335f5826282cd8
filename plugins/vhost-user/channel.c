/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * channel - messages to the back end, and its answers.
 *
 * The back end may be hostile: an answer must be whole, in time, and of the request's kind and
 * size. Anything else ends the connection. Descriptors that come with an answer never get into this
 * process: they are received without room for them, so that the kernel drops them.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "vhost.h"

bool vhost_lose(struct vhost *s, const char *fmt, ...)
{
	va_list ap;

	if (!s->alive)
		return false;
	va_start(ap, fmt);
	vsnprintf(s->why, sizeof(s->why), fmt, ap);
	va_end(ap);
	s->alive = false;
	memset(s->started, 0, sizeof(s->started));
	volt_count(s->v.h, COUNT_LOST, 1);
	shutdown(s->fd, SHUT_RDWR);
	return false;
}

static bool send_message(
    struct vhost *s, const struct vhost_message *m, const int *fds, unsigned count)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(REGIONS_MAX * sizeof(int))];
	} control = {.room = {0}};
	const size_t n = HEADER_SIZE + m->size;
	struct iovec iov = {(void *)(uintptr_t)m, n};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (count > 0) {
		control.head = (struct cmsghdr){.cmsg_len = CMSG_LEN(count * sizeof(int)),
		    .cmsg_level = SOL_SOCKET,
		    .cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(&control.head), fds, count * sizeof(int));
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(count * sizeof(int));
	}
	if (!s->alive)
		return false;
	if (s->loop->now(s->v.h) > s->limit_ns)
		return vhost_lose(s, "it takes too long to answer");
	const ssize_t sent = sendmsg(s->fd, &msg, MSG_NOSIGNAL);

	if (sent == (ssize_t)n) {
		volt_count(s->v.h, COUNT_MESSAGES, 1);
		return true;
	}
	return vhost_lose(s, "it takes no message: %s",
	    sent >= 0 || errno == EAGAIN ? "its socket is full" : strerror(errno));
}

/* Within the time that the socket allows. */
static bool receive(struct vhost *s, uint32_t request, void *to, size_t n)
{
	const ssize_t got = recvfrom(s->fd, to, n, MSG_WAITALL, NULL, NULL);

	if (got == (ssize_t)n)
		return true;
	if (got == 0)
		return vhost_lose(s, "it ended the connection");
	if (got > 0)
		return vhost_lose(s, "its answer to message %u is incomplete", request);
	return vhost_lose(s, errno == EAGAIN ? "it does not answer message %u" : "message %u: %s",
	    request, strerror(errno));
}

/* Of `size` bytes, or, if it may refuse, of none. */
static bool receive_answer(
    struct vhost *s, struct vhost_message *m, uint32_t request, uint32_t size, bool may_refuse)
{
	memset(m, 0, HEADER_SIZE);
	if (!receive(s, request, m, HEADER_SIZE))
		return false;
	if (m->request != request)
		return vhost_lose(
		    s, "it answers message %u, and was asked %u", m->request, request);
	if ((m->flags & ~FLAG_NEED_REPLY) != (FLAG_VERSION | FLAG_REPLY))
		return vhost_lose(s, "its answer to message %u has flags 0x%x", request, m->flags);
	if (m->size == 0 && may_refuse)
		return true;
	if (m->size != size)
		return vhost_lose(
		    s, "its answer to message %u has %u bytes, not %u", request, m->size, size);
	return receive(s, request, &m->body, size);
}

bool vhost_get(struct vhost *s, uint32_t request, uint64_t *value)
{
	struct vhost_message m = {.request = request, .flags = FLAG_VERSION};

	if (!send_message(s, &m, NULL, 0) ||
	    !receive_answer(s, &m, request, sizeof(m.body.u64), false))
		return false;
	*value = m.body.u64;
	return true;
}

bool vhost_ask(struct vhost *s, struct vhost_message *m, uint32_t request, uint32_t size)
{
	m->request = request;
	m->flags = FLAG_VERSION;
	m->size = size;
	return send_message(s, m, NULL, 0) && receive_answer(s, m, request, size, true);
}

bool vhost_set(struct vhost *s, struct vhost_message *m, uint32_t request, uint32_t size,
    const int *fds, unsigned count)
{
	const bool acknowledged = s->protocol & PROTOCOL_REPLY_ACK;

	m->request = request;
	m->flags = FLAG_VERSION | (acknowledged ? FLAG_NEED_REPLY : 0);
	m->size = size;
	if (!send_message(s, m, fds, count))
		return false;
	if (!acknowledged)
		return true;
	if (!receive_answer(s, m, request, sizeof(m->body.u64), false))
		return false;
	return m->body.u64 == 0 || vhost_lose(s, "it refuses message %u", request);
}

void vhost_listen(struct vhost *s)
{
	uint8_t byte;

	if (!s->alive)
		return;
	const ssize_t n = recvfrom(s->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT, NULL, NULL);

	if (n == 0)
		vhost_lose(s, "it ended the connection");
	else if (n > 0)
		vhost_lose(s, "it sent something that nobody asked for");
	else if (errno != EAGAIN && errno != EINTR)
		vhost_lose(s, "its connection failed: %s", strerror(errno));
}
