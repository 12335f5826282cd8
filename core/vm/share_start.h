/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * share_start - folders of the host that have to be served before there is a VM.
 *
 * A folder's name is nothing for the program that runs guests. It becomes volt-share, which starts
 * a process for each folder and then volt again, with fd:N in the place of the name.
 */
#ifndef CORE_SHARE_START_H
#define CORE_SHARE_START_H

#include <stdbool.h>

#include "core/base/exitcode.h"
#include "core/config.h"

#if VOLT_HAS_OPERATE

/* True if --share names a folder. Says nothing of wrong options. */
bool share_is_named(int argc, char **argv);
/* Becomes volt-share, with the user's environment; returns an exit code if that fails. */
int share_start(int argc, char **argv);

#else

static inline bool share_is_named(int argc, char **argv)
{
	return false;
}

static inline int share_start(int argc, char **argv)
{
	return EXIT_HOST;
}

#endif

#endif
