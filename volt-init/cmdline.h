/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
/*
 * The kernel's command line as init needs it. Quoting follows the kernel's own rule (lib/cmdline.c,
 * next_arg): a double quote anywhere switches whether blanks separate, there is no escape, and
 * quotes around a whole word or a whole value are dropped.
 */
#ifndef VOLT_INIT_CMDLINE_H
#define VOLT_INIT_CMDLINE_H

#include <stdbool.h>
#include <stddef.h>

/* Copies the value of the last key=value into buf. False if there is none or it does not fit;
 * words after "--" are init's arguments, not parameters. */
bool cmdline_get(const char *cmdline, const char *key, char *buf, size_t size);

/* Copies the value of the next key=value that fits, and leaves *cmdline behind it; false: there is
 * none. After the last *cmdline is of no more use. */
bool cmdline_next(const char **cmdline, const char *key, char *buf, size_t size);

/* Does the word `yes` come after the last word `no`, if that is there at all? As rw after ro. */
bool cmdline_is_last(const char *cmdline, const char *yes, const char *no);

/* The next item of a comma-separated list at *list; false at its end. Empty items are skipped. */
bool cmdline_next_item(const char **list, char *buf, size_t size);

struct cmdline_port {
	unsigned short port;
	unsigned char value;
};

/* PORT or PORT,VALUE in any C base; the value stays as it was when none is given. */
bool cmdline_port(const char *text, struct cmdline_port *port);

#endif
