/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* host_peers - the table of volt.peers/1, for core/vm/host.c to hand out. */
#ifndef CORE_HOST_PEERS_H
#define CORE_HOST_PEERS_H

#include <volt/draft/peers.h>

extern const struct volt_peers host_peers;

#endif
