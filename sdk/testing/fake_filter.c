/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fake_filter - volt.filter/1: the test plays the guest above a filter and the device
 * below it.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "fake_internal.h"

struct fake_layer {
	struct volt_layer below;
	struct fake_host *f;
	struct volt_range range; /* of the device that the test plays */
	void *device;
	struct fake_layer *next;
};

static uint64_t mask_of(uint32_t n)
{
	return n == 8 ? UINT64_MAX : (1ull << (8 * n & 63)) - 1;
}

static bool fits(const struct volt_range *r, uint64_t off, uint32_t n)
{
	return n != 0 && n <= 8 && (r->sizes & n) == n && (n & (n - 1)) == 0 && n <= r->len &&
	       off <= r->len - n;
}

static void note_misfit(
    struct fake_host *f, const struct volt_layer *below, const struct volt_access *a)
{
	if (f->misfit[0] == '\0')
		snprintf(f->misfit, sizeof(f->misfit),
		    "a %s of %u bytes at offset 0x%" PRIx64 " of range %s, which has 0x%" PRIx64
		    " bytes and sizes 0x%x",
		    a->write ? "write" : "read", a->n, a->offset, below->name, below->len,
		    below->sizes);
}

static uint64_t pass(const struct volt_layer *below, const struct volt_access *a)
{
	const struct fake_layer *l = (const struct fake_layer *)(const void *)below;
	struct fake_host *f = l->f;

	if (!f->inside || strcmp(f->inside, "access") != 0 || f->layer != below)
		fake_die(f, "pass: only from within access, and for the layer that it was given");
	if (!a || a->size < sizeof(*a))
		fake_die(f, "pass: no access, or its size is not set");
	if (!fits(&l->range, a->offset, a->n)) {
		note_misfit(f, below, a);
		return a->write ? 0 : UINT64_MAX;
	}
	if (!a->write)
		return l->range.read ? l->range.read(l->device, a->offset, a->n) & mask_of(a->n)
				     : mask_of(a->n);
	if (l->range.write)
		l->range.write(l->device, a->offset, a->n, a->value & mask_of(a->n));
	return 0;
}

static const struct volt_filter *offered(struct fake_host *f)
{
	const struct volt_filter *t =
	    f->plugin->get_ext ? f->plugin->get_ext(VOLT_EXT_FILTER) : NULL;

	if (f->plugin->kind != VOLT_KIND_FILTER || !t || !VOLT_HAS(t, access) || !t->access)
		fake_die(f, "it is not a filter, or lacks " VOLT_EXT_FILTER " with access");
	return t;
}

const struct volt_layer *fake_filter_put(
    struct fake_host *f, const struct volt_range *range, void *device)
{
	const struct volt_filter *t = offered(f);
	struct fake_layer *l = fake_alloc(sizeof(*l));
	uint32_t number = 0;

	if (f->state != FAKE_WIRED)
		fake_die(f, "fake_filter_put: only between wiring and the seal");
	for (const struct fake_layer *other = f->layers; other; other = other->next)
		number++;
	*l = (struct fake_layer){.f = f, .range = *range, .device = device, .next = f->layers};
	l->below = (struct volt_layer){.size = sizeof(l->below),
	    .range = number,
	    .device = "device",
	    .name = range->name,
	    .base = range->base,
	    .len = range->len,
	    .space = range->space,
	    .sizes = range->sizes,
	    .flags = range->flags,
	    .pass = pass};
	f->layers = l;
	f->failed = 0;
	if (!t->attach)
		return &l->below;
	fake_enter(f, "attach");
	int err = t->attach(f->self, &l->below);

	if (err != f->failed)
		fake_die(f, "returned %d; attach returns 0, or what volt_fail() did (%d)", err,
		    f->failed);
	fake_leave(f);
	if (!err)
		return &l->below;
	f->layers = l->next;
	free(l);
	return NULL;
}

static uint64_t enter(
    struct fake_host *f, const struct volt_layer *layer, const struct volt_access *a)
{
	const struct fake_layer *l = (const struct fake_layer *)(const void *)layer;

	fake_must_run(f, "a filter's access");
	if (!fits(&l->range, a->offset, a->n))
		fake_die(f, "the test's access does not fit the range");
	f->layer = layer;
	fake_enter(f, "access");
	uint64_t val = offered(f)->access(f->self, layer, a);
	fake_leave(f);
	f->layer = NULL;
	return val & mask_of(a->n);
}

uint64_t fake_filter_read(
    struct fake_host *f, const struct volt_layer *layer, uint32_t vcpu, uint64_t off, uint32_t n)
{
	const struct volt_access a = {
	    .size = sizeof(a), .vcpu = vcpu, .offset = off, .n = (uint8_t)n};

	return enter(f, layer, &a);
}

void fake_filter_write(struct fake_host *f, const struct volt_layer *layer, uint32_t vcpu,
    uint64_t off, uint32_t n, uint64_t val)
{
	const struct volt_access a = {.size = sizeof(a),
	    .vcpu = vcpu,
	    .offset = off,
	    .value = val & mask_of(n),
	    .n = (uint8_t)n,
	    .write = 1};

	enter(f, layer, &a);
}

unsigned fake_layer_count(const struct fake_host *f)
{
	return f->layers ? f->layers->below.range + 1 : 0;
}

const struct volt_layer *fake_layer(const struct fake_host *f, unsigned i)
{
	const struct fake_layer *l = f->layers;

	while (l && l->below.range != i)
		l = l->next;
	return l ? &l->below : NULL;
}

const char *fake_filter_misfit(const struct fake_host *f)
{
	return f->misfit[0] ? f->misfit : NULL;
}

void fake_finish_filter(struct fake_host *f)
{
	while (f->layers) {
		struct fake_layer *l = f->layers;

		f->layers = l->next;
		free(l);
	}
}

/* ---------------------------------------------------------- volt.metrics/1 */

static int measure(const struct volt_host *h)
{
	int err;
	struct fake_host *f = fake_wire_call(h, "measure", &err);

	f->measured = f->measured || !err;
	return err;
}

static void each(const struct volt_host *h, void *arg,
    void (*visit)(void *arg, const struct volt_metric *metric))
{
	struct fake_host *f = fake_of(h, "each");

	if (f->state != FAKE_RUNNING)
		fake_die(f, "each: only while the VM runs");
	for (unsigned i = 0; i < f->metric_count; i++)
		visit(arg, &f->metrics[i]);
}

const struct volt_metrics fake_metrics = {
    .size = sizeof(fake_metrics), .measure = measure, .each = each};

void fake_show_metrics(struct fake_host *f, const struct volt_metric *metrics, unsigned count)
{
	f->metrics = metrics;
	f->metric_count = count;
}

bool fake_measured(const struct fake_host *f)
{
	return f->measured;
}
