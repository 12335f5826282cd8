/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/base/output.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/exitcode.h"
#include "core/base/log.h"

/* Of all streams: the name of one would bring a small build its buffer and calls. */
int output_end(bool cut)
{
	if (fflush(NULL) == 0 && !cut)
		return EXIT_POWEROFF;
	log_error(errno, "standard output: cannot write all of it: %s", strerror(errno));
	return EXIT_RESOURCES;
}
