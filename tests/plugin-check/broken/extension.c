/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* The table of an extension that it offers is not what it should be. */
#include <volt/attention.h>

#define DEV_EXT get_ext
#include "base.h"

static const struct volt_attention table = {.size = TABLE_SIZE};

static const void *get_ext(const char *id)
{
	return strcmp(id, VOLT_EXT_ATTENTION) == 0 ? &table : NULL;
}
