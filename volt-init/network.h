/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
/*
 * A guest's network, by ip= of the command line: fixed addresses, or DHCP and a process that
 * keeps its lease. A guest without ip= is left alone.
 */
#ifndef VOLT_INIT_NETWORK_H
#define VOLT_INIT_NETWORK_H

#include "dhcp.h"
#include "ipconfig.h"

/* Brings the network up; errors are told, and the guest goes on without. */
void network_setup(const char *cmdline);

/* Tells the root's programs the name servers: in /etc/resolv.conf, or where it cannot be written
 * by a file that is mounted over it. Called after the root is mounted. */
void network_write_resolver(void);

/* --- lease.c */
/* Asks for an address; true when one is granted. Errors are told. */
bool lease_get(const char *device, struct dhcp_lease *lease);
/* Starts a process that renews the lease, unless it lasts for ever. */
void lease_keep(const char *device, const struct dhcp_lease *lease);

/* --- interface.c: 0 or -errno. */
int interface_up(const char *device);
int interface_set_address(const char *device, uint32_t address, uint32_t netmask);
/* Sets the MTU if it is smaller: a DHCP server may name one that the device cannot have. */
int interface_limit_mtu(const char *device, unsigned mtu);
int interface_set_gateway(const char *device, uint32_t address, uint32_t netmask, uint32_t gateway);
bool interface_has_address(const char *device);
int interface_set_mac(const char *device, const uint8_t mac[6]);
int interface_read_mac(const char *device, uint8_t mac[6], int *index);

#endif
