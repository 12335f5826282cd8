/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * gather - asks the kernel what no file tells; changes nothing.
 */
#ifndef TOOLS_DOCTOR_GATHER_H
#define TOOLS_DOCTOR_GATHER_H

#include "tools/doctor/host.h"

void gather_kvm(struct host_kvm *k, const char *path);
void gather_seal(struct host_seal *s);

#endif
