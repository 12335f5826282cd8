/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <volt/fake_driver.h>

/* After Volt's headers: it has a macro called fail. */
#include <cmocka.h>

#define RAM      0x100000u
#define RAM_SIZE 0x20000u
#define FEATURES (UINT64_C(3) << 28 | UINT64_C(1) << 32)

extern const struct volt_plugin volt_plugin_virtio_rng;

static char source[] = "/tmp/volt-rng-XXXXXX";
static struct fake_driver *driver;

/* A source of known bytes: 100,000 times 0x5a. */
static int make_source(void **state)
{
	static char bytes[100000];
	const int fd = mkstemp(source);

	memset(bytes, 0x5a, sizeof(bytes));
	if (fd < 0 || write(fd, bytes, sizeof(bytes)) != sizeof(bytes))
		return -1;
	return close(fd);
}

static int remove_source(void **state)
{
	return unlink(source);
}

static int setup(void **state)
{
	struct fake_host *f = fake_host_create(&volt_plugin_virtio_rng);
	char params[64];

	snprintf(params, sizeof(params), "source=%s", source);
	if (fake_host_wire(f, params) || fake_host_run(f))
		return -1;
	driver = fake_driver_create(f, RAM, RAM_SIZE);
	*state = f;
	return !fake_driver_start(driver, FEATURES, 1, 8);
}

static int teardown(void **state)
{
	fake_driver_destroy(driver);
	fake_host_destroy(*state);
	return 0;
}

/* Bytes that a request for `n` of them got, or -1: it did not come back. */
static long request(uint64_t gpa, uint32_t n, bool writable)
{
	const struct fake_segment s = {gpa, n, writable};
	uint32_t head, len;

	if (fake_driver_add(driver, 0, &s, 1, FAKE_DIRECT) < 0)
		return -1;
	fake_driver_kick(driver, 0);
	return fake_driver_used(driver, 0, &head, &len) ? (long)len : -1;
}

static void it_is_an_entropy_device(void **state)
{
	assert_int_equal(fake_driver_get(driver, FAKE_REG_DEVICE_ID), 4);
	assert_int_equal(fake_driver_offered(driver), FEATURES);
}

static void a_buffer_is_filled_and_not_a_byte_more(void **state)
{
	const uint64_t at = RAM + 0x8000;

	assert_int_equal(request(at, 64, true), 64);
	assert_int_equal(fake_driver_at(driver, at)[63], 0x5a);
	assert_int_equal(fake_driver_at(driver, at)[64], 0);
	assert_int_equal(fake_counter(*state, "bytes"), 64);
}

static void a_long_request_gets_64_kib(void **state)
{
	assert_int_equal(request(RAM + 0x8000, 0x11000, true), 65536);
}

static void a_length_beyond_memory_is_refused(void **state)
{
	assert_int_equal(request(RAM + 0x8000, 0xffffffff, true), -1);
	assert_int_equal(fake_driver_at(driver, RAM + 0x8000)[0], 0);
	assert_int_equal(fake_counter(*state, "broken"), 1);
}

static void a_request_without_a_buffer_gets_nothing(void **state)
{
	assert_int_equal(request(RAM + 0x8000, 64, false), 0);
	assert_int_equal(fake_driver_at(driver, RAM + 0x8000)[0], 0);
	assert_int_equal(fake_counter(*state, "failed"), 1);
}

static void a_source_that_ends_gives_nothing(void **state)
{
	assert_int_equal(request(RAM + 0x8000, 65536, true), 65536);
	assert_int_equal(request(RAM + 0x8000, 65536, true), 100000 - 65536);
	assert_int_equal(request(RAM + 0x8000, 1, true), 0);
}

static void a_source_that_is_not_there_is_named(void **state)
{
	struct fake_host *f = fake_host_create(&volt_plugin_virtio_rng);

	assert_true(fake_host_wire(f, "source=/nowhere/random") < 0);
	assert_non_null(strstr(fake_host_message(f), "/nowhere/random"));
	fake_host_destroy(f);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(it_is_an_entropy_device),
	    T(a_buffer_is_filled_and_not_a_byte_more),
	    T(a_long_request_gets_64_kib),
	    T(a_length_beyond_memory_is_refused),
	    T(a_request_without_a_buffer_gets_nothing),
	    T(a_source_that_ends_gives_nothing),
	    T(a_source_that_is_not_there_is_named),
	};
#undef T
	return cmocka_run_group_tests(tests, make_source, remove_source);
}
