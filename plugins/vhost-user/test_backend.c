/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "test_backend.h"

#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#define SILENCE_US 20000

struct backend backend;

void backend_close(void)
{
	for (unsigned i = 0; i < backend.count; i++)
		for (unsigned k = 0; k < REGIONS_MAX; k++)
			if (backend.fds[i][k] >= 0)
				close(backend.fds[i][k]);
	backend.count = 0;
}

void backend_reset(void)
{
	backend = (struct backend){
	    .fd = -1,
	    .features = ALL_RINGS | FEATURE | F_PROTOCOL_FEATURES,
	    .protocol = PROTOCOL_MQ | PROTOCOL_REPLY_ACK | PROTOCOL_CONFIG | UINT64_C(1) << 5,
	    .queues = 4,
	    .config_size = 60,
	    .extra_fd = -1,
	};
	for (unsigned i = 0; i < CONFIG_MAX; i++)
		backend.config[i] = (uint8_t)(i + 1);
}

const struct vhost_message *backend_asked(uint32_t request, const int **fds)
{
	for (unsigned i = backend.count; i-- > 0;) {
		if (backend.got[i].request != request)
			continue;
		if (fds)
			*fds = backend.fds[i];
		return &backend.got[i];
	}
	return NULL;
}

unsigned backend_times(uint32_t request)
{
	unsigned n = 0;

	for (unsigned i = 0; i < backend.count; i++)
		n += backend.got[i].request == request;
	return n;
}

/* ------------------------------------------------------------------ answering */

static void put_bytes(const void *bytes, size_t n)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.room = {0}};
	struct iovec iov = {(void *)(uintptr_t)bytes, n};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (n == 0)
		return;
	if (backend.extra_fd >= 0) {
		control.head = (struct cmsghdr){.cmsg_len = CMSG_LEN(sizeof(int)),
		    .cmsg_level = SOL_SOCKET,
		    .cmsg_type = SCM_RIGHTS};
		memcpy(CMSG_DATA(&control.head), &backend.extra_fd, sizeof(int));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control.room);
	}
	assert_int_equal(syscall(SYS_sendmsg, backend.fd, &msg, MSG_NOSIGNAL), n);
}

static uint8_t random_byte(void)
{
	if (backend.random_size == 0)
		return 0;
	backend.random_size--;
	return *backend.random++;
}

/* The honest answer with one byte changed, or anything. Where the input ends, so does the back end:
 * nobody waits. */
static void put_random(struct vhost_message *m)
{
	const uint8_t how = random_byte(), at = random_byte();
	uint8_t bytes[256];

	if (backend.random_size == 0) {
		shutdown(backend.fd, SHUT_RDWR);
		return;
	}
	if (how % 4) {
		const size_t n = HEADER_SIZE + m->size;

		if (how % 2)
			((uint8_t *)m)[at % n] = random_byte();
		put_bytes(m, n);
		return;
	}
	for (unsigned i = 0; i < at; i++)
		bytes[i] = random_byte();
	put_bytes(bytes, at);
	if (at < HEADER_SIZE) /* else the plugin would wait for the rest */
		shutdown(backend.fd, SHUT_WR);
}

static void put(struct vhost_message *m)
{
	const uint32_t size = m->size;
	size_t n = HEADER_SIZE + size;

	switch (backend.lie) {
	case OTHER_REQUEST:
		m->request++;
		break;
	case NO_REPLY_FLAG:
		m->flags = FLAG_VERSION;
		break;
	case OTHER_VERSION:
		m->flags = 2 | FLAG_REPLY;
		break;
	case TOO_LONG:
		m->size = UINT32_MAX;
		break;
	case TOO_SHORT:
		m->size = size - 1;
		break;
	case EMPTY:
		m->size = 0;
		n = HEADER_SIZE;
		break;
	case HALF_A_HEADER:
		n = HEADER_SIZE / 2;
		break;
	case HALF_A_BODY:
		n = HEADER_SIZE + size / 2;
		break;
	case TWICE:
		put_bytes(m, n);
		break;
	case REFUSED:
		m->body.u64 = 1;
		break;
	default:
		break;
	}
	put_bytes(m, n);
}

static void answer_honestly(struct vhost_message *m, uint32_t request)
{
	switch (request) {
	case GET_FEATURES:
		m->body.u64 = backend.features;
		break;
	case GET_PROTOCOL_FEATURES:
		m->body.u64 = backend.protocol;
		break;
	case GET_QUEUE_NUM:
		m->body.u64 = backend.queues;
		break;
	case GET_VRING_BASE:
		m->body.state.num = backend.base[m->body.state.index % VOLT_VIRTIO_QUEUES];
		m->body.state.index += backend.base_index;
		return;
	case GET_CONFIG:
		if (m->body.config.size > backend.config_size)
			m->size = 0;
		else
			memcpy(m->body.config.bytes, backend.config, m->body.config.size);
		return;
	default:
		m->body.u64 = 0;
	}
	m->size = sizeof(m->body.u64);
}

static bool is_question(uint32_t request)
{
	return request == GET_FEATURES || request == GET_PROTOCOL_FEATURES ||
	       request == GET_QUEUE_NUM || request == GET_VRING_BASE || request == GET_CONFIG;
}

static void answer(const struct vhost_message *asked)
{
	struct vhost_message m = *asked;
	const enum lie lie = backend.lie;

	if (!is_question(m.request) && !(m.flags & FLAG_NEED_REPLY))
		return;
	if (backend.lie_at && backend.lie_at != m.request)
		backend.lie = HONEST;
	if (backend.lie == GONE) {
		shutdown(backend.fd, SHUT_RDWR);
	} else if (backend.lie == RANDOM) {
		m.flags |= FLAG_REPLY;
		answer_honestly(&m, asked->request);
		put_random(&m);
	} else if (backend.lie != SILENT) {
		m.flags |= FLAG_REPLY;
		answer_honestly(&m, asked->request);
		put(&m);
	}
	backend.lie = lie;
}

/* What the plugin has just sent. */
static void serve(void)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(REGIONS_MAX * sizeof(int))];
	} control;
	const unsigned i = backend.count % MESSAGES;
	struct vhost_message *m = &backend.got[i];
	struct iovec iov = {m, sizeof(*m)};
	struct msghdr msg = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control.room)};

	if (backend.count == MESSAGES)
		backend_close();
	memset(m, 0, sizeof(*m));
	memset(backend.fds[backend.count], -1, sizeof(backend.fds[0]));
	const ssize_t n = recvmsg(backend.fd, &msg, MSG_CMSG_CLOEXEC);

	assert_true(n >= (ssize_t)HEADER_SIZE && (size_t)n == HEADER_SIZE + m->size);
	const struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	if (c)
		memcpy(backend.fds[backend.count], CMSG_DATA(c), c->cmsg_len - CMSG_LEN(0));
	backend.count++;
	answer(m);
}

/* ------------------------------------------------- in the place of libc's own */

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags);
int setsockopt(int fd, int level, int name, const void *value, socklen_t n);

ssize_t sendmsg(int fd, const struct msghdr *msg, int flags)
{
	const ssize_t n = syscall(SYS_sendmsg, fd, msg, flags);

	if (n > 0 && backend.fd >= 0)
		serve();
	return n;
}

int setsockopt(int fd, int level, int name, const void *value, socklen_t n)
{
	const struct timeval limit = {.tv_usec = SILENCE_US};

	if (level == SOL_SOCKET && (name == SO_RCVTIMEO || name == SO_SNDTIMEO))
		return (int)syscall(SYS_setsockopt, fd, level, name, &limit, sizeof(limit));
	return (int)syscall(SYS_setsockopt, fd, level, name, value, n);
}
