/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* From a descriptor to an instance: checks, defaults, ids, parameters. */
#include "tests/core/kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { BASE, MODE, FILE_RO, FILE_RW, STREAM };

static const struct volt_param params[] = {
    [BASE] = {.name = "base",
	.def = "0x3f8",
	.help = "first port",
	.type = VOLT_PARAM_UINT,
	.max = 0xffff},
    [MODE] = {.name = "mode",
	.def = "slow",
	.help = "speed",
	.choices = "slow|fast",
	.type = VOLT_PARAM_ENUM},
    [FILE_RO] = {.name = "in", .def = "", .help = "what is read", .type = VOLT_PARAM_FILE_RO},
    [FILE_RW] = {.name = "disk", .def = "", .help = "what is changed", .type = VOLT_PARAM_FILE_RW},
    [STREAM] = {.name = "out", .def = "null", .help = "peer", .type = VOLT_PARAM_STREAM},
};

static const struct volt_counter counters[] = {{"first", "one"}, {"second", "two"}};

static struct machine *m;
static struct volt_plugin plugin;
static int init_answer;
static const struct volt_args *args_seen;
static struct volt_value values_seen[5];
static uint8_t first_byte;

static int toy_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	args_seen = a;
	first_byte = *(uint8_t *)self;
	for (unsigned i = 0; i < a->value_count; i++)
		values_seen[i] = *volt_arg(a, i);
	return init_answer;
}

static int setup(void **state)
{
	kit_log_start();
	m = kit_machine();
	init_answer = 0;
	plugin = (struct volt_plugin){VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE), .name = "toy",
	    .version = "1", .summary = "a toy", .instance_size = 64,
	    .param_stride = sizeof(params[0]), .param_count = sizeof(params) / sizeof(params[0]),
	    .params = params, .counter_stride = sizeof(counters[0]), .counter_count = 2,
	    .counters = counters, .init = toy_init};
	return 0;
}

static int teardown(void **state)
{
	kit_machine_finish(m);
	kit_remove_dir();
	return 0;
}

/* The shared descriptor is checked, refused, and put back. */
static void refused(const char *reason)
{
	kit_log_clear();
	assert_null(kit_instance(m, &plugin, ""));
	assert_int_equal(kit_log_lines(), 1);
	if (!kit_logged(reason) || !kit_logged("toy.so"))
		fail_msg("expected \"%s\" in \"%s\"", reason, kit_log());
}

static void refused_text(const char *text, const char *reason)
{
	kit_log_clear();
	assert_null(kit_instance(m, &plugin, text));
	assert_int_equal(kit_log_lines(), 1);
	if (!kit_logged(reason) || !kit_logged("toy"))
		fail_msg("expected \"%s\" in \"%s\"", reason, kit_log());
}

/* ----------------------------------------------------------------- descriptor */

/* HOLDS(R1, R6) */
static void malformed_descriptors_are_refused_with_the_field(void **state)
{
	static const struct volt_param bad = {.name = "Bad", .help = "x", .type = VOLT_PARAM_UINT};
	static const struct volt_counter twins[] = {{"same", "one"}, {"same", "two"}};
	static const struct volt_counter bad_counters[] = {
	    {"first", "one\nof two"}, {"9th", "two"}, {"third", "three"}};
	const struct volt_plugin good = plugin;

	plugin = good, plugin.size = offsetof(struct volt_plugin, get_ext), refused("size");
	plugin = good, plugin.abi_major = VOLT_ABI_MAJOR + 1, refused("ABI major");
	plugin = good, plugin.kind = 0, refused("kind");
	plugin = good, plugin.flags = 1u << 31, refused("flags");
	plugin = good, plugin.kind = 4, refused("kind");
	plugin = good, plugin.instance_size = 0, refused("instance_size");
	plugin = good, plugin.instance_size = (16u << 20) + 1, refused("instance_size");
	plugin = good, plugin.init = NULL, refused("no init");
	plugin = good, plugin.counters = NULL, refused("counters");
	plugin = good, plugin.counter_stride = 8, refused("counters");
	plugin = good, plugin.counter_count = 1025, refused("table of counters is malformed");
	plugin = good, plugin.counters = bad_counters, refused("a counter is malformed");
	plugin = good, plugin.counters = twins, refused("a counter is malformed");
	plugin = good, plugin.counters = bad_counters + 1, refused("a counter is malformed");
	plugin = good, plugin.need_count = 1, refused("needs");
	plugin = good, plugin.params = &bad, plugin.param_count = 1, refused("Bad");
	plugin = good, plugin.param_count = 33, refused("33");
	plugin = good, plugin.param_stride = 8, refused("param_stride");
}

static const struct volt_field state_field_1 = {
    .name = "beyond", .offset = 64, .stride = 1, .count = 1, .type = VOLT_F_U8};
static const struct volt_state state_table = {.size = sizeof(state_table),
    .version = 1,
    .oldest = 1,
    .field_stride = sizeof(state_field_1),
    .field_count = 1,
    .fields = &state_field_1};

static const void *offer_state(const char *id)
{
	return strcmp(id, VOLT_EXT_STATE) ? NULL : &state_table;
}

static void a_table_of_state_that_leaves_the_instance_is_refused(void **state)
{
	plugin.get_ext = offer_state;
	struct instance *i = kit_instance(m, &plugin, "");
	assert_int_equal(instance_wire(i), 0);
	assert_ptr_equal(i->saved, &state_table);
	assert_int_equal(instance_check_state(i), -EINVAL);
	assert_true(
	    kit_logged("toy refused: volt.state/1: field 0 (beyond): it leaves the instance"));
	plugin.instance_size = 65;
	i = kit_instance(m, &plugin, "");
	assert_int_equal(instance_wire(i), 0);
	assert_int_equal(instance_check_state(i), 0);
}

static void names_are_lower_case_words(void **state)
{
	static const char *const bad[] = {
	    "", "Toy", "1toy", "-toy", "to_y", "to y", "to/y", "abcdefghijklmnopqrstuvwxyz0123456"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		plugin.name = bad[i];
		refused("name");
	}
	plugin.name = NULL;
	refused("name");
	plugin.name = "abcdefghijklmnopqrstuvwxyz012345"; /* 32 */
	assert_non_null(kit_instance(m, &plugin, ""));
	assert_non_null(kit_instance(m, &plugin, ""));
	assert_true(strlen(m->instances[1]->callee.id) <= 32);
	assert_string_not_equal(m->instances[0]->callee.id, m->instances[1]->callee.id);
}

/* HOLDS(R2) */
static void a_larger_descriptor_of_a_newer_plugin_is_taken(void **state)
{
	struct {
		struct volt_plugin plugin;
		uint64_t more[4];
	} newer = {.plugin = plugin};

	newer.plugin.size = sizeof(newer);
	newer.plugin.abi_minor = VOLT_ABI_MINOR + 1;
	assert_non_null(kit_instance(m, &newer.plugin, ""));
}

/* HOLDS(R5) */
static void empty_slots_get_defaults(void **state)
{
	struct instance *i = kit_instance(m, &plugin, "");

	i->plugin.reset(i->callee.self);
	assert_int_equal(i->plugin.start(i->callee.self), 0);
	i->plugin.fini(i->callee.self);
	assert_null(i->plugin.get_ext("volt.anything/1"));
	assert_null(i->irqchip);
	assert_null(i->attention);
	assert_null(i->sandbox);
}

static const void *offer_irqchip(const char *id)
{
	static const struct volt_irqchip table = {.size = sizeof(table)};

	return strcmp(id, VOLT_EXT_IRQCHIP) == 0 ? &table : NULL;
}

/* A device's access holds its filters' locks, and its line would take the controller's. */
static void only_a_device_is_asked_for_an_irqchip(void **state)
{
	plugin.get_ext = offer_irqchip;
	struct instance *device = kit_instance(m, &plugin, "");
	plugin.kind = VOLT_KIND_FILTER;
	struct instance *filter = kit_instance(m, &plugin, "on=toy");

	instance_wire(device);
	instance_wire(filter);
	assert_non_null(device->irqchip);
	assert_null(filter->irqchip);
}

static void the_state_is_zeroed_and_each_instance_has_its_own(void **state)
{
	struct instance *a = kit_instance(m, &plugin, ""), *b = kit_instance(m, &plugin, "");

	memset(a->callee.self, 0xff, plugin.instance_size);
	assert_int_equal(instance_wire(b), 0);
	assert_int_equal(first_byte, 0);
	assert_ptr_not_equal(a->host.counters, b->host.counters);
	assert_int_equal(a->host.counters[0] | a->host.counters[1], 0);
}

/* ------------------------------------------------------------------------ ids */

static void an_id_is_the_name_numbered_from_two(void **state)
{
	assert_string_equal(kit_instance(m, &plugin, "")->callee.id, "toy");
	assert_string_equal(kit_instance(m, &plugin, "")->callee.id, "toy.2");
	assert_string_equal(kit_instance(m, &plugin, NULL)->callee.id, "toy.3");
	plugin.name = "other";
	assert_string_equal(kit_instance(m, &plugin, "")->callee.id, "other");
}

static void an_id_can_be_given(void **state)
{
	assert_string_equal(
	    kit_instance(m, &plugin, "id=Console_1.a-b")->callee.id, "Console_1.a-b");
	assert_string_equal(kit_instance(m, &plugin, "base=1,id=x")->callee.id, "x");
}

static void a_number_that_was_given_is_passed_over(void **state)
{
	assert_non_null(kit_instance(m, &plugin, "id=toy.2"));
	assert_string_equal(kit_instance(m, &plugin, "")->callee.id, "toy");
	assert_string_equal(kit_instance(m, &plugin, "")->callee.id, "toy.3");
}

static void an_id_given_twice_is_refused(void **state)
{
	assert_non_null(kit_instance(m, &plugin, "id=a"));
	refused_text("id=a", "id=a is already used");
	refused_text("id=a,id=b", "id: given twice");
	assert_non_null(kit_instance(m, &plugin, ""));
	refused_text("id=toy", "id=toy is already used");
}

static void a_malformed_id_is_refused(void **state)
{
	static const char *const bad[] = {"id=", "id", "id=a b", "id=.a", "id=a/b", "id=\x1b[2J",
	    "id=abcdefghijklmnopqrstuvwxyz0123456"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		refused_text(bad[i], "1 to 32 letters");
}

/* ----------------------------------------------------------------- parameters */

static void values_and_defaults_reach_init(void **state)
{
	struct instance *i = kit_instance(m, &plugin, "base=0x2f8,mode=fast");

	assert_int_equal(instance_wire(i), 0);
	assert_int_equal(args_seen->value_count, 5);
	assert_int_equal(values_seen[BASE].u, 0x2f8);
	assert_int_equal(values_seen[BASE].given, 1);
	assert_int_equal(values_seen[MODE].u, 1);
	assert_int_equal(values_seen[FILE_RO].fd, -1);
	assert_int_equal(values_seen[FILE_RO].given, 0);
	assert_int_equal(values_seen[STREAM].u, 0);
	assert_int_equal(m->streams.count, 1);
}

static void mistakes_name_the_key_the_value_and_what_is_right(void **state)
{
	refused_text("bsae=1", "did you mean base?");
	refused_text("base=65536", "0xffff");
	refused_text("base=1,base=2", "base: given twice");
	refused_text("base=", "base=");
	refused_text("mode=medium", "slow|fast");
	refused_text("out=telnet:1", "stdio, null, file:PATH");
	refused_text("out=stdio:1", "takes no path");
	refused_text(",", "empty parameter");
	assert_int_equal(m->instance_count, 0);
}

static void files_are_opened_as_their_type_says(void **state)
{
	char text[512];
	const char *path = kit_path("file");

	close(open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
	snprintf(text, sizeof(text), "in=%s,disk=%s", path, path);
	assert_int_equal(instance_wire(kit_instance(m, &plugin, text)), 0);
	int in = values_seen[FILE_RO].fd, disk = values_seen[FILE_RW].fd;

	assert_int_equal(fcntl(in, F_GETFL) & O_ACCMODE, O_RDONLY);
	assert_int_equal(fcntl(disk, F_GETFL) & O_ACCMODE, O_RDWR);
	assert_int_equal(fcntl(in, F_GETFD), FD_CLOEXEC);
	assert_string_equal(values_seen[FILE_RO].s, path);
	close(in);
	close(disk);
}

static void files_that_cannot_be_opened_are_named(void **state)
{
	char text[512];
	const char *fifo = kit_path("fifo");

	refused_text("in=/no/such/file", "/no/such/file: No such file");
	refused_text("in=/tmp", "directory");
	refused_text("disk=/tmp", "directory");
	/* A FIFO that nobody writes to is no reason to wait. */
	assert_int_equal(mkfifo(fifo, 0600), 0);
	snprintf(text, sizeof(text), "in=%s", fifo);
	struct instance *i = kit_instance(m, &plugin, text);
	if (i)
		close(i->params.values[FILE_RO].fd);
}

static void too_many_streams_are_refused(void **state)
{
	for (unsigned i = 0; i < STREAM_MAX; i++)
		assert_non_null(kit_instance(m, &plugin, ""));
	refused_text("", "more than 32 streams");
}

static void what_init_answers_is_passed_on(void **state)
{
	struct instance *i = kit_instance(m, &plugin, "");

	init_answer = -EBUSY;
	assert_int_equal(instance_wire(i), -EBUSY);
	init_answer = 7;
	assert_int_equal(instance_wire(i), -EINVAL);
	assert_true(kit_logged("init answered 7"));
}

static void destroying_nothing_is_fine(void **state)
{
	instance_destroy(NULL);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(malformed_descriptors_are_refused_with_the_field),
	    TEST(a_table_of_state_that_leaves_the_instance_is_refused),
	    TEST(names_are_lower_case_words),
	    TEST(a_larger_descriptor_of_a_newer_plugin_is_taken),
	    TEST(empty_slots_get_defaults),
	    TEST(only_a_device_is_asked_for_an_irqchip),
	    TEST(the_state_is_zeroed_and_each_instance_has_its_own),
	    TEST(an_id_is_the_name_numbered_from_two),
	    TEST(an_id_can_be_given),
	    TEST(a_number_that_was_given_is_passed_over),
	    TEST(an_id_given_twice_is_refused),
	    TEST(a_malformed_id_is_refused),
	    TEST(values_and_defaults_reach_init),
	    TEST(mistakes_name_the_key_the_value_and_what_is_right),
	    TEST(files_are_opened_as_their_type_says),
	    TEST(files_that_cannot_be_opened_are_named),
	    TEST(too_many_streams_are_refused),
	    TEST(what_init_answers_is_passed_on),
	    TEST(destroying_nothing_is_fine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
