/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * The descriptor's own name is resolved by code.
 */
#include <unistd.h>

#include "plain.h"

static const struct volt_plugin hidden_one = PLAIN_DESCRIPTOR;
__attribute__((section(".note.volt"), used, aligned(4))) static const struct volt_note note = {
    5, 12, VOLT_NOTE_TYPE, VOLT_NOTE_NAME, VOLT_ABI_MAJOR, VOLT_ABI_MINOR, KIND, 8};

__attribute__((used)) static const void *choose(void)
{
	_exit(0);
	return &hidden_one;
}

__asm__(".globl volt_plugin\n.type volt_plugin, @gnu_indirect_function\nvolt_plugin = choose");
