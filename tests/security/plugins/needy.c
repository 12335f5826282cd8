/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * needy - a plugin with the needs of a disk and a network card, and no device. With
 * worker=on it makes a thread of its own. Built with ROW it asks for one thing more.
 */
#include <errno.h>

#include <volt/plugin.h>
#include <volt/worker.h>

enum { PARAM_DISK, PARAM_NET, PARAM_WORKER, PARAM_ROWS };

#define LOOP   VOLT_ROLE_BIT(VOLT_ROLE_LOOP)
#define VCPU   VOLT_ROLE_BIT(VOLT_ROLE_VCPU)
#define WORKER VOLT_ROLE_BIT(VOLT_ROLE_WORKER)

#define FD(param) \
	{ \
		.arg = 0, .op = VOLT_TEST_FD_PARAM, .value = (param) \
	}
#define BELOW_64 \
	{ \
		.arg = 2, .op = VOLT_TEST_MASKED_EQ, .mask = ~(uint64_t)63 \
	}
#define PUNCH_HOLE_KEEP_SIZE 3

static const struct volt_need needs[] = {
    {"preadv", "reads the disk", LOOP | WORKER, 1, {FD(PARAM_DISK)}},
    {"pwritev", "writes the disk", LOOP | WORKER, 1, {FD(PARAM_DISK)}},
    {"fdatasync", "flushes the disk", LOOP | WORKER, 1, {FD(PARAM_DISK)}},
    {"fallocate", "discards", WORKER, 2,
	{FD(PARAM_DISK), {.arg = 1, .op = VOLT_TEST_EQ, .value = PUNCH_HOLE_KEEP_SIZE}}},
    {"readv", "receives", LOOP, 2, {FD(PARAM_NET), BELOW_64}},
    {"writev", "sends", LOOP, 2, {FD(PARAM_NET), BELOW_64}},
#ifdef ROW
    ROW,
#endif
};

struct needy {
	const struct volt_host *h;
	uint32_t worker;
};

static void work(void *self, uint32_t worker)
{
}

static int needy_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct needy *n = self;
	const struct volt_worker *workers = h->get_ext(h, VOLT_EXT_WORKER);

	n->h = h;
	if (!volt_arg(a, PARAM_WORKER)->u)
		return 0;
	return workers->add(h, "needy", work, &n->worker);
}

static const struct volt_param params[] = {
    [PARAM_DISK] = {.name = "disk", .type = VOLT_PARAM_FILE_RW, .help = "a file"},
    [PARAM_NET] = {.name = "net", .type = VOLT_PARAM_FILE_RW, .help = "another"},
    [PARAM_WORKER] = {.name = "worker",
	.type = VOLT_PARAM_BOOL,
	.def = "off",
	.help = "make a thread"},
};

VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "needy",
    .version = "0.1.0",
    .summary = "needs, for tests",
    .instance_size = sizeof(struct needy),
    VOLT_PARAMS(params),
#ifndef STRIDE
#define STRIDE sizeof(needs[0])
#endif
    .need_stride = STRIDE,
    .need_count = sizeof(needs) / sizeof(needs[0]),
    .needs = needs,
    .init = needy_init,
};
