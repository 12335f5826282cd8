/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * json_text - writes one flat JSON object, a line, into memory that is given.
 */
#ifndef CORE_JSON_TEXT_H
#define CORE_JSON_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct json_text {
	char *bytes;
	size_t room; /* a member that does not fit is left out whole */
	size_t size;
};

void json_begin(struct json_text *t);
/* A byte that is not part of a printable character becomes \u00XX. NULL: left out. */
void json_put_string(struct json_text *t, const char *name, const char *value);
void json_put_number(struct json_text *t, const char *name, uint64_t value);
/* Ends the line; how many bytes it has. */
size_t json_end(struct json_text *t);

#endif
