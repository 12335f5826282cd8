/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * end - whether the VM is ending, with which exit code, and why.
 */
#ifndef CORE_END_H
#define CORE_END_H

#include <stdbool.h>
#include <stdint.h>

#include <volt/plugin.h>

#include "core/event/loop.h"

/* Plus the number: the guest ended itself with that status, which may look like a code of volt. */
#define EXIT_STATUS 256

enum end_kind { END_KIND_CODE, END_KIND_STATUS, END_KIND_NONE /* it runs */ };

struct vm_end {
	struct loop *loop; /* stopped by the end */
	uint32_t claimed;  /* atomic; who sets it first fills the rest */
	int code;
	enum end_kind kind;
	char why[400];
};

/* [any] Ends the VM with an exit code, or EXIT_STATUS plus the guest's; the first caller wins. */
VOLT_PRINTF(3, 4)
void vm_end(struct vm_end *e, int code, const char *fmt, ...);

/* True once the VM is ending: vCPUs must not enter the guest again. */
static inline bool vm_is_ending(const struct vm_end *e)
{
	return __atomic_load_n(&e->claimed, __ATOMIC_ACQUIRE) != 0;
}

#endif
