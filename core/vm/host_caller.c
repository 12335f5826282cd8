/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/vm/host_caller.h"

#include "core/vm/vm.h"

struct instance *host_calling_instance(const struct volt_host *h)
{
	struct instance *i = h->core;

	if (!i->machine->sealed)
		i->state->reason[0] = '\0';
	return i;
}

struct worker *host_worker(struct instance *i, uint32_t worker)
{
	struct machine *m = i->machine;

	return worker < m->worker_count && m->workers[worker].owner == &i->callee
		   ? &m->workers[worker]
		   : NULL;
}
