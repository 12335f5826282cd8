/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fake_peers - volt.peers/1 on socket pairs: the test is the peer of each, and plays the broker.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

#include "fake_internal.h"

#define WAITING_MAX 8192u /* news, and requests, that nobody has taken */

/* One peer; `told` are the VOLT_PEER_* that were told since it last was not ready. */
struct slot {
	int fd; /* -1: free */
	uint32_t told;
};

struct news {
	struct volt_peer_news piece;
	int fd;
};

struct request {
	uint32_t number;
	uint64_t ticket;
};

struct fake_peers {
	bool attached, broker_gone;
	uint32_t worker, count;
	struct slot slots[VOLT_PEERS_MAX];
	struct pollfd files[VOLT_PEERS_MAX];
	struct news news[WAITING_MAX];
	struct request requests[WAITING_MAX];
	unsigned news_count, request_count;
};

void fake_peers_open(struct fake_host *f)
{
	f->peers = fake_alloc(sizeof(*f->peers));
	for (unsigned i = 0; i < VOLT_PEERS_MAX; i++)
		f->peers->slots[i].fd = -1;
}

void fake_finish_peers(struct fake_host *f)
{
	if (!f->peers)
		return;
	for (unsigned i = 0; i < VOLT_PEERS_MAX; i++)
		if (f->peers->slots[i].fd >= 0)
			close(f->peers->slots[i].fd);
	for (unsigned i = 0; i < f->peers->news_count; i++)
		if (f->peers->news[i].fd >= 0)
			close(f->peers->news[i].fd);
	free(f->peers);
}

/* ------------------------------------------------------------- the plugin's side */

static int attach(const struct volt_host *h, uint32_t peers, uint32_t worker, uint32_t count)
{
	int err;
	struct fake_host *f = fake_wire_call(h, "attach (peers)", &err);

	if (err)
		return err;
	if (!f->peers || peers != 0 || worker >= f->worker_count || count < 1 ||
	    count > VOLT_PEERS_MAX)
		return fake_refuse(f, "attach (peers)", -EINVAL);
	if (f->peers->attached)
		return fake_refuse(f, "attach (peers)", -EBUSY);
	f->peers->attached = true;
	f->peers->worker = worker;
	f->peers->count = count;
	return 0;
}

/* The host of a job: the slots are for nobody else. */
static struct fake_host *job_of(const struct volt_host *h, const char *function)
{
	struct fake_host *f = fake_of(h, function);

	if (!f->in_job || !f->peers || !f->peers->attached)
		fake_die(f, "%s: is for the job of the worker that attach() named", function);
	return f;
}

static struct slot *find_slot(struct fake_peers *p, uint32_t peer)
{
	return peer < p->count && p->slots[peer].fd >= 0 ? &p->slots[peer] : NULL;
}

static int take_number(struct fake_peers *p, int fd)
{
	for (uint32_t n = 0; n < p->count; n++)
		if (p->slots[n].fd < 0) {
			p->slots[n] = (struct slot){.fd = fd};
			return (int)n;
		}
	close(fd);
	return -EMFILE;
}

static uint32_t take_queued(struct fake_peers *p, struct volt_peer_news *news, uint32_t count)
{
	uint32_t n = 0;
	unsigned taken = 0;

	for (; taken < p->news_count && n < count; taken++) {
		struct news *w = &p->news[taken];
		const int peer = w->fd >= 0 ? take_number(p, w->fd) : w->piece.err;

		if (peer < 0 && w->piece.what == VOLT_PEER_CAME)
			continue;
		w->piece.peer = peer < 0 ? 0 : (uint32_t)peer;
		w->piece.err = peer < 0 ? peer : 0;
		news[n++] = w->piece;
	}
	p->news_count -= taken;
	memmove(p->news, p->news + taken, p->news_count * sizeof(p->news[0]));
	return n;
}

static uint32_t readiness(int revents)
{
	uint32_t ready = 0;

	if (revents & (POLLIN | POLLRDHUP | POLLHUP | POLLERR))
		ready |= VOLT_PEER_READ;
	if (revents & (POLLOUT | POLLHUP | POLLERR))
		ready |= VOLT_PEER_WRITE;
	if (revents & (POLLHUP | POLLERR))
		ready |= VOLT_PEER_GONE;
	return ready;
}

/* What peers are ready for, and were not told; of the first `count` that are. */
static uint32_t look_at_all(struct fake_peers *p, struct volt_peer_news *news, uint32_t count)
{
	struct pollfd *files = p->files;
	uint32_t n = 0, open = 0;

	for (uint32_t i = 0; i < p->count; i++)
		open += p->slots[i].fd >= 0;
	if (open == 0) /* a check of the plugin's own system calls must not meet this one */
		return 0;
	for (uint32_t i = 0; i < p->count; i++)
		files[i] =
		    (struct pollfd){.fd = p->slots[i].fd, .events = POLLIN | POLLOUT | POLLRDHUP};
	poll(files, p->count, 0);
	for (uint32_t i = 0; i < p->count && n < count; i++) {
		const uint32_t ready = readiness(files[i].revents) & ~p->slots[i].told;

		if (files[i].fd >= 0 && ready)
			news[n++] = (struct volt_peer_news){
			    .what = VOLT_PEER_READY, .peer = i, .ready = ready};
	}
	return n;
}

static uint32_t next(const struct volt_host *h, struct volt_peer_news *news, uint32_t count)
{
	struct fake_peers *p = job_of(h, "next")->peers;
	const uint32_t first = take_queued(p, news, count);
	const uint32_t n = first + look_at_all(p, news + first, count - first);

	for (uint32_t i = first; i < n; i++)
		p->slots[news[i].peer].told |= news[i].ready;
	return n;
}

static int connect_to(const struct volt_host *h, uint32_t number, uint64_t ticket)
{
	struct fake_peers *p = job_of(h, "connect")->peers;

	if (p->broker_gone)
		return -EPIPE;
	if (p->request_count == WAITING_MAX)
		return -EAGAIN;
	p->requests[p->request_count++] = (struct request){number, ticket};
	return 0;
}

static int64_t read_from(const struct volt_host *h, uint32_t peer, const void *iov, uint32_t count)
{
	struct slot *s = find_slot(job_of(h, "read")->peers, peer);

	if (!s)
		return -EINVAL;
	const ssize_t n = readv(s->fd, iov, (int)count);

	if (n < 0 && errno == EAGAIN)
		s->told &= ~VOLT_PEER_READ;
	return n < 0 ? -errno : n;
}

static int64_t write_to(const struct volt_host *h, uint32_t peer, const void *iov, uint32_t count)
{
	struct slot *s = find_slot(job_of(h, "write")->peers, peer);
	const struct msghdr message = {.msg_iov = (void *)(uintptr_t)iov, .msg_iovlen = count};

	if (!s)
		return -EINVAL;
	const ssize_t n = sendmsg(s->fd, &message, MSG_NOSIGNAL); /* volt ignores SIGPIPE */

	if (n < 0 && errno == EAGAIN)
		s->told &= ~VOLT_PEER_WRITE;
	return n < 0 ? -errno : n;
}

static int shut(const struct volt_host *h, uint32_t peer, uint32_t directions)
{
	struct slot *s = find_slot(job_of(h, "shut")->peers, peer);
	const bool in = directions & VOLT_PEER_READ, out = directions & VOLT_PEER_WRITE;

	if (!s || (!in && !out))
		return -EINVAL;
	return shutdown(s->fd, in && out ? SHUT_RDWR : in ? SHUT_RD : SHUT_WR) ? -errno : 0;
}

static void close_peer(const struct volt_host *h, uint32_t peer)
{
	struct slot *s = find_slot(job_of(h, "close")->peers, peer);

	if (!s)
		return;
	close(s->fd);
	s->fd = -1;
}

const struct volt_peers fake_peers = {
    .size = sizeof(fake_peers),
    .attach = attach,
    .next = next,
    .connect = connect_to,
    .read = read_from,
    .write = write_to,
    .shut = shut,
    .close = close_peer,
};

/* --------------------------------------------------------------- the test's side */

static struct fake_peers *attached(struct fake_host *f, const char *function)
{
	if (!f->peers || !f->peers->attached)
		fake_die(f, "%s: the plugin has not attached to peers", function);
	return f->peers;
}

static void queue(struct fake_host *f, const struct volt_peer_news *piece, int fd)
{
	struct fake_peers *p = f->peers;

	if (p->news_count == WAITING_MAX)
		fake_die(f, "more than %u pieces of news of peers wait", WAITING_MAX);
	p->news[p->news_count++] = (struct news){*piece, fd};
}

static int make_pair(struct fake_host *f, int *near)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) != 0)
		fake_die(f, "no socket for a peer: %s", strerror(errno));
	*near = fds[0];
	return fds[1];
}

int fake_peer_comes(struct fake_host *f)
{
	const struct volt_peer_news piece = {.what = VOLT_PEER_CAME};
	int near, far;

	attached(f, "fake_peer_comes");
	far = make_pair(f, &near);
	queue(f, &piece, near);
	return far;
}

bool fake_peer_asked(struct fake_host *f, uint32_t *number, uint64_t *ticket)
{
	struct fake_peers *p = attached(f, "fake_peer_asked");

	if (p->request_count == 0)
		return false;
	*number = p->requests[0].number;
	*ticket = p->requests[0].ticket;
	p->request_count--;
	memmove(p->requests, p->requests + 1, p->request_count * sizeof(p->requests[0]));
	return true;
}

int fake_peer_answer(struct fake_host *f, uint64_t ticket, int err)
{
	const struct volt_peer_news piece = {
	    .what = VOLT_PEER_ANSWERED, .ticket = ticket, .err = -err};
	int near = -1;

	attached(f, "fake_peer_answer");
	const int far = err ? -1 : make_pair(f, &near);
	queue(f, &piece, near);
	return far;
}

void fake_broker_ends(struct fake_host *f)
{
	attached(f, "fake_broker_ends")->broker_gone = true;
}

unsigned fake_peer_count(struct fake_host *f)
{
	const struct fake_peers *p = attached(f, "fake_peer_count");
	unsigned n = 0;

	for (uint32_t i = 0; i < p->count; i++)
		n += p->slots[i].fd >= 0;
	return n;
}

bool fake_peers_look(struct fake_host *f)
{
	struct fake_peers *p = attached(f, "fake_peers_look");
	struct volt_peer_news news;
	const bool some = p->news_count > 0 || look_at_all(p, &news, 1) > 0;

	if (some)
		fake_worker_wake(f, p->worker);
	return some;
}
