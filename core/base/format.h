/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * format - what volt uses of printf's formats, for small builds (-Dsmall_libc=true).
 *
 * Flags "-", "0", "+", " " and "#", width and precision as numbers or "*", lengths hh, h, l, ll,
 * z, j and t, conversions d i u x X o c s p and %. No floating point, which is most of a
 * libc's printf, and no %n.
 */
#ifndef CORE_FORMAT_H
#define CORE_FORMAT_H

#include <stdarg.h>
#include <stddef.h>

typedef void format_sink(void *to, const char *bytes, size_t n);

/* Gives `sink` the text piece by piece; returns how long it is. A conversion that is not known
 * is put as it stands, and what comes after it is not converted. */
size_t format_text(format_sink *sink, void *to, const char *fmt, va_list args);

#endif
