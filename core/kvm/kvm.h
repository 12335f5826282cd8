/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * kvm - the kernel's side of a VM: the device, the VM and its memory slots.
 */
#ifndef CORE_KVM_H
#define CORE_KVM_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/memory.h"

/* Guest physical addresses that KVM uses on some CPUs (KVM API, 4.35 and 4.41). */
#define KVM_PAGES_BASE 0xfffbc000u
#define KVM_PAGES_LAST 0xfffbffffu

struct ledger;

struct kvm {
	int fd; /* /dev/kvm, closed before the seal */
	int vm_fd;
	uint32_t run_size; /* bytes of a vCPU's shared page */
	uint32_t max_cpus;
	bool tsc_deadline; /* the local APIC timer can count by TSC */
	const char *limit; /* why this host's KVM cannot run Linux, or NULL */
};

/* Every capability that volt relies on, and what for. */
struct kvm_need {
	int number;
	const char *name, *use;
};
extern const struct kvm_need kvm_needs[];
extern const unsigned kvm_need_count;

/* Opens `path` and checks version and capabilities. 0 or -errno, which is logged. */
int kvm_open(struct kvm *k, const char *path);
int kvm_create_vm(struct kvm *k);
void kvm_declare(const struct kvm *k, struct ledger *l);
int kvm_map_memory(struct kvm *k, const struct memory *m);
/* Memory `number` of devices, from 0, in a slot behind those of RAM. */
int kvm_map_device(struct kvm *k, uint32_t number, const struct memory_region *r);

/* In-kernel interrupt controllers and timer, or local APICs only with `pins` GSIs
 * left to a plugin. */
int kvm_create_irqchip(struct kvm *k);
int kvm_split_irqchip(struct kvm *k, uint32_t pins);

#endif
