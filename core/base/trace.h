/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * trace - where start-up time goes: one mark per finished phase.
 *
 * Times count from the start of the process, which is taken to be the moment of the
 * first mark less the CPU time used until then (exec and dynamic linking).
 */
#ifndef CORE_TRACE_H
#define CORE_TRACE_H

#include <stdint.h>

#include <volt/plugin.h>

#include "core/config.h"

#if VOLT_HAS_OPERATE

void trace_init(void);

/* Ends a phase. `name` must be a string literal without quotes or backslashes; the
 * formatted detail (or NULL) is shown beside it. */
VOLT_PRINTF(2, 3)
void trace_mark(const char *name, const char *fmt, ...);

/* Writes all marks as Chrome trace events (a JSON array) to `fd`. 0 or -errno. */
int trace_write(int fd);

#else /* without marks of the start */

static inline void trace_init(void)
{
}

VOLT_PRINTF(2, 3)
static inline void trace_mark(const char *name, const char *fmt, ...)
{
}

/* Nobody can ask for the file. */
static inline int trace_write(int fd)
{
	return 0;
}

#endif

#endif
