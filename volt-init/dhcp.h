/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
/*
 * DHCP's messages as a client needs them (RFC 2131, RFC 2132), without any socket. What a server
 * answers is not trusted: it comes from a network.
 */
#ifndef VOLT_INIT_DHCP_H
#define VOLT_INIT_DHCP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "ipconfig.h"

enum {
	DHCP_SERVER_PORT = 67,
	DHCP_CLIENT_PORT = 68,
	DHCP_HEADERS = 28,  /* IP's and UDP's */
	DHCP_MESSAGE = 548, /* what is sent: no server may want more room */
	DHCP_PACKET = 1500, /* what may come */
};

enum dhcp_type { DHCP_DISCOVER = 1, DHCP_OFFER, DHCP_REQUEST, DHCP_DECLINE, DHCP_ACK, DHCP_NAK };

#define DHCP_FOREVER 0xffffffffu

/* What was offered or granted. Addresses in network byte order, times in seconds. */
struct dhcp_lease {
	enum dhcp_type type;
	uint32_t address, server, netmask, gateway, dns[IPCONFIG_DNS];
	uint32_t lease, renew, rebind; /* renew <= rebind <= lease */
	uint16_t mtu;                  /* 0: not told */
	char hostname[65];
};

struct dhcp_client {
	uint32_t xid; /* network byte order */
	uint8_t mac[6];
};

/* Writes a DISCOVER or a REQUEST, and returns its length. A REQUEST asks for the address of `from`:
 * of an offer, or if `bound` of one that the client has and keeps. */
size_t dhcp_write(uint8_t message[DHCP_MESSAGE], const struct dhcp_client *c, enum dhcp_type type,
    const struct dhcp_lease *from, bool bound);

/* Reads what a server sent to this client; false if it is not an OFFER, ACK or NAK for it. */
bool dhcp_read(
    const uint8_t *message, size_t len, const struct dhcp_client *c, struct dhcp_lease *lease);

/* Puts IP's and UDP's header before a message, from nowhere to everybody; the packet's length. */
size_t dhcp_wrap(uint8_t *packet, size_t message_len);
/* Where the message of an IP packet to the client's port is, or NULL. */
const uint8_t *dhcp_unwrap(const uint8_t *packet, size_t len, size_t *message_len);

#endif
