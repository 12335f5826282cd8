/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Guest RAM: where it lies, what may be reached of it, and what surrounds it. */
#include "tests/core/kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#define MIB (1ull << 20)
#define GIB (1ull << 30)

static struct memory memory;

/* ----------------------------------------------- mmap(), as the test wants it */

static void *reservation_at; /* where the next PROT_NONE mapping goes, or NULL */
static int mmaps_until_failure;

void *__real_mmap(void *at, size_t n, int prot, int flags, int fd, off_t off);
void *__wrap_mmap(void *at, size_t n, int prot, int flags, int fd, off_t off);
void *__wrap_mmap64(void *at, size_t n, int prot, int flags, int fd, off_t off);

void *__wrap_mmap(void *at, size_t n, int prot, int flags, int fd, off_t off)
{
	if (mmaps_until_failure > 0 && --mmaps_until_failure == 0) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	if (prot == PROT_NONE && reservation_at) {
		at = reservation_at;
		flags |= MAP_FIXED_NOREPLACE;
	}
	return __real_mmap(at, n, prot, flags, fd, off);
}

void *__wrap_mmap64(void *at, size_t n, int prot, int flags, int fd, off_t off)
{
	return __wrap_mmap(at, n, prot, flags, fd, off);
}

static int setup(void **state)
{
	kit_log_start();
	reservation_at = NULL;
	mmaps_until_failure = 0;
	return 0;
}

static int teardown(void **state)
{
	memory_finish(&memory);
	return 0;
}

static void init(uint64_t size)
{
	assert_int_equal(memory_init(&memory, size, false), 0);
}

/* --------------------------------------------------------------------- layout */

static void ram_is_split_around_the_hole(void **state)
{
	static const struct {
		uint64_t size, low, high;
	} rows[] = {
	    {2 * MIB, 2 * MIB, 0},
	    {128 * MIB, 128 * MIB, 0},
	    {3 * GIB - 4096, 3 * GIB - 4096, 0},
	    {3 * GIB, 3 * GIB, 0},
	    {3 * GIB + 4096, 3 * GIB, 4096},
	    {4 * GIB, 3 * GIB, GIB},
	    {5 * GIB, 3 * GIB, 2 * GIB},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		init(rows[i].size);
		assert_int_equal(memory.low_size, rows[i].low);
		assert_int_equal(memory.high_size, rows[i].high);
		memory_finish(&memory);
	}
}

static void ram_is_zeroed_and_writable_to_its_last_byte(void **state)
{
	init(3 * GIB + 4096);
	uint8_t *last = memory_at(&memory, 4 * GIB + 4095, 1);
	uint8_t *middle = memory_at(&memory, 3 * GIB - 1, 1);

	assert_int_equal(*last | *middle | memory.host[0], 0);
	*last = *middle = memory.host[0] = 1;
}

/* One mask tells guest memory from all else, with MEMORY_ALONE bytes behind. */
/* HOLDS(security) */
static void alone_nothing_else_lies_in_its_window(void **state)
{
	static const uint64_t sizes[] = {2 * MIB, 20 * MIB, 28 * MIB, 29 * MIB, 5 * GIB};
	static const uint64_t windows[] = {8 * MIB, 32 * MIB, 32 * MIB, 64 * MIB, 8 * GIB};

	memory.alone = true;
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		init(sizes[i]);
		assert_int_equal(memory_window(&memory), windows[i]);
		assert_int_equal((uintptr_t)memory.host % windows[i], 0);
		for (uint64_t at = sizes[i]; at < windows[i]; at += windows[i] / 8)
			assert_ptr_equal(
			    __real_mmap(memory.host + at, 4096, PROT_NONE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0),
			    MAP_FAILED);
		memory_finish(&memory);
		memory.alone = true;
	}
	memory.alone = false;
}

static void huge_pages_that_the_host_lacks_are_said(void **state)
{
	mmaps_until_failure = 2; /* the reservation succeeds */
	assert_int_equal(memory_init(&memory, 4 * MIB, true), -ENOMEM);
	assert_int_equal(kit_log_lines(), 1);
	assert_true(kit_logged("fewer than 2 free huge pages of 2M"));
	assert_true(kit_logged("nr_hugepages"));
	assert_null(memory.host);
}

static void a_plan_says_where_ram_will_be(void **state)
{
	memory_plan(&memory, 3 * GIB + 4096);
	assert_true(memory_overlaps(&memory, 3 * GIB - 1, 1));
	assert_false(memory_overlaps(&memory, 3 * GIB, GIB));
	assert_true(memory_overlaps(&memory, 4 * GIB, 1));
	assert_false(memory_overlaps(&memory, 4 * GIB + 4096, 1));
	assert_null(memory.host);
}

static void a_refused_mapping_is_said_and_leaves_nothing(void **state)
{
	for (int call = 1; call <= 2; call++) {
		kit_log_clear();
		mmaps_until_failure = call;
		assert_int_equal(memory_init(&memory, 128 * MIB, false), -ENOMEM);
		assert_int_equal(kit_log_lines(), 1);
		assert_true(kit_logged("128 MiB"));
		assert_null(memory.host);
	}
}

/* ------------------------------------------------------------------ memory_at */

static void memory_at_knows_the_edges_of_low_ram(void **state)
{
	init(64 * MIB);
	assert_ptr_equal(memory_at(&memory, 0, 64 * MIB), memory.host);
	assert_ptr_equal(memory_at(&memory, 64 * MIB - 1, 1), memory.host + 64 * MIB - 1);
	assert_null(memory_at(&memory, 64 * MIB - 1, 2));
	assert_null(memory_at(&memory, 64 * MIB, 1));
	assert_null(memory_at(&memory, 0, 64 * MIB + 1));
	assert_null(memory_at(&memory, 4 * GIB, 1));
}

static void memory_at_knows_the_edges_of_high_ram(void **state)
{
	init(3 * GIB + 8192);
	assert_ptr_equal(memory_at(&memory, 4 * GIB, 8192), memory.host + 3 * GIB);
	assert_ptr_equal(memory_at(&memory, 4 * GIB + 8191, 1), memory.host + 3 * GIB + 8191);
	assert_null(memory_at(&memory, 4 * GIB + 8191, 2));
	assert_null(memory_at(&memory, 4 * GIB + 8192, 1));
	assert_null(memory_at(&memory, 4 * GIB - 1, 1));
	assert_null(memory_at(&memory, 3 * GIB, 1));
}

static void memory_at_never_spans_the_hole(void **state)
{
	init(5 * GIB);
	assert_non_null(memory_at(&memory, 0, 3 * GIB));
	assert_null(memory_at(&memory, 0, 3 * GIB + 1));
	assert_null(memory_at(&memory, 3 * GIB - 1, 2));
}

static void memory_at_of_no_bytes_asks_for_a_valid_address(void **state)
{
	init(64 * MIB);
	assert_ptr_equal(memory_at(&memory, 0, 0), memory.host);
	assert_non_null(memory_at(&memory, 64 * MIB - 1, 0));
	assert_null(memory_at(&memory, 64 * MIB, 0));
	assert_null(memory_at(&memory, UINT64_MAX, 0));
}

static void memory_at_does_not_overflow(void **state)
{
	init(5 * GIB);
	assert_null(memory_at(&memory, 1, UINT64_MAX));
	assert_null(memory_at(&memory, 4096, UINT64_MAX - 4095));
	assert_null(memory_at(&memory, 4 * GIB + 1, UINT64_MAX));
	assert_null(memory_at(&memory, UINT64_MAX, 1));
	assert_null(memory_at(&memory, UINT64_MAX - 7, 8));
}

/* ----------------------------------------------------------- memory_overlaps */

static void memory_overlaps_is_true_only_where_ram_is(void **state)
{
	init(3 * GIB + 4096);
	assert_true(memory_overlaps(&memory, 0, 1));
	assert_true(memory_overlaps(&memory, 3 * GIB - 1, 1));
	assert_false(memory_overlaps(&memory, 3 * GIB, GIB));
	assert_true(memory_overlaps(&memory, 3 * GIB, GIB + 1));
	assert_true(memory_overlaps(&memory, 4 * GIB + 4095, 1));
	assert_false(memory_overlaps(&memory, 4 * GIB + 4096, 1ull << 40));
	assert_false(memory_overlaps(&memory, 0, 0));
	assert_true(memory_overlaps(&memory, 3 * GIB, UINT64_MAX));
	assert_false(memory_overlaps(&memory, UINT64_MAX, 1));
}

static void nothing_overlaps_high_ram_that_is_not_there(void **state)
{
	init(3 * GIB);
	assert_false(memory_overlaps(&memory, 3 * GIB, UINT64_MAX));
	assert_false(memory_overlaps(&memory, 4 * GIB, 1));
}

/* --------------------------------------------------------------------- guards */

static int touch(void *at)
{
	*(volatile uint8_t *)at = 1;
	return 0;
}

static void the_pages_around_ram_fault(void **state)
{
	init(4 * MIB);
	uint8_t *end = memory.host + 4 * MIB;

	assert_true(kit_faults(touch, memory.host - 1));
	assert_true(kit_faults(touch, memory.host - 65536));
	assert_true(kit_faults(touch, end));
	assert_true(kit_faults(touch, end + 65535));
}

/* Wherever the kernel puts it, however near to an aligned address. */
static void the_guards_are_whole_and_finish_frees_no_more(void **state)
{
	uint8_t *area =
	    __real_mmap(NULL, 32 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint8_t *aligned = (uint8_t *)(((uintptr_t)area + 4 * MIB) & ~(uintptr_t)(2 * MIB - 1));

	assert_ptr_not_equal(area, MAP_FAILED);
	for (unsigned pages = 0; pages <= 17; pages++) {
		uint8_t *at = aligned - 4096 * pages;

		assert_int_equal(munmap(at, 6 * MIB), 0);
		reservation_at = at;
		init(2 * MIB);
		assert_true(memory.host - at >= 65536);
		memory_finish(&memory);
		reservation_at = NULL;
		at[-1] = 1; /* the neighbour is still there */
		assert_ptr_equal(__real_mmap(at, 6 * MIB, PROT_READ | PROT_WRITE,
				     MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0),
		    at);
	}
	munmap(area, 32 * MIB);
}

static int read_ram(void *at)
{
	return *(volatile uint8_t *)at;
}

static void children_get_no_guest_memory(void **state)
{
	init(4 * MIB);
	assert_true(kit_faults(read_ram, memory.host));
}

/* In order: low RAM, then high RAM. Whoever has the file can change bytes, and not its size. */
static void shared_ram_is_a_file_of_a_fixed_size(void **state)
{
	memory.shared = true;
	init(3 * GIB + 4096);
	const uint8_t mark = 0x5a;

	assert_int_equal(pwrite(memory.fd, &mark, 1, 3 * GIB), 1);
	assert_int_equal(*(uint8_t *)memory_at(&memory, 4 * GIB, 1), mark);
	*(uint8_t *)memory_at(&memory, 8192, 1) = 0x17;
	uint8_t seen;
	assert_int_equal(pread(memory.fd, &seen, 1, 8192), 1);
	assert_int_equal(seen, 0x17);
	assert_int_equal(ftruncate(memory.fd, 4096), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(ftruncate(memory.fd, 8 * GIB), -1);
	assert_int_equal(errno, EPERM);
	assert_int_equal(fcntl(memory.fd, F_ADD_SEALS, F_SEAL_WRITE), -1);
}

static void the_guards_of_shared_ram_fault(void **state)
{
	memory.shared = true;
	init(4 * MIB);
	assert_true(kit_faults(read_ram, memory.host - 1));
	assert_true(kit_faults(read_ram, memory.host + 4 * MIB));
}

/* An access that KVM hands over, as its bytes are gone; but a write to what is only read is none.
 */
static void a_region_is_lost_where_kvm_does_not_reach_it(void **state)
{
	const uint64_t at = 4 * GIB;

	memory.regions[0] = (struct memory_region){.gpa = at, .len = 2 * MIB, .read_only = true};
	memory.regions[1] = (struct memory_region){.gpa = at + 128 * MIB, .len = 4 * MIB};
	memory.region_count = 2;
	assert_true(memory_region_is_lost(&memory, at, false));
	assert_false(memory_region_is_lost(&memory, at, true));
	assert_false(memory_region_is_lost(&memory, at - 1, false));
	assert_true(memory_region_is_lost(&memory, at + 2 * MIB - 1, false));
	assert_false(memory_region_is_lost(&memory, at + 2 * MIB, false));
	assert_true(memory_region_is_lost(&memory, at + 132 * MIB - 1, true));
	assert_false(memory_region_is_lost(&memory, at + 132 * MIB, true));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(ram_is_split_around_the_hole),
	    TEST(ram_is_zeroed_and_writable_to_its_last_byte),
	    TEST(alone_nothing_else_lies_in_its_window),
	    TEST(huge_pages_that_the_host_lacks_are_said),
	    TEST(a_plan_says_where_ram_will_be),
	    TEST(a_refused_mapping_is_said_and_leaves_nothing),
	    TEST(memory_at_knows_the_edges_of_low_ram),
	    TEST(memory_at_knows_the_edges_of_high_ram),
	    TEST(memory_at_never_spans_the_hole),
	    TEST(memory_at_of_no_bytes_asks_for_a_valid_address),
	    TEST(memory_at_does_not_overflow),
	    TEST(memory_overlaps_is_true_only_where_ram_is),
	    TEST(nothing_overlaps_high_ram_that_is_not_there),
	    TEST(the_pages_around_ram_fault),
	    TEST(the_guards_are_whole_and_finish_frees_no_more),
	    TEST(children_get_no_guest_memory),
	    TEST(shared_ram_is_a_file_of_a_fixed_size),
	    TEST(the_guards_of_shared_ram_fault),
	    TEST(a_region_is_lost_where_kvm_does_not_reach_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
