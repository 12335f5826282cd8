/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/vm/declare.h"

#include <errno.h>
#include <limits.h>
#include <time.h>

#include "core/base/clock.h"
#include "core/base/ledger.h"
#include "core/base/lock.h"
#include "core/base/log.h"
#include "core/base/open_files.h"
#include "core/config.h"
#include "core/event/helper.h"
#include "core/plugin/device_file.h"
#include "core/vm/host_discard.h"
#include "core/vm/hosting.h"
#include "core/vm/inherit.h"
#include "core/vm/need.h"
#include "core/vm/snapshot.h"
#include "core/vm/vm.h"

/* The vDSO mostly answers without a call, but nobody can promise that it always will. */
static void declare_wall_clock(const struct machine *m, struct ledger *l)
{
	for (uint32_t i = 0; i < m->instance_count; i++) {
		const struct volt_rule rule = {.syscall = "clock_gettime",
		    .asked_by = m->instances[i]->callee.id,
		    .reason = "tells the time of day",
		    .test_count = 1,
		    .tests = {ledger_is(0, CLOCK_REALTIME)}};

		if (m->instances[i]->plugin.flags & VOLT_FLAG_WALL_CLOCK) {
			ledger_call(l, LEDGER_ALL, &rule);
			return;
		}
	}
}

static void declare_parameters(const struct instance *i, struct ledger *l)
{
	for (uint32_t v = 0; v < i->plugin.param_count; v++)
		ledger_files(l, i->params.values[v].fd,
		    device_file_count(&i->plugin, i->params.values, v), i->callee.id, "parameter");
}

/* On the loop's thread, and on those workers that are the instance's own. */
static void declare_rule(const struct machine *m, const struct instance *i, uint32_t roles,
    const struct volt_rule *rule, struct ledger *l)
{
	if (roles & LEDGER_LOOP)
		ledger_call(l, LEDGER_LOOP, rule);
	for (uint32_t w = 0; w < m->worker_count; w++)
		if (m->workers[w].owner == &i->callee && (roles & LEDGER_WORKERS))
			ledger_call(l, LEDGER_WORKER(w), rule);
}

static int declare_need(const struct machine *m, const struct instance *i,
    const struct volt_need *need, struct ledger *l)
{
	struct volt_rule rule;
	int err = need_check(need, i->callee.id);

	if (err)
		return err == NEED_DROPPED ? 0 : err;
	for (uint32_t n = 0; n < need_count(need, &i->plugin, i->params.values); n++) {
		err = need_to_rule(need, i->callee.id, &i->plugin, i->params.values, n, &rule);
		if (err)
			return err == NEED_DROPPED ? 0 : err;
		declare_rule(m, i, need->roles, &rule, l);
	}
	return 0;
}

static int declare_instance(const struct machine *m, const struct instance *i, struct ledger *l)
{
	const char *row = (const char *)i->plugin.needs;

	declare_parameters(i, l);
	for (uint32_t n = 0; n < i->plugin.need_count; n++, row += i->plugin.need_stride) {
		const int err = declare_need(m, i, (const void *)row, l);

		if (err)
			return err;
	}
	return 0;
}

static int declare_core(const struct machine *m, struct ledger *l)
{
	static const struct volt_rule end = {
	    .syscall = "exit_group", .asked_by = "core", .reason = "ends the process"};

	for (uint32_t i = 0; i < m->firmware.cpus; i++)
		vcpu_declare(&m->vcpus[i], l);
	loop_declare(&m->loop, l);
	kvm_declare(&m->kvm, l);
	irq_declare(&m->irq, l);
	locks_declare(l);
	clock_declare(l);
	declare_wall_clock(m, l);
	events_declare(&m->events, l);
	inherit_declare(m, l);
	helper_declare(l);
	pause_declare(&m->pause, l);
	save_declare(m, l);
	if (VOLT_HAS_SHARING && m->memory.shared)
		ledger_file(l, m->memory.fd, "core", "guest memory, shared");
	doorbells_declare(&m->doorbells, l);
	for (uint32_t i = 0; i < m->worker_count; i++)
		worker_declare(&m->workers[i], i, l);
	for (uint32_t i = 0; i < m->ring_count; i++)
		ring_declare(&m->rings[i], l);
	discard_declare(m, l);
	ledger_call(l, LEDGER_LOOP, &end);
	const bool attached = peers_attached(&m->peers);
	const struct ledger_later later = {
	    .count = streams_clients(&m->streams) + peers_files(&m->peers) +
		     (VOLT_HAS_LOADER && m->hosting ? m->hosting->files : 0),
	    .closing = {attached ? m->peers.broker.pair_fd : -1,
		attached ? m->peers.broker.listen_fd : -1},
	    .highest = attached ? (int)open_files_highest() : INT_MAX,
	};

	if (VOLT_HAS_LOADER && m->hosting)
		m->hosting->declare(m->hosting->self, later, l);
	streams_declare(&m->streams, later, l);
	return attached ? peers_declare(&m->peers, later, l) : 0;
}

int declare_policy(struct machine *m)
{
	const struct policy_parts parts = {.flags = policy_flags(m->options),
	    .cpus = m->firmware.cpus,
	    .workers = m->workers,
	    .worker_count = m->worker_count,
	    .broker = peers_attached(&m->peers)};
	int err = declare_core(m, &m->ledger);

	if (err)
		return err;
	for (uint32_t i = 0; i < m->instance_count; i++) {
		err = declare_instance(m, m->instances[i], &m->ledger);
		if (err)
			return err;
	}
	if (ledger_check(&m->ledger))
		return log_error(ENOMEM, "policy: no memory");
	ledger_sort(&m->ledger);
	return policy_build(&m->policy, &m->ledger, &parts);
}
