/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * small_printf.c - printf and its kin for small builds of volt (-Dsmall_libc=true), in place of
 * the libc's.
 */
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/format.h"

struct buffer {
	char *at;
	size_t left; /* with the final NUL */
};

static void to_buffer(void *to, const char *bytes, size_t n)
{
	struct buffer *b = to;

	if (b->left <= 1)
		return;
	if (n > b->left - 1)
		n = b->left - 1;
	memcpy(b->at, bytes, n);
	b->at += n;
	b->left -= n;
}

static void to_file(void *to, const char *bytes, size_t n)
{
	fwrite(bytes, 1, n, to);
}

int vsnprintf(char *to, size_t size, const char *fmt, va_list args)
{
	struct buffer b = {.at = to, .left = size};
	size_t n = format_text(to_buffer, &b, fmt, args);

	if (size > 0)
		*b.at = '\0';
	return n <= INT_MAX ? (int)n : -1;
}

int snprintf(char *to, size_t size, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	int n = vsnprintf(to, size, fmt, args);
	va_end(args);
	return n;
}

int sprintf(char *to, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	int n = vsnprintf(to, INT_MAX, fmt, args);
	va_end(args);
	return n;
}

int vfprintf(FILE *to, const char *fmt, va_list args)
{
	size_t n = format_text(to_file, to, fmt, args);

	return ferror(to) || n > INT_MAX ? -1 : (int)n;
}

int fprintf(FILE *to, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	int n = vfprintf(to, fmt, args);
	va_end(args);
	return n;
}

int printf(const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	int n = vfprintf(stdout, fmt, args);
	va_end(args);
	return n;
}
