/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * host_manage.c - volt.manage/1 and volt.event/1, as tables that an instance is given.
 */
#include "core/vm/host_manage.h"

#include <errno.h>

#include "core/vm/commands.h"
#include "core/vm/host_caller.h"
#include "core/vm/vm.h"

static struct instance *owner_of(const struct volt_host *h)
{
	return h->core;
}

static int host_attach(const struct volt_host *h, const struct volt_manage_ops *ops)
{
	struct instance *i = host_calling_instance(h);

	return i->machine->sealed ? -EPERM : commands_attach(i->machine, i, ops);
}

static const struct volt_target *host_target(const struct volt_host *h, uint32_t number)
{
	return commands_target(owner_of(h)->machine, number);
}

static void host_call(const struct volt_host *h, uint64_t ticket, const char *target,
    const char *command, const struct volt_call_arg *args, uint32_t count)
{
	commands_call(owner_of(h)->machine, owner_of(h), ticket, target, command, args, count);
}

const struct volt_manage host_manage = {
    .size = sizeof(host_manage), .attach = host_attach, .target = host_target, .call = host_call};

static void host_report(const struct volt_host *h, const char *name, const char *text)
{
	commands_report(owner_of(h)->machine, owner_of(h)->callee.id, name, text);
}

const struct volt_event host_event = {.size = sizeof(host_event), .report = host_report};
