/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fake_command - volt.command/1 of the plugin, which a test calls; volt.event/1; and
 * volt.manage/1, behind which a test plays the instances that have commands.
 */
#include <errno.h>
#include <string.h>

#include <sdk/common/commands.h>

#include "fake_internal.h"

/* One call: of the plugin's own command, or of one that a test plays. */
struct call {
	struct volt_reply reply;
	struct fake_host *f;
	const struct volt_command *command;
	bool of_plugin; /* results go to the test, else to the plugin */
	uint64_t ticket;
	char why[256];
};

static struct call *call_of(const struct volt_reply *r)
{
	return r->core;
}

void fake_find_commands(struct fake_host *f)
{
	const struct volt_plugin *p = f->plugin;
	char why[256];

	f->commands.own = p->get_ext ? p->get_ext(VOLT_EXT_COMMAND) : NULL;
	if (f->commands.own && commands_check_table(f->commands.own, why, sizeof(why)) != 0)
		fake_die(f, "%s", why);
}

/* --------------------------------------------------------------- results */

static const struct volt_result *find_result(const struct call *c, uint32_t number, bool text)
{
	const struct volt_result *r = commands_result(c->command, number);

	if (!r)
		fake_die(
		    c->f, "command %s: result %u is not in its table", c->command->name, number);
	if ((r->type == VOLT_PARAM_STRING) != text)
		fake_die(
		    c->f, "command %s: result %s is of another type", c->command->name, r->name);
	return r;
}

VOLT_PRINTF(2, 3)
static void put(struct fake_host *f, const char *fmt, ...)
{
	const size_t used = strlen(f->commands.results);
	const size_t room = sizeof(f->commands.results) - used;
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(f->commands.results + used, room, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= room)
		fake_die(f, "a command's results are longer than the fake host takes");
}

static void reply_number(const struct volt_reply *r, uint32_t number, uint64_t value)
{
	struct call *c = call_of(r);
	const struct volt_result *result = find_result(c, number, false);

	if (c->of_plugin)
		put(c->f, "%s=%llu\n", result->name, (unsigned long long)value);
	else
		c->f->commands.ops->number(c->f->self, c->ticket, result, value);
}

static void reply_text(const struct volt_reply *r, uint32_t number, const char *value)
{
	struct call *c = call_of(r);
	const struct volt_result *result = find_result(c, number, true);

	if (c->of_plugin)
		put(c->f, "%s=%s\n", result->name, value);
	else
		c->f->commands.ops->text(c->f->self, c->ticket, result, value);
}

static void reply_next_row(const struct volt_reply *r)
{
	struct call *c = call_of(r);

	if (!(c->command->flags & VOLT_COMMAND_ROWS))
		fake_die(
		    c->f, "command %s: next_row() without VOLT_COMMAND_ROWS", c->command->name);
	if (c->of_plugin)
		put(c->f, "\n");
	else
		c->f->commands.ops->next_row(c->f->self, c->ticket);
}

static int reply_fail(const struct volt_reply *r, int32_t err, const char *why)
{
	struct call *c = call_of(r);

	if (err <= 0)
		fake_die(c->f, "volt_reply_fail: %d is not a positive errno", err);
	snprintf(c->why, sizeof(c->why), "%s", why);
	return -err;
}

static void begin(struct call *c, struct fake_host *f, const struct volt_command *command)
{
	c->f = f;
	c->command = command;
	c->reply = (struct volt_reply){.size = sizeof(c->reply),
	    .core = c,
	    .number = reply_number,
	    .text = reply_text,
	    .next_row = reply_next_row,
	    .fail = reply_fail};
}

/* ----------------------------------------------------- the plugin's commands */

int fake_command(
    struct fake_host *f, const char *command, const struct volt_call_arg *args, uint32_t count)
{
	struct volt_value values[VOLT_COMMAND_ARGS_MAX];
	const struct volt_commands *t = f->commands.own;
	struct call c = {.of_plugin = true};

	fake_must_run(f, "fake_command");
	f->commands.results[0] = '\0';
	int row = t ? commands_find(t, command) : -1;
	if (row < 0)
		fake_die(
		    f, "the test calls the command %s, which the plugin does not have", command);
	begin(&c, f, commands_row(t, (uint32_t)row));
	int err = commands_read(c.command, args, count, values, f->message, sizeof(f->message));
	if (err)
		return err;
	const struct volt_args given = {.size = sizeof(given),
	    .value_stride = sizeof(values[0]),
	    .value_count = c.command->arg_count,
	    .values = values};
	fake_enter(f, "run");
	err = t->run(f->self, (uint32_t)row, &given, &c.reply);
	fake_leave(f);
	if (err > 0)
		fake_die(
		    f, "command %s: answered %d instead of 0 or a negative errno", command, err);
	snprintf(f->message, sizeof(f->message), "%s", c.why);
	return err;
}

const char *fake_command_results(const struct fake_host *f)
{
	return f->commands.results;
}

/* ----------------------------------------------------------- volt.event/1 */

static void event_report(const struct volt_host *h, const char *name, const char *text)
{
	struct fake_host *f = fake_of(h, "report");

	if (!params_is_name(name, '-', 32))
		fake_die(f, "report: \"%s\" is not like [a-z][a-z0-9-]{0,30}", name);
	f->commands.event_count++;
	f->commands.event_name = name;
	snprintf(f->commands.event_text, sizeof(f->commands.event_text), "%s", text ? text : "");
}

const struct volt_event fake_event = {.size = sizeof(fake_event), .report = event_report};

unsigned fake_events(const struct fake_host *f, const char **name, const char **text)
{
	if (name)
		*name = f->commands.event_name;
	if (text)
		*text = f->commands.event_text;
	return f->commands.event_count;
}

/* --------------------------------------------------------- volt.manage/1 */

static int manage_attach(const struct volt_host *h, const struct volt_manage_ops *ops)
{
	int err;
	struct fake_host *f = fake_wire_call(h, "manage attach", &err);

	if (err)
		return err;
	if (!ops || ops->size < sizeof(*ops) || !ops->number || !ops->text || !ops->next_row ||
	    !ops->done || !ops->event)
		fake_die(f, "volt.manage/1 attach: a slot is NULL, or size is not set");
	if (f->commands.ops)
		return fake_refuse(f, "manage attach", -EBUSY);
	f->commands.ops = ops;
	return 0;
}

static const struct volt_target *manage_target(const struct volt_host *h, uint32_t number)
{
	const struct fake_host *f = fake_of(h, "target");

	return number < f->commands.mock_count ? &f->commands.mocks[number].target : NULL;
}

static void done(struct fake_host *f, uint64_t ticket, int err, const char *why)
{
	f->commands.ops->done(f->self, ticket, err, why);
}

static const struct fake_mock *find_mock(const struct fake_host *f, const char *id)
{
	for (unsigned i = 0; i < f->commands.mock_count; i++)
		if (strcmp(f->commands.mocks[i].target.id, id) == 0)
			return &f->commands.mocks[i];
	return NULL;
}

static void manage_call(const struct volt_host *h, uint64_t ticket, const char *target,
    const char *command, const struct volt_call_arg *args, uint32_t count)
{
	struct fake_host *f = fake_of(h, "call");
	struct volt_value values[VOLT_COMMAND_ARGS_MAX];
	struct call c = {.ticket = ticket};

	if (!f->inside)
		fake_die(f, "call: comes from outside of a callback");
	const struct fake_mock *p = find_mock(f, target);
	if (!p)
		return done(f, ticket, ENOENT, "no such instance");
	int row = commands_find(p->target.commands, command);
	if (row < 0)
		return done(f, ticket, ENOENT, "no such command");
	begin(&c, f, commands_row(p->target.commands, (uint32_t)row));
	if (commands_read(c.command, args, count, values, c.why, sizeof(c.why)))
		return done(f, ticket, EINVAL, c.why);
	const struct volt_args given = {.size = sizeof(given),
	    .value_stride = sizeof(values[0]),
	    .value_count = c.command->arg_count,
	    .values = values};
	int err = p->target.commands->run(p->self, (uint32_t)row, &given, &c.reply);
	if (err == FAKE_LATER) {
		f->commands.late_ticket = ticket;
		f->commands.late = true;
		return;
	}
	done(f, ticket, -err, c.why);
}

const struct volt_manage fake_manage = {.size = sizeof(fake_manage),
    .attach = manage_attach,
    .target = manage_target,
    .call = manage_call};

void fake_manage_add(struct fake_host *f, const char *id, const char *plugin,
    const struct volt_commands *commands, void *self)
{
	char why[256];

	if (f->commands.mock_count == FAKE_MOCK_MAX)
		fake_die(f, "fake_manage_add: more than %u instances", FAKE_MOCK_MAX);
	if (commands_check_table(commands, why, sizeof(why)) != 0)
		fake_die(f, "fake_manage_add: %s", why);
	f->commands.mocks[f->commands.mock_count++] =
	    (struct fake_mock){.target = {.size = sizeof(struct volt_target),
				   .id = id,
				   .plugin = plugin,
				   .commands = commands},
		.self = self};
}

static const struct volt_manage_ops *ops_of(struct fake_host *f, const char *what)
{
	fake_must_run(f, what);
	if (!f->commands.ops)
		fake_die(
		    f, "the test calls %s, but the plugin does not use " VOLT_EXT_MANAGE, what);
	return f->commands.ops;
}

void fake_manage_finish(struct fake_host *f, int err, const char *why)
{
	const struct volt_manage_ops *ops = ops_of(f, "fake_manage_finish");

	if (!f->commands.late)
		fake_die(f, "fake_manage_finish: no call is unanswered");
	f->commands.late = false;
	fake_enter(f, "done");
	ops->done(f->self, f->commands.late_ticket, err, why);
	fake_leave(f);
}

int fake_manage_bytes(struct fake_host *f, const void *bytes, size_t n)
{
	const struct volt_manage_ops *ops = ops_of(f, "fake_manage_bytes");

	if (!f->commands.late)
		fake_die(f, "fake_manage_bytes: no call is unanswered");
	if (!ops->bytes)
		fake_die(f, "fake_manage_bytes: the plugin takes no bytes");
	fake_enter(f, "bytes");
	const int err = ops->bytes(f->self, f->commands.late_ticket, bytes, n);
	fake_leave(f);
	if (err && err != -EAGAIN && err != -EPIPE)
		fake_die(f, "bytes: returned %d, which is neither 0 nor -EAGAIN nor -EPIPE", err);
	return err;
}

void fake_manage_event(struct fake_host *f, const char *source, const char *name, const char *text)
{
	const struct volt_manage_ops *ops = ops_of(f, "fake_manage_event");

	fake_enter(f, "event");
	ops->event(f->self, source, name, text);
	fake_leave(f);
}
