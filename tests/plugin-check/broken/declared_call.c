/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* No fault: a call that it declares, on the thread it declares it for. */
#include <unistd.h>

#define DEV_NEEDS \
	{.syscall = "getppid", .reason = "a test", .roles = VOLT_ROLE_BIT(VOLT_ROLE_LOOP)},
#define DEV_START start
#include "base.h"

static int start(void *self)
{
	return getppid() > 0 ? 0 : -EIO;
}
