/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * trace_none.c - for a build without marks of the start; options.c refuses --trace-file.
 */
#include "core/base/feature.h"
#include "core/base/trace.h"

void trace_init(void)
{
}

void trace_mark(const char *name, const char *fmt, ...)
{
}

int trace_write(int fd)
{
	return feature_refuse("--trace-file", "trace");
}
