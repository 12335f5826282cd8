/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * offload - checksums and segments that one side leaves to the other (virtio 5.1.6.2, 5.1.6.4).
 *
 * Towards the peer the tap's kernel does the work, whatever its own offloads are set to. For
 * frames to the guest it has to be told what the driver agreed to: before that it finishes
 * each frame itself. Source: Linux, Documentation/networking/tuntap.rst and linux/if_tun.h.
 */
#include <linux/if.h>
#include <linux/if_tun.h>
#include <string.h>
#include <sys/ioctl.h>

#include "net.h"

/* Of linux/if_tun.h since 6.2; both are set, or neither. */
#define TAP_USO (0x20ul | 0x40ul)
#define TAP_TCP ((unsigned long)(TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN))

#define TO_HOST   (NET_F_CSUM | NET_F_HOST_TSO4 | NET_F_HOST_TSO6 | NET_F_HOST_ECN)
#define TO_GUEST  (NET_F_GUEST_CSUM | NET_F_GUEST_TSO4 | NET_F_GUEST_TSO6 | NET_F_GUEST_ECN)
#define GUEST_USO (NET_F_GUEST_USO4 | NET_F_GUEST_USO6)

static bool has(const struct net *n, uint64_t feature)
{
	return net_agreed(n, feature);
}

/* --------------------------------------------------------------------- the tap */

static bool tap_takes(int tap, unsigned long bits)
{
	return ioctl(tap, TUNSETOFFLOAD, bits) == 0;
}

uint64_t net_probe_offloads(int tap)
{
	uint64_t features = TO_HOST;

	if (tap_takes(tap, TAP_TCP))
		features |= TO_GUEST | NET_F_CTRL_GUEST_OFFLOADS;
	if (tap_takes(tap, TUN_F_CSUM | TAP_USO))
		features |= NET_F_HOST_USO | GUEST_USO;
	tap_takes(tap, 0);
	return features;
}

/* virtio 5.1.3.1: each of the others needs checksums, and ECN one of the segmentations. */
static unsigned long agreed_bits(const struct net *n)
{
	unsigned long bits = TUN_F_CSUM;

	if (!has(n, NET_F_GUEST_CSUM))
		return 0;
	if (has(n, NET_F_GUEST_TSO4))
		bits |= TUN_F_TSO4;
	if (has(n, NET_F_GUEST_TSO6))
		bits |= TUN_F_TSO6;
	if (has(n, NET_F_GUEST_ECN) && bits != TUN_F_CSUM)
		bits |= TUN_F_TSO_ECN;
	if (has(n, NET_F_GUEST_USO4) && has(n, NET_F_GUEST_USO6))
		bits |= TAP_USO;
	return bits;
}

/* ----------------------------------------------------------------- its queues */

/* Linux, include/uapi/linux/if_tun.h: a queue that is detached gets no frames. */
static bool set_queue(const struct net *n, unsigned pair, bool on)
{
	struct ifreq request = {.ifr_flags = on ? IFF_ATTACH_QUEUE : IFF_DETACH_QUEUE};

	return ioctl(n->pairs[pair].fd, TUNSETQUEUE, &request) == 0;
}

bool net_attach_pairs(struct net *n, unsigned pairs)
{
	for (unsigned i = 1; i < n->pair_count; i++) {
		struct net_pair *p = &n->pairs[i];

		if (p->detached == (i >= pairs))
			continue;
		if (!set_queue(n, i, i < pairs))
			return false;
		p->detached = i >= pairs;
	}
	return true;
}

/* Whoever is late does it once more: what is told last is what was agreed last. */
void net_tell_tap(struct net *n)
{
	while (__atomic_exchange_n(&n->tap_due, false, __ATOMIC_ACQ_REL)) {
		const unsigned long bits = agreed_bits(n);

		if (n->can_offload && !tap_takes(n->pairs[0].fd, bits))
			volt_log(
			    n->v.h, VOLT_LOG_WARN, "the tap refuses the offloads of the guest");
		if (agreed_bits(n) != bits)
			__atomic_store_n(&n->tap_due, true, __ATOMIC_RELEASE);
		if (!net_attach_pairs(n, __atomic_load_n(&n->used_pairs, __ATOMIC_ACQUIRE)))
			volt_log(n->v.h, VOLT_LOG_WARN, "the tap's queues cannot be switched");
	}
}

bool net_change_offloads(struct net *n, uint64_t offloads)
{
	if (offloads & ~(n->v.accepted & NET_GUEST_OFFLOADS))
		return false;
	net_agree(n, offloads);
	net_tell_tap(n);
	return true;
}

void net_agree(struct net *n, uint64_t offloads)
{
	n->offloads = offloads;
	__atomic_store_n(
	    &n->features, (n->v.accepted & ~NET_GUEST_OFFLOADS) | offloads, __ATOMIC_RELEASE);
	__atomic_store_n(&n->tap_due, n->tap, __ATOMIC_RELEASE);
}

/* ------------------------------------------------------------------ the headers */

/* Which feature stands for a type of segments, in either direction; 0: there is none. */
static uint64_t feature_of_sent(uint8_t type)
{
	switch (type) {
	case NET_GSO_TCPV4:
		return NET_F_HOST_TSO4;
	case NET_GSO_TCPV6:
		return NET_F_HOST_TSO6;
	case NET_GSO_UDP:
		return NET_F_HOST_USO;
	default:
		return 0;
	}
}

static uint64_t feature_of_received(uint8_t type)
{
	switch (type) {
	case NET_GSO_TCPV4:
		return NET_F_GUEST_TSO4;
	case NET_GSO_TCPV6:
		return NET_F_GUEST_TSO6;
	case NET_GSO_UDP:
		return GUEST_USO;
	default:
		return 0;
	}
}

/* Segments have checksums to fill in, a size, and a type that was agreed. */
static bool is_agreed(const struct net *n, const uint8_t *header, uint64_t feature, uint64_t ecn)
{
	const uint8_t type = header[NET_GSO_TYPE];

	if (type & NET_GSO_ECN && ((type & ~NET_GSO_ECN) == NET_GSO_UDP || !has(n, ecn)))
		return false;
	return header[NET_FLAGS] & NET_NEEDS_CSUM && volt_le16(header + NET_GSO_SIZE) && feature &&
	       (__atomic_load_n(&n->features, __ATOMIC_ACQUIRE) & feature) == feature;
}

/* Bits of the flags that say nothing to a device are taken out, and num_buffers too, which is
 * not the driver's here. */
bool net_check_sent(const struct net *n, uint8_t *header, size_t length)
{
	const uint8_t type = header[NET_GSO_TYPE];
	const uint32_t sum_at =
	    (uint32_t)volt_le16(header + NET_CSUM_START) + volt_le16(header + NET_CSUM_OFFSET);

	header[NET_FLAGS] &= NET_NEEDS_CSUM;
	volt_put_le16(header + NET_NUM_BUFFERS, 0);
	if (header[NET_FLAGS] && (!has(n, NET_F_CSUM) || sum_at + 2 > length))
		return false;
	if (type == NET_GSO_NONE)
		return true;
	return is_agreed(n, header, feature_of_sent(type & ~NET_GSO_ECN), NET_F_HOST_ECN);
}

/* A frame that was queued under another agreement may ask for what this one lacks. */
bool net_check_received(const struct net *n, uint8_t *header)
{
	const uint8_t type = header[NET_GSO_TYPE];
	const bool sums = has(n, NET_F_GUEST_CSUM);

	header[NET_FLAGS] &= NET_NEEDS_CSUM | (sums ? NET_DATA_VALID : 0u);
	volt_put_le16(header + NET_NUM_BUFFERS, 1);
	if (header[NET_FLAGS] & NET_NEEDS_CSUM && !sums)
		return false;
	if (type != NET_GSO_NONE)
		return is_agreed(
		    n, header, feature_of_received(type & ~NET_GSO_ECN), NET_F_GUEST_ECN);
	if (header[NET_FLAGS] & NET_NEEDS_CSUM)
		return true;
	/* virtio 5.1.6.4.1: then the fields of sums and segments are 0. */
	memset(header + NET_GSO_TYPE, 0, NET_NUM_BUFFERS - NET_GSO_TYPE);
	return true;
}
