/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
#include "text.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

struct sink {
	char *buf;
	size_t size, len;
};

struct spec {
	bool left, zero, is_long;
	size_t width;
};

static void put(struct sink *s, char c)
{
	if (s->len + 1 < s->size)
		s->buf[s->len++] = c;
}

static void put_padded(struct sink *s, const struct spec *spec, const char *text, size_t len)
{
	size_t pad = spec->width > len ? spec->width - len : 0;

	for (; pad && !spec->left; pad--)
		put(s, spec->zero ? '0' : ' ');
	for (size_t i = 0; i < len; i++)
		put(s, text[i]);
	for (; pad; pad--)
		put(s, ' ');
}

static void put_number(
    struct sink *s, const struct spec *spec, unsigned long value, unsigned base, bool negative)
{
	char digits[24];
	size_t at = sizeof(digits);

	do {
		digits[--at] = "0123456789abcdef"[value % base];
		value /= base;
	} while (value);
	if (negative)
		digits[--at] = '-';
	put_padded(s, spec, digits + at, sizeof(digits) - at);
}

static const char *read_spec(struct spec *spec, const char *at)
{
	for (; *at == '-' || *at == '0'; at++) {
		spec->left |= *at == '-';
		spec->zero |= *at == '0';
	}
	for (; *at >= '0' && *at <= '9'; at++)
		spec->width = spec->width * 10 + (size_t)(*at - '0');
	for (; *at == 'l' || *at == 'z'; at++)
		spec->is_long = true;
	return at;
}

size_t text_vformat(char *buf, size_t size, const char *fmt, va_list args)
{
	struct sink s = {buf, size, 0};

	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			put(&s, *fmt);
			continue;
		}
		struct spec spec = {0};
		fmt = read_spec(&spec, fmt + 1);
		if (*fmt == 's') {
			const char *text = va_arg(args, const char *);
			put_padded(&s, &spec, text, strlen(text));
		} else if (*fmt == 'c') {
			char c = (char)va_arg(args, int);
			put_padded(&s, &spec, &c, 1);
		} else if (*fmt == 'd') {
			long v = spec.is_long ? va_arg(args, long) : va_arg(args, int);
			put_number(
			    &s, &spec, v < 0 ? -(unsigned long)v : (unsigned long)v, 10, v < 0);
		} else if (*fmt == 'u' || *fmt == 'x' || *fmt == 'o') {
			unsigned long v =
			    spec.is_long ? va_arg(args, unsigned long) : va_arg(args, unsigned);
			put_number(&s, &spec, v, *fmt == 'u' ? 10 : *fmt == 'x' ? 16 : 8, false);
		} else {
			put(&s, *fmt);
		}
	}
	if (size)
		buf[s.len] = '\0';
	return s.len;
}

size_t text_format(char *buf, size_t size, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	size_t len = text_vformat(buf, size, fmt, args);
	va_end(args);
	return len;
}

void print(const char *fmt, ...)
{
	char buf[1024];
	va_list args;

	va_start(args, fmt);
	size_t len = text_vformat(buf, sizeof(buf), fmt, args);
	va_end(args);
	write_all(STDOUT_FILENO, buf, len);
}

void complain(const char *fmt, ...)
{
	char buf[1024];
	va_list args;

	size_t len = text_format(buf, sizeof(buf), "volt-init: ");
	va_start(args, fmt);
	len += text_vformat(buf + len, sizeof(buf) - len - 1, fmt, args);
	va_end(args);
	buf[len++] = '\n';
	write_all(STDERR_FILENO, buf, len);
}

bool write_all(int fd, const void *data, size_t len)
{
	const char *at = data;

	while (len) {
		ssize_t n = write(fd, at, len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return false;
		at += n;
		len -= (size_t)n;
	}
	return true;
}

bool print_text(const char *text, const char *end)
{
	return write_all(STDOUT_FILENO, text, strlen(text)) &&
	       write_all(STDOUT_FILENO, end, strlen(end));
}

long read_file(const char *path, char *buf, size_t size)
{
	size_t len = 0;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	while (len < size - 1) {
		ssize_t n = read(fd, buf + len, size - 1 - len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	close(fd);
	buf[len] = '\0';
	return (long)len;
}

const char *scan_number(const char *at, unsigned base, unsigned long *value)
{
	unsigned long v = 0;

	for (;; at++) {
		const unsigned char c = (unsigned char)(*at | 32);
		const unsigned digit = *at >= '0' && *at <= '9' ? (unsigned)(*at - '0')
				       : c >= 'a' && c <= 'f'   ? c - 'a' + 10u
								: 16;
		if (digit >= base)
			break;
		if (__builtin_mul_overflow(v, (unsigned long)base, &v) ||
		    __builtin_add_overflow(v, (unsigned long)digit, &v))
			return NULL;
	}
	*value = v;
	return at;
}

bool parse_number(const char *text, unsigned long max, unsigned long *value)
{
	unsigned base = 10;
	unsigned long v;

	if (text[0] == '0' && text[1]) {
		base = text[1] == 'x' || text[1] == 'X' ? 16 : 8;
		text += base == 16 ? 2 : 1;
	}
	const char *end = scan_number(text, base, &v);
	if (!end || end == text || *end || v > max)
		return false;
	*value = v;
	return true;
}

const char *find_text(const char *text, const char *what)
{
	const size_t len = strlen(what);

	for (; *text; text++) {
		if (!strncmp(text, what, len))
			return text;
	}
	return NULL;
}
