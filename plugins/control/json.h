/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * json - reads one JSON text (RFC 8259) without allocation or recursion.
 *
 * The values of a text stand in an array, each before those inside of it. An object's members
 * are pairs: a string, then the member's value.
 */
#ifndef CONTROL_JSON_H
#define CONTROL_JSON_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define JSON_DEPTH_MAX 8u

enum json_type {
	JSON_NULL,
	JSON_FALSE,
	JSON_TRUE,
	JSON_NUMBER,
	JSON_STRING,
	JSON_ARRAY,
	JSON_OBJECT,
};

struct json_value {
	enum json_type type;
	uint32_t at, len;  /* the text of the value; of a string without its quotes */
	uint32_t children; /* values directly inside; an object's names count too */
	uint32_t next;     /* number of the first value that is not inside of this one */
};

/* Reads the one value that `text` holds. Returns how many values there are, -EINVAL (not JSON,
 * or not UTF-8), or -E2BIG (more than `max` values, or nested deeper than JSON_DEPTH_MAX). */
int json_parse(const char *text, size_t n, struct json_value *values, unsigned max);

/* The value of the object's member of that name, or NULL. Of two with one name the first. */
const struct json_value *json_member(
    const char *text, const struct json_value *object, const char *name);

/* Writes the string, without escapes and with a NUL, to `to`. Its length, or -1: it does not fit,
 * or holds a NUL itself. */
int json_string(const char *text, const struct json_value *v, char *to, size_t size);
bool json_equals(const char *text, const struct json_value *v, const char *string);

#endif
