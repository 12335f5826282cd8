/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/vm/host_peers.h"

#include <errno.h>

#include "core/vm/host_caller.h"
#include "core/vm/vm.h"

/* NULL: not the instance's. */
static struct peers *own_peers(const struct volt_host *h)
{
	const struct instance *i = h->core;
	struct peers *p = &i->machine->peers;

	return p->owner == &i->callee ? p : NULL;
}

static int attach(const struct volt_host *h, uint32_t peers, uint32_t worker, uint32_t count)
{
	struct instance *i = host_calling_instance(h);
	struct peers *p = own_peers(h);

	if (i->machine->sealed)
		return -EPERM;
	return p && peers == 0 ? peers_attach(p, host_worker(i, worker), worker, count) : -EINVAL;
}

static uint32_t next(const struct volt_host *h, struct volt_peer_news *news, uint32_t count)
{
	struct peers *p = own_peers(h);

	return p ? peers_next(p, news, count) : 0;
}

static int connect_to(const struct volt_host *h, uint32_t number, uint64_t ticket)
{
	struct peers *p = own_peers(h);

	return p ? peers_connect(p, number, ticket) : -EPIPE;
}

static int64_t read_from(const struct volt_host *h, uint32_t peer, const void *iov, uint32_t count)
{
	struct peers *p = own_peers(h);

	return p ? peers_read(p, peer, iov, count) : -EINVAL;
}

static int64_t write_to(const struct volt_host *h, uint32_t peer, const void *iov, uint32_t count)
{
	struct peers *p = own_peers(h);

	return p ? peers_write(p, peer, iov, count) : -EINVAL;
}

static int shut(const struct volt_host *h, uint32_t peer, uint32_t directions)
{
	struct peers *p = own_peers(h);

	return p ? peers_shut(p, peer, directions) : -EINVAL;
}

static void close_peer(const struct volt_host *h, uint32_t peer)
{
	struct peers *p = own_peers(h);

	if (p)
		peers_close(p, peer);
}

const struct volt_peers host_peers = {
    .size = sizeof(host_peers),
    .attach = attach,
    .next = next,
    .connect = connect_to,
    .read = read_from,
    .write = write_to,
    .shut = shut,
    .close = close_peer,
};
