/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * park_none.c - for a build without vm/pause.c, the only one that stops vCPUs.
 */
#include "core/kvm/park.h"

int park_register(const struct park_spot *spot)
{
	return 0;
}

void park_stop(struct park_spot *spot)
{
}

void park_end(struct park_spot *spot)
{
}
