/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * census - what this process holds that a plugin could leave behind.
 */
#ifndef TOOLS_PLUGIN_CENSUS_H
#define TOOLS_PLUGIN_CENSUS_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CENSUS_FDS     256
#define CENSUS_SIGNALS 65

struct census {
	char fds[CENSUS_FDS][80]; /* what each number is, "" if it is closed */
	struct sigaction handlers[CENSUS_SIGNALS];
	sigset_t blocked;
	unsigned threads;
	bool children;
	unsigned mappings;
	uint64_t heap; /* bytes in use; 0 where that cannot be told */
};

void census_take(struct census *c);
/* True if nothing is in `after` that was not in `before`; else `why` names the first. */
bool census_same(
    const struct census *before, const struct census *after, char *why, size_t why_size);
/* True if no memory is writable and executable; else `why` tells where. */
bool census_no_writable_code(char *why, size_t why_size);

#endif
