/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/vm/identity.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "core/base/clock.h"
#include "core/base/log.h"
#include "core/vm/identity_parse.h"
#include "core/vm/vm.h"

struct identity {
	struct volt_identity told;
	struct volt_identity_pair pairs[VOLT_IDENTITY_PAIRS];
};

static bool is_wanted(const struct machine *m)
{
	for (uint32_t i = 0; i < m->instance_count; i++)
		if (m->instances[i]->identified)
			return true;
	return false;
}

static int take_pairs(struct identity *id, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		return log_error(ENOMEM, "--identity: no memory");
	const int count = identity_parse(copy, id->pairs);
	if (count < 0)
		return count;
	id->told.pair_stride = sizeof(id->pairs[0]);
	id->told.pair_count = (uint32_t)count;
	id->told.pairs = id->pairs;
	return 0;
}

int identity_prepare(struct machine *m, const char *pairs)
{
	if (!is_wanted(m))
		return pairs ? log_error(EINVAL,
				   "--identity: no plugin of this VM takes it: name one that "
				   "offers " VOLT_EXT_IDENTITY)
			     : 0;
	struct identity *id = calloc(1, sizeof(*id));
	if (!id)
		return log_error(ENOMEM, "no memory for the VM's identity");
	m->identity = id;
	id->told.size = sizeof(id->told);
	id->told.name = m->options->name;
	id->told.reason = m->restore ? VOLT_IDENTITY_RESTORED : VOLT_IDENTITY_BOOTED;
	if (getrandom(id->told.generation, sizeof(id->told.generation), 0) !=
	    sizeof(id->told.generation))
		return log_error(
		    errno, "the VM's identity cannot be drawn: getrandom: %s", strerror(errno));
	id->told.tsc = m->tsc_invariant ? vcpu_tsc(&m->vcpus[0]) : 0;
	id->told.realtime_ns = clock_wall();
	if (id->told.tsc)
		id->told.tsc_hz = vcpu_tsc_khz(&m->vcpus[0]) * UINT64_C(1000);
	if (id->told.tsc_hz == 0)
		id->told.tsc = 0;
	return pairs ? take_pairs(id, pairs) : 0;
}

void identity_tell(const struct machine *m)
{
	for (uint32_t i = 0; m->identity && i < m->instance_count; i++) {
		const struct instance *p = m->instances[i];

		if (!p->identified)
			continue;
		callee_lock(&p->callee);
		p->identified->identify(p->callee.self, &m->identity->told);
		callee_unlock(&p->callee);
	}
}
