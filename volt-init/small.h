/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
/*
 * What musl has too, with more behind it than an init needs: scandir() brings smoothsort and
 * collation, clock_gettime() a reader of the vDSO.
 */
#ifndef VOLT_INIT_SMALL_H
#define VOLT_INIT_SMALL_H

#include <stdbool.h>

typedef bool names_keep(const char *name);
typedef int names_order(const char *left, const char *right);

/* The names in a folder that `keep` says yes to, in order; how many, or -1 with errno. They are
 * never freed. */
int names_read(const char *path, names_keep *keep, names_order *order, char ***names);
/* Numbers without leading zeros, which "10" after "9" are. */
int names_by_number(const char *left, const char *right);

/* Since the kernel started, with the time that it was suspended. */
unsigned long uptime_ms(void);

#endif
