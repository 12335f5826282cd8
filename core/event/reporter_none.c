/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * reporter_none.c - for a build without the seccomp reporter; options.c refuses --seccomp-report.
 */
#include <stddef.h>

#include "core/base/feature.h"
#include "core/event/reporter.h"

__thread uint32_t *reporter_note;

int reporter_open(bool required)
{
	return feature_refuse("--seccomp-report", "reporter");
}

int reporter_fd(void)
{
	return -1;
}

void reporter_declare(struct ledger *l)
{
}

void reporter_close(void)
{
}

int reporter_init(const struct reporter_names *names)
{
	return 0;
}

void reporter_register(uint32_t thread)
{
}

const struct reporter_death *reporter_death(void)
{
	return NULL;
}

unsigned reporter_report(int fd, pid_t pid, bool died)
{
	return 0;
}
