/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * identity_parse - reads what --identity says.
 */
#ifndef CORE_IDENTITY_PARSE_H
#define CORE_IDENTITY_PARSE_H

#include <volt/identity.h>

/* `text` is KEY=VALUE,... Puts up to VOLT_IDENTITY_PAIRS pairs into `pairs`, whose strings lie in
 * `text`, which is cut into them. How many, or -EINVAL, which is logged. */
int identity_parse(char *text, struct volt_identity_pair *pairs);

#endif
