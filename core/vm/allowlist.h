/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * allowlist - the system calls that an administrator allows any VM at most.
 *
 * A text file, one system call per line, followed by the kinds of threads that may have
 * it (loop, vcpu, worker), or by none for all; "#" starts a comment:
 *
 *   read
 *   ioctl  vcpu loop
 *   preadv worker
 *
 * A VM that needs more does not start, and the message names who asked.
 */
#ifndef CORE_ALLOWLIST_H
#define CORE_ALLOWLIST_H

#include <stdbool.h>
#include <stdint.h>

#include "core/config.h"

#if VOLT_HAS_AUDIT

/* Reads the file. 0 or -errno, which is logged with the line's number. */
int allowlist_load(const char *path);
/* True if no file was read, or it allows `syscall` on threads of `role`. */
bool allowlist_has(const char *syscall, uint32_t role);
/* "loop", "vcpu" or "worker". */
const char *allowlist_role_name(uint32_t role);

#else /* everything is allowed that was asked for */

static inline int allowlist_load(const char *path)
{
	return 0; /* nobody can ask for it */
}

static inline bool allowlist_has(const char *syscall, uint32_t role)
{
	return true;
}

static inline const char *allowlist_role_name(uint32_t role)
{
	return ""; /* of a refusal, which there is not */
}

#endif

#endif
