/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* volt.region/1: files as memory of devices. The contract is volt/draft/region.h. */
#include "tests/core/kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/vm/host_region.h"

#define MIB (1ull << 20)

static const struct volt_param params[] = {
    {.name = "file", .help = "a file", .type = VOLT_PARAM_DISK},
    {.name = "private", .def = "off", .help = "its own", .type = VOLT_PARAM_BOOL},
};

static int toy_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	return 0;
}

static const struct volt_plugin toy = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "toy",
    .version = "1",
    .summary = "a toy",
    .instance_size = 8,
    VOLT_PARAMS(params),
    .init = toy_init,
};

static struct machine *m;
static struct instance *one;
static const struct volt_region *regions;
static struct volt_region_want want;
static char path[32];

/* 4 MiB and 100 bytes, of which the first and the last are marked. */
static int setup(void **state)
{
	char spec[64];

	kit_log_start();
	snprintf(path, sizeof(path), "/tmp/volt-region-XXXXXX");
	const int fd = mkstemp(path);
	if (fd < 0 || ftruncate(fd, 4 * MIB + 100) || pwrite(fd, "a", 1, 0) != 1 ||
	    pwrite(fd, "z", 1, 4 * MIB + 99) != 1)
		return -1;
	close(fd);
	m = kit_machine();
	snprintf(spec, sizeof(spec), "file=%s", path);
	one = kit_instance(m, &toy, spec);
	regions = one->host.get_ext(&one->host, VOLT_EXT_REGION);
	want = (struct volt_region_want){
	    .size = sizeof(want), .name = "bytes", .fd = one->params.values[0].fd, .len = 4 * MIB};
	return !regions;
}

static int teardown(void **state)
{
	kit_machine_finish(m);
	unlink(path);
	return 0;
}

static int add(uint64_t *gpa)
{
	return regions->add(&one->host, &want, gpa);
}

static void malformed_wishes_are_refused(void **state)
{
	const struct volt_region_want good = want;
	uint64_t gpa = 7;

	want.size--;
	assert_int_equal(add(&gpa), -EINVAL);
	want = good;
	want.name = NULL;
	assert_int_equal(add(&gpa), -EINVAL);
	want = good;
	want.reserved = 1;
	assert_int_equal(add(&gpa), -EINVAL);
	want = good;
	want.fd = 0; /* the host's, and not a parameter */
	assert_int_equal(add(&gpa), -EINVAL);
	want = good;
	for (want.flags = 3; want.flags; want.flags <<= 1)
		assert_int_equal(add(&gpa), -EINVAL);
	want.len = 0;
	assert_int_equal(add(&gpa), -EINVAL);
	want.len =
	    2 * MIB + 4096; /* the guest may write, and what is behind the file would be lost */
	assert_int_equal(add(&gpa), -EINVAL);
	want.len = UINT64_MAX - 2 * MIB + 1;
	assert_int_equal(add(&gpa), -EINVAL);
	assert_int_equal(gpa, 7);
	assert_int_equal(m->memory.region_count, 0);
	m->sealed = true;
	want = good;
	assert_int_equal(add(&gpa), -EPERM);
	m->sealed = false;
}

static uint8_t byte_at(uint64_t off)
{
	char got = 0;
	const int fd = one->params.values[0].fd;

	assert_int_equal(pread(fd, &got, 1, (off_t)off), 1);
	return (uint8_t)got;
}

static void a_region_is_the_file(void **state)
{
	const struct memory_region *r = &m->memory.regions[0];
	uint64_t gpa = 0;

	assert_int_equal(add(&gpa), 0);
	assert_int_equal(m->memory.region_count, 1);
	assert_int_equal(r->gpa, gpa);
	assert_int_equal(r->len, 4 * MIB);
	assert_int_equal((uintptr_t)r->host % (2 * MIB), 0);
	assert_false(r->read_only);
	assert_int_equal(r->host[0], 'a');
	r->host[4 * MIB - 1] = 'm';
	assert_int_equal(byte_at(4 * MIB - 1), 'm');
}

static int touch(void *at)
{
	return *(volatile uint8_t *)at;
}

static int scribble(void *at)
{
	*(volatile uint8_t *)at = 1;
	return 0;
}

static void what_is_only_read_cannot_be_written_and_ends_with_zeros(void **state)
{
	const struct memory_region *r = &m->memory.regions[0];
	uint64_t gpa;

	want.flags = VOLT_REGION_READ_ONLY;
	want.len = 4 * MIB + 100;
	assert_int_equal(add(&gpa), 0);
	assert_true(r->read_only);
	assert_int_equal(r->len, 6 * MIB);
	assert_int_equal(r->host[4 * MIB + 99], 'z');
	assert_int_equal(r->host[4 * MIB + 100], 0);
	assert_int_equal(r->host[6 * MIB - 1], 0);
	assert_true(kit_faults(touch, r->host)); /* in a child, which does not have it */
	assert_int_equal(madvise(r->host, r->len, MADV_DOFORK), 0);
	assert_false(kit_faults(touch, r->host));
	assert_true(kit_faults(scribble, r->host));
	assert_true(kit_faults(scribble, r->host + 6 * MIB - 1));
	assert_true(kit_faults(touch, r->host - 1));
	assert_true(kit_faults(touch, r->host + 6 * MIB));
}

static void what_is_private_leaves_the_file_alone(void **state)
{
	const struct memory_region *r = &m->memory.regions[0];
	uint64_t gpa;

	want.flags = VOLT_REGION_PRIVATE;
	assert_int_equal(add(&gpa), 0);
	assert_false(r->read_only);
	r->host[0] = 'b';
	assert_int_equal(byte_at(0), 'a');
}

static void there_are_sixteen_and_each_has_its_place(void **state)
{
	uint64_t gpa = 0, before = 0;

	want.flags = VOLT_REGION_READ_ONLY;
	for (unsigned i = 0; i < 16; i++, before = gpa) {
		assert_int_equal(add(&gpa), 0);
		assert_int_equal(gpa % (128 * MIB), 0);
		assert_true(gpa >= MEMORY_HIGH_START && gpa >= before + 128 * MIB * (i > 0));
	}
	assert_int_equal(add(&gpa), -ENOSPC);
	assert_int_equal(bus_seal(&m->bus), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(malformed_wishes_are_refused),
	    TEST(a_region_is_the_file),
	    TEST(what_is_only_read_cannot_be_written_and_ends_with_zeros),
	    TEST(what_is_private_leaves_the_file_alone),
	    TEST(there_are_sixteen_and_each_has_its_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
