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

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(interrupted_and_short_reads_go_on),
	    cmocka_unit_test(file_that_shrinks_is_an_error),
	    cmocka_unit_test(failing_disk_is_an_error),
	    cmocka_unit_test(nothing_is_read_for_no_bytes),
	    cmocka_unit_test(long_reads_come_in_pieces),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
