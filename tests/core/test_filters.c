/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Layers of filters around a device, and the meters of volt.metrics/1 above them. */
#include "tests/core/kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <volt/filter.h>
#include <volt/metrics.h>

#include "core/vm/filters.h"
#include "core/vm/metrics.h"

#define PORT 0x500

static struct machine *m;
static struct bus_stats stats;
static char story[256]; /* who was called, in order */
static struct volt_access seen;
static uint64_t device_value;

static void tell(const char *word)
{
	size_t n = strlen(story);

	snprintf(story + n, sizeof(story) - n, "%s ", word);
}

static uint64_t device_read(void *self, uint64_t off, uint32_t n)
{
	tell("read");
	assert_ptr_equal(self, m->instances[0]->callee.self);
	return device_value;
}

static void device_write(void *self, uint64_t off, uint32_t n, uint64_t val)
{
	tell("write");
	device_value = val;
}

static int device_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	const struct volt_range ranges[] = {
	    {sizeof(ranges[0]), VOLT_SPACE_MMIO, 15, 0, 0, 0xd0000000, 0x10, "memory", device_read,
		device_write},
	    {sizeof(ranges[0]), VOLT_SPACE_PIO, 3, 0, 0, PORT, 8, "ports", device_read,
		device_write},
	    {sizeof(ranges[0]), VOLT_SPACE_PIO, 1, 0, 0, PORT + 8, 1, "empty", NULL, NULL},
	};

	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(h->add_range(h, &ranges[i]), 0);
	return 0;
}

static const struct volt_plugin device = {VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE), .name = "device",
    .version = "1", .summary = "a device", .instance_size = 8, .init = device_init};

/* ---------------------------------------------------------------- two filters */

struct filter {
	char name[8];
	uint64_t shift; /* added to the value on its way */
	const struct volt_layer *attached[4];
	unsigned attach_count;
};

static int filter_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	return 0;
}

static int filter_attach(void *self, const struct volt_layer *below)
{
	struct filter *f = self;

	f->attached[f->attach_count++] = below;
	return 0;
}

static uint64_t filter_access(
    void *self, const struct volt_layer *below, const struct volt_access *a)
{
	struct filter *f = self;
	struct volt_access changed = *a;

	tell(f->name);
	seen = *a;
	if (a->write)
		changed.value += f->shift;
	return below->pass(below, &changed) + f->shift;
}

static uint64_t rogue_access(
    void *self, const struct volt_layer *below, const struct volt_access *a)
{
	const struct filter *f = self;
	struct volt_access changed = *a;

	changed.offset += f->shift;
	changed.n = (uint8_t)(f->shift == 0 ? 8 : a->n);
	return below->pass(below, &changed);
}

static const struct volt_filter table = {
    .size = sizeof(table), .attach = filter_attach, .access = filter_access};
static int odd_attach(void *self, const struct volt_layer *below)
{
	return EIO; /* positive, as nobody should */
}

static const struct volt_filter odd_table = {
    .size = sizeof(table), .attach = odd_attach, .access = filter_access};
static const struct volt_filter rogue_table = {.size = sizeof(table), .access = rogue_access};

static const void *filter_get_ext(const char *id)
{
	return strcmp(id, VOLT_EXT_FILTER) == 0 ? &table : NULL;
}

static const void *odd_get_ext(const char *id)
{
	return strcmp(id, VOLT_EXT_FILTER) == 0 ? &odd_table : NULL;
}

static const void *rogue_get_ext(const char *id)
{
	return strcmp(id, VOLT_EXT_FILTER) == 0 ? &rogue_table : NULL;
}

static const struct volt_plugin filter = {VOLT_PLUGIN_HEADER(VOLT_KIND_FILTER), .name = "filter",
    .version = "1", .summary = "a filter", .instance_size = sizeof(struct filter),
    .init = filter_init, .get_ext = filter_get_ext};
static const struct volt_plugin odd = {VOLT_PLUGIN_HEADER(VOLT_KIND_FILTER), .name = "odd",
    .version = "1", .summary = "a filter", .instance_size = sizeof(struct filter),
    .init = filter_init, .get_ext = odd_get_ext};
static const struct volt_plugin rogue = {VOLT_PLUGIN_HEADER(VOLT_KIND_FILTER), .name = "rogue",
    .version = "1", .summary = "a filter", .instance_size = sizeof(struct filter),
    .init = filter_init, .get_ext = rogue_get_ext};

static struct filter *put(const struct volt_plugin *d, const char *text, const char *name)
{
	struct instance *i = kit_instance(m, d, text);
	struct filter *f;

	assert_non_null(i);
	assert_int_equal(instance_wire(i), 0);
	f = i->callee.self;
	snprintf(f->name, sizeof(f->name), "%s", name);
	return f;
}

static void seal(void)
{
	assert_int_equal(filters_put(m), 0);
	assert_int_equal(metrics_put(m), 0);
	assert_int_equal(bus_seal(&m->bus), 0);
}

static uint64_t in(uint16_t port, uint32_t n)
{
	return bus_read(&m->bus, VOLT_SPACE_PIO, port, n, &stats);
}

static int setup(void **state)
{
	kit_log_start();
	m = kit_machine();
	story[0] = '\0';
	device_value = 0x10;
	assert_int_equal(instance_wire(kit_instance(m, &device, "")), 0);
	return 0;
}

static int teardown(void **state)
{
	kit_machine_finish(m);
	return 0;
}

static void the_first_named_is_nearest_to_the_guest(void **state)
{
	put(&filter, "on=device,id=outer", "outer")->shift = 0x100;
	put(&filter, "on=device,id=inner", "inner")->shift = 1;
	seal();
	assert_int_equal(in(PORT, 2), 0x111);
	assert_string_equal(story, "outer inner read ");
	bus_write(&m->bus, VOLT_SPACE_PIO, PORT, 2, 5, &stats);
	assert_int_equal(device_value, 0x106);
	char text[64];
	filters_list(&m->bus.ranges[0], text, sizeof(text));
	assert_string_equal(text, "outer, inner");
}

static void a_filter_sees_what_the_access_is(void **state)
{
	put(&filter, "on=device", "f");
	seal();
	vcpu_number = 3;
	bus_write(&m->bus, VOLT_SPACE_MMIO, 0xd0000004, 4, 0x1122334455667788, &stats);
	vcpu_number = 0;
	assert_int_equal(seen.size, sizeof(seen));
	assert_int_equal(seen.vcpu, 3);
	assert_int_equal(seen.offset, 4);
	assert_int_equal(seen.value, 0x55667788);
	assert_int_equal(seen.n, 4);
	assert_int_equal(seen.write, 1);
}

static void each_range_is_attached_with_its_own_words(void **state)
{
	const struct filter *f = put(&filter, "on=device", "f");

	seal();
	assert_int_equal(f->attach_count, 3);
	for (unsigned i = 0; i < 3; i++) {
		const struct volt_layer *l = f->attached[i];

		assert_string_equal(l->device, "device");
		if (strcmp(l->name, "ports") == 0)
			assert_true(l->range == 0 && l->base == PORT && l->len == 8 &&
				    l->space == VOLT_SPACE_PIO && l->sizes == 3);
		if (strcmp(l->name, "memory") == 0)
			assert_true(l->range == 2 && l->base == 0xd0000000 && l->len == 0x10 &&
				    l->space == VOLT_SPACE_MMIO && l->sizes == 15);
	}
}

/* Else the start would fail without a message. */
static void an_attach_that_answers_more_than_0_is_told_of(void **state)
{
	put(&odd, "on=device", "odd");
	assert_int_equal(filters_put(m), -EINVAL);
	assert_string_equal(kit_log(),
	    "volt: error: filter odd: attach answered 5 instead of 0 or a negative errno\n");
}

static void the_value_of_a_read_is_cut_to_its_size(void **state)
{
	put(&filter, "on=device,id=a", "a")->shift = 1;
	put(&filter, "on=device,id=b", "b");
	device_value = 0xffffffffffffffff;
	seal();
	assert_int_equal(in(PORT, 1), 0);
}

static void a_range_without_handlers_reads_as_all_ones_below(void **state)
{
	put(&filter, "on=device", "f");
	seal();
	assert_int_equal(in(PORT + 8, 1), 0xff);
	bus_write(&m->bus, VOLT_SPACE_PIO, PORT + 8, 1, 1, &stats);
	assert_string_equal(story, "f f ");
}

static void an_access_that_does_not_fit_never_reaches_the_device(void **state)
{
	static const uint64_t shifts[] = {8, 7, UINT64_MAX, 0};

	for (unsigned i = 0; i < 4; i++) {
		struct filter *f;

		teardown(NULL);
		setup(NULL);
		f = put(&rogue, "on=device", "r");
		f->shift = shifts[i];
		seal();
		assert_int_equal(in(PORT, 2), 0xffff);
		bus_write(&m->bus, VOLT_SPACE_PIO, PORT, 2, 1, &stats);
		assert_string_equal(story, "");
	}
}

static void device_and_filter_are_locked_while_it_runs(void **state)
{
	put(&filter, "on=device", "f");
	seal();
	in(PORT, 1);
	assert_false(kit_locked(&m->instances[0]->callee));
	assert_false(kit_locked(&m->instances[1]->callee));
}

static void refused(const char *reason)
{
	kit_log_clear();
	assert_true(filters_put(m) < 0);
	assert_int_equal(kit_log_lines(), 1);
	if (!kit_logged(reason))
		fail_msg("expected \"%s\" in \"%s\"", reason, kit_log());
}

static void a_filter_without_a_device_is_refused(void **state)
{
	put(&filter, "", "f");
	refused("--filter filter: on=DEVICE is required, for instance on=device");
}

static void a_device_that_is_not_there_is_refused_with_the_nearest(void **state)
{
	put(&filter, "on=devise", "f");
	refused("on=devise: no such device is loaded; did you mean device?");
}

static void a_filter_is_no_device_to_filter(void **state)
{
	put(&filter, "on=device,id=one", "f");
	put(&filter, "on=one", "f");
	refused("on=one: no such device");
}

static void a_device_takes_no_on(void **state)
{
	kit_log_clear();
	assert_null(kit_instance(m, &device, "on=device"));
	assert_true(kit_logged("on: no such parameter"));
}

/* -------------------------------------------------------------------- metrics */

struct found {
	char name[64], labels[256];
	uint64_t value;
	unsigned count;
};

static void find(void *arg, const struct volt_metric *metric)
{
	struct found *f = arg;

	assert_true(metric->size == sizeof(*metric) && metric->scale > 0);
	if (strcmp(metric->name, f->name) != 0 || strcmp(metric->labels, f->labels) != 0)
		return;
	f->value = metric->value;
	f->count++;
}

static uint64_t metric(const char *name, const char *labels)
{
	const struct volt_host *h = &m->instances[0]->host;
	const struct volt_metrics *t = h->get_ext(h, VOLT_EXT_METRICS);
	struct found f = {.count = 0};

	snprintf(f.name, sizeof(f.name), "%s", name);
	snprintf(f.labels, sizeof(f.labels), "%s", labels);
	t->each(h, &f, find);
	assert_int_equal(f.count, 1);
	return f.value;
}

static void accesses_are_measured_by_range_when_asked(void **state)
{
	static const char ports[] =
	    "device=\"device\",range=\"ports\",space=\"pio\",base=\"0x500\"";
	static const char memory[] =
	    "device=\"device\",range=\"memory\",space=\"mmio\",base=\"0xd0000000\"";
	static struct options options = {.cpus = 2};
	const struct volt_host *h = &m->instances[0]->host;

	m->options = &options;
	put(&filter, "on=device", "f");
	assert_int_equal(
	    ((const struct volt_metrics *)h->get_ext(h, VOLT_EXT_METRICS))->measure(h), 0);
	seal();
	in(PORT, 1);
	vcpu_number = 1;
	in(PORT, 1);
	vcpu_number = 0;
	bus_write(&m->bus, VOLT_SPACE_MMIO, 0xd0000000, 4, 1, &stats);
	m->firmware.cpus = 2;
	struct vcpu vcpus[2] = {0};
	m->vcpus = vcpus;
	assert_int_equal(metric("volt_reads_total", ports), 2);
	assert_int_equal(metric("volt_writes_total", ports), 0);
	assert_int_equal(metric("volt_writes_total", memory), 1);
	metric("volt_handlers_seconds_total", ports);
	assert_string_equal(story, "f read f read f write ");
	char text[64];
	filters_list(&m->bus.ranges[0], text, sizeof(text));
	assert_string_equal(text, "filter");
	m->vcpus = NULL;
}

static void exits_are_told_by_vcpu_and_reason(void **state)
{
	struct vcpu vcpus[2] = {{.exits = {[KVM_EXIT_IO] = 5, [KVM_EXIT_HLT] = 1}},
	    {.exits = {[KVM_EXIT_UNKNOWN] = 1, [VCPU_EXIT_KINDS - 1] = 2},
		.stats = {.accesses = 9, .misses = 4}}};

	m->firmware.cpus = 2;
	m->vcpus = vcpus;
	assert_int_equal(metric("volt_exits_total", "vcpu=\"0\",reason=\"io\""), 5);
	assert_int_equal(metric("volt_exits_total", "vcpu=\"0\",reason=\"hlt\""), 1);
	assert_int_equal(metric("volt_exits_total", "vcpu=\"1\",reason=\"other\""), 3);
	assert_int_equal(metric("volt_accesses_total", "vcpu=\"1\""), 9);
	assert_int_equal(metric("volt_misses_total", "vcpu=\"1\""), 4);
	m->vcpus = NULL;
}

static int wire_nothing(void *self, const struct volt_host *h, const struct volt_args *a)
{
	return 0;
}

static struct instance *count_with(
    const char *name, const char *id, const struct volt_counter *counters, uint16_t count)
{
	const struct volt_plugin p = {VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE), .name = name,
	    .version = "1", .summary = "counts", .instance_size = 8, .init = wire_nothing,
	    .counters = counters, .counter_stride = sizeof(*counters), .counter_count = count};
	char text[40];

	m->firmware.cpus = 0; /* none is there to be asked */
	snprintf(text, sizeof(text), "id=%s", id);
	struct instance *i = kit_instance(m, &p, text);
	assert_non_null(i);
	for (uint16_t c = 0; c < count; c++)
		volt_count(&i->host, c, m->instance_count * 10u + c);
	return i;
}

static void no_two_plugins_have_a_metric_in_common(void **state)
{
	static const struct volt_counter c = {"c", "one"}, b_c = {"b_c", "two"},
					 seconds = {"seconds", "three"};

	count_with("a-b", "first", &c, 1);
	count_with("a", "second", &b_c, 1);
	count_with(
	    "handlers", "third", &seconds, 1); /* volt_handlers_seconds_total is the core's */
	assert_int_equal(metric("volt_plugin_a__b_c_total", "id=\"first\""), 20);
	assert_int_equal(metric("volt_plugin_a_b_c_total", "id=\"second\""), 30);
	assert_int_equal(metric("volt_plugin_handlers_seconds_total", "id=\"third\""), 40);
}

struct families {
	char names[32][VOLT_METRIC_NAME_MAX + 1];
	unsigned count;
};

static void see_family(void *arg, const struct volt_metric *metric)
{
	struct families *f = arg;

	if (f->count > 0 && strcmp(f->names[f->count - 1], metric->name) == 0)
		return;
	for (unsigned i = 0; i < f->count; i++)
		assert_string_not_equal(f->names[i], metric->name);
	assert_true(strlen(metric->name) <= VOLT_METRIC_NAME_MAX);
	snprintf(f->names[f->count++], sizeof(f->names[0]), "%s", metric->name);
}

/* As when an old and a new file of one plugin are loaded side by side. */
static void two_versions_of_a_plugin_share_what_both_count(void **state)
{
	static const struct volt_counter old[] = {{"kept", "1"}, {"dropped", "2"}};
	static const struct volt_counter new[] = {{"added", "3"}, {"kept", "1"}};
	struct families f = {.count = 0};

	count_with("pair", "old", old, 2);
	count_with("other", "other", old, 1);
	count_with("pair", "new", new, 2);
	assert_int_equal(metric("volt_plugin_pair_kept_total", "id=\"old\""), 20);
	assert_int_equal(metric("volt_plugin_pair_kept_total", "id=\"new\""), 41);
	assert_int_equal(metric("volt_plugin_pair_dropped_total", "id=\"old\""), 21);
	assert_int_equal(metric("volt_plugin_pair_added_total", "id=\"new\""), 40);
	metrics_table.each(&m->instances[0]->host, &f, see_family);
}

static void the_longest_names_have_room(void **state)
{
	static const struct volt_counter c = {
	    "counter_name_of_48_bytes_67890123456789012345678", "long"};
	struct families f = {.count = 0};

	count_with("a-------------------------------", "x", &c, 1);
	metrics_table.each(&m->instances[0]->host, &f, see_family);
	const char *name = f.names[f.count - 1];
	assert_int_equal(strlen(name), strlen("volt_plugin_a") + 62 + strlen("_") + 48 + 6);
	assert_string_equal(name + strlen(name) - 9, "678_total");
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(the_first_named_is_nearest_to_the_guest),
	    CASE(a_filter_sees_what_the_access_is),
	    CASE(each_range_is_attached_with_its_own_words),
	    CASE(an_attach_that_answers_more_than_0_is_told_of),
	    CASE(the_value_of_a_read_is_cut_to_its_size),
	    CASE(a_range_without_handlers_reads_as_all_ones_below),
	    CASE(an_access_that_does_not_fit_never_reaches_the_device),
	    CASE(device_and_filter_are_locked_while_it_runs),
	    CASE(a_filter_without_a_device_is_refused),
	    CASE(a_device_that_is_not_there_is_refused_with_the_nearest),
	    CASE(a_filter_is_no_device_to_filter),
	    CASE(a_device_takes_no_on),
	    CASE(accesses_are_measured_by_range_when_asked),
	    CASE(exits_are_told_by_vcpu_and_reason),
	    CASE(no_two_plugins_have_a_metric_in_common),
	    CASE(two_versions_of_a_plugin_share_what_both_count),
	    CASE(the_longest_names_have_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
