/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* The table of an extension that it offers is not what it should be. */
#include <volt/attention.h>
#include <volt/identity.h>

#include <fcntl.h>
#include <unistd.h>

#define DEV_EXT get_ext
#include "base.h"

#ifdef IDENTITY
#define EXTENSION VOLT_EXT_IDENTITY
static const struct volt_identified table = {.size = TABLE_SIZE};
#else
#define EXTENSION VOLT_EXT_ATTENTION
static const struct volt_attention table = {.size = TABLE_SIZE};
#endif

static const void *get_ext(const char *id)
{
#ifdef WRITES /* code that only a description runs */
	if (creat("extension-writes", 0600) >= 0)
		return write(2, "WRITTEN\n", 8), NULL;
#endif
	return strcmp(id, EXTENSION) == 0 ? &table : NULL;
}
