/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * filter - which frames of the peer the guest wants (virtio 5.1.6.5.1 to 5.1.6.5.3).
 *
 * The worker of the control queue writes, those that receive read: each number by itself is
 * atomic, so that a frame that comes during a command is judged by the old or by the new.
 */
#include <string.h>

#include "net.h"

#define TAGGED   0x8100u /* IEEE 802.1Q: a tag follows, in front of the type */
#define TAG_ID   0xfffu
#define ALL_ONES UINT64_C(0xffffffffffff)

static uint64_t load(const uint64_t *word)
{
	return __atomic_load_n(word, __ATOMIC_RELAXED);
}

static void store(uint64_t *word, uint64_t val)
{
	__atomic_store_n(word, val, __ATOMIC_RELAXED);
}

static uint16_t modes(const struct net_filter *f)
{
	return __atomic_load_n(&f->modes, __ATOMIC_RELAXED);
}

/* A driver that can say nothing gets all; tags are let in one by one only by who can say so. */
void net_filter_reset(struct net_filter *f, uint64_t features)
{
	const bool says_tags = features & NET_F_CTRL_VLAN;

	__atomic_store_n(&f->modes, NET_MODE(NET_RX_PROMISC), __ATOMIC_RELAXED);
	__atomic_store_n(&f->one, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&f->group, 0, __ATOMIC_RELAXED);
	for (unsigned i = 0; i < NET_TAG_WORDS; i++)
		store(&f->tags[i], says_tags ? 0 : UINT64_MAX);
}

void net_filter_set_mode(struct net_filter *f, unsigned mode, bool on)
{
	if (on)
		__atomic_fetch_or(&f->modes, NET_MODE(mode), __ATOMIC_RELAXED);
	else
		__atomic_fetch_and(&f->modes, (uint16_t)~NET_MODE(mode), __ATOMIC_RELAXED);
}

void net_filter_set_tag(struct net_filter *f, uint16_t tag, bool on)
{
	uint64_t *word = &f->tags[tag / 64];
	const uint64_t bit = UINT64_C(1) << tag % 64;

	if (on)
		__atomic_fetch_or(word, bit, __ATOMIC_RELAXED);
	else
		__atomic_fetch_and(word, ~bit, __ATOMIC_RELAXED);
}

/* virtio 5.1.6.5.2: a device that has no room for them takes all of their kind. */
void net_filter_set_table(struct net_filter *f, bool group, const uint64_t *table, uint32_t count)
{
	const bool fits = count <= NET_TABLE_MAX;
	uint64_t *to = group ? f->groups : f->ones;

	net_filter_set_mode(f, group ? NET_MANY_GROUPS : NET_MANY_ONES, !fits);
	for (uint32_t i = 0; fits && i < count; i++)
		store(&to[i], table[i]);
	__atomic_store_n(group ? &f->group : &f->one, fits ? (uint8_t)count : 0, __ATOMIC_RELEASE);
}

static bool has_address(const uint64_t *table, const uint8_t *count, uint64_t address)
{
	const unsigned n = __atomic_load_n(count, __ATOMIC_ACQUIRE);

	for (unsigned i = 0; i < n; i++)
		if (load(&table[i]) == address)
			return true;
	return false;
}

/* Tag 0 names no VLAN, only a priority. */
static bool wants_tag(const struct net_filter *f, const uint8_t *frame)
{
	const unsigned tag = (unsigned)(frame[14] << 8 | frame[15]) & TAG_ID;

	if ((frame[12] << 8 | frame[13]) != TAGGED || tag == 0)
		return true;
	return load(&f->tags[tag / 64]) >> tag % 64 & 1;
}

static bool wants_group(const struct net_filter *f, uint16_t mode, uint64_t to)
{
	if (to == ALL_ONES)
		return !(mode & NET_MODE(NET_RX_NOBCAST));
	if (mode & NET_MODE(NET_RX_NOMULTI))
		return false;
	return mode & (NET_MODE(NET_RX_ALLMULTI) | NET_MODE(NET_MANY_GROUPS)) ||
	       has_address(f->groups, &f->group, to);
}

static bool wants_one(const struct net *n, uint16_t mode, uint64_t to)
{
	const struct net_filter *f = &n->filter;

	if (mode & NET_MODE(NET_RX_NOUNI))
		return false;
	return mode & (NET_MODE(NET_RX_ALLUNI) | NET_MODE(NET_MANY_ONES)) ||
	       to == __atomic_load_n(&n->address, __ATOMIC_RELAXED) ||
	       has_address(f->ones, &f->one, to);
}

bool net_filter_wants(const struct net *n, const uint8_t frame[NET_LOOK])
{
	const struct net_filter *f = &n->filter;
	const uint16_t mode = modes(f);
	const uint64_t to = net_get_address(frame);

	if (mode & NET_MODE(NET_RX_PROMISC))
		return true;
	if (!wants_tag(f, frame))
		return false;
	return frame[0] & 1 ? wants_group(f, mode, to) : wants_one(n, mode, to);
}

bool net_filter_takes_all(const struct net *n)
{
	return modes(&n->filter) & NET_MODE(NET_RX_PROMISC);
}
