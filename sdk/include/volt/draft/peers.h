/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * volt/draft/peers.h - many stream connections with other programs of the host:
 * "volt.peers/1".
 *
 * Stability: draft. A parameter of type VOLT_PARAM_PEERS is the path of a Unix socket. Programs
 * that connect to it become peers of the instance; and connect() makes a peer of the program that
 * listens on a socket of the same path with "_NUMBER" behind it. So a plugin chooses a number and
 * nothing else of a path.
 *
 * A sealed volt neither accepts nor connects. A broker, which is a process made before the
 * seal and confined like volt's own threads, does both and passes each connected descriptor on. The
 * host keeps the descriptors; the plugin has numbers from 0 up, the lowest free one for each new
 * peer, so that they can index an array.
 *
 * All slots but attach() are for the job of one worker. News of peers asks for a run of
 * it, as a watched file does, and is edge-triggered: a job reads or writes until the answer is
 * -EAGAIN, or comes back by a post; and it calls next() until that returns 0.
 */
#ifndef VOLT_DRAFT_PEERS_H
#define VOLT_DRAFT_PEERS_H

#include <volt/plugin.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VOLT_EXT_PEERS "volt.peers/1"

#define VOLT_PEERS_MAX 4096u /* of a VM */

/* What is new. */
#define VOLT_PEER_CAME     1u /* somebody connected: `peer` is new */
#define VOLT_PEER_ANSWERED 2u /* connect() with `ticket` is done: `peer` is new if `err` is 0 */
#define VOLT_PEER_READY    3u /* `ready` became so of `peer` */

/* A mask of what a peer is ready for. */
#define VOLT_PEER_READ  1u /* there is something to read, or the end */
#define VOLT_PEER_WRITE 2u /* there is room to write */
#define VOLT_PEER_GONE  4u /* it neither sends nor takes more; what it sent can still be read */

/* One piece of news. */
struct volt_peer_news {
	uint32_t what;   /* VOLT_PEER_CAME and others */
	uint32_t peer;   /* its number */
	uint32_t ready;  /* with VOLT_PEER_READY: a mask */
	int32_t err;     /* with VOLT_PEER_ANSWERED: 0, or a negative errno of connect(2) */
	uint64_t ticket; /* with VOLT_PEER_ANSWERED: as it was given */
};

/* What the host gives. */
struct volt_peers {
	uint32_t size, reserved;
	/* [wire] Takes charge of the socket `peers` (the parameter's value), for up to `count`
	 * peers at a time, whose news asks for runs of `worker`. 0; -EINVAL: not the instance's, or
	 * a count that is not 1 to VOLT_PEERS_MAX; -EBUSY: the VM's peers have an owner already;
	 * -EPERM after the seal. Further clients than `count` are turned away. */
	int (*attach)(const struct volt_host *h, uint32_t peers, uint32_t worker, uint32_t count);
	/* [worker] Puts up to `count` pieces of news to `news`, in the order in which they happened
	 * to each peer. Returns how many; 0: no more for now. A peer that was closed since
	 * then is named no more, but by a piece of the same call. */
	uint32_t (*next)(const struct volt_host *h, struct volt_peer_news *news, uint32_t count);
	/* [worker] Asks for a connection to the socket PATH_NUMBER; VOLT_PEER_ANSWERED tells how
	 * it went. 0; -EAGAIN: too many are under way; -EPIPE: the broker is not there any more. */
	int (*connect)(const struct volt_host *h, uint32_t number, uint64_t ticket);
	/* [worker] Reads into `count` buffers, of type struct iovec. Bytes, 0 at the end, or a
	 * negative errno: -EAGAIN: nothing now; -EINVAL: no such peer. */
	int64_t (*read)(const struct volt_host *h, uint32_t peer, const void *iov, uint32_t count);
	/* [worker] Writes, likewise; -EPIPE: it takes no more. */
	int64_t (*write)(const struct volt_host *h, uint32_t peer, const void *iov, uint32_t count);
	/* [worker] Ends a direction for good: VOLT_PEER_READ or VOLT_PEER_WRITE, or both. 0 or a
	 * negative errno. */
	int (*shut)(const struct volt_host *h, uint32_t peer, uint32_t directions);
	/* [worker] Ends the connection, and forgets the peer. */
	void (*close)(const struct volt_host *h, uint32_t peer);
};

#ifdef __cplusplus
}
#endif

#endif
