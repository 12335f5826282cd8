/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Refuses to start. */
#define DEV_START start
#include "base.h"

static int start(void *self)
{
	return -EIO;
}
