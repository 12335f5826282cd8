/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * A second name for all to see.
 */
#include "plain.h"

__attribute__((visibility("default"))) extern const int second;
const int second = 2;

VOLT_PLUGIN(KIND) = PLAIN_DESCRIPTOR;
