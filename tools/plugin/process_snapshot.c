/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Sources: proc(5) for maps; mallinfo(3).
 */
#include "process_snapshot.h"

#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The heap and stacks grow as they like; what else is mapped should not come to more. */
static unsigned count_mappings(void)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];
	unsigned n = 0;

	while (maps && fgets(line, sizeof(line), maps))
		n++;
	if (maps)
		fclose(maps);
	return n;
}

static uint64_t heap_in_use(void)
{
#ifdef VOLT_SANITIZED
	return 0;
#else
	struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
#endif
}

void process_snapshot_take(struct process_snapshot *c)
{
	if (process_state_read(&c->process) != 0)
		abort();
	c->mappings = count_mappings();
	c->heap = heap_in_use();
}

bool process_snapshot_no_writable_code(char *why, size_t size)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	char line[512];
	bool clean = true;

	while (maps && clean && fgets(line, sizeof(line), maps)) {
		char rights[8] = "", range[64] = "";

		if (sscanf(line, "%63s %7s", range, rights) == 2 && strchr(rights, 'w') &&
		    strchr(rights, 'x')) {
			snprintf(why, size, "memory at %s is writable and executable", range);
			clean = false;
		}
	}
	if (maps)
		fclose(maps);
	return clean;
}
