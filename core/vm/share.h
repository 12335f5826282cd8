/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * share - folders of the host in the guest: what becomes of the option --share.
 *
 * Each is a plugin, the one that the build names for it, and a word on the kernel's command line,
 * by which volt-init mounts it. Who serves it is at the other end of an inherited socket, fd:N
 * (share_start.h).
 */
#ifndef CORE_SHARE_H
#define CORE_SHARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/config.h"
#include "core/vm/share_spec.h"

struct share {
	char plugin[80]; /* the spec of its plugin */
	char at[SHARE_AT_MAX];
	bool read_only;
};

#if VOLT_HAS_OPERATE

/* Takes a value of the option, as the next of at most SHARE_MAX. 0, or -EINVAL, which is logged. */
int share_add(struct share *shares, uint32_t *count, const char *text);
/* Adds " volt.share=..." for each to a text; false: there is no room. */
bool share_add_words(const struct share *shares, uint32_t count, char *text, size_t size);

#else

static inline bool share_add_words(
    const struct share *shares, uint32_t count, char *text, size_t size)
{
	return true;
}

#endif

#endif
