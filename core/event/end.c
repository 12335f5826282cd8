/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/event/end.h"

#include <stdarg.h>
#include <stdio.h>

void vm_end(struct vm_end *e, int code, const char *fmt, ...)
{
	va_list ap;

	if (__atomic_exchange_n(&e->claimed, 1, __ATOMIC_SEQ_CST) != 0)
		return;
	e->code = code & 0xff;
	e->kind = code >= EXIT_STATUS ? END_KIND_STATUS : END_KIND_CODE;
	va_start(ap, fmt);
	vsnprintf(e->why, sizeof(e->why), fmt, ap);
	va_end(ap);
	loop_stop(e->loop);
}
