/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * command - what an operator may ask: the size of the balloon, and how the guest fares.
 */
#include "balloon.h"

enum { COMMAND_TARGET, COMMAND_STATS };
enum { RESULT_TARGET, RESULT_ACTUAL, RESULT_AGE, RESULT_STAT };

static uint64_t pages_of(const struct balloon *b, unsigned row)
{
	return volt_le32(&b->config[row]);
}

static int set_target(struct balloon *b, const struct volt_args *a)
{
	volt_put_le32(&b->config[CONFIG_TARGET], (uint32_t)(volt_arg(a, 0)->u / BALLOON_PAGE));
	volt_virtio_config_changed(&b->v);
	return 0;
}

/* The answer is what the guest said last, and the guest is asked for the next one's. */
static int tell(struct balloon *b, const struct volt_reply *r)
{
	const uint64_t at = __atomic_load_n(&b->stat_ns, __ATOMIC_ACQUIRE);
	const uint64_t known = at ? __atomic_load_n(&b->stat_known, __ATOMIC_RELAXED) : 0;

	r->number(r, RESULT_TARGET, pages_of(b, CONFIG_TARGET) * BALLOON_PAGE);
	r->number(r, RESULT_ACTUAL, pages_of(b, CONFIG_ACTUAL) * BALLOON_PAGE);
	if (at)
		r->number(r, RESULT_AGE, (b->loop->now(b->v.h) - at) / 1000000);
	for (uint32_t i = 0; i < BALLOON_STATS; i++)
		if (known >> i & 1)
			r->number(
			    r, RESULT_STAT + i, __atomic_load_n(&b->stat[i], __ATOMIC_RELAXED));
	__atomic_store_n(&b->stats_wanted, true, __ATOMIC_RELEASE);
	volt_virtio_post(&b->v, QUEUE_STATS);
	return 0;
}

static int run(void *self, uint32_t command, const struct volt_args *a, const struct volt_reply *r)
{
	return command == COMMAND_TARGET ? set_target(self, a) : tell(self, r);
}

static const struct volt_param target_args[] = {
    {.name = "size",
	.type = VOLT_PARAM_SIZE,
	.max = UINT32_MAX * BALLOON_PAGE,
	.help = "memory that the guest shall give up"},
};

static const struct volt_result stats_results[] = {
    [RESULT_TARGET] = {"target", "memory that the guest shall give up", VOLT_PARAM_SIZE, 0},
    [RESULT_ACTUAL] = {"actual", "memory that it gave up", VOLT_PARAM_SIZE, 0},
    [RESULT_AGE] = {"age-ms", "how long ago the guest told the rest", VOLT_PARAM_UINT, 0},
    {"swap-in", "memory that was swapped in", VOLT_PARAM_SIZE, 0},
    {"swap-out", "memory that was swapped out", VOLT_PARAM_SIZE, 0},
    {"major-faults", "page faults with a disk access", VOLT_PARAM_UINT, 0},
    {"minor-faults", "page faults without one", VOLT_PARAM_UINT, 0},
    {"free", "memory that is not used", VOLT_PARAM_SIZE, 0},
    {"total", "memory that the guest's kernel has", VOLT_PARAM_SIZE, 0},
    {"available", "memory that programs could have without swapping", VOLT_PARAM_SIZE, 0},
    {"caches", "memory that holds caches of files", VOLT_PARAM_SIZE, 0},
    {"huge-allocations", "huge pages that were allocated", VOLT_PARAM_UINT, 0},
    {"huge-failures", "huge pages that could not be", VOLT_PARAM_UINT, 0},
};

_Static_assert(sizeof(stats_results) / sizeof(stats_results[0]) == RESULT_STAT + BALLOON_STATS, "");

static const struct volt_command rows[] = {
    [COMMAND_TARGET] =
	{
	    .name = "target",
	    .help = "sets how much memory the guest shall give up",
	    VOLT_COMMAND_ARGS(target_args),
	},
    [COMMAND_STATS] =
	{
	    .name = "stats",
	    .help = "shows the balloon and what the guest said last, and asks it for more",
	    VOLT_COMMAND_RESULTS(stats_results),
	},
};

const struct volt_commands balloon_commands = {
    .size = sizeof(balloon_commands),
    .stride = sizeof(rows[0]),
    .count = sizeof(rows) / sizeof(rows[0]),
    .commands = rows,
    .run = run,
};
