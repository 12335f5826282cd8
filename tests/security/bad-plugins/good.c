/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Nothing is wrong here; some targets link it in a way that is.
 */
#include "plain.h"

VOLT_PLUGIN(KIND) = PLAIN_DESCRIPTOR;
