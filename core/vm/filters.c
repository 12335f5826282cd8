/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/vm/filters.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <volt/filter.h>

#include "core/base/log.h"
#include "core/base/sealed.h"
#include "core/kvm/doorbell.h"
#include "core/kvm/vcpu.h"
#include "core/plugin/guard.h"
#include "core/plugin/instance.h"
#include "core/vm/metrics.h"
#include "core/vm/vm.h"

/* One filter at one range. `below` is what its callbacks see. */
struct layer {
	struct volt_layer below;
	const struct instance *filter;
	struct bus_range range; /* as it was: the next layer's, or the device's own */
};

/* The device's lock is held already, but for a PARALLEL range; a filter's comes after it. */
static uint64_t enter(const struct layer *l, const struct volt_access *a)
{
	callee_lock(&l->filter->callee);
	uint64_t val = l->filter->filter->access(l->filter->callee.self, &l->below, a);
	callee_unlock(&l->filter->callee);
	return val;
}

static bool fits(const struct volt_layer *l, const struct volt_access *a)
{
	return a->n != 0 && (a->n & (a->n - 1)) == 0 && (l->sizes & a->n) != 0 && a->n <= l->len &&
	       a->offset <= l->len - a->n;
}

static uint64_t pass(const struct volt_layer *below, const struct volt_access *a)
{
	const struct layer *l = (const struct layer *)(const void *)below;

	if (!fits(below, a))
		return a->write ? 0 : UINT64_MAX;
	if (!a->write)
		return bus_read_below(&l->range, a->offset, a->n);
	bus_write_below(&l->range, a->offset, a->n, a->value);
	return 0;
}

static uint64_t read_through(void *self, uint64_t off, uint32_t n)
{
	const struct volt_access a = {
	    .size = sizeof(a), .vcpu = vcpu_number, .offset = off, .n = (uint8_t)n};

	return enter(self, &a);
}

static void write_through(void *self, uint64_t off, uint32_t n, uint64_t val)
{
	const struct volt_access a = {.size = sizeof(a),
	    .vcpu = vcpu_number,
	    .offset = off,
	    .value = val,
	    .n = (uint8_t)n,
	    .write = 1};

	enter(self, &a);
}

static uint32_t rank(const struct bus *b, const struct bus_range *r)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < b->count; i++)
		n += b->ranges[i].owner == r->owner &&
		     (b->ranges[i].space < r->space ||
			 (b->ranges[i].space == r->space && b->ranges[i].base < r->base));
	return n;
}

static int attach(const struct instance *filter, const struct layer *l)
{
	int err = 0;

	instance_enter(filter, "attach");
	if (filter->filter->attach)
		err = filter->filter->attach(filter->callee.self, &l->below);
	int fault = instance_leave(filter);
	if (fault != 0)
		return fault;
	if (err > 0)
		return log_error(EINVAL,
		    "filter %s: attach answered %d instead of 0 or a negative errno",
		    filter->callee.id, err);
	if (err < 0 && !filter->state->failed)
		log_error(-err, "filter %s cannot be put on %s: %s", filter->callee.id,
		    l->below.device, strerror(-err));
	return err;
}

static int wrap(const struct instance *filter, const struct bus *b, struct bus_range *r)
{
	struct layer *l = sealed_alloc(sizeof(*l));

	if (!l)
		return log_error(
		    ENOMEM, "filter %s: no memory for another layer", filter->callee.id);
	*l = (struct layer){.filter = filter, .range = *r};
	l->below = (struct volt_layer){.size = sizeof(l->below),
	    .range = rank(b, r),
	    .device = r->owner->id,
	    .name = r->name,
	    .base = r->base,
	    .len = r->last - r->base + 1,
	    .space = r->space,
	    .sizes = r->sizes,
	    .flags = r->flags,
	    .pass = pass};
	int err = attach(filter, l);
	if (err)
		return err;
	doorbells_trap(r);
	r->read = read_through;
	r->write = write_through;
	r->self = l;
	return 0;
}

static const struct instance *find_device(const struct machine *m, const struct instance *filter)
{
	const char *names[INSTANCE_MAX + 1] = {NULL};
	uint32_t n = 0;

	for (uint32_t i = 0; i < m->instance_count; i++) {
		const struct instance *d = m->instances[i];

		if (d->plugin.kind != VOLT_KIND_DEVICE)
			continue;
		if (filter->params.on && strcmp(d->callee.id, filter->params.on) == 0)
			return d;
		names[n++] = d->callee.id;
	}
	if (!filter->params.on) {
		log_error(EINVAL, "--filter %s: on=DEVICE is required, for instance on=%s",
		    filter->plugin.name, n > 0 ? names[0] : "ID");
		return NULL;
	}
	const char *near = nearest_name(filter->params.on, names);
	log_error(ENOENT, "--filter %s: on=%s: no such device is loaded%s%s%s", filter->plugin.name,
	    filter->params.on, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
	return NULL;
}

static int put(struct machine *m, const struct instance *filter)
{
	const struct instance *device = find_device(m, filter);
	uint32_t wrapped = 0;
	int err = device ? 0 : -EINVAL;

	for (uint32_t i = 0; !err && i < m->bus.count; i++) {
		if (m->bus.ranges[i].owner != &device->callee)
			continue;
		err = wrap(filter, &m->bus, &m->bus.ranges[i]);
		wrapped++;
	}
	if (err)
		return err;
	if (wrapped == 0)
		return log_error(EINVAL, "--filter %s: %s has no address range to filter",
		    filter->plugin.name, device->callee.id);
	return 0;
}

/* From the last, which is nearest to the device. */
int filters_put(struct machine *m)
{
	int err = 0;

	for (uint32_t i = m->instance_count; !err && i > 0; i--)
		if (m->instances[i - 1]->plugin.kind == VOLT_KIND_FILTER)
			err = put(m, m->instances[i - 1]);
	return err;
}

void filters_list(const struct bus_range *r, char *text, unsigned size)
{
	unsigned n = 0;

	text[0] = '\0';
	struct bus_range at = metrics_below(r);

	for (; at.read == read_through && n < size; at = ((const struct layer *)at.self)->range) {
		const struct layer *l = at.self;

		n += (unsigned)snprintf(
		    text + n, size - n, "%s%s", n > 0 ? ", " : "", l->filter->callee.id);
	}
}
