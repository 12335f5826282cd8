/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* host_rings - the table of volt.uring/1, for core/vm/host.c to hand out. */
#ifndef CORE_HOST_RINGS_H
#define CORE_HOST_RINGS_H

#include <volt/draft/uring.h>

extern const struct volt_uring host_rings;

#endif
