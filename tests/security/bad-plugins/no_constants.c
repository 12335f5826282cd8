/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Nothing is wrong here: there is nothing for .rodata, and no unwind table beside it, so the
 * linker makes a segment of no bytes.
 */
#include <volt/plugin.h>

static const char name[] __attribute__((section(".data.rel.ro.local"))) = "plain";

static int init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	return 0;
}

VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = name,
    .version = name,
    .summary = name,
    .instance_size = 1,
    .init = init,
};
