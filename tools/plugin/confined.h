/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * confined - carries actions out on three threads, each under the filter that a sealed volt
 * would give it: handlers on a vCPU's, timers and input on the loop's, jobs on a worker's.
 */
#ifndef TOOLS_PLUGIN_CONFINED_H
#define TOOLS_PLUGIN_CONFINED_H

#include "drive.h"

/* f is wired and does not run yet. Fails the case if a need cannot be a rule. A call that
 * no rule allows ends the process and is in c->shared. */
struct confined *confined_create(struct check *c, struct fake_host *f);
/* For struct drive: its `arg` is the struct confined. */
uint64_t confined_apply(struct drive *d, const struct action *a);

#endif
