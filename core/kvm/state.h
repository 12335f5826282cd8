/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * state - reads KVM's part of a VM, and sets it again in another one.
 *
 * It is read by the loop's thread while every vCPU is parked (core/kvm/park.h) and set while the
 * VM is built. The order of both is given: some requests change what another one reads, and
 * some of what is set is dropped, or acted on, by a request that comes too early. state_vcpu.c
 * says why at each. Everything goes into blocks (core/kvm/blocks.h) in memory that was there
 * before the seal.
 */
#ifndef CORE_KVM_STATE_H
#define CORE_KVM_STATE_H

#include <linux/kvm.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/kvm/blocks.h"
#include "core/kvm/cpuid.h"
#include "core/kvm/kvm.h"
#include "core/kvm/vcpu.h"

#define STATE_MSR_MAX      512u
#define STATE_REQUESTS_MAX 16u

#define MSR_TSC_DEADLINE 0x6e0u

/* Laid out as struct kvm_msrs. */
struct state_msrs {
	uint32_t count, pad;
	struct kvm_msr_entry entries[STATE_MSR_MAX];
};

/* What of this host's KVM there is to read and to set. Made before the seal. */
struct state_plan {
	bool sregs2, xcrs, debugregs, tsc_offset, own_chip;
	uint32_t xsave_size; /* 0: none */
	bool xsave2;
	uint32_t tsc_khz; /* of the host */
	uint32_t cpus;
	const struct cpuid *cpuid; /* of vCPU 0 */
	uint32_t msr_count;
	uint32_t msrs[STATE_MSR_MAX];
	struct state_msrs scratch;
};

/* Instants of one save or restore, in ticks of the host's time-stamp counter. */
struct state_clock {
	uint64_t ns;  /* kvm-clock, as the guest sees it */
	uint64_t tsc; /* the host's at that instant */
};

/* [wire] Capabilities that a VM needs whose state is read or set: before its vCPUs are made. */
void state_prepare(const struct kvm *k);
/* [wire] When the vCPUs have their CPUID and /dev/kvm is still open. `own_chip`: KVM's irqchip
 * is in use. 0 or -errno, which is logged. */
int state_plan(struct state_plan *p, const struct kvm *k, const struct vcpu *vcpus, uint32_t count,
    const struct cpuid *cpuid, bool own_chip);
/* [wire] Behind it, before anything is read: leaves out what KVM lists and does not give. */
void state_plan_reading(struct state_plan *p, const struct vcpu *v);
/* The requests that state_read_vcpu() makes on each vCPU, and state_read_vm() on the VM. How many
 * were put. */
uint32_t state_vcpu_requests(const struct state_plan *p, uint32_t requests[STATE_REQUESTS_MAX]);
uint32_t state_vm_requests(const struct state_plan *p, uint32_t requests[STATE_REQUESTS_MAX]);
/* Bytes that the blocks take at most. */
size_t state_vcpu_size(const struct state_plan *p);
size_t state_vm_size(const struct state_plan *p);

/* [loop] All vCPUs are parked. `failed` gets the name of the request that failed. 0 or -errno. */
int state_read_vcpu(
    struct state_plan *p, const struct vcpu *v, struct blocks_out *out, const char **failed);
int state_read_vm(
    const struct state_plan *p, const struct kvm *k, struct blocks_out *out, const char **failed);

/* [wire] In this order: state_set_cpuid() in the place of the host's, when each vCPU is
 * configured; for each vCPU state_set_vcpu(); state_set_vm(); for each state_finish_vcpu().
 * 0 or -errno, which is logged. */
int state_set_cpuid(const struct blocks *b, const struct cpuid *host, uint32_t vcpu, uint32_t cpus,
    struct cpuid *guest);
int state_set_vcpu(struct state_plan *p, const struct vcpu *v, const struct blocks *b);
int state_set_vm(const struct state_plan *p, const struct kvm *k, const struct blocks *b,
    struct state_clock *saved, struct state_clock *now);
int state_finish_vcpu(struct state_plan *p, const struct vcpu *v, const struct blocks *b,
    const struct state_clock *saved, const struct state_clock *now);

/* state_msrs.c: the MSRs that are state, of those that KVM lists and some more. `list` has room
 * for STATE_MSR_MAX. How many, or -errno. */
int state_list_msrs(const struct kvm *k, uint32_t *list);
/* Makes the sorted list of MSRs to save: of KVM's `count` numbers without those that must not be
 * saved, and of those that KVM does not list. Makes no system call. */
uint32_t state_choose_msrs(const uint32_t *listed, uint32_t count, uint32_t *list);
/* Why MSR `index` is not saved; NULL: it is. */
const char *state_why_not_msr(uint32_t index);

/* state_cpuid.c: the registers of CPUID whose bits are features, by number from 0. False: there are
 * no more. */
struct state_register {
	uint32_t leaf, subleaf;
	uint8_t reg; /* 0 to 3: EAX, EBX, ECX, EDX */
};
bool state_feature_register(uint32_t number, struct state_register *r);
/* Has `host` all features of `guest`? True, or false with their names in `why`. */
bool state_compare_features(
    const struct cpuid *host, const struct cpuid *guest, char *why, size_t why_size);
/* state_cpuid.c: may a guest that saw `guest` go on where this host can give `host`? True, or
 * false with what is missing in `why`. */
bool state_compare_cpuid(
    const struct cpuid *host, const struct cpuid *guest, char *why, size_t why_size);

#endif
