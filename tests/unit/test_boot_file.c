/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Exact reads when pread() is interrupted, stops short, fails or meets the end. The
 * linker puts __wrap_pread() in the place of pread() (-Wl,--wrap). */
#include "tests/unit/boot_kit.h" /* before cmocka.h, whose fail() is a macro */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/boot/file.h"

/* What the next calls do: bytes at most (0: end of file), or -errno; then all goes well. */
static const int *script;
static unsigned script_len, calls;
static size_t largest;

ssize_t __wrap_pread(int fd, void *to, size_t n, off_t off);
ssize_t __wrap_pread64(int fd, void *to, size_t n, off_t off);

ssize_t __wrap_pread(int fd, void *to, size_t n, off_t off)
{
	int step = calls < script_len ? script[calls] : (int)n;

	calls++;
	largest = n > largest ? n : largest;
	if (step < 0) {
		errno = -step;
		return -1;
	}
	size_t take = (size_t)step < n ? (size_t)step : n;
	for (size_t i = 0; i < take; i++)
		((uint8_t *)to)[i] = kit_pattern((uint64_t)off + i);
	return (ssize_t)take;
}

/* What pread() is called where off_t was made 64 bits wide by a macro. */
ssize_t __wrap_pread64(int fd, void *to, size_t n, off_t off)
{
	return __wrap_pread(fd, to, n, off);
}

static const struct boot_file file = {.fd = 9, .name = "KERNEL", .size = 4096};

static int read_with(const int *steps, unsigned count, uint64_t off, uint8_t *to, uint64_t len)
{
	script = steps;
	script_len = count;
	calls = 0;
	largest = 0;
	kit_errors = 0;
	return file_read(&file, off, to, len);
}

static void interrupted_and_short_reads_go_on(void **state)
{
	const int steps[] = {-EINTR, 1, 7, -EINTR, 100};
	uint8_t got[300];

	assert_int_equal(read_with(steps, 5, 50, got, sizeof(got)), 0);

	for (unsigned i = 0; i < sizeof(got); i++)
		assert_int_equal(got[i], kit_pattern(50 + i));
	assert_int_equal(calls, 6);
}

static void file_that_shrinks_is_an_error(void **state)
{
	const int steps[] = {100, 0};
	uint8_t got[300];

	assert_int_equal(read_with(steps, 2, 50, got, sizeof(got)), -EIO); /* A22 */

	assert_int_equal(kit_errors, 1);
	assert_string_equal(
	    kit_message, "KERNEL: ended at offset 150 of 4096: it shrank while read");
}

static void failing_disk_is_an_error(void **state)
{
	const int steps[] = {100, -EIO};
	uint8_t got[300];

	assert_int_equal(read_with(steps, 2, 0, got, sizeof(got)), -EIO); /* A22 */

	assert_int_equal(kit_errors, 1);
	assert_string_equal(kit_message, "KERNEL: cannot read at offset 100: Input/output error");
}

static void nothing_is_read_for_no_bytes(void **state)
{
	assert_int_equal(read_with(NULL, 0, 0, NULL, 0), 0);
	assert_int_equal(calls, 0);
}

static void long_reads_come_in_pieces(void **state)
{
	static uint8_t got[(16 << 20) + 1];

	assert_int_equal(read_with(NULL, 0, 0, got, sizeof(got)), 0);

	assert_int_equal(calls, 2);
	assert_int_equal(largest, 16 << 20);
	assert_int_equal(got[16 << 20], kit_pattern(16 << 20));
}

/* -------------------------------------------------------------------- placing */

#define PAGE ((size_t)4096)

static uint8_t *fresh; /* ten pages */

static int setup(void **state)
{
	script_len = calls = 0;
	fresh = mmap(NULL, 10 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return fresh == MAP_FAILED;
}

static int teardown(void **state)
{
	return munmap(fresh, 10 * PAGE);
}

/* With the bytes that the wrapped pread() gives as well. */
static struct boot_file real_file(bool map)
{
	return (struct boot_file){
	    .fd = kit_file(8 * PAGE), .name = "KERNEL", .size = 8 * PAGE, .map = map};
}

static void holds(uint64_t at, uint64_t off, uint64_t len)
{
	for (uint64_t i = 0; i < 10 * PAGE; i++)
		assert_int_equal(fresh[i], i >= at && i < at + len ? kit_pattern(off + i - at) : 0);
}

static void mapped_or_copied_the_bytes_are_the_same(void **state)
{
	static const struct {
		uint64_t at, off, len;
	} cases[] = {{0, 0, 8 * PAGE}, {PAGE, 2 * PAGE, PAGE}, {PAGE, PAGE, 3 * PAGE + 1},
	    {5, 5, 10}, {PAGE - 1, PAGE - 1, 2}, {PAGE - 1, PAGE - 1, PAGE + 1},
	    {100, PAGE + 100, 3 * PAGE}, {100, 101, 3 * PAGE}, {0, 0, 1}, {0, 0, PAGE - 1}};

	for (unsigned map = 0; map < 2; map++)
		for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			struct boot_file f = real_file(map);

			assert_int_equal(
			    file_place(&f, cases[i].off, fresh + cases[i].at, cases[i].len), 0);
			close(f.fd);
			holds(cases[i].at, cases[i].off, cases[i].len);
			teardown(NULL);
			setup(NULL);
		}
}

/* What is written to the file now shows where it is mapped. */
static bool is_mapped(const struct boot_file *f, uint64_t off, const uint8_t *at)
{
	uint8_t other = (uint8_t)~kit_pattern(off);

	assert_int_equal(pwrite(f->fd, &other, 1, (off_t)off), 1);
	return *at == other;
}

static void whole_pages_are_mapped_if_that_is_wanted(void **state)
{
	struct boot_file f = real_file(true);

	assert_int_equal(file_place(&f, 100, fresh + 100, 3 * PAGE), 0);
	assert_false(is_mapped(&f, 100, fresh + 100));
	assert_true(is_mapped(&f, PAGE, fresh + PAGE));
	assert_true(is_mapped(&f, 3 * PAGE - 1, fresh + 3 * PAGE - 1));
	assert_false(is_mapped(&f, 3 * PAGE, fresh + 3 * PAGE));
	fresh[PAGE] = 1; /* the guest's writes do not reach the file */
	assert_true(fresh[PAGE] == 1 && is_mapped(&f, 2 * PAGE, fresh + 2 * PAGE));
	f.map = false;
	assert_int_equal(file_place(&f, 5 * PAGE, fresh + 5 * PAGE, PAGE), 0);
	assert_false(is_mapped(&f, 5 * PAGE, fresh + 5 * PAGE));
	close(f.fd);
}

static void what_cannot_be_mapped_is_read(void **state)
{
	struct boot_file f = {.fd = -1, .name = "KERNEL", .size = 8 * PAGE, .map = true};

	assert_int_equal(file_place(&f, 0, fresh, 2 * PAGE), 0);
	holds(0, 0, 2 * PAGE);
}

static void file_that_shrank_before_it_was_mapped_is_an_error(void **state)
{
	static const int ended[] = {0};
	struct boot_file f = real_file(true);

	kit_errors = 0;
	script = ended;
	script_len = 1;
	assert_int_equal(file_place(&f, 0, fresh, 2 * PAGE), -EIO);
	assert_string_equal(
	    kit_message, "KERNEL: ended at offset 8191 of 32768: it shrank while read");
	close(f.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(interrupted_and_short_reads_go_on),
	    cmocka_unit_test(file_that_shrinks_is_an_error),
	    cmocka_unit_test(failing_disk_is_an_error),
	    cmocka_unit_test(nothing_is_read_for_no_bytes),
	    cmocka_unit_test(long_reads_come_in_pieces),
	    cmocka_unit_test_setup_teardown(
		mapped_or_copied_the_bytes_are_the_same, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		whole_pages_are_mapped_if_that_is_wanted, setup, teardown),
	    cmocka_unit_test_setup_teardown(what_cannot_be_mapped_is_read, setup, teardown),
	    cmocka_unit_test_setup_teardown(
		file_that_shrank_before_it_was_mapped_is_an_error, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
