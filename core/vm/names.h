/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * names - how threads, plugins and system calls are called in the witness's lines.
 */
#ifndef CORE_NAMES_H
#define CORE_NAMES_H

#include "core/event/witness.h"

struct machine;

struct witness_names names_of(const struct machine *m);

#endif
