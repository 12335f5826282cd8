/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * store - kernels by name: reads the folder that volt-kernel writes.
 *
 *	$XDG_DATA_HOME/volt/kernels/     ($HOME/.local/share where that is not set)
 *	    default -> NAME              a link, made by `volt-kernel default`
 *	    NAME/                        a kernel: version and hash
 *	        vmlinux                  what is booted: the first of these that is there
 *	        bzImage
 *	        kernel                   neither: a file with a Multiboot header alone
 *	    .import-XXXXXX/              one that is not finished; names with a dot are none
 *
 * A name is the folder's, any beginning of it that fits no other, or `default`.
 */
#ifndef CORE_STORE_H
#define CORE_STORE_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/config.h"

#define STORE_NAME_MAX 128 /* with its NUL */
#define STORE_DEFAULT  "default"

#if VOLT_HAS_KERNELS

/* The files of a kernel in the order of preference, NULL at the end: an ELF file is entered
 * at once, a bzImage unpacks itself first. */
extern const char *const store_images[];

/* The user's store by the environment. 0, or -errno with an empty `path`: none can be told
 * (-ENOENT), or its path is too long (-ENAMETOOLONG). */
int store_locate(char *path, size_t size);

/* True if `word` may be a name: no slash, no dot at its start, nothing that is not printable. */
bool store_may_name(const char *word);

/* Which kernel of the store `path` is called `word`. 0, or -errno with a clause in `why`. */
int store_find(
    const char *path, const char *word, char name[STORE_NAME_MAX], char *why, size_t why_size);

/* store_find(), then its preferred file opened for reading: a descriptor, or -errno likewise. */
int store_open(
    const char *path, const char *word, char name[STORE_NAME_MAX], char *why, size_t why_size);

#else /* kernels are files only */

static inline int store_locate(char *path, size_t size)
{
	path[0] = '\0';
	return -ENOENT;
}

/* So that a missing file is said to be no more than that. */
static inline bool store_may_name(const char *word)
{
	return false;
}

static inline int store_open(
    const char *path, const char *word, char name[STORE_NAME_MAX], char *why, size_t why_size)
{
	return -ENOTSUP;
}

#endif

#endif
