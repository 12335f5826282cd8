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

/* [io] Ends the VM with one line that has the bytes of the instruction that KVM could not handle.
 * It has no mnemonic: KVM may give fewer bytes than the instruction has, and a table of opcodes
 * names the wrong one for each encoding that it lacks. `limit` is of struct kvm. */
void emulation_explain(
    const struct kvm_run *run, uint32_t vcpu, const char *limit, struct vm_end *end);

#endif
