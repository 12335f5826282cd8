/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Linked with -init and -fini: start code without an array.
 */
#include <unistd.h>

#include "plain.h"

__attribute__((used)) static void start_code(void)
{
	_exit(0);
}

__asm__(".globl start_code_alias\n.hidden start_code_alias\nstart_code_alias = start_code");

VOLT_PLUGIN(KIND) = PLAIN_DESCRIPTOR;
