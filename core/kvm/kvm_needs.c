/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <linux/kvm.h>

#include "core/kvm/kvm.h"

const struct kvm_need kvm_needs[] = {
    {KVM_CAP_USER_MEMORY, "KVM_CAP_USER_MEMORY", "guest memory"},
    {KVM_CAP_IRQCHIP, "KVM_CAP_IRQCHIP", "local APICs"},
    {KVM_CAP_EXT_CPUID, "KVM_CAP_EXT_CPUID", "CPUID"},
    {KVM_CAP_SET_TSS_ADDR, "KVM_CAP_SET_TSS_ADDR", "real mode on Intel CPUs"},
    {KVM_CAP_MP_STATE, "KVM_CAP_MP_STATE", "starting further vCPUs"},
    {KVM_CAP_IRQFD, "KVM_CAP_IRQFD", "interrupts"},
    {KVM_CAP_IRQ_ROUTING, "KVM_CAP_IRQ_ROUTING", "interrupts"},
    {KVM_CAP_IRQFD_RESAMPLE, "KVM_CAP_IRQFD_RESAMPLE", "level-triggered interrupts"},
    {KVM_CAP_IMMEDIATE_EXIT, "KVM_CAP_IMMEDIATE_EXIT", "preparing vCPUs before the seal"},
};
const unsigned kvm_need_count = sizeof(kvm_needs) / sizeof(kvm_needs[0]);
