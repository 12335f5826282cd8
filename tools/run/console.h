/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * console - what volt and the guest's console print, of which the end is kept: it tells why.
 */
#ifndef TOOLS_RUN_CONSOLE_H
#define TOOLS_RUN_CONSOLE_H

#include <stdbool.h>
#include <stddef.h>

struct console {
	int fd; /* -1: it has ended */
	bool shown;
	size_t used;
	char text[8192];
};

/* Reads what has come; true if the guest says that it is ready. */
bool console_read(struct console *c);
/* Reads to its end. */
void console_drain(struct console *c);
/* Prints the last lines on standard error, if they were not shown. */
void console_tell(const struct console *c);

#endif
