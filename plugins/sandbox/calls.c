/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "calls.h"

#include <string.h>

/* One text in the order of numbers, which so need no room. What rules ask for most has low
 * numbers, so a search from the start is short. */
extern const char call_names[];
extern const int call_count;

static const char *next_name(const char *name)
{
	return name + strlen(name) + 1;
}

int call_number(const char *name)
{
	const char *at = call_names;

	if (name[0] == '\0')
		return -1; /* as the names of numbers without a call */
	for (int number = 0; number < call_count; number++, at = next_name(at))
		if (strcmp(at, name) == 0)
			return number;
	return -1;
}

const char *call_name(int number)
{
	const char *at = call_names;

	if (number < 0 || number >= call_count)
		return NULL;
	while (number-- > 0)
		at = next_name(at);
	return at[0] != '\0' ? at : NULL;
}
