/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * command - what an operator may ask of a running card: its link, and its rates.
 */
#include <errno.h>

#include "net.h"

enum { COMMAND_LINK, COMMAND_RATE };

/* False: a burst has no rate. */
bool net_read_rate(const struct volt_args *a, unsigned first, struct volt_rate *r)
{
	*r = (struct volt_rate){
	    .bytes = volt_arg(a, first)->u,
	    .burst_bytes = volt_arg(a, first + 1)->u,
	    .ops = volt_arg(a, first + 2)->u,
	    .burst_ops = volt_arg(a, first + 3)->u,
	};
	return !(r->burst_bytes && !r->bytes) && !(r->burst_ops && !r->ops);
}

static int set_rate(struct net *n, const struct volt_args *a, const struct volt_reply *r)
{
	struct volt_rate rate;

	if (!net_read_rate(a, 0, &rate))
		return volt_reply_fail(r, EINVAL, "a burst needs its rate: bytes, or ops");
	for (unsigned i = 0; i < DIRECTIONS; i++)
		volt_limit_set(&n->limit[i], &rate);
	return 0;
}

static int set_link(struct net *n, bool down, const struct volt_reply *r)
{
	if (!down && __atomic_load_n(&n->gone, __ATOMIC_ACQUIRE))
		return volt_reply_fail(r, ENOTCONN, "the peer has closed the socket");
	__atomic_store_n(&n->down, down, __ATOMIC_RELEASE);
	net_link_changed(n);
	return 0;
}

static int net_run(
    void *self, uint32_t command, const struct volt_args *a, const struct volt_reply *r)
{
	return command == COMMAND_RATE ? set_rate(self, a, r)
				       : set_link(self, volt_arg(a, 0)->u, r);
}

static const struct volt_param link_args[] = {
    {
	.name = "state",
	.type = VOLT_PARAM_ENUM,
	.choices = "up|down",
	.help = "down is a cable that was pulled out",
    },
};

static const struct volt_param rate_args[] = {
    {.name = "bytes", .type = VOLT_PARAM_SIZE, .def = "0", .help = NET_BYTES_HELP},
    {.name = "burst-bytes", .type = VOLT_PARAM_SIZE, .def = "0", .help = NET_BURST_BYTES_HELP},
    {.name = "ops", .type = VOLT_PARAM_UINT, .def = "0", .help = NET_OPS_HELP},
    {.name = "burst-ops", .type = VOLT_PARAM_UINT, .def = "0", .help = NET_BURST_OPS_HELP},
};

static const struct volt_command rows[] = {
    [COMMAND_LINK] =
	{
	    .name = "link",
	    .help = "sets the link's state",
	    VOLT_COMMAND_ARGS(link_args),
	},
    [COMMAND_RATE] =
	{
	    .name = "rate",
	    .help = "sets all four limits anew; what is not named has none",
	    VOLT_COMMAND_ARGS(rate_args),
	},
};

const struct volt_commands net_commands = {
    .size = sizeof(net_commands),
    .stride = sizeof(rows[0]),
    .count = sizeof(rows) / sizeof(rows[0]),
    .commands = rows,
    .run = net_run,
};
