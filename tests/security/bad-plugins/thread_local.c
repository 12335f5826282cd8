/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * State outside of the instance, one per thread.
 */
#include "plain.h"

__attribute__((visibility("hidden"))) _Thread_local int mine = 7;

VOLT_PLUGIN(KIND) = PLAIN_DESCRIPTOR;
