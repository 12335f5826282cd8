/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
/*
 * agent - runs commands for a host that asks over vsock; the protocol is in docs/agent.md.
 */
#ifndef VOLT_INIT_AGENT_H
#define VOLT_INIT_AGENT_H

#include <stdbool.h>
#include <stdint.h>

#include "protocol.h"

/* Listens on the vsock port in a process of its own; false: this kernel has no vsock. */
bool agent_start(uint32_t port);
/* Says READY=1 to the host's vsock port, as sd_notify(3); false: nobody heard it. */
bool agent_tell_ready(uint32_t port);
/* Serves one connection to its end, in a process of its own. */
void agent_serve(int fd);

#endif
