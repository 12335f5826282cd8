/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * small_atexit.c - atexit and at_quick_exit for small builds of volt with musl
 * (-Dsmall_libc=true). musl's can be called by any thread and any number of times, and so bring
 * an allocator of their own; volt registers one handler of each kind.
 *
 * exit() and quick_exit() of musl call the functions whose names begin with "__funcs_on_".
 */
#include <stdlib.h>

#define HANDLERS_MAX 4

struct handlers {
	unsigned count;
	void (*call[HANDLERS_MAX])(void);
};

static struct handlers on_exit_call, on_quick_exit;

void __funcs_on_exit(void);
void __funcs_on_quick_exit(void);

static int add(struct handlers *h, void (*handler)(void))
{
	if (h->count == HANDLERS_MAX)
		return -1;
	h->call[h->count++] = handler;
	return 0;
}

/* The last one first; a handler that exits again goes on with those that are left. */
static void call_all(struct handlers *h)
{
	while (h->count > 0)
		h->call[--h->count]();
}

int atexit(void (*handler)(void))
{
	return add(&on_exit_call, handler);
}

int at_quick_exit(void (*handler)(void))
{
	return add(&on_quick_exit, handler);
}

void __funcs_on_exit(void)
{
	call_all(&on_exit_call);
}

void __funcs_on_quick_exit(void)
{
	call_all(&on_quick_exit);
}
