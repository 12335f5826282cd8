/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/vm/policy.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "core/base/ledger.h"
#include "core/base/log.h"
#include "core/base/open_files.h"
#include "core/vm/allowlist.h"

uint32_t policy_flags(const struct options *o)
{
	return (o->no_seccomp ? VOLT_POLICY_NO_SECCOMP : 0) |
	       (o->no_landlock ? VOLT_POLICY_NO_LANDLOCK : 0) |
	       (o->seccomp_log ? VOLT_POLICY_LOG : 0);
}

static uint32_t count_rules(const struct ledger *l, uint32_t role, uint32_t index)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < l->call_count; i++)
		count += ledger_is_for(&l->calls[i], role, index);
	return count;
}

static int refuse(const struct volt_rule *rule, uint32_t role)
{
	return log_error(EPERM,
	    "%s asks for %s on %s threads (%s), which the file of --allowlist does not allow",
	    rule->asked_by, rule->syscall, allowlist_role_name(role), rule->reason);
}

/* Fills in the rules of a thread whose other fields are there. */
static int copy_rules(struct volt_thread *t, uint32_t whose, const struct ledger *l)
{
	struct volt_rule *rules =
	    calloc(count_rules(l, whose, t->index) + 1, sizeof(struct volt_rule));

	if (!rules)
		return log_error(ENOMEM, "policy: no memory");
	t->rules = rules;
	for (uint32_t i = 0; i < l->call_count; i++) {
		const struct volt_rule *rule = &l->calls[i].rule;

		if (!ledger_is_for(&l->calls[i], whose, t->index))
			continue;
		if (!allowlist_has(rule->syscall, t->role))
			return refuse(rule, t->role);
		rules[t->rule_count++] = *rule;
	}
	return 0;
}

static int add_thread(
    struct policy *p, const struct ledger *l, uint32_t whose, uint32_t index, const char *name)
{
	const uint32_t role = whose == LEDGER_ROLE_BROKER ? VOLT_ROLE_WORKER : whose;
	const uint32_t at = p->table.thread_count++;

	if (role == VOLT_ROLE_VCPU)
		snprintf(p->names[at], sizeof(p->names[at]), "%s%u", name, index);
	else
		snprintf(p->names[at], sizeof(p->names[at]), "%s", name);
	p->threads[at] = (struct volt_thread){.role = role,
	    .index = index,
	    .name = p->names[at],
	    .rule_stride = sizeof(struct volt_rule)};
	return copy_rules(&p->threads[at], whose, l);
}

int policy_build(struct policy *p, const struct ledger *l, const struct policy_parts *parts)
{
	const uint32_t open = open_files_highest(), later = (uint32_t)l->highest;

	p->table = (struct volt_policy){.size = sizeof(p->table),
	    .flags = parts->flags,
	    .thread_stride = sizeof(p->threads[0]),
	    .threads = p->threads,
	    .max_fd = open > later ? open : later};
	int err = add_thread(p, l, VOLT_ROLE_LOOP, 0, "loop");
	if (err)
		return err;
	for (uint32_t id = 0; id < parts->cpus; id++) {
		err = add_thread(p, l, VOLT_ROLE_VCPU, id, "vcpu");
		if (err)
			return err;
	}
	for (uint32_t w = 0; w < parts->worker_count; w++) {
		err = add_thread(p, l, VOLT_ROLE_WORKER, w, parts->workers[w].name);
		if (err)
			return err;
	}
	if (parts->broker)
		return add_thread(p, l, LEDGER_ROLE_BROKER, parts->worker_count, "volt-broker");
	return 0;
}

void policy_finish(struct policy *p)
{
	for (uint32_t i = 0; i < p->table.thread_count; i++)
		free((void *)(uintptr_t)p->threads[i].rules);
	*p = (struct policy){0};
}
