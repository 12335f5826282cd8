/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/vm/names.h"

#include <stddef.h>
#include <string.h>

#include "core/vm/vm.h"
#include "sdk/common/params.h"

/* Threads call themselves as policy.c says; the main thread keeps the program's name. The helper
 * was made before the policy, so its table cannot be asked. */
static uint32_t find_thread(const void *arg, const char *comm)
{
	const struct machine *m = arg;
	uint64_t id;

	if (strncmp(comm, "vcpu", 4) == 0 && parse_uint(comm + 4, &id) == 0 &&
	    id < m->firmware.cpus)
		return POLICY_VCPU((uint32_t)id);
	for (uint32_t i = 0; i < m->worker_count; i++)
		if (strcmp(m->workers[i].name, comm) == 0)
			return POLICY_WORKER(m, i);
	return POLICY_LOOP;
}

static const char *name_instance(const void *arg, uint32_t number)
{
	const struct machine *m = arg;

	return number > 0 && number <= m->instance_count ? m->instances[number - 1]->callee.id
							 : "core";
}

/* The sandbox's plugin knows the names, and is in the helper's memory too. */
static const char *name_call(const void *arg, int number)
{
	const struct instance *s = ((const struct machine *)arg)->sandbox;

	if (!s || !VOLT_HAS(s->sandbox, call_name) || !s->sandbox->call_name)
		return NULL;
	return s->sandbox->call_name(s->callee.self, number);
}

struct reporter_names names_of(const struct machine *m)
{
	return (struct reporter_names){.threads = POLICY_THREADS,
	    .arg = m,
	    .thread = find_thread,
	    .instance = name_instance,
	    .call = name_call};
}
