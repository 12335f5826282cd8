/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * say - what volt-kernel tells: errors as one line, and numbers for people.
 *
 * It also stands for core/base/log.c, whose functions the core's loaders call.
 */
#ifndef TOOLS_KERNEL_SAY_H
#define TOOLS_KERNEL_SAY_H

#include <stddef.h>
#include <stdint.h>

#include "core/base/log.h"

/* What the program ends with. */
enum say_code {
	SAY_GOOD = 0,
	SAY_FAILED = 1, /* refused, not found, damaged: a line says which */
	SAY_USAGE = 2,
};

/* Where error lines go: NULL is standard error, else the last one is kept in `text`. */
struct say_room {
	char *text;
	size_t size;
};

/* Error lines go to this room from now on. Returns the room before it. */
struct say_room say_capture(struct say_room room);

/* A line of progress on standard error, unless it was asked for quiet. */
VOLT_PRINTF(1, 2)
void say_progress(const char *fmt, ...);
extern bool say_quiet;

/* "53.2 MB"; in one of four static rooms, taken in turn. */
const char *say_size(uint64_t bytes);

/* Replaces what could drive a terminal. */
void say_printable(char *text);

#endif
