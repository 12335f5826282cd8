/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * An address in the code itself, which the loader would have to write to.
 */
#include "plain.h"

__asm__(".text\n.quad plain_address\n.data\nplain_address: .quad 0\n.text");

VOLT_PLUGIN(KIND) = PLAIN_DESCRIPTOR;
