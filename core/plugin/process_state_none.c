/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * process_state_none.c - for a build that does not look what a plugin's init did to the
 * process. docs/plugins.md says what that is good for; plugins that are linked in can have been
 * looked at before.
 */
#include "core/plugin/process_state.h"

void proc_handles_open(struct proc_handles *proc)
{
}

void proc_handles_close(struct proc_handles *proc)
{
}

int process_state_read(struct process_state *s, const struct proc_handles *proc)
{
	return 0;
}

bool process_state_differs(const struct process_state *before, const struct process_state *after,
    char *what, unsigned size)
{
	return false;
}
