/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/event/peers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include <volt/worker.h>

#include "core/base/log.h"
#include "core/event/listen.h"
#include "sdk/common/compat.h"

#define BATCH  64u        /* pieces of news of one wait */
#define BROKER UINT32_MAX /* tag of its end of the pair */

void peers_init(struct peers *p)
{
	*p = (struct peers){
	    .broker = {.listen_fd = -1, .pair_fd = -1}, .broker_fd = -1, .epoll_fd = -1};
}

/* --------------------------------------------------------------------- wiring */

static int refuse(int err, char *why, size_t size, const char *text)
{
	snprintf(why, size, "%s", text);
	return -err;
}

int peers_open(struct peers *p, struct callee *owner, const char *path, bool looks_only, char *why,
    size_t size)
{
	if (p->owner)
		return refuse(EBUSY, why, size, "the VM has such a device already");
	if (strlen(path) + PEERS_NUMBER_ROOM >= sizeof(p->broker.address.sun_path))
		return refuse(ENAMETOOLONG, why, size,
		    "the path is too long: with _PORT behind it at most 107 bytes fit");
	const int err = listen_unix(path, looks_only, &p->broker.listen_fd, why, size);

	if (err)
		return err;
	p->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (p->epoll_fd < 0)
		return refuse(errno, why, size, "cannot make an epoll");
	p->broker.address.sun_family = AF_UNIX;
	memcpy(p->broker.address.sun_path, path, strlen(path) + 1);
	p->owner = owner;
	p->looks_only = looks_only;
	return 0;
}

int peers_attach(struct peers *p, struct worker *w, uint32_t worker, uint32_t count)
{
	if (!w || count < 1 || count > VOLT_PEERS_MAX)
		return -EINVAL;
	if (p->attached)
		return -EBUSY;
	p->fds = malloc(count * sizeof(p->fds[0]));
	if (!p->fds)
		return -ENOMEM;
	for (uint32_t i = 0; i < count; i++)
		p->fds[i] = -1;
	const int err = worker_watch(w, p->epoll_fd, VOLT_WATCH_READ);

	if (err)
		return err;
	p->worker = worker;
	p->count = count;
	p->attached = true;
	return 0;
}

static int watch(const struct peers *p, int fd, uint32_t events, uint32_t tag)
{
	struct epoll_event e = {.events = events | EPOLLET, .data.u32 = tag};

	return epoll_ctl(p->epoll_fd, EPOLL_CTL_ADD, fd, &e) ? -errno : 0;
}

int peers_wire(struct peers *p)
{
	int pair[2];

	if (!p->attached)
		return 0;
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return log_host_error(errno, "cannot make a socket pair: %s", strerror(errno));
	p->broker_fd = pair[0];
	p->broker.pair_fd = pair[1];
	const int err = watch(p, p->broker_fd, EPOLLIN, BROKER);

	return err ? log_host_error(-err, "cannot watch the broker: %s", strerror(-err)) : 0;
}

int peers_start(struct peers *p, int (*confine)(void *arg), void *arg)
{
	if (!p->attached)
		return 0;
	const pid_t child = p->looks_only ? 1 : _Fork(); /* no handler of fork() has to run */

	if (child < 0)
		return log_host_error(
		    errno, "cannot start the process that connects: %s", strerror(errno));
	if (child == 0)
		broker_run(&p->broker, confine, arg);
	close(p->broker.pair_fd);
	close(p->broker.listen_fd);
	p->broker.pair_fd = p->broker.listen_fd = -1;
	return 0;
}

/* ----------------------------------------------------------------------- news */

static bool is_peer(const struct peers *p, uint32_t peer)
{
	return peer < p->count && p->fds[peer] >= 0;
}

static uint32_t free_number(const struct peers *p)
{
	uint32_t n = 0;

	while (n < p->count && p->fds[n] >= 0)
		n++;
	return n;
}

/* The new peer's number, or -errno; then the descriptor is closed. */
static int64_t take_in(struct peers *p, int fd)
{
	const uint32_t n = free_number(p);

	if (fd < 0)
		return -EMFILE;
	const int err = n < p->count ? watch(p, fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP, n) : -EMFILE;
	if (err) {
		close(fd);
		return err;
	}
	p->fds[n] = fd;
	return n;
}

/* The descriptor that came along, or -1. */
static int passed_file(struct msghdr *message)
{
	const struct cmsghdr *c = CMSG_FIRSTHDR(message);
	int fd;

	if (!c || c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS ||
	    c->cmsg_len != CMSG_LEN(sizeof(fd)))
		return -1;
	memcpy(&fd, CMSG_DATA(c), sizeof(fd));
	return fd;
}

/* False: there is none. */
static bool read_message(struct peers *p, struct broker_message *m, int *fd)
{
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec bytes = {m, sizeof(*m)};
	struct msghdr message = {.msg_iov = &bytes,
	    .msg_iovlen = 1,
	    .msg_control = control.room,
	    .msg_controllen = sizeof(control.room)};
	const ssize_t n = recvmsg(p->broker_fd, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);

	p->more = n > 0 || (n < 0 && errno == EINTR);
	if (n == 0)
		log_warn("%s: the process volt-broker has ended: there will be no new connections",
		    p->owner->id);
	if (n <= 0)
		return false;
	*fd = passed_file(&message);
	return n == (ssize_t)sizeof(*m);
}

static uint32_t take_messages(struct peers *p, struct volt_peer_news *news, uint32_t count)
{
	struct broker_message m;
	uint32_t n = 0;
	int fd;

	while (n < count && p->more) {
		if (!read_message(p, &m, &fd))
			continue;
		const bool answered = m.what == VOLT_PEER_ANSWERED;
		const int64_t peer = answered && m.err ? m.err : take_in(p, fd);

		if (!answered && peer < 0)
			continue; /* turned away */
		news[n++] = (struct volt_peer_news){.what = m.what,
		    .peer = peer < 0 ? 0 : (uint32_t)peer,
		    .err = peer < 0 ? (int32_t)peer : 0,
		    .ticket = m.ticket};
	}
	return n;
}

static uint32_t readiness(uint32_t events)
{
	uint32_t ready = 0;

	if (events & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		ready |= VOLT_PEER_READ;
	if (events & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		ready |= VOLT_PEER_WRITE;
	if (events & (EPOLLHUP | EPOLLERR))
		ready |= VOLT_PEER_GONE;
	return ready;
}

static uint32_t take_events(struct peers *p, struct volt_peer_news *news, uint32_t count)
{
	static const struct timespec at_once;
	struct epoll_event events[BATCH];
	uint32_t n = 0;
	const long got = syscall(SYS_epoll_pwait2, p->epoll_fd, events,
	    (int)(count < BATCH ? count : BATCH), &at_once, NULL, 0);

	for (long i = 0; i < got; i++) {
		if (events[i].data.u32 == BROKER)
			p->more = true;
		else if (is_peer(p, events[i].data.u32))
			news[n++] = (struct volt_peer_news){.what = VOLT_PEER_READY,
			    .peer = events[i].data.u32,
			    .ready = readiness(events[i].events)};
	}
	return n;
}

uint32_t peers_next(struct peers *p, struct volt_peer_news *news, uint32_t count)
{
	uint32_t n = count ? take_events(p, news, count) : 0;

	n += take_messages(p, news + n, count - n);
	return n;
}

/* ---------------------------------------------------------------------- bytes */

int peers_connect(struct peers *p, uint32_t number, uint64_t ticket)
{
	const struct broker_message m = {.number = number, .ticket = ticket};

	if (send(p->broker_fd, &m, sizeof(m), MSG_DONTWAIT | MSG_NOSIGNAL) >= 0)
		return 0;
	return errno == EAGAIN || errno == ENOBUFS ? -EAGAIN : -EPIPE;
}

int64_t peers_read(struct peers *p, uint32_t peer, const void *iov, uint32_t count)
{
	if (!is_peer(p, peer))
		return -EINVAL;
	const ssize_t n = readv(p->fds[peer], iov, (int)count);

	return n < 0 ? -errno : n;
}

int64_t peers_write(struct peers *p, uint32_t peer, const void *iov, uint32_t count)
{
	if (!is_peer(p, peer))
		return -EINVAL;
	const ssize_t n = writev(p->fds[peer], iov, (int)count);

	return n < 0 ? -errno : n;
}

int peers_shut(struct peers *p, uint32_t peer, uint32_t directions)
{
	const bool in = directions & VOLT_PEER_READ, out = directions & VOLT_PEER_WRITE;

	if (!is_peer(p, peer) || (!in && !out))
		return -EINVAL;
	return shutdown(p->fds[peer], in && out ? SHUT_RDWR : in ? SHUT_RD : SHUT_WR) ? -errno : 0;
}

void peers_close(struct peers *p, uint32_t peer)
{
	if (!is_peer(p, peer))
		return;
	close(p->fds[peer]);
	p->fds[peer] = -1;
}
