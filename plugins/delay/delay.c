/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * delay - a filter that makes a device slow: each access takes some time longer.
 *
 * The vCPU spins, as it would on a slow bus: a handler may not sleep, and a filter that
 * slept could not be exact to a microsecond.
 */
#include <errno.h>
#include <string.h>

#include <volt/filter.h>
#include <volt/loop.h>
#include <volt/plugin.h>

enum { PARAM_WHAT, PARAM_NS };
enum { COUNT_DELAYED };

struct delay {
	const struct volt_host *h;
	const struct volt_loop *loop;
	uint64_t what, ns;
};

static uint64_t delay_access(
    void *self, const struct volt_layer *below, const struct volt_access *a)
{
	const struct delay *d = self;

	if (volt_filter_wants(d->what, a)) {
		const uint64_t since = d->loop->now(d->h);

		while (d->loop->now(d->h) - since < d->ns)
			__builtin_ia32_pause();
		volt_count(d->h, COUNT_DELAYED, 1);
	}
	return below->pass(below, a);
}

static int delay_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct delay *d = self;

	d->h = h;
	d->what = volt_arg(a, PARAM_WHAT)->u;
	d->ns = volt_arg(a, PARAM_NS)->u;
	d->loop = h->get_ext(h, VOLT_EXT_LOOP);
	return d->loop ? 0 : volt_fail(h, ENOTSUP, "the host has no " VOLT_EXT_LOOP);
}

static const void *delay_get_ext(const char *id)
{
	static const struct volt_filter filter = {.size = sizeof(filter), .access = delay_access};

	return strcmp(id, VOLT_EXT_FILTER) == 0 ? &filter : NULL;
}

static const struct volt_param params[] = {
    [PARAM_WHAT] = VOLT_FILTER_WHAT("accesses to delay"),
    [PARAM_NS] = {.name = "ns",
	.type = VOLT_PARAM_UINT,
	.min = 1,
	.max = 100000000,
	.help = "nanoseconds that each takes longer"},
};

static const struct volt_counter counters[] = {
    [COUNT_DELAYED] = {"delayed", "accesses delayed"},
};

VOLT_PLUGIN(VOLT_KIND_FILTER) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_FILTER),
    .name = "delay",
    .version = "0.1.0",
    .summary = "makes a device slow",
    .instance_size = sizeof(struct delay),
    VOLT_PARAMS(params),
    VOLT_COUNTERS(counters),
    .init = delay_init,
    .get_ext = delay_get_ext,
};
