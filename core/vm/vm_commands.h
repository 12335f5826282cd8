/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * vm_commands - the core's own commands, those of the instance "vm".
 */
#ifndef CORE_VM_COMMANDS_H
#define CORE_VM_COMMANDS_H

#include <volt/command.h>

#define VM_COMMANDS_ID "vm"

/* run() takes the struct machine. */
extern const struct volt_commands vm_commands;

#endif
