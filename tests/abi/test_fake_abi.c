/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * The ABI under the fake host: the order of calls, plugins larger than it knows, and every
 * piece of the museum. tests/guest/cases_abi.py asks the same of the real one.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <volt/fake_host.h>

extern const struct volt_plugin volt_plugin_relic, volt_plugin_growth;

static const char *museum;

#define BASE 0x6f0

static void assert_told(struct fake_host *f, unsigned count, const char *what)
{
	unsigned found;
	const char *newest = fake_host_logged(f, &found);

	assert_string_equal(newest, what);
	assert_int_equal(found, count);
}

static void calls_come_in_order_on_one_thread(void **state)
{
	struct fake_host *f = fake_host_create(&volt_plugin_relic);

	assert_int_equal(fake_host_wire(f, NULL), 0);
	assert_told(f, 1, "init 0 t0");
	assert_int_equal(fake_host_run(f), 0); /* reset, the stream's event, start */
	assert_told(f, 4, "start 0 t0");
	assert_int_equal(fake_in(f, BASE), 5);
	assert_told(f, 5, "read 0 t0");
	fake_attention(f);
	assert_told(f, 6, "attention 0 t0");
	fake_advance(f, 1);
	assert_told(f, 7, "timer 0 t0");
	assert_int_equal(fake_run_workers(f), 1);
	assert_told(f, 8, "job 0 t0");
	assert_int_equal(fake_counter(f, "calls"), 8);
	fake_host_destroy(f);
}

static void a_later_reset_is_one_call(void **state)
{
	struct fake_host *f = fake_host_create(&volt_plugin_relic);

	assert_int_equal(fake_host_wire(f, NULL), 0);
	assert_int_equal(fake_host_run(f), 0);
	fake_host_reset(f);
	assert_told(f, 5, "reset 0 t0");
	fake_host_destroy(f);
}

static void a_start_that_fails_is_told(void **state)
{
	struct fake_host *f = fake_host_create(&volt_plugin_relic);

	assert_int_equal(fake_host_wire(f, "fail=start"), 0);
	assert_true(fake_host_run(f) < 0);
	assert_told(f, 4, "start 0 t0");
	fake_host_destroy(f);
}

static void an_init_that_fails_is_told(void **state)
{
	struct fake_host *f = fake_host_create(&volt_plugin_relic);

	assert_true(fake_host_wire(f, "fail=init") < 0);
	assert_string_equal(fake_host_message(f), "told to fail in init");
	fake_host_destroy(f);
}

/* HOLDS(R3) */
static void a_larger_plugin_works(void **state)
{
	struct fake_host *f = fake_host_create(&volt_plugin_growth);

	assert_int_equal(fake_host_wire(f, "first=0x31"), 0);
	assert_int_equal(fake_host_run(f), 0);
	assert_int_equal(fake_in(f, 0x6e0), 0x31);
	fake_out(f, 0x6e0, 0x5a);
	assert_int_equal(fake_in(f, 0x6e0), 0x5a);
	assert_int_equal(fake_counter(f, "reads"), 2);
	fake_host_destroy(f);
}

/* Members that the other side lacks are not there, whatever lies in memory behind. */
/* HOLDS(R2) */
static void has_tells_what_the_other_side_knows(void **state)
{
	struct volt_host h = {.size = offsetof(struct volt_host, get_ext)};

	assert_true(VOLT_HAS(&h, request));
	assert_false(VOLT_HAS(&h, get_ext));
	h.size += sizeof(h.get_ext) - 1;
	assert_false(VOLT_HAS(&h, get_ext));
	h.size++;
	assert_true(VOLT_HAS(&h, get_ext));
}

/* HOLDS(R3) */
static void values_are_found_by_the_stride_that_the_host_gives(void **state)
{
	struct {
		struct volt_value known;
		uint64_t unknown[3];
	} rows[] = {{.known.u = 1, .unknown = {7, 7, 7}}, {.known.u = 2}};
	const struct volt_args a = {.size = sizeof(a),
	    .value_stride = sizeof(rows[0]),
	    .value_count = 2,
	    .values = &rows[0].known};

	assert_int_equal(volt_arg(&a, 0)->u, 1);
	assert_int_equal(volt_arg(&a, 1)->u, 2);
}

static void run_piece(const char *path)
{
	void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);

	if (!library)
		fail_msg("%s: %s", path, dlerror());
	const struct volt_plugin *plugin = dlsym(library, "volt_plugin");
	assert_non_null(plugin);
	struct fake_host *f = fake_host_create(plugin);
	assert_int_equal(fake_host_wire(f, NULL), 0);
	assert_int_equal(fake_host_run(f), 0);
	for (unsigned i = 0; i < fake_range_count(f); i++) {
		const struct volt_range *r = fake_range(f, i);
		uint32_t n = r->sizes & 1 ? 1 : 4;

		fake_read(f, r->space, r->base, n);
		fake_write(f, r->space, r->base, n, 0);
	}
	fake_advance(f, 1000000000);
	fake_run_workers(f);
	fake_host_reset(f);
	fake_host_destroy(f);
}

/* HOLDS(R9) */
static void every_piece_of_the_museum_runs(void **state)
{
	DIR *d = opendir(museum);
	unsigned count = 0;
	struct dirent *e;

	assert_non_null(d);
	while ((e = readdir(d))) {
		char path[4096];
		size_t n = strlen(e->d_name);

		if (n < 3 || strcmp(e->d_name + n - 3, ".so") != 0)
			continue;
		snprintf(path, sizeof(path), "%s/%s", museum, e->d_name);
		print_message("%s\n", e->d_name);
		run_piece(path);
		count++;
	}
	closedir(d);
	assert_true(count > 0);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(calls_come_in_order_on_one_thread),
	    cmocka_unit_test(a_later_reset_is_one_call),
	    cmocka_unit_test(a_start_that_fails_is_told),
	    cmocka_unit_test(an_init_that_fails_is_told),
	    cmocka_unit_test(a_larger_plugin_works),
	    cmocka_unit_test(has_tells_what_the_other_side_knows),
	    cmocka_unit_test(values_are_found_by_the_stride_that_the_host_gives),
	    cmocka_unit_test(every_piece_of_the_museum_runs),
	};

	if (argc != 2) {
		fprintf(stderr, "usage: %s MUSEUM\n", argv[0]);
		return 2;
	}
	museum = argv[1];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
