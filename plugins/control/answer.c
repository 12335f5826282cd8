/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "control.h"

#define EVENT_SIZE 1024u

void text_put(struct text *t, const char *fmt, ...)
{
	const size_t left = t->room - t->size;
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(t->bytes + t->size, left, fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= left)
		t->truncated = true;
	else
		t->size += (size_t)n;
}

static void put_bytes(struct text *t, const char *bytes, size_t n)
{
	if (n >= t->room - t->size) {
		t->truncated = true;
		return;
	}
	memcpy(t->bytes + t->size, bytes, n);
	t->size += n;
	t->bytes[t->size] = '\0';
}

void text_put_string(struct text *t, const char *s)
{
	put_bytes(t, "\"", 1);
	while (*s) {
		size_t plain = 0;

		while (s[plain] && s[plain] != '"' && s[plain] != '\\' &&
		       (unsigned char)s[plain] >= 0x20 && s[plain] != 0x7f)
			plain++;
		put_bytes(t, s, plain);
		s += plain;
		if (*s)
			text_put(t, "\\u%04x", (unsigned char)*s++);
	}
	put_bytes(t, "\"", 1);
}

/* ------------------------------------------------------------ whole answers */

/* An answer that has no room ends the client: it would wait for ever. */
static void send_line(struct control *c, uint32_t number, struct text *t)
{
	text_put(t, "\n");
	if (t->truncated || !control_send(c, number, t->bytes, t->size))
		c->stream->hang_up(c->h, c->streams[number]);
	control_flush(c, number);
}

/* Of errno values those that a client can act on. */
static const char *error_name(int err)
{
	static const struct {
		int err;
		const char *name;
	} names[] = {
	    {EAGAIN, "EAGAIN"},
	    {EBUSY, "EBUSY"},
	    {EINVAL, "EINVAL"},
	    {EIO, "EIO"},
	    {ENOENT, "ENOENT"},
	    {ENOSPC, "ENOSPC"},
	    {ENOTSUP, "ENOTSUP"},
	    {EPERM, "EPERM"},
	    {ETIMEDOUT, "ETIMEDOUT"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].err == err)
			return names[i].name;
	return "EIO";
}

void control_error(
    struct control *c, uint32_t number, const char *id, int code, const char *message, int err)
{
	char bytes[EVENT_SIZE + ID_SIZE];
	struct text t = {.bytes = bytes, .room = sizeof(bytes)};

	volt_count(c->h, COUNT_ERRORS, 1);
	if (!*id)
		return;
	text_put(
	    &t, "{\"jsonrpc\":\"2.0\",\"id\":%s,\"error\":{\"code\":%d,\"message\":", id, code);
	text_put_string(&t, message);
	if (err)
		text_put(&t, ",\"data\":{\"errno\":\"%s\"}", error_name(err));
	text_put(&t, "}}");
	send_line(c, number, &t);
}

/* The result goes out from where it was built: it may be long. */
void control_result(struct control *c, uint32_t number, const char *id, const struct text *result)
{
	char bytes[ID_SIZE + 64];
	struct text head = {.bytes = bytes, .room = sizeof(bytes)};
	struct client *to = &c->clients[number];
	const size_t before = to->out_size;

	if (!*id)
		return;
	text_put(&head, "{\"jsonrpc\":\"2.0\",\"id\":%s,\"result\":", id);
	if (result->truncated) {
		control_error(c, number, id, RPC_SERVER_ERROR, "the answer is too long", ENOSPC);
		return;
	}
	if (!control_send(c, number, head.bytes, head.size) ||
	    !control_send(c, number, result->bytes, result->size) ||
	    !control_send(c, number, "}\n", 2)) {
		to->out_size = before;
		c->stream->hang_up(c->h, c->streams[number]);
	}
	control_flush(c, number);
}

/* ---------------------------------------------------------- results of a call */

void control_begin_answer(struct control *c, bool rows)
{
	c->answer = (struct text){.bytes = c->answer_bytes, .room = sizeof(c->answer_bytes)};
	c->has_rows = rows;
	c->in_row = false;
	if (rows)
		text_put(&c->answer, "[");
	else
		text_put(&c->answer, "{");
	c->first_member = true;
}

static void open_member(struct control *c, const char *name)
{
	if (c->has_rows && !c->in_row) {
		text_put(&c->answer, c->answer.size > 1 ? ",{" : "{");
		c->in_row = c->first_member = true;
	}
	if (!c->first_member)
		text_put(&c->answer, ",");
	c->first_member = false;
	text_put_string(&c->answer, name);
	text_put(&c->answer, ":");
}

static void close_row(struct control *c)
{
	if (c->in_row)
		text_put(&c->answer, "}");
	c->in_row = false;
}

/* Results come while the call is being made, so they are of the newest. */
static void on_number(void *self, uint64_t ticket, const struct volt_result *result, uint64_t value)
{
	struct control *c = self;

	open_member(c, result->name);
	if (result->type == VOLT_PARAM_BOOL)
		text_put(&c->answer, "%s", value ? "true" : "false");
	else
		text_put(&c->answer, "%" PRIu64, value);
}

static void on_text(
    void *self, uint64_t ticket, const struct volt_result *result, const char *value)
{
	struct control *c = self;

	open_member(c, result->name);
	text_put_string(&c->answer, value);
}

static void on_next_row(void *self, uint64_t ticket)
{
	close_row(self);
}

static int code_of(int err)
{
	return err == ENOENT   ? RPC_METHOD_NOT_FOUND
	       : err == EINVAL ? RPC_INVALID_PARAMS
			       : RPC_SERVER_ERROR;
}

static void on_done(void *self, uint64_t ticket, int32_t err, const char *why)
{
	struct control *c = self;
	struct call *call = &c->calls[ticket % CALL_MAX];
	const struct client *to = &c->clients[call->client];
	struct text none = {.bytes = (char[3]){"{}"}, .size = 2, .room = 3};

	if (to->connected && to->generation == call->generation) {
		close_row(c);
		if (c->current == call)
			text_put(&c->answer, c->has_rows ? "]" : "}");
		if (err)
			control_error(c, call->client, call->id, code_of(err), why, err);
		else
			control_result(
			    c, call->client, call->id, c->current == call ? &c->answer : &none);
	}
	*call = (struct call){0};
}

static void on_event(void *self, const char *source, const char *name, const char *text)
{
	struct control *c = self;

	for (uint32_t i = 0; i < CLIENT_MAX; i++) {
		struct client *to = &c->clients[i];
		char bytes[EVENT_SIZE];
		struct text t = {.bytes = bytes, .room = sizeof(bytes)};

		if (!to->connected || !to->listens)
			continue;
		text_put(&t, "{\"jsonrpc\":\"2.0\",\"method\":\"event\",\"params\":{\"source\":");
		text_put_string(&t, source);
		text_put(&t, ",\"name\":");
		text_put_string(&t, name);
		text_put(&t, ",\"text\":");
		text_put_string(&t, text);
		text_put(&t, ",\"lost\":%" PRIu64 "}}\n", to->lost);
		if (t.truncated || !control_send(c, i, t.bytes, t.size)) {
			to->lost++;
			volt_count(c->h, COUNT_EVENTS_LOST, 1);
		}
		control_flush(c, i);
	}
}

/* A line that tells how many bytes follow it; then these. */
static int on_bytes(void *self, uint64_t ticket, const uint8_t *bytes, size_t n)
{
	struct control *c = self;
	const struct call *call = &c->calls[ticket % CALL_MAX];
	const struct client *to = &c->clients[call->client];
	char line[ID_SIZE + 96];
	struct text head = {.bytes = line, .room = sizeof(line)};

	if (!to->connected || to->generation != call->generation || !*call->id)
		return -EPIPE;
	control_flush(c, call->client);
	text_put(&head,
	    "{\"jsonrpc\":\"2.0\",\"method\":\"bytes\",\"params\":{\"id\":%s,\"size\":%zu}}\n",
	    call->id, n);
	if (head.size + n > sizeof(to->out) - to->out_size)
		return -EAGAIN;
	control_send(c, call->client, head.bytes, head.size);
	control_send(c, call->client, (const char *)bytes, n);
	control_flush(c, call->client);
	return 0;
}

const struct volt_manage_ops control_ops = {
    .size = sizeof(control_ops),
    .number = on_number,
    .text = on_text,
    .next_row = on_next_row,
    .done = on_done,
    .event = on_event,
    .bytes = on_bytes,
};

/* ------------------------------------------------------------------- list */

static const char *type_name(uint32_t type)
{
	static const char *const names[] = {
	    [VOLT_PARAM_BOOL] = "bool",
	    [VOLT_PARAM_UINT] = "uint",
	    [VOLT_PARAM_SIZE] = "size",
	    [VOLT_PARAM_ENUM] = "enum",
	    [VOLT_PARAM_STRING] = "string",
	};

	return type < sizeof(names) / sizeof(names[0]) && names[type] ? names[type] : "string";
}

static void put_arg(struct text *t, const struct volt_param *p)
{
	text_put(t, "{\"name\":\"%s\",\"type\":\"%s\",\"help\":", p->name, type_name(p->type));
	text_put_string(t, p->help);
	if (p->def) {
		text_put(t, ",\"default\":");
		text_put_string(t, p->def);
	}
	if (p->choices) {
		text_put(t, ",\"choices\":");
		text_put_string(t, p->choices);
	}
	if (p->min || p->max)
		text_put(t, ",\"min\":%" PRIu64 ",\"max\":%" PRIu64, p->min, p->max);
	text_put(t, "}");
}

static void put_command(struct text *t, const struct volt_command *command)
{
	text_put(t, "{\"name\":\"%s\",\"help\":", command->name);
	text_put_string(t, command->help);
	text_put(
	    t, ",\"rows\":%s,\"args\":[", command->flags & VOLT_COMMAND_ROWS ? "true" : "false");
	for (uint32_t i = 0; i < command->arg_count; i++) {
		text_put(t, "%s", i ? "," : "");
		put_arg(t,
		    (const void *)((const char *)command->args + (size_t)i * command->arg_stride));
	}
	text_put(t, "],\"results\":[");
	for (uint32_t i = 0; i < command->result_count; i++) {
		const struct volt_result *r = (const void *)((const char *)command->results +
							     (size_t)i * command->result_stride);

		text_put(t, "%s{\"name\":\"%s\",\"type\":\"%s\",\"help\":", i ? "," : "", r->name,
		    type_name(r->type));
		text_put_string(t, r->help);
		text_put(t, "}");
	}
	text_put(t, "]}");
}

void control_list(struct control *c, uint32_t number, const char *id)
{
	const struct volt_target *target;

	control_begin_answer(c, false);
	text_put(&c->answer, "\"protocol\":%u,\"instances\":[", PROTOCOL);
	for (uint32_t i = 0; (target = c->control->target(c->h, i)); i++) {
		const struct volt_commands *t = target->commands;

		text_put(&c->answer, "%s{\"id\":\"%s\",\"plugin\":\"%s\",\"commands\":[",
		    i ? "," : "", target->id, target->plugin);
		for (uint32_t k = 0; k < t->count; k++) {
			text_put(&c->answer, "%s", k ? "," : "");
			put_command(&c->answer,
			    (const void *)((const char *)t->commands + (size_t)k * t->stride));
		}
		text_put(&c->answer, "]}");
	}
	text_put(&c->answer, "]}");
	control_result(c, number, id, &c->answer);
}
