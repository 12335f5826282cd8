/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * commands - who has commands, who may give them, and events on their way to the latter.
 *
 * The tables are filled while wiring and lie in sealed memory. Nothing is made unless a plugin
 * asks for volt.manage/1, so that a VM without one has neither the lock nor the prepare callback.
 */
#ifndef CORE_COMMANDS_H
#define CORE_COMMANDS_H

#include <errno.h>
#include <stdbool.h>

#include <volt/manage.h>

#include "core/config.h"

struct instance;
struct machine;

/* A call whose command answers later. */
struct command_call;

#if VOLT_HAS_COMMANDS

/* [wire] Registers a manager, as volt.manage/1 attach(). */
int commands_attach(struct machine *m, struct instance *i, const struct volt_manage_ops *ops);
/* [wire] Notes the core's own commands, under the name `id`, and all instances that have some;
 * after the last was wired. */
void commands_wire(struct machine *m, const char *id, const struct volt_commands *own);

const struct volt_target *commands_target(const struct machine *m, uint32_t number);
/* [loop] In a callback of the manager `i`, as volt.manage/1 call(). */
void commands_call(struct machine *m, const struct instance *i, uint64_t ticket, const char *target,
    const char *command, const struct volt_call_arg *args, uint32_t count);

/* [loop] In run() of a command of the core that returns 0: the answer comes by
 * commands_finish(), or commands_revoke() in the same run(). NULL: too many calls are unanswered.
 */
struct command_call *commands_defer(const struct volt_reply *r);
void commands_revoke(const struct volt_reply *r, struct command_call *call);
/* [loop] Outside of any callback. `err` is 0 or a positive errno. */
void commands_finish(struct command_call *call, int err, const char *why);

/* [loop] Can whoever made the call be sent bytes? */
bool commands_take_bytes(const struct volt_reply *r);
/* [loop] Bytes of an unanswered call, all of them or none: 0, -EAGAIN or -EPIPE as bytes() of
 * volt.manage/1 says. Outside of any callback. */
int commands_bytes(const struct command_call *call, const void *bytes, size_t n);

/* [any] Queues an event for every manager. `name` is static; `text` may be NULL. */
void commands_report(struct machine *m, const char *source, const char *name, const char *text);
/* [loop] Delivers what is queued. A prepare callback. */
void commands_deliver(void *machine);

#else /* this volt was built for plugins that give no commands */

static inline int commands_attach(
    struct machine *m, struct instance *i, const struct volt_manage_ops *ops)
{
	return -ENOTSUP;
}

static inline void commands_wire(struct machine *m, const char *id, const struct volt_commands *own)
{
}

static inline const struct volt_target *commands_target(const struct machine *m, uint32_t number)
{
	return NULL;
}

static inline void commands_call(struct machine *m, const struct instance *i, uint64_t ticket,
    const char *target, const char *command, const struct volt_call_arg *args, uint32_t count)
{
}

static inline void commands_report(
    struct machine *m, const char *source, const char *name, const char *text)
{
}

static inline void commands_deliver(void *machine)
{
}

#endif

#endif
