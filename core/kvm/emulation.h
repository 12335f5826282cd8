/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * emulation - explains KVM_EXIT_INTERNAL_ERROR in words.
 */
#ifndef CORE_EMULATION_H
#define CORE_EMULATION_H

#include <stdint.h>

struct kvm_run;
struct vm_end;

/* [io] Ends the VM with one line that names the instruction KVM could not handle; `limit` is of
 * struct kvm. */
void emulation_explain(
    const struct kvm_run *run, uint32_t vcpu, const char *limit, struct vm_end *end);

/* Mnemonic of the instruction at the start of `bytes`, or NULL if it is not one of
 * those that KVM's emulators are known to lack. */
const char *emulation_name(const uint8_t *bytes, unsigned n);

#endif
