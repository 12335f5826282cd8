/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * What the descriptor says, before the plugin is asked to do anything. The fake host
 * checks the tables when it is made, and says what is wrong with them.
 */
#include <ctype.h>
#include <errno.h>
#include <libgen.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cases.h"
#include "core/plugin/library.h"
#include "core/plugin/vet.h"
#include "core/vm/need.h"
#include "plugins/sandbox/calls.h"
#include "process_snapshot.h"

/* The plugin is loaded already: what of that can be seen? */
void case_load(struct check *c)
{
	const struct volt_plugin *p = c->plugin;
	struct vet_result note;
	char why[160];

	if (vet_open(c->path, &note) != 0)
		check_fail(c, "%s", "");
	close(note.image_fd);
	if (p->abi_minor != note.abi_minor)
		check_fail(c, "its note says ABI %u.%u, its descriptor %u.%u", note.abi_major,
		    note.abi_minor, p->abi_major, p->abi_minor);
	if (p->size != note.descriptor_size)
		check_fail(c, "its note says that the descriptor has %u bytes, the descriptor %u",
		    note.descriptor_size, p->size);
	if (!process_snapshot_no_writable_code(why, sizeof(why)))
		check_fail(c, "%s", why);
}

/* -------------------------------------------------------------- descriptor */

static bool is_printable(const char *text)
{
	for (; *text; text++)
		if (iscntrl((unsigned char)*text))
			return false;
	return true;
}

static void check_text(struct check *c, const char *what, const char *name, const char *text)
{
	if (text && !is_printable(text))
		check_fail(c, "%s%s%s: has a control character", what, *name ? " " : "", name);
}

/* volt takes a file by its path whatever it is called, but finds a name in a folder as NAME.so. */
static void check_name(struct check *c)
{
	char path[PATH_MAX];

	if (!c->by_name)
		return;

	snprintf(path, sizeof(path), "%s", c->path);
	char *file = basename(path), *end = strrchr(file, '.');

	if (end && strcmp(end, ".so") == 0)
		*end = '\0';
	if (strcmp(file, c->plugin->name) != 0)
		check_fail(c, "its name is %s, but its file's is %s.so: they must be the same",
		    c->plugin->name, file);
}

static void check_params(struct check *c)
{
	for (unsigned i = 0; i < c->plugin->param_count; i++) {
		const struct volt_param *p = config_row(c->plugin, i);

		check_text(c, "parameter", p->name, p->help);
		check_text(c, "parameter", p->name, p->def);
		if (!p->help || !*p->help)
			check_fail(c, "parameter %s: has no help text", p->name);
		if (p->help[strlen(p->help) - 1] == '.')
			check_fail(c, "parameter %s: its help text ends with a full stop", p->name);
	}
}

static void check_needs(struct check *c)
{
	for (unsigned i = 0; i < c->plugin->need_count; i++) {
		const struct volt_need *n =
		    (const void *)((const char *)c->plugin->needs + i * c->plugin->need_stride);

		if (need_check(n, c->plugin->name) != 0)
			check_fail(c, "%s", ""); /* the log says why */
		check_text(c, "need", n->syscall, n->reason);
		if (call_number(n->syscall) < 0)
			check_fail(c, "need %s: x86-64 has no such system call", n->syscall);
	}
}

static void check_counters(struct check *c)
{
	for (unsigned i = 0; i < c->plugin->counter_count; i++) {
		const struct volt_counter *row = (const void *)((const char *)c->plugin->counters +
								i * c->plugin->counter_stride);

		check_text(c, "counter", row->name, row->help);
	}
}

/* Every table begins with its size; the slots of those that volt calls must be there. */
static void check_extension(struct check *c, const char *id, size_t size)
{
	const uint32_t *table = c->plugin->get_ext ? c->plugin->get_ext(id) : NULL;

	if (!table)
		return;
	if (table[0] < size)
		check_fail(c, "%s: its table says %u bytes, %zu are needed", id, table[0], size);
	if (c->plugin->get_ext(id) != table)
		check_fail(c, "%s: get_ext gives another table each time", id);
	for (size_t slot = sizeof(uint64_t); slot < size; slot += sizeof(void *))
		if (!*(void *const *)(const void *)((const char *)table + slot))
			check_fail(c, "%s: a slot of its table is NULL", id);
}

/* Its attach may be left out. */
static void check_filter(struct check *c)
{
	const struct volt_filter *t =
	    c->plugin->get_ext ? c->plugin->get_ext(VOLT_EXT_FILTER) : NULL;

	if (!t)
		check_fail(c, "it is a filter that offers no " VOLT_EXT_FILTER);
	if (t->size < sizeof(*t))
		check_fail(c, VOLT_EXT_FILTER ": its table says %u bytes, %zu are needed", t->size,
		    sizeof(*t));
	if (!t->access)
		check_fail(c, VOLT_EXT_FILTER ": its table has no access");
}

void case_descriptor(struct check *c)
{
	fake_host_destroy(fake_host_create(c->plugin));
	check_name(c);
	check_text(c, "version", "", c->plugin->version);
	check_text(c, "summary", "", c->plugin->summary);
	check_params(c);
	check_needs(c);
	check_counters(c);
	check_extension(c, VOLT_EXT_IRQCHIP, sizeof(struct volt_irqchip));
	check_extension(c, VOLT_EXT_ATTENTION, sizeof(struct volt_attention));
	check_extension(c, VOLT_EXT_IDENTITY, sizeof(struct volt_identified));
	check_extension(c, VOLT_EXT_SANDBOX, offsetof(struct volt_sandbox, call_name));
	if (c->plugin->kind == VOLT_KIND_FILTER)
		check_filter(c);
	if (c->plugin->kind == VOLT_KIND_SANDBOX &&
	    !(c->plugin->get_ext && c->plugin->get_ext(VOLT_EXT_SANDBOX)))
		check_fail(c, "it is a sandbox that offers no " VOLT_EXT_SANDBOX);
}
