/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * ranges - a plugin that fills the address table: COUNT ranges of 4 ports from `port` on, 8
 * apart, and COUNT of 4 bytes from `memory` on, 4 KiB apart. A read answers its offset.
 */
#include <volt/plugin.h>

enum { PARAM_COUNT, PARAM_PORT, PARAM_MEMORY, PARAM_PARALLEL, PARAM_ROWS };

struct ranges {
	const struct volt_host *h;
};

static uint64_t ranges_read(void *self, uint64_t off, uint32_t n)
{
	return off;
}

static void ranges_write(void *self, uint64_t off, uint32_t n, uint64_t val)
{
}

static int ranges_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct volt_range r = {.size = sizeof(r),
	    .name = "bench",
	    .len = 4,
	    .sizes = VOLT_IO_1 | VOLT_IO_4,
	    .read = ranges_read,
	    .write = ranges_write};

	((struct ranges *)self)->h = h;
	if (volt_arg(a, PARAM_PARALLEL)->u)
		r.flags = VOLT_RANGE_PARALLEL;
	for (uint64_t i = 0; i < volt_arg(a, PARAM_COUNT)->u; i++) {
		r.space = VOLT_SPACE_PIO;
		r.base = volt_arg(a, PARAM_PORT)->u + 8 * i;
		int err = h->add_range(h, &r);
		if (err)
			return err;
		r.space = VOLT_SPACE_MMIO;
		r.base = volt_arg(a, PARAM_MEMORY)->u + 4096 * i;
		err = h->add_range(h, &r);
		if (err)
			return err;
	}
	return 0;
}

static const struct volt_param params[PARAM_ROWS] = {
    [PARAM_COUNT] = {.name = "count",
	.def = "1",
	.help = "ranges of each kind",
	.type = VOLT_PARAM_UINT,
	.max = 240},
    [PARAM_PORT] = {.name = "port",
	.def = "0x1000",
	.help = "first port",
	.type = VOLT_PARAM_UINT,
	.max = 0xf000},
    [PARAM_MEMORY] = {.name = "memory",
	.def = "0xd0000000",
	.help = "first address",
	.type = VOLT_PARAM_UINT,
	.max = 0xf0000000},
    [PARAM_PARALLEL] = {.name = "parallel",
	.def = "off",
	.help = "no lock around a call",
	.type = VOLT_PARAM_BOOL},
};

VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "ranges",
    .version = "1",
    .summary = "fills the address table",
    .instance_size = sizeof(struct ranges),
    .init = ranges_init,
    VOLT_PARAMS(params),
};
