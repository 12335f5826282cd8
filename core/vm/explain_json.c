/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * explain_json.c - the same page for programs, written by json-c.
 *
 * The library is loaded only here: a VM that is run has no use for it. Where volt can load
 * nothing it is linked in, if asked for.
 */
#include <dlfcn.h>
#include <errno.h>
#include <json-c/json.h>
#include <stdio.h>
#include <string.h>

#include "core/base/log.h"
#include "core/base/output.h"
#include "core/vm/allowlist.h"
#include "core/vm/explain.h"
#include "core/vm/filters.h"
#include "core/vm/vm.h"

/* json-c's functions that are used, by the names that its header gives them. */
#define FUNCTIONS(f) \
	f(json_object_new_object) f(json_object_new_array) f(json_object_new_string) \
	    f(json_object_new_int64) f(json_object_object_add) f(json_object_array_add) \
		f(json_object_to_json_string_ext)

static struct {
/* NOLINTNEXTLINE(bugprone-macro-parentheses): a declarator */
#define SLOT(name) __typeof__(&name) name;
	FUNCTIONS(SLOT)
#undef SLOT
} json;

typedef struct json_object *value;

static int load_library(void)
{
#ifdef VOLT_JSON_LINKED
#define TAKE(name) json.name = name;
	FUNCTIONS(TAKE)
#undef TAKE
#else
	void *handle = dlopen("libjson-c.so.5", RTLD_NOW | RTLD_LOCAL);

	if (!handle)
		return log_error(
		    ENOENT, "--json needs the library json-c (package libjson-c5): %s", dlerror());
/* NOLINTBEGIN(bugprone-macro-parentheses): members cannot have them */
#define LOAD(name) \
	json.name = (__typeof__(&name))dlsym(handle, #name); \
	if (!json.name) \
		return log_error(ENOENT, "libjson-c.so.5 has no %s", #name);
	FUNCTIONS(LOAD)
#undef LOAD
	/* NOLINTEND(bugprone-macro-parentheses) */
#endif
	return 0;
}

static void put(value object, const char *key, value v)
{
	json.json_object_object_add(object, key, v);
}

static void put_text(value object, const char *key, const char *text)
{
	put(object, key, json.json_object_new_string(text));
}

static void put_number(value object, const char *key, uint64_t number)
{
	put(object, key, json.json_object_new_int64((int64_t)number));
}

static void put_filters(value object, const struct bus_range *r)
{
	char text[INSTANCE_MAX * 35];
	value list = json.json_object_new_array();

	filters_list(r, text, sizeof(text));
	for (char *rest = text, *id; (id = strsep(&rest, ","));)
		if (id[0] != '\0')
			json.json_object_array_add(
			    list, json.json_object_new_string(id + strspn(id, " ")));
	put(object, "filters", list);
}

static value addresses(const struct machine *m)
{
	value list = json.json_object_new_array();

	for (uint32_t i = 0; i < m->bus.count; i++) {
		const struct bus_range *r = &m->bus.ranges[i];
		value o = json.json_object_new_object();

		put_text(o, "space", r->space == VOLT_SPACE_PIO ? "pio" : "mmio");
		put_number(o, "base", r->base);
		put_number(o, "length", r->last - r->base + 1);
		put_text(o, "owner", r->owner->id);
		put_text(o, "name", r->name);
		put_filters(o, r);
		json.json_object_array_add(list, o);
	}
	return list;
}

static value interrupts(const struct machine *m)
{
	value list = json.json_object_new_array();

	for (uint32_t i = 0; i < IRQ_LINES; i++) {
		const struct irq_line *line = &m->irq.lines[i];

		if (!line->owner)
			continue;
		value o = json.json_object_new_object();
		put_number(o, "gsi", i);
		put_text(o, "owner", line->owner->id);
		put_text(o, "trigger", line->flags == VOLT_IRQ_LEVEL ? "level" : "edge");
		json.json_object_array_add(list, o);
	}
	return list;
}

static value doorbells(const struct machine *m)
{
	value list = json.json_object_new_array();

	for (uint32_t i = 0; i < m->doorbells.count; i++) {
		const struct doorbell *d = &m->doorbells.rows[i];
		value o = json.json_object_new_object();

		put_text(o, "space", d->space == VOLT_SPACE_PIO ? "pio" : "mmio");
		put_number(o, "address", d->address);
		put_number(o, "width", d->width);
		if (d->match)
			put_number(o, "value", d->value);
		put_text(o, "owner", d->owner->id);
		put_text(o, "by", d->by_kvm ? "kvm" : "volt");
		json.json_object_array_add(list, o);
	}
	return list;
}

/* "file" is null of one that is linked in. */
static value plugins(const struct machine *m)
{
	value list = json.json_object_new_array();

	for (uint32_t i = 0; i < m->instance_count; i++) {
		const struct instance *one = m->instances[i];
		value o = json.json_object_new_object();

		put_text(o, "id", one->callee.id);
		put(o, "file", one->linked_in ? NULL : json.json_object_new_string(one->origin));
		json.json_object_array_add(list, o);
	}
	return list;
}

static value file(const struct ledger_file *f, uint32_t number)
{
	value o = json.json_object_new_object();

	put_number(o, "fd", (uint64_t)f->fd + number);
	put_text(o, "owner", f->owner);
	put_text(o, "use", f->use);
	return o;
}

static value files(const struct ledger *l)
{
	value list = json.json_object_new_array();

	for (uint32_t i = 0; i < l->file_count; i++)
		for (uint32_t n = 0; n < l->files[i].count; n++)
			json.json_object_array_add(list, file(&l->files[i], n));
	return list;
}

static value rule(const struct volt_rule *r)
{
	static const char *const ops[] = {"", "eq", "masked_eq", ""};
	value o = json.json_object_new_object(), tests = json.json_object_new_array();

	put_text(o, "syscall", r->syscall);
	put_text(o, "asked_by", r->asked_by);
	put_text(o, "reason", r->reason);
	for (uint32_t i = 0; i < r->test_count; i++) {
		value t = json.json_object_new_object();

		put_number(t, "arg", r->tests[i].arg);
		put_text(t, "op", ops[r->tests[i].op & 3]);
		put_number(t, "value", r->tests[i].value);
		if (r->tests[i].op == VOLT_TEST_MASKED_EQ)
			put_number(t, "mask", r->tests[i].mask);
		json.json_object_array_add(tests, t);
	}
	put(o, "tests", tests);
	return o;
}

static value threads(const struct machine *m)
{
	value list = json.json_object_new_array();

	for (uint32_t i = 0; i < m->policy.table.thread_count; i++) {
		const struct volt_thread *t = &m->policy.threads[i];
		value o = json.json_object_new_object(), rules = json.json_object_new_array();

		put_text(o, "name", t->name);
		put_text(o, "role", allowlist_role_name(t->role));
		for (uint32_t k = 0; k < t->rule_count; k++)
			json.json_object_array_add(rules, rule(&t->rules[k]));
		put(o, "rules", rules);
		json.json_object_array_add(list, o);
	}
	return list;
}

static void add_block(value list, uint64_t base, uint64_t length)
{
	value o = json.json_object_new_object();

	if (length == 0)
		return;
	put_number(o, "base", base);
	put_number(o, "length", length);
	json.json_object_array_add(list, o);
}

static value memory(const struct machine *m)
{
	value list = json.json_object_new_array();

	add_block(list, 0, m->memory.low_size);
	add_block(list, MEMORY_HIGH_START, m->memory.high_size);
	return list;
}

/* null without one. */
static value sandbox(const struct machine *m)
{
	struct volt_sandbox_report r = {.size = sizeof(r)};

	if (!m->sandbox)
		return NULL;
	m->sandbox->sandbox->report(m->sandbox->callee.self, &r);
	value o = json.json_object_new_object();
	put_text(o, "plugin", m->sandbox->callee.id);
	put_text(o, "seccomp",
	    m->options->no_seccomp    ? "off"
	    : m->options->seccomp_log ? "log"
				      : "enforce");
	put_text(o, "landlock", m->options->no_landlock ? "off" : "enforce");
	put_number(o, "syscalls", r.syscalls);
	put_number(o, "instructions", r.instructions);
	return o;
}

int explain_print_json(const struct machine *m)
{
	int err = load_library();

	if (err)
		return err;
	value o = json.json_object_new_object();
	put(o, "plugins", plugins(m));
	put(o, "addresses", addresses(m));
	put(o, "memory", memory(m));
	put(o, "interrupts", interrupts(m));
	put(o, "doorbells", doorbells(m));
	put(o, "files", files(&m->ledger));
	put(o, "threads", threads(m));
	put(o, "sandbox", sandbox(m));
	int n = printf("%s\n", json.json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY));
	return output_end(n < 0);
}
