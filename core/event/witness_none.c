/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * witness_none.c - for a build without a witness; options.c refuses --witness.
 */
#include "core/base/feature.h"
#include "core/event/witness.h"

__thread uint32_t *witness_note;

int witness_open(bool required)
{
	return feature_refuse("--witness", "witness");
}

int witness_fd(void)
{
	return -1;
}

void witness_close(void)
{
}

int witness_init(const struct witness_names *names)
{
	return 0;
}

void witness_sit(uint32_t thread)
{
}

unsigned witness_report(int fd, pid_t pid, bool died)
{
	return 0;
}
