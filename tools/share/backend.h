/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * backend - the virtiofsd of this host: that of QEMU, in C (until 8.0), or that in Rust.
 */
#ifndef TOOLS_SHARE_BACKEND_H
#define TOOLS_SHARE_BACKEND_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define BACKEND_WORDS 16

struct backend {
	char program[PATH_MAX];
	bool is_rust;
	bool has_readonly; /* the option, which came with 1.13 */
};

/* False: none is installed. */
bool backend_find(struct backend *b);
/* Asks it for its help. 0, or -EINVAL with the reason in `why`. */
int backend_ask(struct backend *b, char *why, size_t size);
/* Its words to serve `folder` on the listening socket `fd`, and a NULL. */
void backend_words(
    const struct backend *b, const char *folder, bool read_only, const char *words[BACKEND_WORDS]);

/* The descriptor of the socket in the words. */
#define BACKEND_FD      3
#define BACKEND_FD_TEXT "3"

#endif
