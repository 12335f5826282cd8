/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * A program's header: a plugin that could also be started.
 */
#include "plain.h"

__attribute__((section(".interp"), used)) static const char interpreter[] =
    "/lib64/ld-linux-x86-64.so.2";

VOLT_PLUGIN(KIND) = PLAIN_DESCRIPTOR;
