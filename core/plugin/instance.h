/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * instance - one loaded plugin with its own state, and the adapter around it.
 *
 * After instance_create() no callback slot but range ones is NULL: defaults are put in
 * once, here, and nobody else tests for them.
 */
#ifndef CORE_INSTANCE_H
#define CORE_INSTANCE_H

#include <stdbool.h>
#include <stdint.h>

#include <volt/attention.h>
#include <volt/command.h>
#include <volt/filter.h>
#include <volt/identity.h>
#include <volt/irqchip.h>
#include <volt/plugin.h>
#include <volt/sandbox.h>
#include <volt/state.h>

#include "core/base/cacheline.h"
#include "core/event/callee.h"
#include "sdk/common/params.h"

#define INSTANCE_TIMER_MAX 16

struct machine;

/* What changes while the guest runs. */
struct instance_state {
	struct callee_lock lock;
	uint64_t log_used_ns, log_suppressed; /* atomic; see host_log() */
	char reason[200]; /* why the host refused the newest [wire] call; "" if it did not */
	bool failed;      /* fail() has said why init cannot go on */
} CACHELINE_ALIGNED;

/* Lies in sealed memory: read-only from the seal on. */
struct instance {
	struct callee callee;
	struct machine *machine;   /* its maker's own, for the services of `host` */
	struct volt_plugin plugin; /* the descriptor, defaults filled in */
	const char *origin;        /* its file, or its name if it is linked in; lives as long */
	bool linked_in;
	struct instance_state *state;
	struct volt_host host;
	struct params params;
	uint32_t timer_count;
	bool wired;        /* init succeeded, so fini may be called */
	bool wants_irq_fd; /* asked for volt.doorbell/1, which gives descriptors of edge lines */
	const struct volt_irqchip *irqchip;
	const struct volt_attention *attention;
	const struct volt_sandbox *sandbox;
	const struct volt_commands *commands; /* checked */
	const struct volt_state *saved;       /* what of it is saved */
	const struct volt_identified *identified;
	const struct volt_filter *filter; /* of a filter, never NULL */
};

/* The instance of a callee that is one. */
static inline struct instance *instance_of(struct callee *c)
{
	return (struct instance *)c;
}

/* Checks descriptor `d` against the contract and makes instance `number` (from 1) of it, with the
 * plugin's name for its id and an empty host table; `origin` names it in messages,
 * and is kept. NULL on failure, which is logged. */
struct instance *instance_create(const struct volt_plugin *d, uint32_t number, const char *origin);
/* Reads "key=value,..."; files and streams are opened by `opener`. 0 or -errno, which is logged. */
int instance_parse(struct instance *i, const char *text, const struct params_opener *opener);
/* The option that an instance comes from, in messages: "plugin" or "filter". */
const char *instance_option(const struct instance *i);

/* Around each call into `i` while the machine is wired: guard_enter() and guard_leave() if it is a
 * file. */
void instance_enter(const struct instance *i, const char *step);
int instance_leave(const struct instance *i);
/* Calls init. 0 or -errno, which is logged. */
int instance_wire(struct instance *i);
/* Checks its table of state, if it has one: before it is saved or restored, not at each start.
 * volt-plugin check does the same. 0 or -errno, which is logged. */
int instance_check_state(const struct instance *i);
void instance_destroy(struct instance *i);

#endif
