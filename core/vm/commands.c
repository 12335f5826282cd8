/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/vm/commands.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/lock.h"
#include "core/base/log.h"
#include "core/base/sealed.h"
#include "core/plugin/instance.h"
#include "core/vm/pause.h"
#include "core/vm/vm.h"
#include "sdk/common/commands.h"

#define MANAGER_MAX       4u
#define COMMAND_CALL_MAX  16u /* unanswered */
#define COMMAND_EVENT_MAX 64u

struct manager {
	const struct instance *owner;
	const struct volt_manage_ops *ops;
};

struct commands_table {
	struct manager managers[MANAGER_MAX];
	uint32_t manager_count;
	uint32_t target_count;
	struct volt_target targets[INSTANCE_MAX + 1];
	const struct instance *owners[INSTANCE_MAX + 1]; /* NULL: the core */
};

struct command_call {
	struct machine *machine; /* NULL: unused */
	const struct manager *manager;
	uint64_t ticket;
};

struct command_event {
	char source[33];
	const char *name; /* static */
	char text[128];
};

struct commands {
	struct commands_table *table; /* sealed; NULL: no plugin wants volt.manage/1 */
	struct command_call deferred[COMMAND_CALL_MAX]; /* [loop] */
	struct lock lock;                               /* of what follows; a leaf */
	struct command_event events[COMMAND_EVENT_MAX];
	uint32_t first, count;
	uint64_t dropped;
};

/* Behind the volt_reply of one call. */
struct answer {
	struct volt_reply reply; /* first: the callbacks find the rest by it */
	struct machine *machine;
	const struct manager *manager;
	const struct volt_command *command;
	uint64_t ticket;
	bool deferred;
	char why[256];
};

/* ---------------------------------------------------------------- wiring */

static int check_ops(const struct volt_manage_ops *ops)
{
	if (!ops || ops->size < offsetof(struct volt_manage_ops, event) + sizeof(ops->event))
		return -EINVAL;
	return ops->number && ops->text && ops->next_row && ops->done && ops->event ? 0 : -EINVAL;
}

static int make_table(struct machine *m)
{
	struct commands *c = calloc(1, sizeof(*c));

	if (!c)
		return -ENOMEM;
	c->table = sealed_alloc(sizeof(*c->table));
	if (!c->table) {
		free(c);
		return -ENOMEM;
	}
	m->commands = c;
	lock_init(&c->lock);
	/* From now on the level may change while the VM runs, so the plugins' own test of it
	 * must let everything pass; host_log() has the last word. */
	for (uint32_t i = 0; i < m->instance_count; i++)
		m->instances[i]->host.log_level = VOLT_LOG_TRACE;
	return loop_add_prepare(&m->loop, commands_deliver, m);
}

int commands_attach(struct machine *m, struct instance *i, const struct volt_manage_ops *ops)
{
	int err = check_ops(ops);

	if (err)
		return err;
	if (!m->commands)
		err = make_table(m);
	if (err)
		return err;
	struct commands_table *t = m->commands->table;
	for (uint32_t k = 0; k < t->manager_count; k++)
		if (t->managers[k].owner == i)
			return -EBUSY;
	if (t->manager_count == MANAGER_MAX)
		return -ENOSPC;
	t->managers[t->manager_count++] = (struct manager){.owner = i, .ops = ops};
	i->callee.always = true;
	pause_allow(&m->pause, &m->loop, i->callee.id);
	return 0;
}

static void add_target(struct commands_table *t, const struct instance *owner, const char *id,
    const char *plugin, const struct volt_commands *commands)
{
	t->owners[t->target_count] = owner;
	t->targets[t->target_count++] = (struct volt_target){
	    .size = sizeof(struct volt_target), .id = id, .plugin = plugin, .commands = commands};
}

void commands_wire(struct machine *m, const char *id, const struct volt_commands *own)
{
	struct commands_table *t = m->commands ? m->commands->table : NULL;

	if (!t)
		return;
	add_target(t, NULL, id, "core", own);
	for (uint32_t k = 0; k < m->instance_count; k++) {
		const struct instance *i = m->instances[k];

		if (i->commands)
			add_target(t, i, i->callee.id, i->plugin.name, i->commands);
	}
}

/* ----------------------------------------------------------------- calls */

const struct volt_target *commands_target(const struct machine *m, uint32_t number)
{
	const struct commands_table *t = m->commands ? m->commands->table : NULL;

	return t && number < t->target_count ? &t->targets[number] : NULL;
}

static struct answer *answer_of(const struct volt_reply *r)
{
	return r->core;
}

/* NULL: the plugin names a result that its table does not have, or one of another type. */
static const struct volt_result *find_result(const struct answer *a, uint32_t number, bool text)
{
	const struct volt_result *r = commands_result(a->command, number);

	return r && (r->type == VOLT_PARAM_STRING) == text ? r : NULL;
}

static void reply_number(const struct volt_reply *r, uint32_t number, uint64_t value)
{
	const struct answer *a = answer_of(r);
	const struct volt_result *result = find_result(a, number, false);

	if (result)
		a->manager->ops->number(a->manager->owner->callee.self, a->ticket, result, value);
}

static void reply_text(const struct volt_reply *r, uint32_t number, const char *value)
{
	const struct answer *a = answer_of(r);
	const struct volt_result *result = find_result(a, number, true);

	if (result)
		a->manager->ops->text(a->manager->owner->callee.self, a->ticket, result, value);
}

static void reply_next_row(const struct volt_reply *r)
{
	const struct answer *a = answer_of(r);

	if (a->command->flags & VOLT_COMMAND_ROWS)
		a->manager->ops->next_row(a->manager->owner->callee.self, a->ticket);
}

static int reply_fail(const struct volt_reply *r, int32_t err, const char *why)
{
	struct answer *a = answer_of(r);

	snprintf(a->why, sizeof(a->why), "%s", why);
	return err > 0 ? -err : -EINVAL;
}

static void finish(const struct answer *a, int err)
{
	const char *why = !err ? "" : a->why[0] != '\0' ? a->why : strerror(err);

	a->manager->ops->done(a->manager->owner->callee.self, a->ticket, err, why);
}

VOLT_PRINTF(3, 4)
static void refuse(struct answer *a, int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(a->why, sizeof(a->why), fmt, ap);
	va_end(ap);
	finish(a, err);
}

static int find_target(const struct commands_table *t, const char *id)
{
	for (uint32_t k = 0; k < t->target_count; k++)
		if (strcmp(t->targets[k].id, id) == 0)
			return (int)k;
	return -1;
}

/* The caller's lock is held, and no instance that runs a command calls back into it. */
static int run(struct answer *a, uint32_t target, uint32_t command, const struct volt_args *args)
{
	const struct commands_table *t = a->machine->commands->table;
	const struct volt_commands *table = t->targets[target].commands;
	const struct instance *owner = t->owners[target];

	if (!owner)
		return table->run(a->machine, command, args, &a->reply);
	callee_lock(&owner->callee);
	int err = table->run(owner->callee.self, command, args, &a->reply);
	callee_unlock(&owner->callee);
	return err;
}

static void call(struct answer *a, const char *target, const char *command,
    const struct volt_call_arg *args, uint32_t count)
{
	const struct commands_table *t = a->machine->commands->table;
	struct volt_value values[VOLT_COMMAND_ARGS_MAX];
	int number = find_target(t, target);

	if (number < 0)
		return refuse(a, ENOENT, "%s: no plugin with commands has that id", target);
	const struct volt_commands *table = t->targets[number].commands;
	int row = commands_find(table, command);
	if (row < 0)
		return refuse(a, ENOENT, "%s: %s has no such command", command, target);
	if (t->owners[number] == a->manager->owner)
		return refuse(a, EINVAL, "%s: a plugin cannot command itself", target);
	a->command = commands_row(table, (uint32_t)row);
	if (commands_read(a->command, args, count, values, a->why, sizeof(a->why)))
		return finish(a, EINVAL);
	const struct volt_args given = {.size = sizeof(given),
	    .value_stride = sizeof(values[0]),
	    .value_count = a->command->arg_count,
	    .values = values};
	int err = run(a, (uint32_t)number, (uint32_t)row, &given);
	if (!a->deferred)
		finish(a, err < 0 ? -err : err > 0 ? EPROTO : 0);
}

void commands_call(struct machine *m, const struct instance *i, uint64_t ticket, const char *target,
    const char *command, const struct volt_call_arg *args, uint32_t count)
{
	struct commands *c = m->commands;
	uint32_t number = 0;

	while (number < c->table->manager_count && c->table->managers[number].owner != i)
		number++;
	if (number == c->table->manager_count)
		return;
	struct answer a = {.machine = m, .manager = &c->table->managers[number], .ticket = ticket};
	a.reply = (struct volt_reply){.size = sizeof(a.reply),
	    .core = &a,
	    .number = reply_number,
	    .text = reply_text,
	    .next_row = reply_next_row,
	    .fail = reply_fail};
	call(&a, target, command, args, count);
}

struct command_call *commands_defer(const struct volt_reply *r)
{
	struct answer *a = answer_of(r);
	struct commands *c = a->machine->commands;

	for (uint32_t i = 0; i < COMMAND_CALL_MAX; i++) {
		if (c->deferred[i].machine)
			continue;
		c->deferred[i] = (struct command_call){
		    .machine = a->machine, .manager = a->manager, .ticket = a->ticket};
		a->deferred = true;
		return &c->deferred[i];
	}
	return NULL;
}

void commands_revoke(const struct volt_reply *r, struct command_call *call)
{
	answer_of(r)->deferred = false;
	call->machine = NULL;
}

void commands_finish(struct command_call *call, int err, const char *why)
{
	const struct callee *to = &call->manager->owner->callee;
	const struct command_call ended = *call;

	call->machine = NULL;
	callee_lock(to);
	ended.manager->ops->done(to->self, ended.ticket, err, err ? why : "");
	callee_unlock(to);
}

bool commands_take_bytes(const struct volt_reply *r)
{
	const struct volt_manage_ops *ops = answer_of(r)->manager->ops;

	return VOLT_HAS(ops, bytes) && ops->bytes;
}

int commands_bytes(const struct command_call *call, const void *bytes, size_t n)
{
	const struct callee *to = &call->manager->owner->callee;

	callee_lock(to);
	const int err = call->manager->ops->bytes(to->self, call->ticket, bytes, n);
	callee_unlock(to);
	return err;
}

/* ---------------------------------------------------------------- events */

void commands_report(struct machine *m, const char *source, const char *name, const char *text)
{
	struct commands *c = m->commands;

	if (!c)
		return;
	lock_take(&c->lock);
	if (c->count == COMMAND_EVENT_MAX) {
		c->dropped++;
	} else {
		struct command_event *e = &c->events[(c->first + c->count++) % COMMAND_EVENT_MAX];

		snprintf(e->source, sizeof(e->source), "%s", source);
		snprintf(e->text, sizeof(e->text), "%s", text ? text : "");
		e->name = name;
	}
	lock_release(&c->lock);
	loop_wake(&m->loop);
}

static bool take_event(struct commands *c, struct command_event *e)
{
	lock_take(&c->lock);
	const bool any = c->count > 0;

	if (any) {
		*e = c->events[c->first];
		c->first = (c->first + 1) % COMMAND_EVENT_MAX;
		c->count--;
	}
	lock_release(&c->lock);
	return any;
}

static void deliver(const struct commands_table *t, const struct command_event *e)
{
	for (uint32_t k = 0; k < t->manager_count; k++) {
		const struct manager *to = &t->managers[k];

		callee_lock(&to->owner->callee);
		to->ops->event(to->owner->callee.self, e->source, e->name, e->text);
		callee_unlock(&to->owner->callee);
	}
}

/* As many as fit the queue in one turn, for a source that never stops must not hold the loop. */
void commands_deliver(void *machine)
{
	struct machine *m = machine;
	struct command_event e;

	if (!m->commands || __atomic_load_n(&m->commands->count, __ATOMIC_RELAXED) == 0)
		return;
	for (uint32_t n = 0; n < COMMAND_EVENT_MAX && take_event(m->commands, &e); n++)
		deliver(m->commands->table, &e);
	const uint64_t dropped = __atomic_exchange_n(&m->commands->dropped, 0, __ATOMIC_RELAXED);
	if (dropped > 0)
		log_warn("%llu events dropped: more than %u were waiting",
		    (unsigned long long)dropped, COMMAND_EVENT_MAX);
}
