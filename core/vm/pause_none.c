/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * pause_none.c - for a build none of whose plugins uses core.pause/0; host.c refuses it. Only
 * vm_commands.c asks for the state, which such a build has not.
 */
#include <errno.h>

#include "core/vm/pause.h"

const bool pause_built = false;

void pause_allow(struct pause *p, struct loop *loop, const char *asked_by)
{
}

bool pause_is_allowed(const struct pause *p)
{
	return false;
}

int pause_wire(struct pause *p, const struct pause_parts *parts)
{
	return 0;
}

void pause_declare(const struct pause *p, struct ledger *l)
{
}

int pause_begin(struct pause *p, uint64_t limit_ns, void (*done)(void *arg, int err), void *arg)
{
	return -EPERM;
}

int pause_resume(struct pause *p)
{
	return -EINVAL;
}
