/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * config - the configuration space (virtio 5.1.4): link, announcement and address; and who the
 * card is among the copies of its VM.
 */
#include <string.h>

#include "net.h"

enum { CONFIG_MAC = 0, CONFIG_STATUS = 6, CONFIG_PAIRS = 8, CONFIG_MTU = 10 };

#define LINK_UP  1u /* VIRTIO_NET_S_LINK_UP */
#define ANNOUNCE 2u /* VIRTIO_NET_S_ANNOUNCE */

/* ----------------------------------------------------------------------- link */

bool net_is_up(const struct net *n)
{
	return !__atomic_load_n(&n->down, __ATOMIC_ACQUIRE) &&
	       !__atomic_load_n(&n->gone, __ATOMIC_ACQUIRE);
}

static void put_byte(struct net *n, unsigned at, uint64_t val)
{
	__atomic_store_n(&n->config[at], (uint8_t)val, __ATOMIC_SEQ_CST);
}

static uint8_t make_status(const struct net *n)
{
	return (net_is_up(n) ? LINK_UP : 0) |
	       (__atomic_load_n(&n->announces, __ATOMIC_SEQ_CST) ? ANNOUNCE : 0);
}

/* The loop and a worker may both be here: whoever stores last has seen what both changed. */
void net_show_status(struct net *n)
{
	uint8_t status;

	do {
		status = make_status(n);
		put_byte(n, CONFIG_STATUS, status);
	} while (status != make_status(n));
}

static void show_address(struct net *n)
{
	const uint64_t address = __atomic_load_n(&n->address, __ATOMIC_RELAXED);

	for (unsigned i = 0; i < 6; i++)
		put_byte(n, CONFIG_MAC + i, address >> 8 * i);
}

void net_fill_config(struct net *n)
{
	show_address(n);
	net_show_status(n);
	if (n->pair_count > 1)
		put_byte(n, CONFIG_PAIRS, n->pair_count);
	put_byte(n, CONFIG_MTU, n->mtu);
	put_byte(n, CONFIG_MTU + 1, n->mtu >> 8);
}

void net_set_address(struct net *n, uint64_t address)
{
	__atomic_store_n(&n->address, address, __ATOMIC_RELAXED);
	show_address(n);
}

/* What changed is told; and frames that waited for the link go on. */
void net_link_changed(void *self)
{
	struct net *n = self;
	const uint8_t before = __atomic_load_n(&n->config[CONFIG_STATUS], __ATOMIC_SEQ_CST);

	net_show_status(n);
	if ((make_status(n) ^ before) & LINK_UP)
		volt_virtio_config_changed(&n->v);
	for (unsigned i = 0; i < n->pair_count; i++)
		volt_virtio_post(&n->v, 2 * i + RECEIVEQ);
}

void net_lose(struct net *n)
{
	if (__atomic_exchange_n(&n->gone, true, __ATOMIC_ACQ_REL))
		return;
	volt_log(n->v.h, VOLT_LOG_WARN, "the peer has closed the socket; the link is down");
	n->loop->arm(n->v.h, n->timer, n->loop->now(n->v.h));
}

/* ------------------------------------------------------------------- identity */

void net_restart_address(struct net *n)
{
	__atomic_store_n(&n->address, n->own, __ATOMIC_RELAXED);
	net_fill_config(n);
}

uint32_t net_find_place(const struct net *n)
{
	const struct volt_pci_function *f = &n->v.pci;

	for (unsigned i = 0; f->bus && i < VOLT_PCI_BARS; i++)
		if (f->home[i])
			return f->home[i];
	return f->bus ? 0 : n->v.h->irq_number(n->v.h, n->v.line);
}

static void make_own(struct net *n, const struct volt_identity *id)
{
	const char *name = VOLT_HAS(id, name) ? id->name : NULL;

	n->own = name ? net_make_address(name, strlen(name), net_find_place(n))
		      : net_make_address(id->generation, sizeof(id->generation), net_find_place(n));
}

/* A guest that goes on has its address in its memory, and keeps it: its driver reads the
 * configuration only at its start, after a reset. It is asked to tell the network where it is now,
 * which is saved nowhere, as whoever is restored is asked. */
static void net_identify(void *self, const struct volt_identity *id)
{
	struct net *n = self;
	const bool restored = id->reason == VOLT_IDENTITY_RESTORED;

	if (!n->given)
		make_own(n, id);
	if (!restored)
		net_restart_address(n);
	if (!restored || !n->begun || !(n->v.accepted & NET_F_GUEST_ANNOUNCE))
		return;
	__atomic_store_n(&n->announces, true, __ATOMIC_SEQ_CST);
	n->news = true;
}

const struct volt_identified net_identified = {
    .size = sizeof(net_identified),
    .identify = net_identify,
};
