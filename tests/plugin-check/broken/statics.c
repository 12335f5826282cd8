/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Keeps state where all instances see it. */
#define DEV_READ read_shared
#include "base.h"

static unsigned reads;

static uint64_t read_shared(void *self, uint64_t off, uint32_t n)
{
	return ++reads;
}
