/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/kvm/state.h"
#include "core/vm/snapshot.h"
#include "core/vm/vm.h"
#include "sdk/common/state.h"

void snapshot_prepare(const struct machine *m)
{
	if (m->save || m->restore)
		state_prepare(&m->kvm);
}

/* Text that grows; what does not fit is counted all the same. */
struct page {
	char *text;
	size_t size, room;
	bool marks; /* parameters that were not typed are "default", and not "param" */
};

VOLT_PRINTF(2, 3)
static void add(struct page *p, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	const int n = vsnprintf(p->size < p->room ? p->text + p->size : NULL,
	    p->size < p->room ? p->room - p->size : 0, fmt, ap);
	va_end(ap);
	p->size += n > 0 ? (size_t)n : 0;
}

/* A line feed in a value would begin another fact. */
static void add_text(struct page *p, const char *text)
{
	for (; *text; text++)
		add(p, (unsigned char)*text < 0x20 || *text == '%' ? "%%%02x" : "%c",
		    (unsigned char)*text);
}

static bool has_range(const struct machine *m, const struct instance *i)
{
	for (uint32_t n = 0; n < m->bus.count; n++)
		if (m->bus.ranges[n].owner == &i->callee)
			return true;
	return false;
}

static bool has_line(const struct machine *m, const struct instance *i)
{
	for (uint32_t gsi = 0; gsi < IRQ_LINES; gsi++)
		if (m->irq.lines[gsi].owner == &i->callee)
			return true;
	return false;
}

bool snapshot_has(const struct machine *m, uint32_t number)
{
	const struct instance *i = m->instances[number];

	return i->plugin.kind == VOLT_KIND_DEVICE &&
	       (i->saved || i->irqchip || has_range(m, i) || has_line(m, i));
}

struct state_target snapshot_target(const struct machine *m, uint32_t number)
{
	const struct instance *i = m->instances[number];

	return (struct state_target){.id = i->callee.id,
	    .plugin = i->plugin.name,
	    .table = i->saved,
	    .self = i->callee.self,
	    .instance_size = i->plugin.instance_size};
}

/* Does the guest see what this parameter sets? What is opened on the host may be another one. */
static bool is_visible(const struct volt_param *p)
{
	switch (p->type) {
	case VOLT_PARAM_BOOL:
	case VOLT_PARAM_UINT:
	case VOLT_PARAM_SIZE:
	case VOLT_PARAM_ENUM:
	case VOLT_PARAM_STRING:
		return (p->flags & VOLT_PARAM_HOST_SIDE) == 0;
	default:
		return false;
	}
}

static void add_params(struct page *page, const struct instance *i)
{
	const char *row = (const char *)i->plugin.params;

	for (uint32_t n = 0; n < i->plugin.param_count; n++, row += i->plugin.param_stride) {
		const struct volt_param *p = (const void *)row;
		const struct volt_value *v = &i->params.values[n];

		if (!is_visible(p))
			continue;
		add(page, "%s %s %s ", page->marks && !v->given ? "default" : "param", i->callee.id,
		    p->name);
		if (p->type == VOLT_PARAM_STRING || p->type == VOLT_PARAM_ENUM)
			add_text(page, v->s ? v->s : "");
		else
			add(page, "%" PRIu64, v->u);
		add(page, "\n");
	}
}

static void add_ranges(struct page *page, const struct machine *m, const struct instance *i)
{
	for (uint32_t n = 0; n < m->bus.count; n++) {
		const struct bus_range *r = &m->bus.ranges[n];

		if (r->owner == &i->callee)
			add(page, "range %s %s 0x%" PRIx64 " 0x%" PRIx64 "\n", i->callee.id,
			    r->space == VOLT_SPACE_PIO ? "port" : "memory", r->base,
			    r->last - r->base + 1);
	}
	for (uint32_t gsi = 0; gsi < IRQ_LINES; gsi++)
		if (m->irq.lines[gsi].owner == &i->callee)
			add(page, "interrupt %s %u %s\n", i->callee.id, gsi,
			    m->irq.lines[gsi].flags == VOLT_IRQ_LEVEL ? "level" : "edge");
}

size_t snapshot_describe(const struct machine *m, bool marks, char *text, size_t room)
{
	struct page page = {.text = text, .room = room, .marks = marks};

	add(&page, "memory %" PRIu64 "\ncpus %u\nirqchip %s\n", m->options->memory,
	    m->options->cpus, m->irq.chip ? m->irq.chip->id : "kvm");
	for (uint32_t n = 0; n < m->instance_count; n++) {
		const struct instance *i = m->instances[n];

		if (!snapshot_has(m, n))
			continue;
		add(&page, "plugin %s %s\n", i->callee.id, i->plugin.name);
		add_params(&page, i);
		add_ranges(&page, m, i);
	}
	return page.size;
}
