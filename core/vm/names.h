/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * names - how threads, plugins and system calls are called in the reporter's lines.
 */
#ifndef CORE_NAMES_H
#define CORE_NAMES_H

#include "core/event/reporter.h"

struct machine;

struct reporter_names names_of(const struct machine *m);

#endif
