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
#include <volt/identity.h>
#include <volt/loop.h>
#include <volt/virtio.h>

enum { RECEIVEQ, TRANSMITQ, DIRECTIONS };

#define NET_PAIRS_MAX 7u /* of queues; with the control queue they are 15 */

enum {
	COUNT_RX_PACKETS = VOLT_VIRTIO_COUNT,
	COUNT_RX_BYTES,
	COUNT_RX_DROPPED,
	COUNT_TX_PACKETS,
	COUNT_TX_BYTES,
	COUNT_TX_DROPPED,
	COUNT_THROTTLED,
	COUNT_RX_FILTERED,
	COUNT_REFUSED,
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
#define NET_F_CSUM                (UINT64_C(1) << 0)
#define NET_F_GUEST_CSUM          (UINT64_C(1) << 1)
#define NET_F_CTRL_GUEST_OFFLOADS (UINT64_C(1) << 2)
#define NET_F_MTU                 (UINT64_C(1) << 3)
#define NET_F_MAC                 (UINT64_C(1) << 5)
#define NET_F_GUEST_TSO4          (UINT64_C(1) << 7)
#define NET_F_GUEST_TSO6          (UINT64_C(1) << 8)
#define NET_F_GUEST_ECN           (UINT64_C(1) << 9)
#define NET_F_HOST_TSO4           (UINT64_C(1) << 11)
#define NET_F_HOST_TSO6           (UINT64_C(1) << 12)
#define NET_F_HOST_ECN            (UINT64_C(1) << 13)
#define NET_F_MRG_RXBUF           (UINT64_C(1) << 15)
#define NET_F_STATUS              (UINT64_C(1) << 16)
#define NET_F_CTRL_VQ             (UINT64_C(1) << 17)
#define NET_F_CTRL_RX             (UINT64_C(1) << 18)
#define NET_F_CTRL_VLAN           (UINT64_C(1) << 19)
#define NET_F_CTRL_RX_EXTRA       (UINT64_C(1) << 20)
#define NET_F_GUEST_ANNOUNCE      (UINT64_C(1) << 21)
#define NET_F_MQ                  (UINT64_C(1) << 22)
#define NET_F_CTRL_MAC_ADDR       (UINT64_C(1) << 23)
#define NET_F_GUEST_USO4          (UINT64_C(1) << 54)
#define NET_F_GUEST_USO6          (UINT64_C(1) << 55)
#define NET_F_HOST_USO            (UINT64_C(1) << 56)

/* What a driver may switch while it runs (virtio 5.1.6.5.6); the bits are those of features. */
#define NET_GUEST_OFFLOADS \
	(NET_F_GUEST_CSUM | NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6 | NET_F_GUEST_ECN | \
	    NET_F_GUEST_USO4 | NET_F_GUEST_USO6)

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

/* One receive queue and one transmit queue, each with its worker. */
struct net_pair {
	int fd;        /* the peer, or one queue of a tap */
	bool detached; /* from the tap: it gets no frames */
	struct net_receive rx;
	struct net_transmit tx;
};

/* Modes of receiving: the commands of VIRTIO_NET_CTRL_RX (virtio 5.1.6.5.1), and the tables that
 * had no room. */
enum {
	NET_RX_PROMISC,
	NET_RX_ALLMULTI,
	NET_RX_ALLUNI,
	NET_RX_NOMULTI,
	NET_RX_NOUNI,
	NET_RX_NOBCAST,
	NET_MANY_ONES,
	NET_MANY_GROUPS,
};
#define NET_MODE(mode) ((uint16_t)(1u << (mode)))

#define NET_TABLE_MAX 32u   /* addresses of either kind */
#define NET_TAGS      4096u /* of VLANs */
#define NET_TAG_WORDS (NET_TAGS / 64)
#define NET_LOOK      16u /* bytes of a frame that say whether it is wanted */

/* Which frames the guest wants. All of it is saved, and atomic. */
struct net_filter {
	uint16_t modes;
	uint8_t one, group; /* addresses in the tables */
	uint64_t ones[NET_TABLE_MAX], groups[NET_TABLE_MAX];
	uint64_t tags[NET_TAG_WORDS];
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
	struct volt_queue q[2 * NET_PAIRS_MAX + 1];
	struct volt_virtio_type type;
	struct volt_limit limit[DIRECTIONS]; /* of each direction by itself */
	const struct volt_loop *loop;
	uint32_t timer; /* brings what a worker saw to the loop */
	struct net_pair *pairs;
	uint16_t pair_count;
	uint16_t used_pairs; /* saved; atomic; the driver's choice */
	bool tap;            /* else a stream */
	bool down;           /* saved: an operator has set the link down; atomic */
	bool gone;           /* the peer has closed the stream; atomic */
	bool begun;          /* saved: the driver has been ready since the last reset */
	bool announces;      /* atomic: the guest shall tell the network where it is */
	bool news;           /* it is told so in resume */
	uint16_t mtu;
	bool given;         /* `own` is the operator's */
	uint64_t own;       /* its address after a reset */
	uint64_t address;   /* saved; atomic; its address now */
	uint8_t config[12]; /* virtio 5.1.4, up to `mtu`; each byte is atomic */
	uint64_t features;  /* atomic; agreed, and not switched off since */
	uint64_t offloads;  /* saved: those of NET_GUEST_OFFLOADS in it */
	uint64_t runs;      /* atomic; that have begun */
	bool can_offload;   /* it may be told */
	bool tap_due;       /* atomic; the tap has not been told what was agreed */
	struct net_filter filter;
	struct net_pcap pcap;
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
/* [worker] Tells the tap which frames the guest takes, and on which queues, once after each
 * agreement. That of receive queue 0, and that of the control queue. */
void net_tell_tap(struct net *n);
/* [worker] The first `pairs` queues of the tap get frames, and no others. False: it refuses.
 */
bool net_attach_pairs(struct net *n, unsigned pairs);
/* [any] These of NET_GUEST_OFFLOADS from now on; the tap is told when a worker comes to it. */
void net_agree(struct net *n, uint64_t offloads);
/* [worker] The same by the driver. False: some of them were not agreed. */
bool net_change_offloads(struct net *n, uint64_t offloads);
/* [worker] One command: as `request` of volt_virtio_type. */
bool net_control(struct net *n, struct volt_queue *q, struct volt_chain *c);
/* [worker] The control queue's number depends on what was agreed (virtio 5.1.2). */
bool net_is_control(const struct net *n, const struct volt_queue *q);
/* [worker] The driver uses so many pairs from now on. False: the tap refuses. */
bool net_use_pairs(struct net *n, uint16_t pairs);
/* [worker] The address that the driver wants. */
void net_set_address(struct net *n, uint64_t address);
/* [any] Brings link and announcement into the configuration space. */
void net_show_status(struct net *n);
/* [loop] All of it. */
void net_fill_config(struct net *n);
/* [wire] [loop] [io] Its address is what it is after a reset. */
void net_restart_address(struct net *n);
/* [wire] Which of the VM's cards this one is, at each start alike. */
uint32_t net_find_place(const struct net *n);
extern const struct volt_identified net_identified;

/* [any] What a driver that has told nothing gets: all frames. */
void net_filter_reset(struct net_filter *f, uint64_t features);
void net_filter_set_mode(struct net_filter *f, unsigned mode, bool on);
void net_filter_set_tag(struct net_filter *f, uint16_t tag, bool on);
/* Addresses of cards, or of groups; more than NET_TABLE_MAX stand for all. */
void net_filter_set_table(struct net_filter *f, bool group, const uint64_t *table, uint32_t count);
/* Does the guest want a frame that begins so? */
bool net_filter_wants(const struct net *n, const uint8_t frame[NET_LOOK]);
bool net_filter_takes_all(const struct net *n);

/* "52:54:00:12:34:56"; false: that is not an address of one card. */
bool net_read_address(const char *text, uint64_t *address);
bool net_is_one_card(uint64_t address);
uint64_t net_get_address(const uint8_t bytes[6]);
/* The same for the same words and line; locally administered. */
uint64_t net_make_address(const void *who, size_t n, uint32_t line);
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

static inline bool net_agreed(const struct net *n, uint64_t feature)
{
	return __atomic_load_n(&n->features, __ATOMIC_ACQUIRE) & feature;
}

static inline struct net_pair *net_pair(struct net *n, const struct volt_queue *q)
{
	return &n->pairs[q->number / 2u];
}

/* [worker] virtio 5.1.6.5.5: frames go over the pairs that the driver uses, and no others. */
static inline bool net_is_used(const struct net *n, const struct volt_queue *q)
{
	return q->number / 2u < __atomic_load_n(&n->used_pairs, __ATOMIC_ACQUIRE);
}

/* [any] Does the link carry frames? */
bool net_is_up(const struct net *n);
/* [worker] The peer of the stream is not there any more. */
void net_lose(struct net *n);

#pragma GCC visibility pop

#endif
