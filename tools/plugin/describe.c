/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * describe - everything that a plugin says of itself. The object is made once; the lines
 * "key=value" are its leaves, each under the path that leads to it.
 */
#include <json-c/json.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include <volt/attention.h>
#include <volt/identity.h>
#include <volt/irqchip.h>
#include <volt/sandbox.h>
#include <volt/state.h>

#include "core/plugin/library.h"
#include "tool.h"

static void add_text(struct json_object *o, const char *key, const char *text)
{
	if (text)
		json_object_object_add(o, key, json_object_new_string(text));
}

static void add_number(struct json_object *o, const char *key, uint64_t n)
{
	json_object_object_add(o, key, json_object_new_uint64(n));
}

static void add_flag(struct json_object *o, const char *key, bool on)
{
	json_object_object_add(o, key, json_object_new_boolean(on));
}

const char *tool_kind_name(uint32_t kind)
{
	static const char *const names[] = {
	    [VOLT_KIND_DEVICE] = "device",
	    [VOLT_KIND_SANDBOX] = "sandbox",
	    [VOLT_KIND_FILTER] = "filter",
	};

	return kind < sizeof(names) / sizeof(names[0]) && names[kind] ? names[kind] : "?";
}

static const void *row(const void *table, uint16_t stride, unsigned i)
{
	return (const char *)table + (size_t)i * stride;
}

static struct json_object *param_object(const struct volt_param *p)
{
	static const char *const types[] = {
	    "?", "bool", "uint", "size", "enum", "string", "file-ro", "file-rw", "stream"};
	struct json_object *o = json_object_new_object();

	add_text(o, "type", p->type < sizeof(types) / sizeof(types[0]) ? types[p->type] : "?");
	add_flag(o, "required", p->def == NULL);
	add_text(o, "default", p->def);
	if (p->min || p->max) {
		add_number(o, "min", p->min);
		add_number(o, "max", p->max);
	}
	add_text(o, "choices", p->choices);
	add_text(o, "help", p->help);
	return o;
}

static void add_params(struct json_object *o, const struct volt_plugin *p)
{
	struct json_object *all = json_object_new_object();

	for (unsigned i = 0; i < p->param_count; i++) {
		const struct volt_param *param = row(p->params, p->param_stride, i);

		json_object_object_add(all, param->name, param_object(param));
	}
	json_object_object_add(o, "param", all);
}

static void add_counters(struct json_object *o, const struct volt_plugin *p)
{
	struct json_object *all = json_object_new_object();

	for (unsigned i = 0; i < p->counter_count; i++) {
		const struct volt_counter *counter = row(p->counters, p->counter_stride, i);
		struct json_object *one = json_object_new_object();

		add_text(one, "help", counter->help);
		json_object_object_add(all, counter->name, one);
	}
	json_object_object_add(o, "counter", all);
}

static const char *roles_of(const struct volt_need *n)
{
	static const char *const names[] = {"", "loop", "vcpu", "loop|vcpu", "worker",
	    "loop|worker", "vcpu|worker", "loop|vcpu|worker"};

	return names[n->roles & 7];
}

static void add_needs(struct json_object *o, const struct volt_plugin *p)
{
	struct json_object *all = json_object_new_array();

	for (unsigned i = 0; i < p->need_count; i++) {
		const struct volt_need *n = row(p->needs, p->need_stride, i);
		struct json_object *one = json_object_new_object();

		add_text(one, "syscall", n->syscall);
		add_text(one, "roles", roles_of(n));
		add_number(one, "tests", n->test_count);
		add_text(one, "reason", n->reason);
		json_object_array_add(all, one);
	}
	json_object_object_add(o, "need", all);
}

static void add_extensions(struct json_object *o, const struct volt_plugin *p)
{
	static const char *const ids[] = {VOLT_EXT_IRQCHIP, VOLT_EXT_SANDBOX, VOLT_EXT_ATTENTION,
	    VOLT_EXT_STATE, VOLT_EXT_IDENTITY};
	struct json_object *all = json_object_new_array();

	for (unsigned i = 0; i < sizeof(ids) / sizeof(ids[0]); i++)
		if (p->get_ext && p->get_ext(ids[i]))
			json_object_array_add(all, json_object_new_string(ids[i]));
	json_object_object_add(o, "offers", all);
}

/* A device without a table cannot be part of a saved VM. */
static void add_state(struct json_object *o, const struct volt_plugin *p)
{
	const struct volt_state *s = p->get_ext ? p->get_ext(VOLT_EXT_STATE) : NULL;
	struct json_object *state;

	if (!s)
		return;
	state = json_object_new_object();
	add_number(state, "version", s->version);
	add_number(state, "oldest", s->oldest);
	add_number(state, "fields", s->field_count);
	json_object_object_add(o, "state", state);
}

struct json_object *describe_object(const struct volt_plugin *p)
{
	struct json_object *o = json_object_new_object();
	char abi[16];

	snprintf(abi, sizeof(abi), "%u.%u", p->abi_major, p->abi_minor);
	add_text(o, "name", p->name);
	add_text(o, "version", p->version);
	add_text(o, "summary", p->summary);
	add_text(o, "kind", tool_kind_name(p->kind));
	add_text(o, "abi", abi);
	add_flag(o, "in-process-only", p->flags & VOLT_FLAG_IN_PROCESS_ONLY);
	add_number(o, "instance-size", p->instance_size);
	add_params(o, p);
	add_counters(o, p);
	add_needs(o, p);
	add_extensions(o, p);
	add_state(o, p);
	return o;
}

/* -------------------------------------------------------------------- lines */

static void print_leaves(const char *path, struct json_object *o);

static void print_members(const char *path, struct json_object *o)
{
	json_object_object_foreach(o, key, value)
	{
		char deeper[256];

		snprintf(deeper, sizeof(deeper), "%s%s%s", path, *path ? "." : "", key);
		print_leaves(deeper, value);
	}
}

static void print_leaves(const char *path, struct json_object *o)
{
	if (json_object_is_type(o, json_type_object)) {
		print_members(path, o);
		return;
	}
	if (!json_object_is_type(o, json_type_array)) {
		printf("%s=%s\n", path, json_object_get_string(o));
		return;
	}
	for (size_t i = 0; i < json_object_array_length(o); i++) {
		char deeper[256];

		snprintf(deeper, sizeof(deeper), "%s.%zu", path, i);
		print_leaves(deeper, json_object_array_get_idx(o, i));
	}
}

int describe_run(const struct tool_options *o)
{
	char path[PATH_MAX];

	if (!library_resolve("plugin", o->plugin, path, sizeof(path)))
		return TOOL_MISUSE;
	const struct volt_plugin *p = library_load(path);

	if (!p)
		return TOOL_FAILED;
	struct json_object *all = describe_object(p);

	json_object_object_add(all, "file", json_object_new_string(path));
	if (o->json)
		puts(json_object_to_json_string_ext(
		    all, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	else
		print_leaves("", all);
	json_object_put(all);
	return TOOL_OK;
}
