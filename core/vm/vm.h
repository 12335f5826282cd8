/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * vm - the struct of a whole VM. Only core/vm/ knows it; what is below is given parts of it.
 */
#ifndef CORE_VM_H
#define CORE_VM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/ledger.h"
#include "core/base/memory.h"
#include "core/boot/firmware.h"
#include "core/bus/bus.h"
#include "core/event/end.h"
#include "core/event/events.h"
#include "core/event/loop.h"
#include "core/event/peers.h"
#include "core/event/ring.h"
#include "core/event/stream.h"
#include "core/event/worker.h"
#include "core/kvm/doorbell.h"
#include "core/kvm/irq.h"
#include "core/kvm/kvm.h"
#include "core/kvm/vcpu.h"
#include "core/plugin/instance.h"
#include "core/vm/options.h"
#include "core/vm/pages.h"
#include "core/vm/pause.h"
#include "core/vm/plugin_specs.h"
#include "core/vm/policy.h"

#define INSTANCE_MAX 64
#define CMDLINE_MAX  4096

struct commands;
struct hosting;
struct identity;
struct restore;
struct save;

struct machine {
	const struct options *options;
	struct kvm kvm;
	struct memory memory;
	struct bus bus;
	struct doorbells doorbells;
	struct irq irq;
	struct loop loop;
	struct vm_end end;
	struct events events;
	struct firmware firmware;
	struct ledger ledger; /* files and calls; filled by declare_policy() */
	struct policy policy;
	struct commands *commands; /* NULL: no plugin takes commands */
	struct save *save;         /* NULL: it cannot be saved */
	struct restore *restore;   /* NULL: it is booted */
	struct identity *identity; /* NULL: no plugin wants to know it */
	struct pages pages;        /* of devices, beside the memory */
	const struct cpuid *cpuid; /* of the last vCPU; the others differ in their numbers alone */
	uint64_t running_since_ns; /* the guest was let go then */
	int pid;
	struct plugin_specs specs;
	struct instance *instances[INSTANCE_MAX];
	uint32_t instance_count;
	struct instance *sandbox; /* or NULL; one of instances */
	struct streams streams;
	struct peers peers;
	struct worker workers[WORKER_MAX];
	uint32_t worker_count;
	struct ring rings[RING_MAX];
	uint32_t ring_count;
	uint64_t discarders; /* mask of workers that give memory back */
	bool rings_asked;    /* the operator's parameters have VOLT_URING_WORD */
	struct vcpu *vcpus;
	struct pause pause;                 /* running, paused or ending */
	bool tsc_invariant;                 /* the host's, as KVM says */
	char device_cmdline[CMDLINE_MAX];   /* what plugins add to the kernel command line */
	int kernel_fd, initrd_fd, trace_fd; /* -1: none or closed */
	enum boot_files files;           /* how the kernel and what goes with it come into memory */
	int module_fds[BOOT_MODULE_MAX]; /* of the options' modules, likewise */
	bool sealed;                     /* wiring is over */
	bool measured;                   /* accesses are counted and timed by range */
	struct tally *tallies;           /* where, if so: core/vm/metrics.c */
	const struct hosting *hosting;   /* NULL: the guest is its own, as in volt */
	int fail_code; /* of a part of the start that fails otherwise than its step; 0: none did */
};

#endif
