/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/kernel/sink.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int sink_refused(int err, char *why, size_t why_size)
{
	snprintf(why, why_size, "%s",
	    err == -EFBIG ? "unpacks to more than a kernel has" : strerror(-err));
	return err;
}
