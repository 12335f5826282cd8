/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Has a need for its timers, but makes the call in a handler too. */
#include <unistd.h>

#define DEV_NEEDS \
	{.syscall = "getppid", .reason = "a test", .roles = VOLT_ROLE_BIT(VOLT_ROLE_LOOP)},
#define DEV_READ  read_parent
#define DEV_START start
#include "base.h"

static int start(void *self)
{
	return getppid() > 0 ? 0 : -EIO;
}

static uint64_t read_parent(void *self, uint64_t off, uint32_t n)
{
	return off == 3 && getppid() < 0;
}
