/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * policy - the system calls of every thread, and who asked for each: the ledger's calls, by thread.
 */
#ifndef CORE_POLICY_H
#define CORE_POLICY_H

#include <stdint.h>

#include <volt/sandbox.h>

#include "core/event/worker.h"
#include "core/vm/options.h"

#define POLICY_THREADS (1 + OPTIONS_CPU_MAX + WORKER_MAX + 1)

struct ledger;

struct policy {
	struct volt_policy table;
	struct volt_thread threads[POLICY_THREADS]; /* the loop, then vCPUs, workers, the broker */
	char names[POLICY_THREADS][16];
};

/* Index of vCPU n's thread in the table; the loop is 0. */
#define POLICY_LOOP         0u
#define POLICY_VCPU(n)      (1u + (n))
#define POLICY_WORKER(m, n) (1u + (m)->firmware.cpus + (n))
#define POLICY_BROKER(m)    POLICY_WORKER(m, (m)->worker_count)

/* VOLT_POLICY_* of what the user typed. */
uint32_t policy_flags(const struct options *o);

/* Which threads there will be. */
struct policy_parts {
	uint32_t flags; /* VOLT_POLICY_* */
	uint32_t cpus, worker_count;
	const struct worker *workers;
	bool broker; /* of volt.peers/1: a process, with a thread of the table */
};

/* 0 or -errno, which is logged: no memory, or a call that the allowlist does not have. */
int policy_build(struct policy *p, const struct ledger *l, const struct policy_parts *parts);
void policy_finish(struct policy *p);

#endif
