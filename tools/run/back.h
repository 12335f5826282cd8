/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * back - what the command made or changed in a writable share, copied back into the folder.
 */
#ifndef TOOLS_RUN_BACK_H
#define TOOLS_RUN_BACK_H

#include "tools/run/machine.h"
#include "tools/run/session.h"

/* While the VM still runs; `r` is the request of the command. 0, or RUN_FAILED, whose reason is
 * printed. */
int back_copy(struct machine *m, const struct session_request *r);

#endif
