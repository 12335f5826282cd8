/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * sealed - memory for what decides where control goes: host tables, callbacks, timers.
 *
 * It is written while wiring and read-only from the seal on, so that a stray or hostile
 * write in volt's memory cannot turn an exit into a call of its choice.
 */
#ifndef CORE_SEALED_H
#define CORE_SEALED_H

#include <stddef.h>

/* Zeroed, aligned for any type, never freed. NULL when the arena is full or sealed. */
void *sealed_alloc(size_t size);
/* Makes the program's own relocated constants read-only, as the dynamic loader does elsewhere:
 * where volt is static, musl leaves them writable. 0 or -errno, which is logged. */
int sealed_protect_constants(void);

/* Makes whole pages read-only, for good where the kernel has mseal (Linux 6.10) and no filter of a
 * container's refuses it. `what` names them in the log. 0 or -errno, which is logged. */
int sealed_pages(void *start, size_t size, const char *what);

/* Makes all of it read-only, for good where the kernel has mseal (Linux 6.10). 0 or
 * -errno, which is logged. */
int sealed_freeze(void);

#endif
