/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/kvm/emulation.h"

#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>

#include "core/base/exitcode.h"
#include "core/event/end.h"

static void hex(char *to, const uint8_t *bytes, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		to += sprintf(to, i == 0 ? "%02x" : " %02x", bytes[i]);
}

/* Internal errors that are not about one instruction (Linux, uapi/linux/kvm.h). */
static void explain_other(
    const struct kvm_run *run, uint32_t vcpu, const char *limit, struct vm_end *end)
{
	static const char *const words[] = {[2] = "two events at once that it cannot combine",
	    [3] = "an event that it cannot deliver",
	    [4] = "an exit of the hardware that it does not know"};
	uint32_t n = run->internal.suberror;

	vm_end(end, EXIT_KVM, "KVM gave up on vCPU %u: %s (internal error %u)%s%s", vcpu,
	    n < 5 && words[n] ? words[n] : "no reason given", n, limit ? "; " : "",
	    limit ? limit : "");
}

void emulation_explain(
    const struct kvm_run *run, uint32_t vcpu, const char *limit, struct vm_end *end)
{
	const uint8_t *bytes = run->emulation_failure.insn_bytes;
	unsigned n = run->emulation_failure.insn_size;
	char text[3 * sizeof(run->emulation_failure.insn_bytes) + 1] = "";

	if (run->internal.suberror != KVM_INTERNAL_ERROR_EMULATION) {
		explain_other(run, vcpu, limit, end);
		return;
	}
	if (run->internal.ndata < 3 ||
	    !(run->emulation_failure.flags & KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES))
		n = 0;
	if (n > sizeof(run->emulation_failure.insn_bytes))
		n = sizeof(run->emulation_failure.insn_bytes);
	hex(text, bytes, n);
	const char *guess = n == 0 ? "; perhaps it ran from device memory or nowhere" : "";
	vm_end(end, EXIT_KVM, "KVM cannot emulate an instruction of the guest%s%s%s%s%s%s",
	    n > 0 ? " (code bytes " : "", text, n > 0 ? ")" : "", guess, limit ? "; " : "",
	    limit ? limit : "");
}
