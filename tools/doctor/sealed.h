/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * sealed - a guest that ends itself with a status, through the real volt.
 */
#ifndef TOOLS_DOCTOR_SEALED_H
#define TOOLS_DOCTOR_SEALED_H

#include "tools/doctor/host.h"

#define SEALED_STATUS  42 /* what the guest ends with */
#define SEALED_LIMIT_S 30
#define SEALED_TIMEOUT 1000 /* in place of a status */

/* `options` (a NULL ends them) go before those of the trial. */
void sealed_try(struct host_run *r, const char *volt, const char *const *options);

#endif
