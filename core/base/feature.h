/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * feature - the groups of parts that a build may leave out (-Dfeatures). The header of such a part
 * has stubs instead, under #if VOLT_HAS_GROUP (core/config.h).
 */
#ifndef CORE_FEATURE_H
#define CORE_FEATURE_H

#include <stdbool.h>

/* `name` is the option of the build that chooses it, without -D: features=audit, for example. */
bool feature_built(const char *name);

/* Says that `what`, an option for example, needs a feature that is left out. -ENOTSUP. */
int feature_refuse(const char *what, const char *name);

#endif
