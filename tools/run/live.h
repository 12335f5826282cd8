/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * live - the share as the folder itself, by volt --share, and not as a copy.
 */
#ifndef TOOLS_RUN_LIVE_H
#define TOOLS_RUN_LIVE_H

#include <stdbool.h>

#include "tools/run/machine.h"

/* NULL, or what the host or the guest's kernel lacks for it. */
const char *live_lacks(struct machine *m);
/* Adds it to volt's command line; the guest has it on `at`. */
void live_add(struct machine *m, const char *folder, const char *at);

#endif
