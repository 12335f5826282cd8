/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * virtio-net - a network card for the guest, on a tap or on a stream socket.
 *
 * Source: virtio 1.2, 5.1. Driver: Linux virtio_net.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <volt/command.h>

#include "net.h"

enum {
	PARAM_TAP,
	PARAM_SOCKET,
	PARAM_MAC,
	PARAM_MTU,
	PARAM_OFFLOAD,
	PARAM_QUEUES,
	PARAM_PCAP,
	PARAM_PCAP_LIMIT,
	PARAM_RATE /* four */
};
#define NETWORK_CARD 1u
#define RING         256u

/* Those that need nothing of the peer. */
#define FEATURES \
	(NET_F_MTU | NET_F_MAC | NET_F_MRG_RXBUF | NET_F_STATUS | NET_F_CTRL_VQ | NET_F_CTRL_RX | \
	    NET_F_CTRL_RX_EXTRA | NET_F_CTRL_VLAN | NET_F_CTRL_MAC_ADDR | NET_F_GUEST_ANNOUNCE)

/* ------------------------------------------------------------------- requests */

bool net_may_pass(struct net *n, unsigned direction)
{
	if (volt_limit_allows(&n->limit[direction]))
		return true;
	volt_count(n->v.h, COUNT_THROTTLED, 1);
	return false;
}

static bool net_request(void *self, struct volt_queue *q, struct volt_chain *c)
{
	struct net *n = self;

	if (net_is_control(n, q))
		return net_control(n, q, c);
	if (q->number / 2u >= n->pair_count) { /* a control queue that was not agreed */
		volt_chain_done(q, c, 0);
		return true;
	}
	return q->number % 2u == RECEIVEQ ? net_receive(n, q, c) : net_transmit(n, q, c);
}

bool net_use_pairs(struct net *n, uint16_t pairs)
{
	const uint16_t before = n->used_pairs;

	__atomic_store_n(&n->used_pairs, pairs, __ATOMIC_RELEASE);
	if (n->tap && !net_attach_pairs(n, pairs)) {
		__atomic_store_n(&n->used_pairs, before, __ATOMIC_RELEASE);
		return false;
	}
	for (unsigned i = before; i < pairs; i++)
		volt_virtio_post(&n->v, 2 * i + RECEIVEQ);
	return true;
}

/* After a pause or a restore the driver's choices are in fields. */
static void net_live(void *self, uint64_t features)
{
	struct net *n = self;

	if (!n->begun) {
		n->offloads = features & NET_GUEST_OFFLOADS;
		net_filter_reset(&n->filter, features);
	}
	n->begun = true;
	net_agree(n, n->offloads & features);
}

static void net_reset(void *self)
{
	struct net *n = self;

	__atomic_store_n(&n->features, 0, __ATOMIC_RELEASE);
	__atomic_store_n(&n->used_pairs, 1, __ATOMIC_RELEASE);
	__atomic_store_n(&n->announces, false, __ATOMIC_SEQ_CST);
	n->offloads = 0;
	n->begun = n->news = false;
	net_filter_reset(&n->filter, 0);
	net_restart_address(n);
	for (unsigned i = 0; i < n->pair_count; i++) {
		n->pairs[i].rx.chains = 0;
		/* its rest still goes out: a stream has no other way on */
		n->pairs[i].tx.flying = false;
	}
}

/* --------------------------------------------------------------------- wiring */

static int take_peer(struct net *n, const struct volt_args *a)
{
	const struct volt_value *tap = volt_arg(a, PARAM_TAP), *socket = volt_arg(a, PARAM_SOCKET);

	if ((tap->fd < 0) == (socket->fd < 0))
		return volt_fail(
		    n->v.h, EINVAL, "needs one peer: tap=NAME, or socket=unix:PATH as of passt");
	n->tap = tap->fd >= 0;
	if (!n->tap && volt_arg(a, PARAM_QUEUES)->u > 1)
		return volt_fail(n->v.h, EINVAL, "a socket has one pair of queues");
	n->pair_count = n->tap ? (uint16_t)tap->u : 1;
	if (n->pair_count == 0 || n->pair_count > NET_PAIRS_MAX)
		return volt_fail(n->v.h, EINVAL, "a card has 1 to 7 pairs of queues");
	n->pairs = calloc(n->pair_count, sizeof(n->pairs[0]));
	if (!n->pairs)
		return volt_fail(n->v.h, ENOMEM, "cannot have memory for frames");
	for (unsigned i = 0; i < n->pair_count; i++)
		n->pairs[i].fd = (n->tap ? tap->fd : socket->fd) + (int)i;
	return 0;
}

static int watch_pair(struct net *n, unsigned pair)
{
	static const uint32_t events[] = {
	    [RECEIVEQ] = VOLT_WATCH_READ,
	    [TRANSMITQ] = VOLT_WATCH_WRITE,
	};

	for (unsigned i = 0; i < DIRECTIONS; i++) {
		const int err = n->v.work->watch(
		    n->v.h, n->v.workers[2 * pair + i], n->pairs[pair].fd, events[i]);

		if (err == -EOPNOTSUPP)
			return volt_fail(n->v.h, ENOTSUP,
			    "cannot wait for frames: this host's workers watch no files");
		if (err)
			return volt_fail(n->v.h, -err, "cannot wait for frames");
	}
	return 0;
}

static int watch_peer(struct net *n)
{
	for (unsigned i = 0; i < n->pair_count; i++) {
		const int err = watch_pair(n, i);

		if (err)
			return err;
	}
	return 0;
}

static int find_loop(struct net *n)
{
	const struct volt_host *h = n->v.h;
	int err;

	n->loop = h->get_ext(h, VOLT_EXT_LOOP);
	if (!n->loop)
		return volt_fail(h, ENOTSUP, "the host has no " VOLT_EXT_LOOP);
	err = n->loop->add_timer(h, net_link_changed, &n->timer);
	return err ? volt_fail(h, -err, "cannot have a timer") : 0;
}

/* Until the VM's identity is told, and for a host that does not tell it: the peer's name. */
static int set_own(struct net *n, const struct volt_args *a)
{
	const char *mac = volt_arg(a, PARAM_MAC)->s;
	const char *name = volt_arg(a, n->tap ? PARAM_TAP : PARAM_SOCKET)->s;

	n->given = *mac;
	if (!n->given)
		n->own = net_make_address(name, strlen(name), net_find_place(n));
	else if (!net_read_address(mac, &n->own))
		return volt_fail(n->v.h, EINVAL,
		    "parameter mac: %s is not an address of one card, like 52:54:00:12:34:56", mac);
	net_restart_address(n);
	return 0;
}

static int set_limits(struct net *n, const struct volt_rate *rate)
{
	int err = 0;

	for (unsigned i = 0; i < DIRECTIONS; i++) {
		err = volt_limit_init(&n->limit[i], &n->v, rate);
		if (err)
			return err;
	}
	return 0;
}

static void net_fini(void *self)
{
	struct net *n = self;

	free(n->pairs);
	n->pairs = NULL;
}

static int wire(struct net *n, const struct volt_host *h, const struct volt_args *a)
{
	struct volt_rate rate;
	uint64_t offloads = 0;
	int err;

	n->v.h = h;
	if (!net_read_rate(a, PARAM_RATE, &rate))
		return volt_fail(h, EINVAL, "a burst needs its rate: rate-bytes, or rate-ops");
	n->mtu = (uint16_t)volt_arg(a, PARAM_MTU)->u;
	err = take_peer(n, a);
	if (err)
		return err;
	if (n->tap && volt_arg(a, PARAM_OFFLOAD)->u)
		offloads = net_probe_offloads(n->pairs[0].fd);
	n->can_offload = offloads;
	n->type = (struct volt_virtio_type){
	    .size = sizeof(n->type),
	    .id = NETWORK_CARD,
	    .name = "net",
	    .features = FEATURES | offloads | (n->pair_count > 1 ? NET_F_MQ : 0),
	    .queues = (uint16_t)(2 * n->pair_count + 1),
	    .ring = RING,
	    .segments = VOLT_CHAIN_MAX,
	    .workers = (uint16_t)(2 * n->pair_count), /* the control queue is the first one's */
	    .config_size = sizeof(n->config),
	    .config = n->config,
	    .request = net_request,
	    .live = net_live,
	    .reset = net_reset,
	    .begin_run = n->tap ? NULL : net_begin_run,
	};
	err = volt_virtio_init(n, n->q, &n->type, h, a);
	if (err)
		return err;
	err = watch_peer(n);
	if (err)
		return err;
	err = find_loop(n);
	if (err)
		return err;
	err = set_limits(n, &rate);
	if (err)
		return err;
	err = net_pcap_init(n, volt_arg(a, PARAM_PCAP)->fd, volt_arg(a, PARAM_PCAP)->s,
	    volt_arg(a, PARAM_PCAP_LIMIT)->u);
	return err ? err : set_own(n, a);
}

static int net_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	const int err = wire(self, h, a);

	if (err)
		net_fini(self); /* the host calls it only after an init that went well */
	return err;
}

/* ---------------------------------------------------------------------- state */

static void net_resume(void *self)
{
	struct net *n = self;

	net_fill_config(n);
	volt_virtio_resume(n);
	if (n->news)
		volt_virtio_config_changed(&n->v);
	n->news = false;
}

static int net_validate(const void *candidate)
{
	const struct net *n = candidate;

	if (!net_is_one_card(n->address) || n->used_pairs > n->pair_count)
		return -EINVAL;
	return volt_virtio_validate(&n->v, n->q);
}

static const struct volt_field net_fields[] = {
    VOLT_VIRTIO_FIELDS(struct net),
    {VOLT_FIELD(struct net, down, VOLT_F_BOOL, 1)},
    {VOLT_FIELD(struct net, address, VOLT_F_U64, 1)},
    {VOLT_FIELD(struct net, used_pairs, VOLT_F_U16, 1), .min = 1, .max = NET_PAIRS_MAX},
    {VOLT_FIELD(struct net, begun, VOLT_F_BOOL, 1)},
    {VOLT_FIELD(struct net, offloads, VOLT_F_U64, 1)},
    {VOLT_FIELD(struct net, filter.modes, VOLT_F_U16, 1), .max = 0xff},
    {VOLT_FIELD(struct net, filter.one, VOLT_F_U8, 1), .max = NET_TABLE_MAX},
    {VOLT_FIELD(struct net, filter.group, VOLT_F_U8, 1), .max = NET_TABLE_MAX},
    {VOLT_FIELD(struct net, filter.ones, VOLT_F_U64, NET_TABLE_MAX)},
    {VOLT_FIELD(struct net, filter.groups, VOLT_F_U64, NET_TABLE_MAX)},
    {VOLT_FIELD(struct net, filter.tags, VOLT_F_U64, NET_TAG_WORDS)},
};

/* Version 1 had two queues, and nothing that a driver can tell. */
static const struct volt_state net_state = {
    .size = sizeof(net_state),
    .version = 2,
    .oldest = 2,
    VOLT_FIELDS(net_fields),
    .pause = volt_virtio_pause,
    .resume = net_resume,
    .validate = net_validate,
};

static const void *net_get_ext(const char *id)
{
	if (strcmp(id, VOLT_EXT_COMMAND) == 0)
		return &net_commands;
	if (strcmp(id, VOLT_EXT_IDENTITY) == 0)
		return &net_identified;
	return strcmp(id, VOLT_EXT_STATE) ? NULL : &net_state;
}

/* --------------------------------------------------------------------- tables */

static const struct volt_param params[] = {
    [PARAM_TAP] =
	{
	    .name = "tap",
	    .type = VOLT_PARAM_TAP,
	    .def = "",
	    .help = "the peer: a tap that exists, by its name, or fd:N",
	},
    [PARAM_SOCKET] =
	{
	    .name = "socket",
	    .type = VOLT_PARAM_SOCKET,
	    .def = "",
	    .help = "the peer: a stream socket as of passt, unix:PATH, or fd:N",
	},
    [PARAM_MAC] =
	{
	    .name = "mac",
	    .type = VOLT_PARAM_STRING,
	    .def = "",
	    .max = 17,
	    .flags = VOLT_PARAM_HOST_SIDE, /* a restored guest has the one that it had */
	    .help = "address of the card; without it, one that is made of who the VM is",
	},
    [PARAM_MTU] =
	{
	    .name = "mtu",
	    .type = VOLT_PARAM_UINT,
	    .def = "1500",
	    .min = 68,
	    .max = 65535,
	    .help =
		"bytes of the longest packet that the guest is given, without Ethernet's header",
	},
    [PARAM_OFFLOAD] =
	{
	    .name = "offload",
	    .type = VOLT_PARAM_BOOL,
	    .def = "on",
	    .help = "checksums and segments may be left to the other side; a socket has none",
	},
    [PARAM_QUEUES] =
	{
	    .name = "queues",
	    .type = VOLT_PARAM_UINT,
	    .def = "1",
	    .min = 1,
	    .max = NET_PAIRS_MAX,
	    .help = "pairs of queues, each with two threads; more than 1 need a tap with several",
	},
    [PARAM_PCAP] =
	{
	    .name = "pcap",
	    .type = VOLT_PARAM_FILE_RW,
	    .def = "",
	    .help = "a file that exists, where the frames that pass are recorded for tcpdump",
	},
    [PARAM_PCAP_LIMIT] =
	{
	    .name = "pcap-limit",
	    .type = VOLT_PARAM_SIZE,
	    .def = "64M",
	    .min = 24,
	    .max = UINT64_C(1) << 40,
	    .flags = VOLT_PARAM_HOST_SIDE,
	    .help = "bytes of that file, at most; then the record ends",
	},
    [PARAM_RATE] = {.name = "rate-bytes", NET_RATE_BYTES, .help = NET_BYTES_HELP},
    {.name = "burst-bytes", NET_RATE_BYTES, .help = NET_BURST_BYTES_HELP},
    {.name = "rate-ops", NET_RATE_OPS, .help = NET_OPS_HELP},
    {.name = "burst-ops", NET_RATE_OPS, .help = NET_BURST_OPS_HELP},
    VOLT_VIRTIO_PARAMS(),
};

#define ON_WORKER(call, param, reason_) \
	{ \
		.syscall = (call), .reason = (reason_), .roles = VOLT_ROLE_BIT(VOLT_ROLE_WORKER), \
		.test_count = 1, \
		.tests = {{.arg = 0, .op = VOLT_TEST_FD_PARAM, .value = (param)}}, \
	}

/* linux/if_tun.h: TUNSETOFFLOAD, with the bits that offload.c sets. */
#define TAP_OFFLOAD      UINT64_C(0x400454d0)
#define TAP_OFFLOAD_BITS UINT64_C(0x6f)
#define TAP_QUEUE        UINT64_C(0x400454d9) /* TUNSETQUEUE */

static const struct volt_need needs[] = {
    {
	.syscall = "ioctl",
	.reason = "tells the tap which offloads the guest takes",
	.roles = VOLT_ROLE_BIT(VOLT_ROLE_WORKER),
	.test_count = 3,
	.tests =
	    {
		{.arg = 0, .op = VOLT_TEST_FD_PARAM, .value = PARAM_TAP},
		{.arg = 1, .op = VOLT_TEST_EQ, .value = TAP_OFFLOAD},
		{.arg = 2, .op = VOLT_TEST_MASKED_EQ, .mask = ~TAP_OFFLOAD_BITS, .value = 0},
	    },
    },
    {
	.syscall = "ioctl",
	.reason = "switches a queue of the tap on or off",
	.roles = VOLT_ROLE_BIT(VOLT_ROLE_WORKER),
	.test_count = 2,
	.tests =
	    {
		{.arg = 0, .op = VOLT_TEST_FD_PARAM, .value = PARAM_TAP},
		{.arg = 1, .op = VOLT_TEST_EQ, .value = TAP_QUEUE},
	    },
    },
    ON_WORKER("readv", PARAM_TAP, "reads a frame into the guest's buffers"),
    ON_WORKER("writev", PARAM_TAP, "sends a frame from the guest's buffers"),
    ON_WORKER("readv", PARAM_SOCKET, "reads frames for the guest"),
    ON_WORKER("writev", PARAM_SOCKET, "sends a frame from the guest's buffers"),
    ON_WORKER("writev", PARAM_PCAP, "records a frame"),
};

static const struct volt_counter counters[] = {
    VOLT_VIRTIO_COUNTERS(),
    [COUNT_RX_PACKETS] = {"rx_packets", "frames that the guest got"},
    [COUNT_RX_BYTES] = {"rx_bytes", "bytes of those frames"},
    [COUNT_RX_DROPPED] = {"rx_dropped", "frames for the guest that were dropped"},
    [COUNT_TX_PACKETS] = {"tx_packets", "frames that the guest sent"},
    [COUNT_TX_BYTES] = {"tx_bytes", "bytes of those frames"},
    [COUNT_RX_FILTERED] = {"rx_filtered", "frames that the guest's driver does not want"},
    [COUNT_REFUSED] = {"refused", "commands of the driver that were refused"},
    [COUNT_THROTTLED] = {"throttled", "times that a frame had to wait for the rate"},
    [COUNT_TX_DROPPED] = {"tx_dropped", "frames of the guest that were dropped"},
};

VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "virtio-net",
    .version = "0.1.0",
    .summary = "gives the guest a network card",
    .flags = VOLT_FLAG_GUEST_MEMORY,
    .instance_size = sizeof(struct net),
    VOLT_PARAMS(params),
    VOLT_NEEDS(needs),
    VOLT_COUNTERS(counters),
    .init = net_init,
    .fini = net_fini,
    .reset = volt_virtio_reset,
    .get_ext = net_get_ext,
};
