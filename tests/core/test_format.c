/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* The small printf says what the libc's says. */
#include "core/base/format.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <limits.h>
#include <stdio.h>
#include <string.h>

struct text {
	char bytes[256];
	size_t n;
};

static void keep(void *to, const char *bytes, size_t n)
{
	struct text *t = to;

	assert_true(n < sizeof(t->bytes) - t->n);
	memcpy(t->bytes + t->n, bytes, n);
	t->n += n;
}

__attribute__((format(printf, 1, 2))) static void same(const char *fmt, ...)
{
	struct text ours = {.n = 0};
	char theirs[256];
	va_list args;

	va_start(args, fmt);
	int n = vsnprintf(theirs, sizeof(theirs), fmt, args);
	va_end(args);
	va_start(args, fmt);
	assert_int_equal(format_text(keep, &ours, fmt, args), n);
	va_end(args);
	assert_string_equal(ours.bytes, theirs);
}

static void numbers_are_those_of_the_libc(void **state)
{
	same("%d %i %u %x %X %o", -1, INT_MIN, UINT_MAX, 0xbeefu, 0xbeefu, 0755u);
	same("%lld %llu %zu %lu %hhu %hd", LLONG_MIN, ULLONG_MAX, SIZE_MAX, 7ul, (unsigned char)200,
	    (short)-5);
	same("[%5d|%-5d|%05d|%+d|% d]", 42, 42, -42, 42, 42);
	same("[%08llx|%#x|%#x|%#o|%.3d|%8.3d]", 0x1234ull, 0u, 255u, 8u, 7, -7);
	same("[%-8x|%*d|%*d|%.*d|%04o]", 255u, 6, 1, -6, 1, 3, 5, 0644u);
	same("%d%%", 100);
}

static void texts_are_those_of_the_libc(void **state)
{
	same("plain");
	same("[%s|%10s|%-10s|%.2s|%.*s|%c|%3c]", "abc", "abc", "abc", "abc", 1, "abc", 'x', 'y');
	same("[%.16s]", "longer than sixteen bytes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(numbers_are_those_of_the_libc),
	    cmocka_unit_test(texts_are_those_of_the_libc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
