/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/base/format.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

struct output {
	format_sink *sink;
	void *to;
	size_t length;
};

struct spec {
	bool left, zero, plus, space, prefixed;
	int width, precision; /* precision -1: none */
	char length;          /* 'H' for hh, 'L' for ll, 0 for int */
};

static void put(struct output *o, const char *bytes, size_t n)
{
	if (n > 0)
		o->sink(o->to, bytes, n);
	o->length += n;
}

static void fill(struct output *o, char with, long n)
{
	for (; n > 0; n--)
		put(o, &with, 1);
}

/* `sign` stands before the zeros that fill up a width. */
static void put_field(struct output *o, const struct spec *s, const char *sign, const char *body,
    size_t n, long zeros)
{
	long blank = (long)s->width - (long)strlen(sign) - (long)n - zeros;

	if (!s->left)
		fill(o, ' ', blank);
	put(o, sign, strlen(sign));
	fill(o, '0', zeros);
	put(o, body, n);
	if (s->left)
		fill(o, ' ', blank);
}

static void put_number(
    struct output *o, const struct spec *s, char conversion, uint64_t value, bool negative)
{
	const char *digits = conversion == 'X' ? "0123456789ABCDEF" : "0123456789abcdef";
	unsigned base = conversion == 'o' ? 8 : strchr("xXp", conversion) ? 16 : 10;
	const char *sign = negative ? "-" : "";
	char text[24], *at = text + sizeof(text);
	bool zero = value == 0;

	if (!negative && (conversion == 'd' || conversion == 'i'))
		sign = s->plus ? "+" : s->space ? " " : "";
	for (; value > 0; value /= base)
		*--at = digits[value % base];
	size_t n = (size_t)(text + sizeof(text) - at);
	if (conversion == 'p' || (s->prefixed && base == 16 && !zero))
		sign = conversion == 'X' ? "0X" : "0x";
	long least = s->precision >= 0 ? s->precision : 1;
	if (s->precision < 0 && s->zero && !s->left)
		least = (long)s->width - (long)strlen(sign);
	if (least < 1 && s->precision != 0)
		least = 1;
	if (s->prefixed && base == 8 && least <= (long)n)
		least = (long)n + 1;
	put_field(o, s, sign, at, n, least > (long)n ? least - (long)n : 0);
}

static int64_t take_signed(const struct spec *s, va_list *args)
{
	switch (s->length) {
	case 'H':
		return (signed char)va_arg(*args, int);
	case 'h':
		return (short)va_arg(*args, int);
	case 0:
		return va_arg(*args, int);
	default: /* all others have 64 bits here */
		return va_arg(*args, int64_t);
	}
}

static uint64_t take_unsigned(const struct spec *s, va_list *args)
{
	switch (s->length) {
	case 'H':
		return (unsigned char)va_arg(*args, unsigned);
	case 'h':
		return (unsigned short)va_arg(*args, unsigned);
	case 0:
		return va_arg(*args, unsigned);
	default:
		return va_arg(*args, uint64_t);
	}
}

static void put_signed(struct output *o, const struct spec *s, int64_t value)
{
	put_number(o, s, 'd', value < 0 ? 0 - (uint64_t)value : (uint64_t)value, value < 0);
}

static void put_string(struct output *o, const struct spec *s, const char *text)
{
	if (!text)
		text = "(null)";
	put_field(o, s, "", text,
	    s->precision >= 0 ? strnlen(text, (size_t)s->precision) : strlen(text), 0);
}

/* A number, or an argument for "*". */
static const char *parse_number(const char *p, va_list *args, int *number)
{
	*number = 0;
	if (*p == '*') {
		*number = va_arg(*args, int);
		return p + 1;
	}
	for (; *p >= '0' && *p <= '9'; p++)
		*number = *number < 100000 ? *number * 10 + (*p - '0') : *number;
	return p;
}

static const char *parse_flags(const char *p, struct spec *s)
{
	for (;; p++)
		switch (*p) {
		case '-':
			s->left = true;
			break;
		case '0':
			s->zero = true;
			break;
		case '+':
			s->plus = true;
			break;
		case ' ':
			s->space = true;
			break;
		case '#':
			s->prefixed = true;
			break;
		default:
			return p;
		}
}

/* Returns where the conversion's letter is. */
static const char *parse_spec(const char *p, va_list *args, struct spec *s)
{
	*s = (struct spec){.precision = -1};
	p = parse_number(parse_flags(p, s), args, &s->width);
	if (s->width < 0) {
		s->left = true;
		s->width = -s->width;
	}
	if (*p == '.')
		p = parse_number(p + 1, args, &s->precision);
	if (*p != '\0' && strchr("hlzjt", *p))
		s->length = *p++;
	if ((s->length == 'h' || s->length == 'l') && *p == s->length) {
		s->length = s->length == 'h' ? 'H' : 'L';
		p++;
	}
	return p;
}

static bool convert(struct output *o, const struct spec *s, char conversion, va_list *args)
{
	char c;

	switch (conversion) {
	case 'd':
	case 'i':
		put_signed(o, s, take_signed(s, args));
		return true;
	case 'u':
	case 'x':
	case 'X':
	case 'o':
		put_number(o, s, conversion, take_unsigned(s, args), false);
		return true;
	case 'p':
		put_number(o, s, 'p', (uintptr_t)va_arg(*args, void *), false);
		return true;
	case 'c':
		c = (char)va_arg(*args, int);
		put_field(o, s, "", &c, 1, 0);
		return true;
	case 's':
		put_string(o, s, va_arg(*args, const char *));
		return true;
	case '%':
		put(o, "%", 1);
		return true;
	default:
		return false;
	}
}

size_t format_text(format_sink *sink, void *to, const char *fmt, va_list args)
{
	struct output o = {.sink = sink, .to = to};
	struct spec s;
	va_list copy;

	va_copy(copy, args);
	for (const char *next = fmt; *next != '\0'; fmt = next) {
		next = fmt + strcspn(fmt, "%");
		put(&o, fmt, (size_t)(next - fmt));
		if (*next == '\0')
			break;
		const char *letter = parse_spec(next + 1, &copy, &s);
		if (!convert(&o, &s, *letter, &copy)) {
			put(&o, next, strlen(next));
			break;
		}
		next = letter + 1;
	}
	va_end(copy);
	return o.length;
}
