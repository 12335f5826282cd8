/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * process_snapshot - what this process holds that a plugin could leave behind.
 */
#ifndef TOOLS_PLUGIN_PROCESS_SNAPSHOT_H
#define TOOLS_PLUGIN_PROCESS_SNAPSHOT_H

#include <stddef.h>

#include "process_state.h"

struct process_snapshot {
	struct process_state process;
	unsigned mappings;
	uint64_t heap; /* bytes in use; 0 where that cannot be told */
};

void process_snapshot_take(struct process_snapshot *c);
/* True if no memory is writable and executable; else `why` tells where. */
bool process_snapshot_no_writable_code(char *why, size_t why_size);

#endif
