/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
/*
 * Sources: RFC 2131 (2: the message, 4.3.2: what a REQUEST has in each state, 4.4.5: T1 and T2),
 * RFC 2132 (options), RFC 791 and 768 (headers).
 */
#include "dhcp.h"

#include <arpa/inet.h>
#include <string.h>

enum { BOOTREQUEST = 1, BOOTREPLY = 2, ETHERNET = 1, BROADCAST = 0x80 };

/* Offsets in the message. */
enum {
	OP = 0,
	HTYPE = 1,
	HLEN = 2,
	XID = 4,
	FLAGS = 10,
	CIADDR = 12,
	YIADDR = 16,
	CHADDR = 28,
	COOKIE = 236,
	OPTIONS = 240,
};

enum {
	OPT_PAD = 0,
	OPT_NETMASK = 1,
	OPT_ROUTER = 3,
	OPT_DNS = 6,
	OPT_HOSTNAME = 12,
	OPT_MTU = 26,
	OPT_REQUESTED = 50,
	OPT_LEASE = 51,
	OPT_TYPE = 53,
	OPT_SERVER = 54,
	OPT_PARAMETERS = 55,
	OPT_MAX_SIZE = 57,
	OPT_RENEW = 58,
	OPT_REBIND = 59,
	OPT_END = 255,
};

static const uint8_t cookie[4] = {99, 130, 83, 99};

static uint32_t be32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static uint32_t raw32(const uint8_t *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static uint8_t *put(uint8_t *at, uint8_t option, const void *data, uint8_t len)
{
	*at++ = option;
	*at++ = len;
	memcpy(at, data, len);
	return at + len;
}

size_t dhcp_write(uint8_t message[DHCP_MESSAGE], const struct dhcp_client *c, enum dhcp_type type,
    const struct dhcp_lease *from, bool bound)
{
	static const uint8_t wanted[] = {OPT_NETMASK, OPT_ROUTER, OPT_DNS, OPT_HOSTNAME, OPT_MTU,
	    OPT_LEASE, OPT_RENEW, OPT_REBIND};
	static const uint8_t max_size[2] = {DHCP_PACKET >> 8, DHCP_PACKET & 255};
	const uint8_t kind = (uint8_t)type;
	uint8_t *at = message + OPTIONS;

	memset(message, 0, DHCP_MESSAGE);
	message[OP] = BOOTREQUEST;
	message[HTYPE] = ETHERNET;
	message[HLEN] = sizeof(c->mac);
	memcpy(message + XID, &c->xid, sizeof(c->xid));
	memcpy(message + CHADDR, c->mac, sizeof(c->mac));
	memcpy(message + COOKIE, cookie, sizeof(cookie));
	at = put(at, OPT_TYPE, &kind, 1);
	if (bound) {
		memcpy(message + CIADDR, &from->address, 4);
	} else {
		message[FLAGS] = BROADCAST; /* servers that can then reach us without ARP */
		if (type == DHCP_REQUEST) {
			at = put(at, OPT_REQUESTED, &from->address, 4);
			at = put(at, OPT_SERVER, &from->server, 4);
		}
	}
	at = put(at, OPT_MAX_SIZE, max_size, sizeof(max_size));
	at = put(at, OPT_PARAMETERS, wanted, sizeof(wanted));
	*at++ = OPT_END;
	/* BOOTP's relays may drop what is shorter than BOOTP (RFC 1542, 2.1). */
	return at - message > 300 ? (size_t)(at - message) : 300;
}

/* A name becomes the guest's own, so it may only have what names have. */
static void take_hostname(struct dhcp_lease *l, const uint8_t *data, uint8_t len)
{
	if (len >= sizeof(l->hostname))
		return;
	for (uint8_t i = 0; i < len; i++) {
		const uint8_t c = data[i];
		if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
			c == '-' || c == '.'))
			return;
	}
	memcpy(l->hostname, data, len);
	l->hostname[len] = '\0';
}

static void take_option(struct dhcp_lease *l, uint8_t option, const uint8_t *data, uint8_t len)
{
	if (option == OPT_TYPE && len == 1)
		l->type = (enum dhcp_type)data[0];
	if (option == OPT_HOSTNAME)
		take_hostname(l, data, len);
	if (option == OPT_MTU && len == 2)
		l->mtu = (uint16_t)(data[0] << 8 | data[1]);
	if (len < 4)
		return;
	if (option == OPT_NETMASK)
		l->netmask = raw32(data);
	if (option == OPT_ROUTER)
		l->gateway = raw32(data);
	if (option == OPT_SERVER)
		l->server = raw32(data);
	if (option == OPT_LEASE)
		l->lease = be32(data);
	if (option == OPT_RENEW)
		l->renew = be32(data);
	if (option == OPT_REBIND)
		l->rebind = be32(data);
	for (unsigned i = 0; option == OPT_DNS && i < IPCONFIG_DNS && 4 * i + 4 <= len; i++)
		l->dns[i] = raw32(data + 4 * i);
}

/* RFC 2131, 4.4.5: half and seven eighths, where the server sends no usable times. */
static void set_times(struct dhcp_lease *l)
{
	if (l->lease == DHCP_FOREVER)
		return;
	if (l->rebind == 0 || l->rebind > l->lease)
		l->rebind = l->lease - l->lease / 8;
	if (l->renew == 0 || l->renew > l->rebind)
		l->renew = l->lease / 2;
}

static bool is_sound(const struct dhcp_lease *l)
{
	if (l->type == DHCP_NAK)
		return true;
	return (l->type == DHCP_OFFER || l->type == DHCP_ACK) && l->address && l->server &&
	       l->lease;
}

bool dhcp_read(
    const uint8_t *message, size_t len, const struct dhcp_client *c, struct dhcp_lease *lease)
{
	memset(lease, 0, sizeof(*lease));
	if (len < OPTIONS || message[OP] != BOOTREPLY || raw32(message + XID) != c->xid ||
	    memcmp(message + CHADDR, c->mac, sizeof(c->mac)) ||
	    memcmp(message + COOKIE, cookie, sizeof(cookie)))
		return false;
	lease->address = raw32(message + YIADDR);
	for (size_t at = OPTIONS; at < len && message[at] != OPT_END;) {
		if (message[at] == OPT_PAD) {
			at++;
			continue;
		}
		if (len - at < 2 || len - at - 2 < message[at + 1])
			break;
		take_option(lease, message[at], message + at + 2, message[at + 1]);
		at += 2u + message[at + 1];
	}
	if (!lease->netmask)
		lease->netmask = ipconfig_class_mask(lease->address);
	set_times(lease);
	return is_sound(lease);
}

/* RFC 1071. */
static uint16_t add_up(const uint8_t *bytes, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)bytes[i] << 8 | bytes[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void put16(uint8_t *p, size_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

size_t dhcp_wrap(uint8_t *packet, size_t message_len)
{
	const size_t len = DHCP_HEADERS + message_len;

	memset(packet, 0, DHCP_HEADERS);
	packet[0] = 0x45; /* IP version 4, a header of five words */
	put16(packet + 2, len);
	packet[8] = 64; /* hops */
	packet[9] = 17; /* UDP */
	memset(packet + 16, 0xff, 4);
	put16(packet + 10, add_up(packet, 20));
	put16(packet + 20, DHCP_CLIENT_PORT);
	put16(packet + 22, DHCP_SERVER_PORT);
	put16(packet + 24, len - 20); /* and no checksum, which UDP lets a sender leave out */
	return len;
}

/* UDP's checksum is not looked at: where a host hands its own packets on, it is not filled in. */
const uint8_t *dhcp_unwrap(const uint8_t *packet, size_t len, size_t *message_len)
{
	const size_t header = len ? (size_t)(packet[0] & 15) * 4 : 0;

	if (len < 20 || packet[0] >> 4 != 4 || header < 20 || packet[9] != 17)
		return NULL;
	const size_t total = (size_t)packet[2] << 8 | packet[3];
	if (total > len || total < header + 8 || ((packet[6] & 0x3f) | packet[7]))
		return NULL; /* cut short, or a fragment */
	const uint8_t *udp = packet + header;
	const size_t udp_len = (size_t)udp[4] << 8 | udp[5];
	if ((udp[2] << 8 | udp[3]) != DHCP_CLIENT_PORT || udp_len < 8 || udp_len > total - header)
		return NULL;
	*message_len = udp_len - 8;
	return udp + 8;
}
