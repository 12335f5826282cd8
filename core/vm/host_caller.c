/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/vm/host_caller.h"

#include "core/plugin/device_file.h"
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

bool host_is_parameter(const struct instance *i, int fd)
{
	const struct volt_value *values = i->params.values;

	for (uint32_t v = 0; fd >= 0 && v < i->plugin.param_count; v++)
		if (fd >= values[v].fd &&
		    (uint32_t)(fd - values[v].fd) < device_file_count(&i->plugin, values, v))
			return true;
	return false;
}
