/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * table - the connections: by ports, in line for the guest, and their two ends.
 */
#include <string.h>

#include "vsock.h"

void vsock_table_init(struct vsock *s)
{
	memset(s->buckets, 0xff, sizeof(s->buckets));
	s->first = s->last = NOBODY;
	s->free = NOBODY;
	for (uint32_t i = s->count; i-- > 0;) {
		s->conns[i].bytes = s->bytes + (size_t)WINDOW * i;
		s->conns[i].next_in_line = s->free;
		s->free = (uint16_t)i;
	}
	s->next_port = FIRST_PORT;
}

static uint16_t number_of(const struct vsock *s, const struct vsock_conn *c)
{
	return (uint16_t)(c - s->conns);
}

/* ------------------------------------------------------------------- by ports */

static uint16_t *bucket_of(struct vsock *s, uint32_t guest_port, uint32_t host_port)
{
	const uint64_t key = (uint64_t)guest_port << 32 | host_port;

	return &s->buckets[(key * UINT64_C(0x9e3779b97f4a7c15)) >> 54];
}

struct vsock_conn *vsock_find(struct vsock *s, uint32_t guest_port, uint32_t host_port)
{
	for (uint16_t n = *bucket_of(s, guest_port, host_port); n != NOBODY;
	     n = s->conns[n].next_in_bucket)
		if (s->conns[n].guest_port == guest_port && s->conns[n].host_port == host_port)
			return &s->conns[n];
	return NULL;
}

void vsock_link(struct vsock *s, struct vsock_conn *c)
{
	uint16_t *bucket = bucket_of(s, c->guest_port, c->host_port);

	c->next_in_bucket = *bucket;
	*bucket = number_of(s, c);
	c->known = true;
}

static void unlink_ports(struct vsock *s, struct vsock_conn *c)
{
	uint16_t *at = bucket_of(s, c->guest_port, c->host_port);

	if (!c->known)
		return;
	while (*at != number_of(s, c))
		at = &s->conns[*at].next_in_bucket;
	*at = c->next_in_bucket;
	c->known = false;
}

/* -------------------------------------------------------------------- in line */

uint32_t vsock_room(const struct vsock_conn *c)
{
	const uint32_t flying = c->sent - c->guest_fwd; /* counters of 32 bits that wrap */

	return flying < c->guest_alloc ? c->guest_alloc - flying : 0;
}

static bool has_bytes(const struct vsock_conn *c)
{
	return c->state == VSOCK_OPEN && c->readable && !c->eof && vsock_room(c) > 0;
}

void vsock_line_up(struct vsock *s, struct vsock_conn *c)
{
	const uint16_t n = number_of(s, c);

	if (c->in_line || !c->known || (!c->due && !has_bytes(c)))
		return;
	c->in_line = true;
	c->next_in_line = NOBODY;
	if (s->last == NOBODY)
		s->first = n;
	else
		s->conns[s->last].next_in_line = n;
	s->last = n;
}

struct vsock_conn *vsock_next_in_line(struct vsock *s)
{
	if (s->first == NOBODY)
		return NULL;
	struct vsock_conn *c = &s->conns[s->first];

	s->first = c->next_in_line;
	if (s->first == NOBODY)
		s->last = NOBODY;
	c->in_line = false;
	return c;
}

static void leave_line(struct vsock *s, struct vsock_conn *c)
{
	const uint16_t n = number_of(s, c);
	uint16_t before = NOBODY;

	if (!c->in_line)
		return;
	for (uint16_t i = s->first; i != n; i = s->conns[i].next_in_line)
		before = i;
	if (before == NOBODY)
		s->first = c->next_in_line;
	else
		s->conns[before].next_in_line = c->next_in_line;
	if (s->last == n)
		s->last = before;
	c->in_line = false;
}

void vsock_due(struct vsock *s, struct vsock_conn *c, unsigned op)
{
	c->due |= (uint8_t)OP_BIT(op);
	vsock_line_up(s, c);
}

bool vsock_refuse(struct vsock *s, uint32_t guest_port, uint32_t host_port, uint16_t type)
{
	if (s->refusal_count == REFUSALS)
		return false;
	const unsigned at = (s->refusal_first + s->refusal_count++) % REFUSALS;

	s->refusals[at] = (struct vsock_refusal){guest_port, host_port, type};
	return true;
}

/* ---------------------------------------------------------------- their ends */

/* The guest has been told of both directions and answers with RST when it likes: where places
 * are short it is not waited for. */
static struct vsock_conn *find_idle(struct vsock *s)
{
	for (uint32_t i = 0; i < s->count; i++) {
		struct vsock_conn *c = &s->conns[i];

		if (c->state == VSOCK_ENDING && !c->has_peer && c->known && !c->due &&
		    c->shut == SHUT_BOTH)
			return c;
	}
	return NULL;
}

struct vsock_conn *vsock_new(struct vsock *s)
{
	if (s->free == NOBODY) {
		struct vsock_conn *idle = find_idle(s);

		if (idle && vsock_refuse(s, idle->guest_port, idle->host_port, TYPE_STREAM))
			vsock_forget_guest(s, idle);
	}
	if (s->free == NOBODY)
		return NULL;
	struct vsock_conn *c = &s->conns[s->free];
	uint8_t *bytes = c->bytes;

	s->free = c->next_in_line;
	*c = (struct vsock_conn){.bytes = bytes};
	return c;
}

static void release(struct vsock *s, struct vsock_conn *c)
{
	if (c->known || c->has_peer || c->in_use)
		return;
	leave_line(s, c);
	c->state = VSOCK_FREE;
	c->next_in_line = s->free;
	s->free = number_of(s, c);
}

void vsock_end_host(struct vsock *s, struct vsock_conn *c)
{
	if (c->state == VSOCK_FREE)
		return;
	if (c->has_peer)
		s->peers->close(s->v.h, c->peer);
	c->has_peer = false;
	c->used = 0;
	c->eof = c->deaf = true;
	c->state = VSOCK_ENDING;
	release(s, c);
}

void vsock_forget_guest(struct vsock *s, struct vsock_conn *c)
{
	if (c->state == VSOCK_FREE)
		return;
	leave_line(s, c);
	unlink_ports(s, c);
	c->due = 0;
	c->state = VSOCK_ENDING;
	release(s, c);
}

void vsock_end_guest(struct vsock *s, struct vsock_conn *c, bool tell)
{
	if (c->state == VSOCK_FREE)
		return;
	c->state = VSOCK_ENDING;
	if (!tell || !c->known) {
		vsock_forget_guest(s, c);
		return;
	}
	c->due = 0;
	vsock_due(s, c, OP_RST);
}

void vsock_reset(struct vsock *s, struct vsock_conn *c)
{
	vsock_end_guest(s, c, true);
	vsock_end_host(s, c);
}
