/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
/*
 * Output and small text helpers without stdio: musl's printf alone would double the binary.
 */
#ifndef VOLT_INIT_TEXT_H
#define VOLT_INIT_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* Formats %s %c %d %u %x %o %% with an optional '-', zero fill, width and 'l' or 'z'; always ends
 * with NUL and returns the length written. */
__attribute__((format(printf, 3, 0))) size_t text_vformat(
    char *buf, size_t size, const char *fmt, va_list args);
__attribute__((format(printf, 3, 4))) size_t text_format(
    char *buf, size_t size, const char *fmt, ...);

/* One call is one write(2) of at most 1023 bytes. */
__attribute__((format(printf, 1, 2))) void print(const char *fmt, ...);

/* The same on standard error, after "volt-init: " and with a newline added. */
__attribute__((format(printf, 1, 2))) void complain(const char *fmt, ...);

/* Writes all of it; false on an error. */
bool write_all(int fd, const void *data, size_t len);

/* A text of any length, and then an end, on standard output; false on an error. */
bool print_text(const char *text, const char *end);

/* The first size - 1 bytes of a file, NUL-terminated; the length, or -errno. */
long read_file(const char *path, char *buf, size_t size);

/* The digits at *at in base 8, 10 or 16: where they end, or NULL if they overflow. */
const char *scan_number(const char *at, unsigned base, unsigned long *value);

/* Where what begins in text, or NULL; strstr without its tables. */
const char *find_text(const char *text, const char *what);

/* A whole decimal, 0x or 0 number no larger than max. */
bool parse_number(const char *text, unsigned long max, unsigned long *value);

#endif
