/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * slow - a device for tests whose init takes a minute, to see what a start does meanwhile.
 */
#include <volt/loop.h>
#include <volt/plugin.h>

#define MINUTE_NS 60000000000ull

static int slow_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	const struct volt_loop *loop = h->get_ext(h, VOLT_EXT_LOOP);

	if (!loop)
		return volt_fail(h, 1, "no clock");
	uint64_t start = loop->now(h);

	volt_log(h, VOLT_LOG_INFO, "init takes a minute");
	while (loop->now(h) - start < MINUTE_NS)
		continue;
	return 0;
}

static void slow_reset(void *self)
{
}

VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "slow",
    .version = "1",
    .summary = "takes a minute to be made",
    .instance_size = 8,
    .init = slow_init,
    .reset = slow_reset,
};
