/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * mock - the device that a filter is put on: ranges of every kind that the contract allows,
 * answers that follow from what came before, a sum of all that reached it.
 */
#ifndef TOOLS_PLUGIN_MOCK_H
#define TOOLS_PLUGIN_MOCK_H

#include <volt/fake_host.h>

#define MOCK_MAX 4u

struct mock {
	struct fake_host *f; /* whose it is, or NULL */
	uint64_t seen;       /* a hash of every access */
	uint64_t count;
};

/* Puts the filter of `f` on each range of a device that it takes. Returns how many. */
unsigned mock_put(struct mock *p, struct fake_host *f);

#endif
