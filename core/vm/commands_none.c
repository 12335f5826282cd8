/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * commands_none.c - for a build none of whose plugins uses volt.manage/1; host.c refuses it.
 */
#include <errno.h>

#include "core/vm/commands.h"
#include "core/vm/vm_commands.h"

const bool commands_built = false;
const struct volt_commands vm_commands;

int commands_attach(struct machine *m, struct instance *i, const struct volt_manage_ops *ops)
{
	return -ENOTSUP;
}

void commands_wire(struct machine *m, const char *id, const struct volt_commands *own)
{
}

const struct volt_target *commands_target(const struct machine *m, uint32_t number)
{
	return NULL;
}

void commands_call(struct machine *m, const struct instance *i, uint64_t ticket, const char *target,
    const char *command, const struct volt_call_arg *args, uint32_t count)
{
}

void commands_report(struct machine *m, const char *source, const char *name, const char *text)
{
}

void commands_deliver(void *machine)
{
}
