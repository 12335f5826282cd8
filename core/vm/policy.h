/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * policy - the system calls of every thread, and who asked for each.
 */
#ifndef CORE_POLICY_H
#define CORE_POLICY_H

#include <stdint.h>

#include <volt/sandbox.h>

#include "core/event/worker.h"
#include "core/vm/options.h"

#define POLICY_RULE_MAX   256 /* of the loop thread */
#define POLICY_VCPU_RULES 96

#define POLICY_THREADS (1 + OPTIONS_CPU_MAX + WORKER_MAX)

struct machine;

struct policy_thread {
	char name[16];
	struct volt_rule *rules;
	uint32_t count, capacity;
};

struct policy {
	struct volt_policy table;
	struct volt_thread threads[POLICY_THREADS]; /* the loop, then vCPUs, then workers */
	struct policy_thread storage[POLICY_THREADS];
};

/* Index of vCPU n's thread in the table; the loop is 0. */
#define POLICY_LOOP         0u
#define POLICY_VCPU(n)      (1u + (n))
#define POLICY_WORKER(m, n) (1u + (m)->firmware.cpus + (n))

/* VOLT_POLICY_* of what the user typed. */
uint32_t policy_flags(const struct options *o);

/* Gathers the rows of the core, of open streams and of every instance's needs, refusing
 * what no plugin may have. 0 or -errno, said in the log. */
int policy_build(struct policy *p, struct machine *m);

#endif
