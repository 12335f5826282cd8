/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * guest - a guest of a few bytes on KVM itself, without volt, to tell whose fault a failure is.
 */
#ifndef TOOLS_DOCTOR_GUEST_H
#define TOOLS_DOCTOR_GUEST_H

#include "tools/doctor/host.h"

/* Takes some milliseconds, where guests are emulated half a second. */
void guest_try(struct host_guest *out, int *tsc_khz, const char *path);

#endif
