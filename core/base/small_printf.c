/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * small_printf.c - printf and its kin for small builds of volt (-Dsmall_libc=true), in place of
 * the libc's. Of files there is standard output alone, without a buffer that outlives a call.
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "core/base/format.h"

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

/* ------------------------------------------------------------ standard output */

/* What one call prints goes out at its end, so nothing waits for fflush(). */
struct output {
	char bytes[512];
	size_t count;
};

static bool output_failed;

static void write_out(struct output *o)
{
	for (size_t done = 0; done < o->count && !output_failed;) {
		ssize_t n = write(STDOUT_FILENO, o->bytes + done, o->count - done);

		if (n > 0)
			done += (size_t)n;
		else if (n == 0 || errno != EINTR)
			output_failed = true;
	}
	o->count = 0;
}

static void to_output(void *to, const char *bytes, size_t n)
{
	struct output *o = to;

	for (; n > 0; n--) {
		if (o->count == sizeof(o->bytes))
			write_out(o);
		o->bytes[o->count++] = *bytes++;
	}
}

int printf(const char *fmt, ...)
{
	struct output o;
	va_list args;

	o.count = 0;
	va_start(args, fmt);
	size_t n = format_text(to_output, &o, fmt, args);
	va_end(args);
	write_out(&o);
	return output_failed || n > INT_MAX ? -1 : (int)n;
}

/* The compiler makes these two of a printf() that has nothing to format. */
int puts(const char *text)
{
	return printf("%s\n", text);
}

int putchar(int c)
{
	return printf("%c", c) < 0 ? EOF : (unsigned char)c;
}

int fflush(FILE *file)
{
	return output_failed ? EOF : 0;
}
