/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * A function chosen by code that the loader calls while it relocates.
 */
#include <unistd.h>

#include "plain.h"

static int one(void)
{
	return 1;
}

__attribute__((used)) static int (*choose(void))(void)
{
	_exit(0);
	return one;
}

__attribute__((visibility("hidden"))) int chosen(void) __attribute__((ifunc("choose")));

static int ifunc_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	return chosen();
}

VOLT_PLUGIN(KIND) = {
    VOLT_PLUGIN_HEADER(KIND),
    .name = "ifunc",
    .version = "1",
    .summary = "a test",
    .instance_size = 1,
    .init = ifunc_init,
};
