/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * vm_commands - the core's own commands, those of the instance "vm".
 */
#ifndef CORE_VM_COMMANDS_H
#define CORE_VM_COMMANDS_H

#include <volt/command.h>

#include "core/config.h"

#define VM_COMMANDS_ID "vm"

#if VOLT_HAS_COMMANDS

/* run() takes the struct machine. */
extern const struct volt_commands vm_commands;

#else /* nobody can give them */

static const struct volt_commands vm_commands;

#endif

#endif
