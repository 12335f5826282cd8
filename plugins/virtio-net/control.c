/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * control - the control queue (virtio 5.1.6.5): a class, a command and its data, and one byte of
 * answer. A command without its feature, or with data that is not its own, changes nothing.
 */
#include <string.h>

#include "net.h"

enum { ANSWER_OK, ANSWER_ERR };
enum { CLASS_RX, CLASS_MAC, CLASS_VLAN, CLASS_ANNOUNCE, CLASS_MQ, CLASS_OFFLOADS };
enum { MAC_TABLE_SET, MAC_ADDR_SET };
enum { VLAN_ADD, VLAN_DEL };

/* Bytes, of 10,000 addresses: the same buffer may be in a chain often. */
#define COMMAND_MAX 65536u

/* Reads exactly n bytes, which are all that is left. */
static bool read_all(struct volt_chain *c, void *to, size_t n)
{
	uint8_t more;

	return volt_chain_read(c, to, n) == n && volt_chain_read(c, &more, 1) == 0;
}

static bool set_mode(struct net *n, uint8_t command, struct volt_chain *c)
{
	const uint64_t needs = command <= NET_RX_ALLMULTI ? NET_F_CTRL_RX : NET_F_CTRL_RX_EXTRA;
	uint8_t on;

	if (command > NET_RX_NOBCAST || !net_agreed(n, needs) || !read_all(c, &on, 1) || on > 1)
		return false;
	net_filter_set_mode(&n->filter, command, on);
	return true;
}

/* One of the two tables; those that do not fit are counted, and read over. */
static bool read_table(struct volt_chain *c, uint64_t table[NET_TABLE_MAX], uint32_t *count)
{
	uint8_t bytes[6];

	if (volt_chain_read(c, bytes, 4) != 4)
		return false;
	*count = volt_le32(bytes);
	for (uint32_t i = 0; i < *count; i++) {
		if (volt_chain_read(c, bytes, sizeof(bytes)) != sizeof(bytes))
			return false;
		if (i < NET_TABLE_MAX)
			table[i] = net_get_address(bytes);
	}
	return true;
}

static bool set_tables(struct net *n, struct volt_chain *c)
{
	uint64_t ones[NET_TABLE_MAX], groups[NET_TABLE_MAX];
	uint32_t one, group;
	uint8_t more;

	if (!net_agreed(n, NET_F_CTRL_RX) || !read_table(c, ones, &one) ||
	    !read_table(c, groups, &group) || volt_chain_read(c, &more, 1))
		return false;
	net_filter_set_table(&n->filter, false, ones, one);
	net_filter_set_table(&n->filter, true, groups, group);
	return true;
}

static bool set_address(struct net *n, struct volt_chain *c)
{
	uint8_t bytes[6];

	if (!net_agreed(n, NET_F_CTRL_MAC_ADDR) || !read_all(c, bytes, sizeof(bytes)) ||
	    !net_is_one_card(net_get_address(bytes)))
		return false;
	net_set_address(n, net_get_address(bytes));
	return true;
}

static bool set_tag(struct net *n, uint8_t command, struct volt_chain *c)
{
	uint8_t bytes[2];

	if (command > VLAN_DEL || !net_agreed(n, NET_F_CTRL_VLAN) ||
	    !read_all(c, bytes, sizeof(bytes)) || volt_le16(bytes) >= NET_TAGS)
		return false;
	net_filter_set_tag(&n->filter, volt_le16(bytes), command == VLAN_ADD);
	return true;
}

/* virtio 5.1.6.5.4.1: the bit is cleared before the chain goes back. */
static bool acknowledge(struct net *n, uint8_t command, struct volt_chain *c)
{
	uint8_t more;

	if (command || !net_agreed(n, NET_F_GUEST_ANNOUNCE) || volt_chain_read(c, &more, 1))
		return false;
	__atomic_store_n(&n->announces, false, __ATOMIC_SEQ_CST);
	net_show_status(n);
	return true;
}

static bool set_pairs(struct net *n, uint8_t command, struct volt_chain *c)
{
	uint8_t bytes[2];

	if (command || !net_agreed(n, NET_F_MQ) || !read_all(c, bytes, sizeof(bytes)))
		return false;
	const uint16_t pairs = volt_le16(bytes);

	return pairs >= 1 && pairs <= n->pair_count && net_use_pairs(n, pairs);
}

static bool set_offloads(struct net *n, uint8_t command, struct volt_chain *c)
{
	uint8_t bytes[8];

	if (command || !net_agreed(n, NET_F_CTRL_GUEST_OFFLOADS) ||
	    !read_all(c, bytes, sizeof(bytes)))
		return false;
	return net_change_offloads(n, volt_le64(bytes));
}

static bool obey(struct net *n, struct volt_chain *c)
{
	uint8_t head[2];

	if (volt_chain_read(c, head, sizeof(head)) != sizeof(head))
		return false;
	switch (head[0]) {
	case CLASS_RX:
		return set_mode(n, head[1], c);
	case CLASS_MAC:
		if (head[1] == MAC_TABLE_SET)
			return set_tables(n, c);
		return head[1] == MAC_ADDR_SET && set_address(n, c);
	case CLASS_VLAN:
		return set_tag(n, head[1], c);
	case CLASS_ANNOUNCE:
		return acknowledge(n, head[1], c);
	case CLASS_MQ:
		return set_pairs(n, head[1], c);
	case CLASS_OFFLOADS:
		return set_offloads(n, head[1], c);
	default:
		return false;
	}
}

bool net_is_control(const struct net *n, const struct volt_queue *q)
{
	const unsigned pairs = net_agreed(n, NET_F_MQ) ? n->pair_count : 1;

	return net_agreed(n, NET_F_CTRL_VQ) && q->number == 2 * pairs;
}

/* A command whose answer has no room is not carried out. */
bool net_control(struct net *n, struct volt_queue *q, struct volt_chain *c)
{
	uint8_t answer = ANSWER_ERR;

	if (c->in_len && c->out_len <= COMMAND_MAX && obey(n, c))
		answer = ANSWER_OK;
	if (answer == ANSWER_ERR)
		volt_count(n->v.h, COUNT_REFUSED, 1);
	volt_chain_done(q, c, (uint32_t)volt_chain_write(c, &answer, 1));
	return true;
}
