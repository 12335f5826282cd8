/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * peers_none.c - for a build none of whose plugins has a parameter of type PEERS. One that has it
 * and does not say so in its meson.build is refused.
 */
#include <errno.h>
#include <stdio.h>

#include "core/event/peers.h"

void peers_init(struct peers *p)
{
	*p = (struct peers){
	    .broker = {.listen_fd = -1, .pair_fd = -1}, .broker_fd = -1, .epoll_fd = -1};
}

int peers_open(struct peers *p, struct callee *owner, const char *path, bool looks_only, char *why,
    size_t size)
{
	snprintf(why, size, "this volt was built for plugins that do not use " VOLT_EXT_PEERS);
	return -ENOTSUP;
}

int peers_wire(struct peers *p)
{
	return 0;
}

int peers_declare(const struct peers *p, struct ledger_later later, struct ledger *l)
{
	return 0;
}

int peers_start(struct peers *p, int (*confine)(void *arg), void *arg)
{
	return 0;
}
