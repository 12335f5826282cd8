/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * snapshot_none.c - for a build that takes no commands, so that nobody could ask it to save.
 */
#include <errno.h>

#include "core/base/log.h"
#include "core/vm/snapshot.h"
#include "core/vm/vm.h"

void snapshot_prepare(const struct machine *m)
{
}

int save_open(struct machine *m)
{
	return 0;
}

int save_wire(struct machine *m)
{
	return 0;
}

void save_declare(const struct machine *m, struct ledger *l)
{
}

int restore_open(struct machine *m, struct options *o)
{
	return 0;
}

int restore_check(struct machine *m)
{
	return 0;
}

int restore_map(struct machine *m)
{
	return 0;
}

int restore_cpuid(
    const struct machine *m, uint32_t id, const struct cpuid *host, struct cpuid *guest)
{
	*guest = *host;
	return 0;
}

int restore_kvm(struct machine *m)
{
	return 0;
}

int restore_plugins(struct machine *m)
{
	return 0;
}
