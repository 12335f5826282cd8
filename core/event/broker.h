/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * broker - the process that accepts and connects for a sealed volt (docs/peers.md).
 */
#ifndef CORE_BROKER_H
#define CORE_BROKER_H

#include <stdint.h>
#include <sys/un.h>

/* What passes between volt and broker; a message each. */
struct broker_message {
	uint64_t ticket;
	uint32_t number;
	int32_t err;
	uint32_t what; /* VOLT_PEER_CAME or VOLT_PEER_ANSWERED */
	uint32_t reserved;
};

/* What it works with. */
struct broker {
	struct sockaddr_un address; /* the path, with room for a number behind it */
	int listen_fd;              /* the broker's, once it runs; -1: none */
	int pair_fd;                /* likewise: its end of the pair */
};

/* Its descriptors: it has no others but the standard ones. */
enum { BROKER_PAIR = 3, BROKER_LISTEN, BROKER_CLIENT };

/* In the child: its whole life. confine(arg) returns 0, or -errno that is logged. */
_Noreturn void broker_run(const struct broker *b, int (*confine)(void *arg), void *arg);

#endif
