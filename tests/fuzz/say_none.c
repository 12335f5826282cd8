/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Stands for volt-kernel's say.c in fuzzers: boot_kit has a log that counts, all else is dropped.
 */
#include "tools/kernel/say.h"

bool say_quiet;

struct say_room say_capture(struct say_room room)
{
	return room;
}

void say_progress(const char *fmt, ...)
{
}

const char *say_size(uint64_t bytes)
{
	return "so much";
}

void say_printable(char *text)
{
}
