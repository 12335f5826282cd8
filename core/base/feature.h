/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * feature - what a build may leave out (-Dfeatures). The file of a feature that is left out
 * gives way to one called FEATURE_none.c.
 */
#ifndef CORE_FEATURE_H
#define CORE_FEATURE_H

#include <stdbool.h>

bool feature_built(const char *name);

/* Says that `what`, an option for example, needs a feature that is left out. -ENOTSUP. */
int feature_refuse(const char *what, const char *name);

#endif
