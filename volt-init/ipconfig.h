/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
/*
 * ip= of the kernel's command line: CLIENT:SERVER:GATEWAY:NETMASK:HOSTNAME:DEVICE:AUTOCONF:DNS:DNS,
 * or the AUTOCONF alone (Linux Documentation/admin-guide/nfs/nfsroot.rst). Addresses are IPv4 in
 * network byte order, 0 where there is none.
 */
#ifndef VOLT_INIT_IPCONFIG_H
#define VOLT_INIT_IPCONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { IPCONFIG_DNS = 2, IPCONFIG_ADDRESS = 16 };

enum ip_how { IP_OFF, IP_STATIC, IP_DHCP };

struct ipconfig {
	enum ip_how how;
	uint32_t address, gateway, netmask, dns[IPCONFIG_DNS];
	char hostname[65], device[16]; /* empty: not told */
};

/* NULL, or which part cannot be used. */
const char *ipconfig_parse(const char *text, struct ipconfig *c);

/* The mask of an address by its class, as Linux takes it where none is told. */
uint32_t ipconfig_class_mask(uint32_t address);

/* "192.168.0.1" into at least IPCONFIG_ADDRESS bytes; returns them. */
const char *ipconfig_print(uint32_t address, char *buf);

#endif
