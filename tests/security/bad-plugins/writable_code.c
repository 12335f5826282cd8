/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * A section that is written to and run.
 */
#include "plain.h"

__asm__(".section .both, \"awx\", @progbits\n.quad 0\n.text");

VOLT_PLUGIN(KIND) = PLAIN_DESCRIPTOR;
