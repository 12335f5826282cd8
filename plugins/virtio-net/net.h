/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * net - between the parts of virtio-net: the device, and its two directions.
 *
 * Source: virtio 1.2, 5.1. A direction belongs to its queue's worker.
 */
#ifndef NET_H
#define NET_H

#include <volt/command.h>
#include <volt/loop.h>
#include <volt/virtio.h>

enum { RECEIVEQ, TRANSMITQ, QUEUES };

enum {
	COUNT_RX_PACKETS = VOLT_VIRTIO_COUNT,
	COUNT_RX_BYTES,
	COUNT_RX_DROPPED,
	COUNT_TX_PACKETS,
	COUNT_TX_BYTES,
	COUNT_TX_DROPPED,
	COUNT_THROTTLED,
};

/* Parameters and the command `rate` alike; a restored VM may have other limits. */
#define NET_BYTES_HELP "most bytes in a second, each way; 0: no limit"
#define NET_OPS_HELP   "most frames in a second, each way; 0: no limit"
#define NET_BURST_BYTES_HELP \
	"bytes that may pass at once after a quiet time; 0: a tenth of the rate"
#define NET_BURST_OPS_HELP "frames that may pass at once after a quiet time; 0: a tenth of the rate"
#define NET_RATE_BYTES     .type = VOLT_PARAM_SIZE, .def = "0", .flags = VOLT_PARAM_HOST_SIDE
#define NET_RATE_OPS       .type = VOLT_PARAM_UINT, .def = "0", .flags = VOLT_PARAM_HOST_SIDE

/* Features (virtio 5.1.3). */
#define NET_F_CSUM       (UINT64_C(1) << 0)
#define NET_F_GUEST_CSUM (UINT64_C(1) << 1)
#define NET_F_MTU        (UINT64_C(1) << 3)
#define NET_F_MAC        (UINT64_C(1) << 5)
#define NET_F_GUEST_TSO4 (UINT64_C(1) << 7)
#define NET_F_GUEST_TSO6 (UINT64_C(1) << 8)
#define NET_F_GUEST_ECN  (UINT64_C(1) << 9)
#define NET_F_HOST_TSO4  (UINT64_C(1) << 11)
#define NET_F_HOST_TSO6  (UINT64_C(1) << 12)
#define NET_F_HOST_ECN   (UINT64_C(1) << 13)
#define NET_F_MRG_RXBUF  (UINT64_C(1) << 15)
#define NET_F_STATUS     (UINT64_C(1) << 16)
#define NET_F_GUEST_USO4 (UINT64_C(1) << 54)
#define NET_F_GUEST_USO6 (UINT64_C(1) << 55)
#define NET_F_HOST_USO   (UINT64_C(1) << 56)

#define NET_HEADER 12u /* struct virtio_net_hdr (virtio 5.1.6), as a modern device has it */

/* Places in it, and values of flags and gso_type. */
enum {
	NET_FLAGS = 0,
	NET_GSO_TYPE = 1,
	NET_GSO_SIZE = 4,
	NET_CSUM_START = 6,
	NET_CSUM_OFFSET = 8,
	NET_NUM_BUFFERS = 10,
};
#define NET_NEEDS_CSUM 1u
#define NET_DATA_VALID 2u
#define NET_GSO_NONE   0u
#define NET_GSO_TCPV4  1u
#define NET_GSO_TCPV6  4u
#define NET_GSO_UDP    5u    /* UDP_L4 */
#define NET_GSO_ECN    0x80u /* may be added to the TCP ones */

#define NET_LENGTH 4u /* on a socket, before each frame: its bytes, most significant first */

#define NET_FRAME_MIN 14u               /* the header of Ethernet */
#define NET_FRAME_MAX (65536u + 14 + 4) /* the longest packet of IP, with a VLAN's tag */

/* A frame on its way to the guest. */
struct net_receive {
	const uint8_t *rest; /* of the frame that has begun, what no chain holds yet */
	size_t left;
	uint32_t frame;    /* its bytes */
	uint16_t chains;   /* that hold the rest of it; 0: none has begun */
	uint8_t *count[2]; /* the bytes of num_buffers in its header, where they are mapped */
	uint64_t count_gpa[2];
	/* What was read of the stream: [begin, end) of `bytes`, after `skip` bytes of a frame that
	 * is dropped. Of a tap: the end of a frame that is longer than its first chain. */
	size_t begin, end, skip;
	uint64_t dry_run; /* the run that has found the stream empty */
	uint8_t bytes[NET_LENGTH + NET_FRAME_MAX];
};

/* A frame on its way to a socket that took only a part of it. */
struct net_transmit {
	size_t begin, left;
	size_t length; /* of the frame */
	bool flying;   /* its chain is still the queue's next */
	uint8_t bytes[NET_LENGTH + NET_FRAME_MAX];
};

/* A record of the frames. */
struct net_pcap {
	int fd;                /* -1: there is none */
	bool ended;            /* atomic */
	uint64_t epoch;        /* nanoseconds from 1970 to 0 of volt.loop/1 */
	uint64_t limit, bytes; /* at most; written: atomic */
};

struct net {
	struct volt_virtio v;
	struct volt_queue q[QUEUES];
	struct volt_virtio_type type;
	struct volt_limit limit[QUEUES]; /* of each direction by itself */
	const struct volt_loop *loop;
	uint32_t timer; /* brings what a worker saw to the loop */
	int fd;         /* the peer */
	bool tap;       /* else a stream */
	bool down;      /* saved: an operator has set the link down; atomic */
	bool gone;      /* the peer has closed the stream; atomic */
	uint16_t mtu;
	uint8_t mac[6];     /* saved */
	uint8_t config[12]; /* virtio 5.1.4, up to `mtu` */
	uint64_t features;  /* agreed */
	uint64_t runs;      /* atomic; that have begun */
	bool can_offload;   /* it may be told */
	bool offloads_due;  /* atomic; the tap has not been told of those that were agreed */
	struct net_pcap pcap;
	struct net_receive rx;
	struct net_transmit tx;
};

#pragma GCC visibility push(hidden)

/* [worker] One chain of a queue: as `request` of volt_virtio_type. */
bool net_receive(struct net *n, struct volt_queue *q, struct volt_chain *c);
/* [worker] A run begins: the stream may hold something again. */
void net_begin_run(void *self);
bool net_transmit(struct net *n, struct volt_queue *q, struct volt_chain *c);
/* [wire] Begins a record in a file, or none if fd is -1. 0, or what volt_fail() returned. */
int net_pcap_init(struct net *n, int fd, const char *path, uint64_t limit);
/* [worker] One frame that passed: the first `length` bytes of `parts`. */
void net_pcap_frame(struct net *n, const struct iovec *parts, unsigned count, size_t length);
/* [worker] Nothing more is written; the first caller's reason is logged. */
void net_pcap_end(struct net *n, const char *why);
/* [wire] Features of a tap that its kernel can do; it is left without any. */
uint64_t net_probe_offloads(int tap);
/* [worker] Tells the tap which frames the guest takes, once after each agreement. */
void net_set_offloads(struct net *n);
/* [worker] Makes the header of a frame from the tap the guest's. False: it asks for work of the
 * guest that was not agreed. */
bool net_check_received(const struct net *n, uint8_t *header);
/* [worker] The same for a frame of the guest's, of `length` bytes (virtio 5.1.6.2.1). */
bool net_check_sent(const struct net *n, uint8_t *header, size_t length);
/* [worker] May one more frame of this direction pass? If not, its worker comes again. */
bool net_may_pass(struct net *n, unsigned direction);
/* [loop] The link's state may be another: tells the driver. */
void net_link_changed(void *self);
/* The four values from number `first` on. False: a burst has no rate. */
bool net_read_rate(const struct volt_args *a, unsigned first, struct volt_rate *r);
extern const struct volt_commands net_commands;

/* [any] Does the link carry frames? */
bool net_is_up(const struct net *n);
/* [worker] The peer of the stream is not there any more. */
void net_lose(struct net *n);

#pragma GCC visibility pop

#endif
