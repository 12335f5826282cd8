/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * share_spec - the value of --share: DIR[,ro][,at=FOLDER], or with fd:N in the place of DIR.
 *
 * volt and volt-share read it alike. It uses nothing of volt.
 */
#ifndef CORE_SHARE_SPEC_H
#define CORE_SHARE_SPEC_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

#define SHARE_MAX     8u /* folders */
#define SHARE_AT_MAX  128u
#define SHARE_DEFAULT "/mnt"

struct share_spec {
	char folder[PATH_MAX]; /* of the host; empty if fd is given */
	char at[SHARE_AT_MAX]; /* of the guest, absolute */
	const char *words;     /* what follows DIR: empty, or from a comma on */
	bool read_only;
	int fd; /* inherited, connected to a back end; -1: there is a folder */
};

/* 0, or -EINVAL with the reason in `why`. In DIR a comma is typed twice. */
int share_spec_parse(struct share_spec *s, const char *text, char *why, size_t size);

#endif
