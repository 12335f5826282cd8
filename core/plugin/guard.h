/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * guard - what a call into a plugin must not leave behind while the machine is wired: threads,
 * processes, open files; an exit() where an error was meant; a call that does not return.
 *
 * A plugin is trusted and could hide what it does; this finds what one does by mistake or by
 * habit. volt-plugin check looks at more: signals, timers, limits, directory, program code.
 * What is linked in is as much a part of volt as the core is, and calls into it are not watched:
 * instance_enter().
 */
#ifndef CORE_GUARD_H
#define CORE_GUARD_H

#include "core/config.h"

#define GUARD_LIMIT_S 10

#if VOLT_HAS_AUDIT

/* Before the first plugin; from here on until guard_finish() a call that does not come
 * back within GUARD_LIMIT_S ends volt. The watch itself begins with the first call. */
void guard_begin(void);
void guard_finish(void);

/* Around each call into plugin `id`: `step` names the callback. leave returns 0, or -EPERM
 * once the fault has been which is logged. Outside of begin and finish they do nothing. */
void guard_enter(const char *id, const char *step);
int guard_leave(void);

#else /* plugins that are linked in can have been looked at before */

static inline void guard_begin(void)
{
}

static inline void guard_finish(void)
{
}

static inline void guard_enter(const char *id, const char *step)
{
}

static inline int guard_leave(void)
{
	return 0;
}

#endif

#endif
