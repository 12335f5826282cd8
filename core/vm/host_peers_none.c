/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * host_peers_none.c - for a build without core/event/peers.c.
 */
#include "core/vm/host_peers.h"

const struct volt_peers host_peers;
