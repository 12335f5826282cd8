/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * cmdline - one command line for the kernel, of the user's words and those of devices.
 */
#ifndef CORE_CMDLINE_H
#define CORE_CMDLINE_H

#include <stdbool.h>
#include <stddef.h>

/* `cmdline`, then `append` (NULL: none), and `devices`, which is empty or begins with a blank,
 * before a lone "--" of the user's or at the end. False: there is no room. */
bool cmdline_make(
    char *to, size_t size, const char *cmdline, const char *append, const char *devices);

/* True if `word` is one of the kernel's, before a lone "--". */
bool cmdline_has(const char *text, const char *word);
/* Where `word` stands among the words for the kernel, by itself or before a comma; NULL: nowhere.
 */
const char *cmdline_find(const char *text, const char *word);

#endif
