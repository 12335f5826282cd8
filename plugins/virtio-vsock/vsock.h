/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * vsock - between the parts of virtio-vsock.
 *
 * Source: virtio 1.2, 5.10. One worker serves all queues and all peers, so that nothing here
 * has a lock. A connection has two sides: the guest's, known by its two ports, and the host's,
 * a peer of volt.peers/1. Each side may end before the other.
 */
#ifndef VSOCK_H
#define VSOCK_H

#include <volt/draft/peers.h>
#include <volt/virtio.h>

enum { RXQ, TXQ, EVENTQ, QUEUES };

enum {
	COUNT_TO_GUEST = VOLT_VIRTIO_COUNT,
	COUNT_TO_HOST,
	COUNT_REFUSED,
	COUNT_RX_BYTES,
	COUNT_TX_BYTES,
	COUNT_MALFORMED,
	COUNT_OVERRUN,
};

#define VSOCK_F_STREAM (UINT64_C(1) << 0)

/* Operations of a packet (virtio 5.10.6). */
enum {
	OP_REQUEST = 1,
	OP_RESPONSE,
	OP_RST,
	OP_SHUTDOWN,
	OP_RW,
	OP_CREDIT_UPDATE,
	OP_CREDIT_REQUEST,
};
#define OP_BIT(op) (1u << (op))

#define TYPE_STREAM  1u
#define SHUT_RECEIVE 1u /* its sender takes no more */
#define SHUT_SEND    2u /* its sender sends no more */
#define SHUT_BOTH    3u

#define HOST_CID UINT64_C(2)

/* struct virtio_vsock_hdr as bytes, little-endian (virtio 5.10.6). */
enum {
	HDR_SRC_CID = 0,
	HDR_DST_CID = 8,
	HDR_SRC_PORT = 16,
	HDR_DST_PORT = 20,
	HDR_LEN = 24,
	HDR_TYPE = 28,
	HDR_OP = 30,
	HDR_FLAGS = 32,
	HDR_BUF_ALLOC = 36,
	HDR_FWD_CNT = 40,
	HDR_SIZE = 44,
};

/* Bytes that the guest may send and the host's program has not taken: of each connection, so the
 * device's memory is at most this for each. */
#define WINDOW      (128u << 10)
#define PAYLOAD_MAX (64u << 10) /* of one packet to the guest */
#define CONNECT_MAX 20u         /* "CONNECT 4294967295\n", and one byte more */

#define VSOCK_MAX  VOLT_PEERS_MAX
#define NOBODY     UINT16_MAX
#define BUCKETS    1024u
#define REFUSALS   256u        /* RST for connections that do not exist */
#define FIRST_PORT 0x40000000u /* of those that the host opens */

enum vsock_state {
	VSOCK_FREE,
	VSOCK_HELLO,     /* the host's program has not said CONNECT yet */
	VSOCK_REQUESTED, /* the guest is being asked */
	VSOCK_OPENING,   /* the broker is being asked */
	VSOCK_OPEN,
	VSOCK_ENDING, /* at least one side has ended */
};

/* Of one connection. */
struct vsock_conn {
	uint8_t state;
	bool known;               /* the guest's side: its ports are in the table */
	bool has_peer;            /* the host's side */
	bool readable, writable;  /* as news of the peer said last */
	bool gone;                /* the peer neither sends nor takes more */
	bool eof;                 /* nothing more is read of the peer */
	bool deaf;                /* the peer takes nothing more */
	bool wants_credit;        /* the guest was asked how much it takes */
	bool asked;               /* a request has been put into a queue */
	bool in_line;             /* of those that have something for the guest */
	bool in_use;              /* OPENING: the broker will answer */
	uint8_t due;              /* mask of OP_BIT(): packets for the guest */
	uint8_t shut, guest_shut; /* SHUT_*: told to the guest; told by it */
	uint16_t peer;            /* its number */
	uint16_t next_in_line, next_in_bucket;
	uint32_t guest_port, host_port;
	uint32_t guest_alloc, guest_fwd;    /* the guest's room, and what it took */
	uint32_t sent;                      /* bytes to the guest */
	uint32_t received, forwarded, told; /* bytes of the guest; to the peer; as told */
	uint32_t begin, used;               /* the part of `bytes` that waits for the peer */
	uint8_t line_size;                  /* of `line` */
	char line[CONNECT_MAX];
	uint8_t *bytes; /* WINDOW of them */
};

/* A packet that names no connection of ours. */
struct vsock_refusal {
	uint32_t guest_port, host_port;
	uint16_t type;
};

struct vsock {
	struct volt_virtio v;
	struct volt_queue q[QUEUES];
	struct volt_virtio_type type;
	const struct volt_peers *peers;
	uint8_t config[8]; /* virtio 5.10.4: guest_cid */
	uint64_t cid;
	uint8_t *bytes;    /* of all connections */
	bool driver_reset; /* atomic: the guest has forgotten all connections */
	bool moved;        /* atomic: the guest is to be told so */
	bool paused;
	uint32_t count;       /* connections at a time */
	uint32_t next_port;   /* of the next that the host opens */
	uint16_t first, last; /* in line for the guest */
	uint16_t free;        /* first of a list, by next_in_line */
	uint16_t refusal_first, refusal_count;
	struct vsock_refusal refusals[REFUSALS];
	uint16_t buckets[BUCKETS];
	uint16_t conn_of[VOLT_PEERS_MAX]; /* by peer */
	struct vsock_conn conns[VSOCK_MAX];
};

#pragma GCC visibility push(hidden)

/* table.c: all on the worker. */
void vsock_table_init(struct vsock *s);
struct vsock_conn *vsock_new(struct vsock *s); /* NULL: all are in use */
struct vsock_conn *vsock_find(struct vsock *s, uint32_t guest_port, uint32_t host_port);
void vsock_link(struct vsock *s, struct vsock_conn *c); /* its ports are set */
/* Puts it in line, if it has something for the guest. */
void vsock_line_up(struct vsock *s, struct vsock_conn *c);
struct vsock_conn *vsock_next_in_line(struct vsock *s); /* and takes it off; NULL: nobody */
void vsock_due(struct vsock *s, struct vsock_conn *c, unsigned op);
bool vsock_refuse(struct vsock *s, uint32_t guest_port, uint32_t host_port, uint16_t type);
uint32_t vsock_room(const struct vsock_conn *c); /* bytes that the guest takes */
/* Ends a side. Of the guest's: by a packet RST, or because the guest knows already. */
void vsock_end_host(struct vsock *s, struct vsock_conn *c);
void vsock_end_guest(struct vsock *s, struct vsock_conn *c, bool tell);
void vsock_reset(struct vsock *s, struct vsock_conn *c);        /* ends both, with RST */
void vsock_forget_guest(struct vsock *s, struct vsock_conn *c); /* its RST has been sent */

/* host.c: the host's side. */
void vsock_take_news(struct vsock *s);
void vsock_forget_all(struct vsock *s); /* the guest has */
/* Gives the guest's bytes to the peer: `n` of them in `iov`, which is changed. */
void vsock_forward(
    struct vsock *s, struct vsock_conn *c, struct iovec *iov, unsigned count, uint32_t n);
void vsock_answer_client(struct vsock *s, struct vsock_conn *c); /* the guest has accepted */
void vsock_guest_shut(struct vsock *s, struct vsock_conn *c, uint32_t flags);
/* The peer is read no more: nothing follows, or it failed. */
void vsock_end_of_input(struct vsock *s, struct vsock_conn *c);

/* One chain of a queue: as `request` of volt_virtio_type. */
bool vsock_receive(struct vsock *s, struct volt_queue *q, struct volt_chain *c);
bool vsock_transmit(struct vsock *s, struct volt_queue *q, struct volt_chain *c);

#pragma GCC visibility pop

#endif
