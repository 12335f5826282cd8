/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * vcpu - one virtual CPU: its registers at the start and its thread.
 */
#ifndef CORE_VCPU_H
#define CORE_VCPU_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/base/cacheline.h"
#include "core/boot/request.h"
#include "core/bus/bus.h"
#include "core/event/end.h"
#include "core/kvm/cpuid.h"
#include "core/kvm/irq.h"
#include "core/kvm/kvm.h"
#include "core/kvm/park.h"

#define VCPU_EXIT_KINDS 40u

extern __thread uint32_t vcpu_number; /* of this vCPU's own thread; 0 elsewhere */

/* Parts of the VM that its vCPUs work with. */
struct vcpu_parts {
	struct kvm *kvm;
	const struct memory *memory;
	const struct bus *bus;
	struct irq *irq;
	struct vm_end *end;
	uint32_t count; /* of vCPUs */
};

struct ledger;

struct vcpu {
	struct vcpu_parts parts;
	uint32_t id; /* also its APIC id */
	int fd;
	struct kvm_run *run;
	struct park_spot spot;           /* where it waits in a pause */
	struct bus_stats stats;          /* written by its own thread only */
	uint64_t exits[VCPU_EXIT_KINDS]; /* by KVM's reason; the last also stands for others */
} CACHELINE_ALIGNED;

/* Creates the vCPU and maps its shared page. 0 or -errno, which is logged. */
int vcpu_create(struct vcpu *v, const struct vcpu_parts *parts, uint32_t id);
/* Puts into CPUID what only a vCPU tells of this host. */
void vcpu_complete_cpuid(const struct vcpu *v, struct cpuid *cpuid);
/* CPUID, MSRs, local APIC; vCPU 0 also its registers at the kernel's entry, if `entry` is not
 * NULL. */
int vcpu_configure(struct vcpu *v, struct cpuid *cpuid, const struct boot_entry *entry);
/* Ticks of its time-stamp counter per millisecond; 0 if KVM does not say. */
uint32_t vcpu_tsc_khz(const struct vcpu *v);
/* That counter as its guest reads it now; 0 if KVM does not say. */
uint64_t vcpu_tsc(const struct vcpu *v);
/* Enters KVM_RUN once without running the guest: what KVM makes on the first entry (a
 * kernel thread among it) exists before the seal. */
int vcpu_warm(struct vcpu *v);

/* Lets the guest's watchdog know that it was stopped. Where it has no kvm-clock nothing happens. */
void vcpu_excuse(const struct vcpu *v);

/* [wire] Gives the vCPUs' descriptors numbers that follow each other, for few rules to hold all
 * of them. 0 or -errno. */
int vcpu_renumber(struct vcpu *vcpus, uint32_t count);

/* After vcpu_renumber(). */
void vcpu_declare(const struct vcpu *v, struct ledger *l);
/* [io] Runs the guest until the VM ends. */
void vcpu_run(struct vcpu *v);

#endif
