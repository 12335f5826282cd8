/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "calls.h"

#include <string.h>

extern const char call_names[];
extern const unsigned short call_rows[][2]; /* offset in call_names, number; by name */
extern const unsigned call_count;

int call_number(const char *name)
{
	unsigned low = 0, high = call_count;

	while (low < high) {
		unsigned middle = low + (high - low) / 2;
		int order = strcmp(name, call_names + call_rows[middle][0]);

		if (order == 0)
			return call_rows[middle][1];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return -1;
}

const char *call_name(int number)
{
	for (unsigned i = 0; i < call_count; i++)
		if (call_rows[i][1] == number)
			return call_names + call_rows[i][0];
	return NULL;
}
