/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fake_check - is this descriptor what volt/plugin.h asks for? Aborts if not.
 */
#include <string.h>

#include "fake_internal.h"

#define LOWER        "abcdefghijklmnopqrstuvwxyz"
#define DIGITS       "0123456789"
#define INSTANCE_MAX (16u << 20)
#define NAME_MAX_LEN 32u

static bool is_name(const char *name, const char *more)
{
	if (!name || !*name || !strchr(LOWER, *name))
		return false;
	for (; *name; name++)
		if (!strchr(LOWER DIGITS, *name) && !strchr(more, *name))
			return false;
	return true;
}

static bool is_line(const char *text)
{
	return text && *text && !strchr(text, '\n') && text[strlen(text) - 1] != '.';
}

static void check_head(const struct fake_host *f)
{
	const struct volt_plugin *p = f->plugin;

	if (p->size < sizeof(*p))
		fake_die(f, "size %u: must be sizeof(struct volt_plugin)", p->size);
	if (p->abi_major != VOLT_ABI_MAJOR)
		fake_die(f, "ABI %u.%u: the major must be %u", p->abi_major, p->abi_minor,
		    VOLT_ABI_MAJOR);
	if (!is_name(p->name, "-") || strlen(p->name) > NAME_MAX_LEN)
		fake_die(f, "name: must match [a-z][a-z0-9-]{0,31}");
	if (!p->version || !*p->version || !is_line(p->summary))
		fake_die(f, "version and summary: must be one line each, no full stop");
	if (p->kind < VOLT_KIND_DEVICE || p->kind > VOLT_KIND_FILTER)
		fake_die(f, "kind %u: unknown", p->kind);
	if (p->flags & ~(VOLT_FLAG_IN_PROCESS_ONLY | VOLT_FLAG_GUEST_MEMORY | VOLT_FLAG_WALL_CLOCK |
			   VOLT_FLAG_BUS | VOLT_FLAG_SHARED_MEMORY))
		fake_die(f, "flags 0x%x: unknown", p->flags);
	if (!p->instance_size || p->instance_size > INSTANCE_MAX)
		fake_die(f, "instance_size %u: must be 1 to 16 MiB", p->instance_size);
	if (!p->init)
		fake_die(f, "init: is required");
}

static void check_table(const struct fake_host *f, const char *what, const void *table,
    uint16_t stride, uint16_t count, size_t row, size_t align)
{
	if (count && (!table || stride < row || stride % align))
		fake_die(f, "%s: %u rows, stride %u, must be %zu", what, count, stride, row);
}

static void check_test(const struct fake_host *f, const char *call, const struct volt_arg_test *t)
{
	const struct volt_plugin *p = f->plugin;
	const struct volt_param *param;

	if (t->arg > 5 ||
	    (t->op != VOLT_TEST_EQ && t->op != VOLT_TEST_MASKED_EQ &&
		t->op != VOLT_TEST_FD_PARAM) ||
	    t->reserved || t->reserved2)
		fake_die(f, "need %s: malformed test", call);
	if (t->op != VOLT_TEST_FD_PARAM)
		return;
	if (t->value >= p->param_count)
		fake_die(f, "need %s: no parameter %llu", call, (unsigned long long)t->value);
	param = (const void *)((const char *)p->params + (size_t)t->value * p->param_stride);
	if (param->type != VOLT_PARAM_FILE_RO && param->type != VOLT_PARAM_FILE_RW &&
	    param->type < VOLT_PARAM_DISK)
		fake_die(f, "need %s: parameter %s is not a file", call, param->name);
}

static void check_need(const struct fake_host *f, const struct volt_need *n)
{
	if (!is_name(n->syscall, "_"))
		fake_die(f, "need: a system call has no name");
	if (!n->reason || !*n->reason)
		fake_die(f, "need %s: has no reason", n->syscall);
	if (!n->roles ||
	    n->roles & ~(VOLT_ROLE_BIT(VOLT_ROLE_LOOP) | VOLT_ROLE_BIT(VOLT_ROLE_WORKER)))
		fake_die(f,
		    "need %s: roles 0x%x; a plugin's calls are made on the loop thread or "
		    "its workers",
		    n->syscall, n->roles);
	if (n->test_count > VOLT_TEST_MAX)
		fake_die(f, "need %s: %u tests", n->syscall, n->test_count);
	for (unsigned i = 0; i < n->test_count; i++)
		check_test(f, n->syscall, &n->tests[i]);
}

static const struct volt_counter *counter_at(const struct volt_plugin *p, unsigned i)
{
	return (const void *)((const char *)p->counters + (size_t)i * p->counter_stride);
}

static void check_counter(const struct fake_host *f, unsigned i)
{
	const struct volt_counter *c = counter_at(f->plugin, i);

	if (!is_name(c->name, "_") || !c->help || !*c->help)
		fake_die(f, "counter %u: needs a name like [a-z][a-z0-9_]* and a help text", i);
	for (unsigned j = 0; j < i; j++)
		if (strcmp(c->name, counter_at(f->plugin, j)->name) == 0)
			fake_die(f, "counter %s: is in the table twice", c->name);
}

void fake_check_descriptor(const struct fake_host *f)
{
	const struct volt_plugin *p = f->plugin;
	char why[256];

	check_head(f);
	if (params_check_table(p, why, sizeof(why)))
		fake_die(f, "params: %s", why);
	check_table(f, "needs", p->needs, p->need_stride, p->need_count, sizeof(struct volt_need),
	    _Alignof(struct volt_need));
	check_table(f, "counters", p->counters, p->counter_stride, p->counter_count,
	    sizeof(struct volt_counter), _Alignof(struct volt_counter));
	for (unsigned i = 0; i < p->need_count; i++)
		check_need(f, (const void *)((const char *)p->needs + (size_t)i * p->need_stride));
	for (unsigned i = 0; i < p->counter_count; i++)
		check_counter(f, i);
	if (p->get_ext && p->get_ext("com.example.unknown/1"))
		fake_die(f, "get_ext: answers to an extension that nobody defined");
}
