/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/vm/metrics.h"

#include <errno.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/cacheline.h"
#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/base/sealed.h"
#include "core/config.h"
#include "core/kvm/doorbell.h"
#include "core/vm/host_caller.h"
#include "core/vm/vm.h"

#define LABELS_MAX 256

/* What one vCPU did at one range; written by its own thread only. */
struct tally {
	uint64_t reads, writes, ns;
} CACHELINE_ALIGNED;

/* In the handlers' place; sealed, but for the tallies. */
struct meter {
	struct bus_range below;
	struct tally *tallies; /* one per vCPU */
};

static uint64_t read_measured(void *self, uint64_t off, uint32_t n)
{
	const struct meter *m = self;
	struct tally *t = &m->tallies[vcpu_number];
	uint64_t since = clock_now();
	uint64_t val = bus_read_below(&m->below, off, n);

	t->ns += clock_now() - since;
	t->reads++;
	return val;
}

static void write_measured(void *self, uint64_t off, uint32_t n, uint64_t val)
{
	const struct meter *m = self;
	struct tally *t = &m->tallies[vcpu_number];
	uint64_t since = clock_now();

	bus_write_below(&m->below, off, n, val);
	t->ns += clock_now() - since;
	t->writes++;
}

static int put(struct bus_range *r, struct tally *tallies)
{
	struct meter *meter = sealed_alloc(sizeof(*meter));

	if (!meter)
		return log_error(ENOMEM, "metrics: no memory for another range");
	*meter = (struct meter){.below = *r, .tallies = tallies};
	doorbells_trap(r);
	r->read = read_measured;
	r->write = write_measured;
	r->self = meter;
	return 0;
}

int metrics_put(struct machine *m)
{
	const uint32_t cpus = m->options->cpus;
	size_t size = (size_t)m->bus.count * cpus * sizeof(struct tally);

	if (!m->measured || m->bus.count == 0)
		return 0;
	m->tallies = aligned_alloc(_Alignof(struct tally), size);
	if (!m->tallies)
		return log_error(ENOMEM, "metrics: no memory for %u ranges", m->bus.count);
	memset(m->tallies, 0, size);
	for (uint32_t i = 0; i < m->bus.count; i++) {
		const int err = put(&m->bus.ranges[i], &m->tallies[(size_t)i * cpus]);
		if (err)
			return err;
	}
	return 0;
}

struct bus_range metrics_below(const struct bus_range *r)
{
	return r->read == read_measured ? ((const struct meter *)r->self)->below : *r;
}

static int measure(const struct volt_host *h)
{
	struct machine *m = host_calling_instance(h)->machine;

	if (m->sealed)
		return -EPERM;
	m->measured = true;
	return 0;
}

/* ------------------------------------------------------------------ visits */

struct visitor {
	void (*visit)(void *arg, const struct volt_metric *metric);
	void *arg;
};

static uint64_t newest(const uint64_t *value)
{
	return __atomic_load_n(value, __ATOMIC_RELAXED);
}

static void show(const struct visitor *v, const char *name, const char *help, const char *labels,
    uint64_t value, uint64_t scale)
{
	const struct volt_metric metric = {.size = sizeof(metric),
	    .kind = VOLT_METRIC_COUNTER,
	    .name = name,
	    .help = help,
	    .labels = labels,
	    .value = value,
	    .scale = scale};

	v->visit(v->arg, &metric);
}

static const char *exit_name(uint32_t reason)
{
	static const char *const names[VCPU_EXIT_KINDS] = {
	    [KVM_EXIT_IO] = "io",
	    [KVM_EXIT_HYPERCALL] = "hypercall",
	    [KVM_EXIT_DEBUG] = "debug",
	    [KVM_EXIT_HLT] = "hlt",
	    [KVM_EXIT_MMIO] = "mmio",
	    [KVM_EXIT_IRQ_WINDOW_OPEN] = "irq_window_open",
	    [KVM_EXIT_SHUTDOWN] = "shutdown",
	    [KVM_EXIT_FAIL_ENTRY] = "fail_entry",
	    [KVM_EXIT_INTR] = "intr",
	    [KVM_EXIT_INTERNAL_ERROR] = "internal_error",
	    [KVM_EXIT_SYSTEM_EVENT] = "system_event",
	    [KVM_EXIT_IOAPIC_EOI] = "eoi",
	};

	return names[reason] ? names[reason] : "other";
}

/* "other" gathers several reasons: a label must not appear twice. */
static void show_exits(const struct visitor *v, const struct machine *m)
{
	char labels[LABELS_MAX];

	for (uint32_t i = 0; i < m->firmware.cpus; i++) {
		uint64_t others = 0;

		for (uint32_t kind = 0; kind < VCPU_EXIT_KINDS; kind++) {
			const char *name = exit_name(kind);
			uint64_t count = newest(&m->vcpus[i].exits[kind]);

			if (strcmp(name, "other") == 0) {
				others += count;
				continue;
			}
			snprintf(labels, sizeof(labels), "vcpu=\"%u\",reason=\"%s\"", i, name);
			show(v, "volt_exits_total", "returns of KVM_RUN by reason", labels, count,
			    1);
		}
		snprintf(labels, sizeof(labels), "vcpu=\"%u\",reason=\"other\"", i);
		show(v, "volt_exits_total", "returns of KVM_RUN by reason", labels, others, 1);
	}
}

static void show_bus(const struct visitor *v, const struct machine *m)
{
	char labels[LABELS_MAX];

	for (uint32_t i = 0; i < m->firmware.cpus; i++) {
		snprintf(labels, sizeof(labels), "vcpu=\"%u\"", i);
		show(v, "volt_accesses_total", "port and memory accesses", labels,
		    newest(&m->vcpus[i].stats.accesses), 1);
	}
	for (uint32_t i = 0; i < m->firmware.cpus; i++) {
		snprintf(labels, sizeof(labels), "vcpu=\"%u\"", i);
		show(v, "volt_misses_total", "accesses, or parts of one, that nothing answered",
		    labels, newest(&m->vcpus[i].stats.misses), 1);
	}
}

/* Backslash, quote and line feed, as the exposition format wants them in a label. */
static void escape(char *to, size_t size, const char *from)
{
	size_t n = 0;

	for (; *from != '\0' && n + 3 < size; from++) {
		if (*from == '\\' || *from == '"' || *from == '\n')
			to[n++] = '\\';
		to[n++] = *from == '\n' ? 'n' : *from;
	}
	to[n] = '\0';
}

enum what { READS, WRITES, NANOSECONDS };

static uint64_t sum(const struct machine *m, const struct meter *meter, enum what what)
{
	uint64_t total = 0;

	for (uint32_t i = 0; i < m->firmware.cpus; i++) {
		const struct tally *t = &meter->tallies[i];

		total += newest(what == READS ? &t->reads : what == WRITES ? &t->writes : &t->ns);
	}
	return total;
}

static void show_ranges(const struct visitor *v, const struct machine *m, const char *name,
    const char *help, enum what what)
{
	for (uint32_t i = 0; m->measured && i < m->bus.count; i++) {
		const struct bus_range *r = &m->bus.ranges[i];
		char labels[LABELS_MAX], range[64];

		escape(range, sizeof(range), r->name);
		snprintf(labels, sizeof(labels),
		    "device=\"%s\",range=\"%s\",space=\"%s\",base=\"0x%llx\"", r->owner->id, range,
		    r->space == VOLT_SPACE_PIO ? "pio" : "mmio", (unsigned long long)r->base);
		show(v, name, help, labels, sum(m, r->self, what),
		    what == NANOSECONDS ? 1000000000 : 1);
	}
}

static const struct volt_counter *row_of(const struct instance *p, uint32_t c)
{
	return (const void *)((const char *)p->plugin.counters + c * p->plugin.counter_stride);
}

/* A dash is no letter of a metric's name. Doubled, it cannot be taken for the line before the
 * counter: plugin a-b's c and plugin a's b_c are two names. */
static void name_counter(char *name, size_t size, const char *plugin, const char *counter)
{
	size_t n = (size_t)snprintf(name, size, "volt_plugin_");

	for (; *plugin != '\0'; plugin++) {
		name[n++] = *plugin == '-' ? '_' : *plugin;
		if (*plugin == '-')
			name[n++] = '_';
	}
	snprintf(name + n, size - n, "_%s_total", counter);
}

/* Number of the instance's counter of that name; counter_count if it has none. */
static uint32_t find_counter(const struct instance *i, const char *plugin, const char *counter)
{
	uint32_t c = 0;

	if (strcmp(i->plugin.name, plugin) != 0)
		return i->plugin.counter_count;
	while (c < i->plugin.counter_count && strcmp(row_of(i, c)->name, counter) != 0)
		c++;
	return c;
}

/* Instances of one plugin share its names, and two versions of it some of them: each name
 * once, with all who have it. */
static void show_counter(
    const struct visitor *v, const struct machine *m, uint32_t first, uint32_t c)
{
	const struct instance *p = m->instances[first];
	const struct volt_counter *row = row_of(p, c);
	char name[VOLT_METRIC_NAME_MAX + 1], labels[LABELS_MAX];

	for (uint32_t i = 0; i < first; i++)
		if (find_counter(m->instances[i], p->plugin.name, row->name) <
		    m->instances[i]->plugin.counter_count)
			return;
	name_counter(name, sizeof(name), p->plugin.name, row->name);
	for (uint32_t i = first; i < m->instance_count; i++) {
		const struct instance *other = m->instances[i];
		uint32_t at = find_counter(other, p->plugin.name, row->name);

		if (at == other->plugin.counter_count)
			continue;
		snprintf(labels, sizeof(labels), "id=\"%s\"", other->callee.id);
		show(v, name, row->help, labels, newest(&other->host.counters[at]), 1);
	}
}

static void show_info(const struct visitor *v, const struct machine *m)
{
	char labels[LABELS_MAX];
	const struct volt_metric info = {.size = sizeof(info),
	    .kind = VOLT_METRIC_GAUGE,
	    .name = "volt_info",
	    .help = "which volt this is",
	    .labels = labels,
	    .value = 1,
	    .scale = 1};

	if (m->options->name)
		snprintf(labels, sizeof(labels), "version=\"%s\",name=\"%s\"", VOLT_VERSION,
		    m->options->name);
	else
		snprintf(labels, sizeof(labels), "version=\"%s\"", VOLT_VERSION);
	v->visit(v->arg, &info);
}

/* The value is counted in units of 1 / scale. */
static void show_gauge(
    const struct visitor *v, const char *name, const char *help, uint64_t value, uint64_t scale)
{
	const struct volt_metric gauge = {.size = sizeof(gauge),
	    .kind = VOLT_METRIC_GAUGE,
	    .name = name,
	    .help = help,
	    .labels = "",
	    .value = value,
	    .scale = scale};

	v->visit(v->arg, &gauge);
}

static void show_machine(const struct visitor *v, const struct machine *m)
{
	show_gauge(v, "volt_vcpus", "virtual CPUs", m->options->cpus, 1);
	show_gauge(v, "volt_memory_bytes", "guest memory", m->options->memory, 1);
	show_gauge(v, "volt_uptime_seconds", "time since the guest was let go",
	    m->running_since_ns ? clock_now() - m->running_since_ns : 0, 1000000000);
}

void metrics_visit(
    const struct machine *m, void *arg, void (*visit)(void *arg, const struct volt_metric *metric))
{
	const struct visitor v = {visit, arg};

	show_info(&v, m);
	show_machine(&v, m);
	show_exits(&v, m);
	show_bus(&v, m);
	show_ranges(&v, m, "volt_reads_total", "reads of a range", READS);
	show_ranges(&v, m, "volt_writes_total", "writes to a range", WRITES);
	show_ranges(&v, m, "volt_handlers_seconds_total",
	    "time in a range's handlers, filters included", NANOSECONDS);
	for (uint32_t i = 0; i < m->instance_count; i++)
		for (uint32_t c = 0; c < m->instances[i]->plugin.counter_count; c++)
			show_counter(&v, m, i, c);
}

static void each(const struct volt_host *h, void *arg,
    void (*visit)(void *arg, const struct volt_metric *metric))
{
	metrics_visit(((const struct instance *)h->core)->machine, arg, visit);
}

const struct volt_metrics metrics_table = {
    .size = sizeof(metrics_table), .measure = measure, .each = each};
