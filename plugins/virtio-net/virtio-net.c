/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * virtio-net - a network card for the guest, on a tap or on a stream socket.
 *
 * Source: virtio 1.2, 5.1. Driver: Linux virtio_net.
 */
#include <errno.h>
#include <string.h>

#include <volt/command.h>

#include "net.h"

enum {
	PARAM_TAP,
	PARAM_SOCKET,
	PARAM_MAC,
	PARAM_MTU,
	PARAM_OFFLOAD,
	PARAM_PCAP,
	PARAM_PCAP_LIMIT,
	PARAM_RATE /* four */
};
enum { CONFIG_MAC = 0, CONFIG_STATUS = 6, CONFIG_MTU = 10 };

#define NETWORK_CARD 1u
#define LINK_UP      1u /* VIRTIO_NET_S_LINK_UP */
#define RING         256u

/* ----------------------------------------------------------------------- link */

bool net_is_up(const struct net *n)
{
	return !__atomic_load_n(&n->down, __ATOMIC_ACQUIRE) &&
	       !__atomic_load_n(&n->gone, __ATOMIC_ACQUIRE);
}

static void net_fill_config(struct net *n)
{
	memcpy(n->config + CONFIG_MAC, n->mac, sizeof(n->mac));
	volt_put_le16(n->config + CONFIG_STATUS, net_is_up(n) ? LINK_UP : 0);
	volt_put_le16(n->config + CONFIG_MTU, n->mtu);
}

/* What changed is told; and frames that waited for the link go on. */
void net_link_changed(void *self)
{
	struct net *n = self;
	const uint16_t before = volt_le16(n->config + CONFIG_STATUS);

	net_fill_config(n);
	if (volt_le16(n->config + CONFIG_STATUS) == before)
		return;
	volt_virtio_config_changed(&n->v);
	volt_virtio_post(&n->v, RECEIVEQ);
}

void net_lose(struct net *n)
{
	if (__atomic_exchange_n(&n->gone, true, __ATOMIC_ACQ_REL))
		return;
	volt_log(n->v.h, VOLT_LOG_WARN, "the peer has closed the socket; the link is down");
	n->loop->arm(n->v.h, n->timer, n->loop->now(n->v.h));
}

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
	return q->number == RECEIVEQ ? net_receive(self, q, c) : net_transmit(self, q, c);
}

static void net_live(void *self, uint64_t features)
{
	struct net *n = self;

	n->features = features;
	__atomic_store_n(&n->offloads_due, n->tap && n->can_offload, __ATOMIC_RELEASE);
}

static void net_reset(void *self)
{
	struct net *n = self;

	n->features = 0;
	n->rx.chains = 0;
	n->tx.flying = false; /* its rest still goes out: a stream has no other way on */
}

/* -------------------------------------------------------------------- address */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* "52:54:00:12:34:56", not of a group and not all zero. */
static bool parse_mac(const char *text, uint8_t mac[6])
{
	uint8_t any = 0;

	for (unsigned i = 0; i < 6; i++, text += 3) {
		const int high = hex_digit(text[0]);
		const int low = high < 0 ? -1 : hex_digit(text[1]);

		if (low < 0 || text[2] != (i < 5 ? ':' : '\0'))
			return false;
		mac[i] = (uint8_t)(high << 4 | low);
		any |= mac[i];
	}
	return any && !(mac[0] & 1);
}

/* FNV-1a of the peer's name and of the device's line: the same at each start, another for
 * each device of a VM and for each tap of a host. Locally administered (IEEE 802). */
static void make_mac(const char *name, uint32_t line, uint8_t mac[6])
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (const char *p = name; *p; p++)
		hash = (hash ^ (uint8_t)*p) * UINT64_C(0x100000001b3);
	hash = (hash ^ line) * UINT64_C(0x100000001b3);
	hash ^= hash >> 32;
	for (unsigned i = 0; i < 6; i++)
		mac[i] = (uint8_t)(hash >> (8 * i));
	mac[0] = (uint8_t)((mac[0] & 0xfc) | 2);
}

/* --------------------------------------------------------------------- wiring */

static int take_peer(struct net *n, const struct volt_args *a)
{
	const struct volt_value *tap = volt_arg(a, PARAM_TAP), *socket = volt_arg(a, PARAM_SOCKET);

	if ((tap->fd < 0) == (socket->fd < 0))
		return volt_fail(
		    n->v.h, EINVAL, "needs one peer: tap=NAME, or socket=unix:PATH as of passt");
	n->tap = tap->fd >= 0;
	n->fd = n->tap ? tap->fd : socket->fd;
	return 0;
}

static int watch_peer(struct net *n)
{
	static const uint32_t events[] = {
	    [RECEIVEQ] = VOLT_WATCH_READ,
	    [TRANSMITQ] = VOLT_WATCH_WRITE,
	};

	for (unsigned i = 0; i < QUEUES; i++) {
		const int err = n->v.work->watch(n->v.h, n->v.workers[i], n->fd, events[i]);

		if (err == -EOPNOTSUPP)
			return volt_fail(n->v.h, ENOTSUP,
			    "cannot wait for frames: this host's workers watch no files");
		if (err)
			return volt_fail(n->v.h, -err, "cannot wait for frames");
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

static int set_address(struct net *n, const struct volt_args *a)
{
	const char *mac = volt_arg(a, PARAM_MAC)->s;
	const char *name = volt_arg(a, n->tap ? PARAM_TAP : PARAM_SOCKET)->s;

	if (!*mac)
		make_mac(name, n->v.h->irq_number(n->v.h, n->v.line), n->mac);
	else if (!parse_mac(mac, n->mac))
		return volt_fail(n->v.h, EINVAL,
		    "parameter mac: %s is not an address of one card, like 52:54:00:12:34:56", mac);
	net_fill_config(n);
	return 0;
}

static int set_limits(struct net *n, const struct volt_rate *rate)
{
	int err = 0;

	for (unsigned i = 0; i < QUEUES; i++) {
		err = volt_limit_init(&n->limit[i], &n->v, rate);
		if (err)
			return err;
	}
	return 0;
}

static int net_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct net *n = self;
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
		offloads = net_probe_offloads(n->fd);
	n->can_offload = offloads;
	n->type = (struct volt_virtio_type){
	    .size = sizeof(n->type),
	    .id = NETWORK_CARD,
	    .name = "net",
	    .features = NET_F_MTU | NET_F_MAC | NET_F_MRG_RXBUF | NET_F_STATUS | offloads,
	    .queues = QUEUES,
	    .ring = RING,
	    .segments = VOLT_CHAIN_MAX,
	    .workers = QUEUES,
	    .config_size = sizeof(n->config),
	    .config = n->config,
	    .request = net_request,
	    .live = net_live,
	    .reset = net_reset,
	    .begin_run = net_begin_run,
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
	return err ? err : set_address(n, a);
}

/* ---------------------------------------------------------------------- state */

static void net_resume(void *self)
{
	net_fill_config(self);
	volt_virtio_resume(self);
}

static int net_validate(const void *candidate)
{
	const struct net *n = candidate;

	return n->mac[0] & 1 ? -EINVAL : volt_virtio_validate(&n->v, n->q);
}

static const struct volt_field net_fields[] = {
    VOLT_VIRTIO_FIELDS(struct net),
    {VOLT_FIELD(struct net, down, VOLT_F_BOOL, 1)},
    {VOLT_FIELD(struct net, mac, VOLT_F_U8, 6)},
};

static const struct volt_state net_state = {
    .size = sizeof(net_state),
    .version = 1,
    .oldest = 1,
    VOLT_FIELDS(net_fields),
    .pause = volt_virtio_pause,
    .resume = net_resume,
    .validate = net_validate,
};

static const void *net_get_ext(const char *id)
{
	if (strcmp(id, VOLT_EXT_COMMAND) == 0)
		return &net_commands;
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
	    .help = "address of the card; without it, one that is made of the peer's name",
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
    .reset = volt_virtio_reset,
    .get_ext = net_get_ext,
};
