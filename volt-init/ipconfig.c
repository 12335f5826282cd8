/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
#include "ipconfig.h"

#include <arpa/inet.h>
#include <string.h>

#include "text.h"

enum { CLIENT, SERVER, GATEWAY, NETMASK, HOSTNAME, DEVICE, AUTOCONF, DNS0, DNS1, NTP, PARTS };

static bool read_address(const char *text, uint32_t *address)
{
	unsigned long part;
	uint32_t value = 0;

	for (unsigned i = 0; i < 4; i++) {
		const char *end = scan_number(text, 10, &part);
		if (!end || end == text || part > 255 || *end != (i < 3 ? '.' : '\0'))
			return false;
		value = value << 8 | (uint32_t)part;
		text = end + 1;
	}
	*address = htonl(value);
	return true;
}

static bool read_how(const char *text, enum ip_how *how)
{
	static const struct {
		const char *word;
		enum ip_how how;
	} words[] = {{"off", IP_OFF}, {"none", IP_OFF}, {"on", IP_DHCP}, {"any", IP_DHCP},
	    {"dhcp", IP_DHCP}, {"both", IP_DHCP}};

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (!strcmp(text, words[i].word)) {
			*how = words[i].how;
			return true;
		}
	}
	return false;
}

uint32_t ipconfig_class_mask(uint32_t address)
{
	const uint32_t first = ntohl(address) >> 24;

	return htonl(first < 128 ? 0xff000000 : first < 192 ? 0xffff0000 : 0xffffff00);
}

const char *ipconfig_print(uint32_t address, char *buf)
{
	const uint32_t a = ntohl(address);

	text_format(
	    buf, IPCONFIG_ADDRESS, "%u.%u.%u.%u", a >> 24, a >> 16 & 255, a >> 8 & 255, a & 255);
	return buf;
}

/* Ones, then zeros. */
static bool is_mask(uint32_t mask)
{
	const uint32_t zeros = ~ntohl(mask);

	return (zeros & (zeros + 1)) == 0;
}

/* The parts are checked in order; empty ones leave what was there. */
static const char *take_part(struct ipconfig *c, unsigned part, const char *text)
{
	uint32_t ignored;

	if (!text[0])
		return NULL;
	switch (part) {
	case CLIENT:
		return read_address(text, &c->address) ? NULL : "client's address";
	case SERVER:
		return read_address(text, &ignored) ? NULL : "server's address";
	case GATEWAY:
		return read_address(text, &c->gateway) ? NULL : "gateway's address";
	case NETMASK:
		return read_address(text, &c->netmask) && is_mask(c->netmask) ? NULL : "netmask";
	case HOSTNAME:
		text_format(c->hostname, sizeof(c->hostname), "%s", text);
		return NULL;
	case DEVICE:
		if (strlen(text) >= sizeof(c->device))
			return "device";
		text_format(c->device, sizeof(c->device), "%s", text);
		return NULL;
	case AUTOCONF:
		return read_how(text, &c->how) ? NULL
					       : "protocol (off, on, any, dhcp and both are known)";
	case DNS0:
	case DNS1:
		return read_address(text, &c->dns[part - DNS0]) ? NULL : "name server's address";
	case NTP:
		return NULL;
	default:
		return "number of parts";
	}
}

const char *ipconfig_parse(const char *text, struct ipconfig *c)
{
	char part[128];

	memset(c, 0, sizeof(*c));
	if (read_how(text, &c->how))
		return NULL;
	c->how = IP_DHCP;
	for (unsigned i = 0;; i++) {
		const size_t len = strcspn(text, ":");
		if (len >= sizeof(part))
			return "length of a part";
		memcpy(part, text, len);
		part[len] = '\0';
		const char *wrong = take_part(c, i, part);
		if (wrong)
			return wrong;
		if (i == CLIENT && c->address)
			c->how = IP_STATIC; /* unless a protocol follows */
		text += len;
		if (!*text++)
			break;
	}
	if (c->how == IP_OFF && c->address)
		c->how = IP_STATIC;
	if (c->how == IP_STATIC && !c->netmask)
		c->netmask = ipconfig_class_mask(c->address);
	return NULL;
}
