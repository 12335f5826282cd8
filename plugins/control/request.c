/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>
#include <string.h>

#include "control.h"
#include "json.h"

#define VALUE_MAX  128u /* values in a request */
#define METHOD_MAX 128u
#define STRINGS    8192u /* bytes of all arguments' names and values */

/* One request, taken apart. */
struct request {
	const char *line;
	struct json_value values[VALUE_MAX];
	char id[ID_SIZE]; /* as it was typed; "": a notification */
	char method[METHOD_MAX];
	const struct json_value *params; /* an object, or NULL */
};

/* The arguments of a call, and room for their texts. */
struct arguments {
	struct volt_call_arg args[VOLT_COMMAND_ARGS_MAX];
	uint32_t count;
	char strings[STRINGS];
	size_t used;
};

/* Ids are strings, numbers or null, and are given back as they were typed. */
static bool take_id(struct request *r, const struct json_value *id)
{
	const size_t quotes = id->type == JSON_STRING ? 1 : 0;

	if ((id->type != JSON_STRING && id->type != JSON_NUMBER && id->type != JSON_NULL) ||
	    id->len + 2 * quotes >= sizeof(r->id))
		return false;
	memcpy(r->id, r->line + id->at - quotes, id->len + 2 * quotes);
	r->id[id->len + 2 * quotes] = '\0';
	return true;
}

/* NULL, or what is wrong with the request. */
static const char *take_apart(struct request *r)
{
	const struct json_value *top = r->values;
	const struct json_value *id = json_member(r->line, top, "id");
	const struct json_value *version = json_member(r->line, top, "jsonrpc");
	const struct json_value *method = json_member(r->line, top, "method");

	if (top->type != JSON_OBJECT)
		return "a request is an object; batches are not served";
	if (id && !take_id(r, id)) {
		strcpy(r->id, "null");
		return "id: must be a string, a number or null, of less than 126 bytes";
	}
	if (!version || !json_equals(r->line, version, "2.0"))
		return "jsonrpc: must be \"2.0\"";
	if (!method || method->type != JSON_STRING ||
	    json_string(r->line, method, r->method, sizeof(r->method)) < 0)
		return "method: must be a string, such as \"vm.status\"";
	r->params = json_member(r->line, top, "params");
	if (r->params && r->params->type != JSON_OBJECT)
		return "params: must be an object";
	return NULL;
}

/* ------------------------------------------------------------- arguments */

static const char *keep_string(struct arguments *a, const char *line, const struct json_value *v)
{
	char *to = a->strings + a->used;
	int n = json_string(line, v, to, sizeof(a->strings) - a->used);

	if (n < 0)
		return NULL;
	a->used += (size_t)n + 1;
	return to;
}

/* As a parameter's text would be typed. Numbers stay as they are: the table says what fits. */
static const char *value_text(struct arguments *a, const char *line, const struct json_value *v)
{
	switch (v->type) {
	case JSON_TRUE:
		return "on";
	case JSON_FALSE:
		return "off";
	case JSON_NUMBER: /* nothing in it looks like an escape */
	case JSON_STRING:
		return keep_string(a, line, v);
	default:
		return NULL;
	}
}

static const char *take_arguments(struct arguments *a, const struct request *r)
{
	if (!r->params)
		return NULL;
	const struct json_value *name = r->params + 1;
	for (uint32_t i = 0; i < r->params->children; i += 2) {
		const struct json_value *value = name + 1;

		if (a->count == VOLT_COMMAND_ARGS_MAX)
			return "params: more than any command takes";
		struct volt_call_arg *arg = &a->args[a->count++];
		arg->name = keep_string(a, r->line, name);
		arg->value = value_text(a, r->line, value);
		if (!arg->name || !arg->value)
			return "params: every value must be a string, a number or a boolean, "
			       "without NUL";
		name = value + (value->next - name->next);
	}
	return NULL;
}

/* ----------------------------------------------------------------- calls */

static struct call *find_free(struct control *c)
{
	for (uint32_t i = 0; i < CALL_MAX; i++)
		if (!c->calls[i].used)
			return &c->calls[i];
	return NULL;
}

static bool gives_rows(struct control *c, const char *target, const char *command)
{
	const struct volt_target *t;

	for (uint32_t i = 0; (t = c->control->target(c->h, i)); i++) {
		for (uint32_t k = 0; strcmp(t->id, target) == 0 && k < t->commands->count; k++) {
			const struct volt_command *row =
			    (const void *)((const char *)t->commands->commands +
					   (size_t)k * t->commands->stride);

			if (strcmp(row->name, command) == 0)
				return row->flags & VOLT_COMMAND_ROWS;
		}
	}
	return false;
}

/* The id of an instance may have dots; the name of a command has none. */
static void make_call(struct control *c, uint32_t number, struct request *r)
{
	struct arguments a;
	char *dot = strrchr(r->method, '.');
	struct call *call = find_free(c);

	a.count = 0;
	a.used = 0;
	const char *fault = take_arguments(&a, r);
	if (fault)
		return control_error(c, number, r->id, RPC_INVALID_PARAMS, fault, EINVAL);
	if (!dot)
		return control_error(c, number, r->id, RPC_METHOD_NOT_FOUND,
		    "method: must be INSTANCE.COMMAND, list or events", ENOENT);
	if (!call)
		return control_error(c, number, r->id, RPC_SERVER_ERROR,
		    "too many calls are unanswered: wait for them", EAGAIN);
	*dot = '\0';
	*call = (struct call){
	    .used = true, .client = number, .generation = c->clients[number].generation};
	memcpy(call->id, r->id, sizeof(call->id));
	control_begin_answer(c, gives_rows(c, r->method, dot + 1));
	c->current = call;
	c->control->call(c->h, (uint64_t)(call - c->calls), r->method, dot + 1, a.args, a.count);
	c->current = NULL;
}

/* events: {"on": true}, and "on" is the default. */
static void set_events(struct control *c, uint32_t number, const struct request *r)
{
	const struct json_value *on = r->params ? json_member(r->line, r->params, "on") : NULL;
	struct text none = {.bytes = (char[3]){"{}"}, .size = 2, .room = 3};

	if (on && on->type != JSON_TRUE && on->type != JSON_FALSE)
		return control_error(
		    c, number, r->id, RPC_INVALID_PARAMS, "on: must be true or false", EINVAL);
	c->clients[number].listens = !on || on->type == JSON_TRUE;
	control_result(c, number, r->id, &none);
}

void control_request(struct control *c, uint32_t number, const char *line, size_t n)
{
	struct request r;

	r.line = line;
	r.id[0] = '\0';
	r.params = NULL;
	volt_count(c->h, COUNT_REQUESTS, 1);
	int count = json_parse(line, n, r.values, VALUE_MAX);
	if (count < 0)
		return control_error(c, number, "null", RPC_PARSE_ERROR,
		    count == -E2BIG ? "the request has too many values" : "the line is not JSON",
		    0);
	const char *fault = take_apart(&r);
	if (fault)
		return control_error(
		    c, number, *r.id ? r.id : "null", RPC_INVALID_REQUEST, fault, 0);
	if (strcmp(r.method, "list") == 0)
		return control_list(c, number, r.id);
	if (strcmp(r.method, "events") == 0)
		return set_events(c, number, &r);
	make_call(c, number, &r);
}
