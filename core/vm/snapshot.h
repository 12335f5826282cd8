/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * snapshot - saves a VM to whoever asks for it by vm.save, and builds a VM from what was saved.
 *
 * A VM can be saved only if it was started with --snapshot: then the map of its pages is opened
 * and the loop's thread may make the requests that read KVM's state, none of which sets any. All
 * that is saved goes over the connection of the manager that asks, as records (see
 * sdk/common/snapshot.h), so saving opens no file and needs no further call. docs/snapshots.md is
 * for users, docs/snapshot-format.md describes each byte.
 */
#ifndef CORE_SNAPSHOT_H
#define CORE_SNAPSHOT_H

#include <stdbool.h>
#include <stdint.h>

#include <volt/command.h>

#include "core/config.h"
#include "core/kvm/cpuid.h"
#include "sdk/common/snapshot.h"

struct ledger;
struct machine;
struct options;
struct restore;
struct save;

#if VOLT_HAS_SNAPSHOT

/* [wire] When the VM is there and before its vCPUs are: what both need of KVM. */
void snapshot_prepare(const struct machine *m);

/* -------------------------------------------------------------------- saving */

/* [wire] With --snapshot: opens what is opened first. 0 or -errno, which is logged. */
int save_open(struct machine *m);
/* [wire] When the vCPUs and all plugins are there: takes the memory that a save needs, and refuses
 * a VM that has a plugin which cannot be saved. 0 or -errno, which is logged. */
int save_wire(struct machine *m);

/* Adds the map of pages, and the loop's calls. */
void save_declare(const struct machine *m, struct ledger *l);

struct save_request {
	uint64_t limit_ns; /* for the devices to come to rest */
	bool diff;         /* only what was written since the restore */
	bool stay;         /* the VM stays paused when all is sent */
};

/* [loop] The command vm.save: the answer comes later. 0, or what volt_reply_fail() returned. */
int save_begin(struct machine *m, const struct save_request *request, const struct volt_reply *r);
/* [loop] */
bool save_is_running(const struct machine *m);

/* ----------------------------------------------------------------- restoring */

/* [wire] With --restore: opens and reads the files; `o` gets the sizes that it does not give. 0 or
 * -errno, which is logged. */
int restore_open(struct machine *m, struct options *o);
/* [wire] When all plugins are wired: is this the machine that was saved? */
int restore_check(struct machine *m);
/* [wire] Maps the saved memory over the guest's. */
int restore_map(struct machine *m);
/* [wire] The CPUID of vCPU `id`: the saved one, if this host has all of it. Without --restore the
 * host's. */
int restore_cpuid(
    const struct machine *m, uint32_t id, const struct cpuid *host, struct cpuid *guest);
/* [wire] Reads KVM's state of the vCPUs and of the VM, while /dev/kvm is open. */
int restore_plan(struct machine *m);
/* [wire] Sets it. The guest's clocks and timers go on from here, so nothing waits after it. */
int restore_kvm(struct machine *m);
/* [wire] With --restore-wait, when all threads but this one are in their filters: waits for the
 * word to go on, and sets KVM's state then. 0 or -errno, which is logged. */
int restore_wait(struct machine *m);
/* [loop] After the plugins' start: their fields, and then resume. */
int restore_plugins(struct machine *m);

/* ----------------------------------------------------- snapshot_machine.c */

/* The machine as the guest sees it, a fact a line: section `conf`. With `marks` the line of a
 * parameter that was not typed begins with "default" instead of "param". Bytes without a NUL; more
 * than `room` - 1: it did not fit. */
size_t snapshot_describe(const struct machine *m, bool marks, char *text, size_t room);

struct state_target;
/* The instance as the functions of sdk/common/state.h take it. */
struct state_target snapshot_target(const struct machine *m, uint32_t number);
/* Is it a part of the machine that the guest sees? Filters, sandboxes and what serves an operator
 * are not. */
bool snapshot_has(const struct machine *m, uint32_t number);

#else /* nobody could ask for a snapshot */

static inline void snapshot_prepare(const struct machine *m)
{
}

static inline int save_open(struct machine *m)
{
	return 0;
}

static inline int save_wire(struct machine *m)
{
	return 0;
}

static inline void save_declare(const struct machine *m, struct ledger *l)
{
}

static inline int restore_open(struct machine *m, struct options *o)
{
	return 0;
}

static inline int restore_check(struct machine *m)
{
	return 0;
}

static inline int restore_map(struct machine *m)
{
	return 0;
}

static inline int restore_cpuid(
    const struct machine *m, uint32_t id, const struct cpuid *host, struct cpuid *guest)
{
	cpuid_copy(guest, host);
	return 0;
}

static inline int restore_plan(struct machine *m)
{
	return 0;
}

static inline int restore_kvm(struct machine *m)
{
	return 0;
}

static inline int restore_wait(struct machine *m)
{
	return 0;
}

static inline int restore_plugins(struct machine *m)
{
	return 0;
}

#endif

#endif
