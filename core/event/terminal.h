/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * terminal - raw mode and the escape key of the terminal on standard input.
 */
#ifndef CORE_TERMINAL_H
#define CORE_TERMINAL_H

#include <stdbool.h>
#include <stdint.h>

#define TERMINAL_ESCAPE 0x01 /* Ctrl-A */

enum terminal_action {
	TERMINAL_PASS,        /* give the byte to the guest */
	TERMINAL_PASS_ESCAPE, /* give it the escape key itself */
	TERMINAL_SWALLOW,     /* part of an escape */
	TERMINAL_QUIT,        /* end the VM */
	TERMINAL_BREAK,       /* send a break condition */
	TERMINAL_ATTENTION,   /* ask for the guest's attention */
	TERMINAL_HELP,
};

extern const char terminal_help[];

/* What to do with one typed byte. *escape_seen is the state between bytes. */
enum terminal_action terminal_filter(bool *escape_seen, uint8_t byte);

/* Starts the helper, charged with the present mode, then sets raw mode if asked to. 0 or
 * -errno, which is logged. */
int terminal_take(bool raw_mode);

#endif
