/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * peers - volt.peers/1: connections that a broker process makes and passes on.
 */
#ifndef CORE_PEERS_H
#define CORE_PEERS_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <volt/draft/peers.h>

#include "core/base/ledger.h"
#include "core/config.h"
#include "core/event/broker.h"
#include "core/event/callee.h"
#include "core/event/worker.h"

#define PEERS_NUMBER_ROOM 11 /* "_4294967295" behind the path */

/* Those of a VM. One instance has them. */
struct peers {
	struct callee *owner; /* NULL: no parameter opened any */
	bool looks_only;      /* volt explain: the socket has no name, and there is no broker */
	bool attached;
	bool more; /* [worker] the broker's messages are not all read */
	uint32_t worker, count;
	struct broker broker;
	int broker_fd; /* volt's end */
	int epoll_fd;  /* peers and broker_fd; the worker watches it */
	int *fds;      /* [worker] of `count` peers; -1: free */
};

#if VOLT_HAS_PEERS

static inline bool peers_attached(const struct peers *p)
{
	return p->attached;
}

void peers_init(struct peers *p);
/* Descriptors that may come at a time: one more than peers, for a client that is turned away. */
static inline uint32_t peers_files(const struct peers *p)
{
	return p->attached ? p->count + 1 : 0;
}

/* [wire] Opens the parameter's socket. 0, or -errno with the reason in `why`. */
int peers_open(struct peers *p, struct callee *owner, const char *path, bool looks_only, char *why,
    size_t size);
/* [wire] As attach() of the extension; `w` is the worker, or NULL. */
int peers_attach(struct peers *p, struct worker *w, uint32_t worker, uint32_t count);
/* [wire] Makes the pair, before the policy is built. 0 or -errno, which is logged. */
int peers_wire(struct peers *p);
/* The broker starts (but for volt explain), while there is one thread and no filter yet; it calls
 * confine(arg) before it serves anybody. Closes what is the broker's. 0 or -errno, which is logged.
 */
int peers_start(struct peers *p, int (*confine)(void *arg), void *arg);

/* Once it is attached: the calls of its worker and of the broker, and the numbers that peers get.
 * 0; -EMFILE, which is logged: the host's limit is below them. */
int peers_declare(const struct peers *p, struct ledger_later later, struct ledger *l);

/* The slots of the extension; [worker]. */
uint32_t peers_next(struct peers *p, struct volt_peer_news *news, uint32_t count);
int peers_connect(struct peers *p, uint32_t number, uint64_t ticket);
int64_t peers_read(struct peers *p, uint32_t peer, const void *iov, uint32_t count);
int64_t peers_write(struct peers *p, uint32_t peer, const void *iov, uint32_t count);
int peers_shut(struct peers *p, uint32_t peer, uint32_t directions);
void peers_close(struct peers *p, uint32_t peer);

#else

/* For a build none of whose plugins uses volt.peers/1: one that does, and does not say so in its
 * meson.build, is refused. */
static inline bool peers_attached(const struct peers *p)
{
	return false;
}

static inline void peers_init(struct peers *p)
{
}

static inline uint32_t peers_files(const struct peers *p)
{
	return 0;
}

static inline int peers_open(struct peers *p, struct callee *owner, const char *path,
    bool looks_only, char *why, size_t size)
{
	return -ENOTSUP;
}

static inline int peers_wire(struct peers *p)
{
	return 0;
}

static inline int peers_declare(const struct peers *p, struct ledger_later later, struct ledger *l)
{
	return 0;
}

static inline int peers_start(struct peers *p, int (*confine)(void *arg), void *arg)
{
	return 0;
}

#endif

#endif
