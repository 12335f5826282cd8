/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * cpuid - what the guest's CPUID instruction returns.
 */
#ifndef CORE_CPUID_H
#define CORE_CPUID_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "core/kvm/kvm.h"

#define CPUID_MAX 256

/* Laid out as struct kvm_cpuid2, with room for its entries. */
struct cpuid {
	struct {
		uint32_t nent, padding;
	} head;
	struct kvm_cpuid_entry2 entries[CPUID_MAX];
};

/* Only what is in use: the rest stays untouched, so most of its pages are never there. */
static inline void cpuid_copy(struct cpuid *to, const struct cpuid *from)
{
	to->head = from->head;
	memcpy(to->entries, from->entries, from->head.nent * sizeof(from->entries[0]));
}

/* What KVM supports, filtered by the table in cpuid.c. 0 or -errno, which is logged. */
int cpuid_init(struct cpuid *c, const struct kvm *k, uint32_t cpus);
/* The pure part of it, for tests. */
void cpuid_filter(struct cpuid *c, uint32_t cpus, bool tsc_deadline);
/* Puts in at which rate the time-stamp counter and the local APIC's timer run, for guests without
 * kvm-clock; 0: unknown, nothing is put in. */
void cpuid_set_frequencies(struct cpuid *c, uint32_t tsc_khz);
/* No physical address is wider than `bits`. */
void cpuid_cap_address(struct cpuid *c, uint32_t bits);
/* True if the guest may read machine check banks. */
bool cpuid_has_mca(const struct cpuid *c);
/* True if the time-stamp counter runs at one rate whatever the CPU does. */
bool cpuid_tsc_is_invariant(const struct cpuid *c);
/* Puts in what differs between vCPUs: APIC ids and topology. */
void cpuid_set_vcpu(struct cpuid *c, uint32_t id, uint32_t cpus);

#endif
