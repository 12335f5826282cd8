/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* A sandbox whose steps do nothing, or that offers none. */
#include <string.h>

#include <volt/plugin.h>
#include <volt/sandbox.h>

static int init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	return 0;
}

static int enter_early(void *self, uint32_t flags)
{
	return 0;
}

static int prepare(void *self, const struct volt_policy *policy)
{
	return 0;
}

static int enter_process(void *self)
{
	return 0;
}

static int enter_thread(void *self, uint32_t thread)
{
	return 0;
}

static void report(void *self, struct volt_sandbox_report *r)
{
}

static const struct volt_sandbox table = {
    .size = sizeof(table),
    .enter_early = enter_early,
    .prepare = prepare,
    .enter_process = enter_process,
    .enter_thread = enter_thread,
    .report = report,
};

static const void *get_ext(const char *id)
{
	return OFFERS && strcmp(id, VOLT_EXT_SANDBOX) == 0 ? &table : NULL;
}

VOLT_PLUGIN(VOLT_KIND_SANDBOX) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_SANDBOX),
    .name = NAME,
    .version = "1",
    .summary = "no sandbox at all",
    .instance_size = 1,
    .init = init,
    .get_ext = get_ext,
};
