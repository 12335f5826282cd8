/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/kvm/emulation.h"

#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>

#include "core/base/exitcode.h"
#include "core/event/end.h"

/*
 * Opcodes (Intel SDM vol. 2, appendix A) that guests use early and that some KVM
 * backend cannot emulate. `modrm_reg` is the /digit, or -1; `modrm` the whole byte,
 * or -1; `prefix` a mandatory one, or 0.
 */
static const struct {
	const char *name;
	uint8_t prefix;
	uint8_t length;
	uint8_t opcode[3];
	int8_t modrm_reg;
	int16_t modrm;
} known[] = {
    {"int3", 0, 1, {0xcc}, -1, -1},
    {"int n", 0, 1, {0xcd}, -1, -1},
    {"int1", 0, 1, {0xf1}, -1, -1},
    {"iret", 0, 1, {0xcf}, -1, -1},
    {"cmpxchg8b or cmpxchg16b", 0, 2, {0x0f, 0xc7}, 1, -1},
    {"rdrand", 0, 2, {0x0f, 0xc7}, 6, -1},
    {"rdpid", 0xf3, 2, {0x0f, 0xc7}, 7, -1}, /* before rdseed, which has no prefix */
    {"rdseed", 0, 2, {0x0f, 0xc7}, 7, -1},
    {"xsavec", 0, 2, {0x0f, 0xc7}, 4, -1},
    {"xsaves", 0, 2, {0x0f, 0xc7}, 5, -1},
    {"xrstors", 0, 2, {0x0f, 0xc7}, 3, -1},
    {"clac", 0, 2, {0x0f, 0x01}, -1, 0xca},
    {"stac", 0, 2, {0x0f, 0x01}, -1, 0xcb},
    {"xgetbv", 0, 2, {0x0f, 0x01}, -1, 0xd0},
    {"xsetbv", 0, 2, {0x0f, 0x01}, -1, 0xd1},
    {"swapgs", 0, 2, {0x0f, 0x01}, -1, 0xf8},
    {"rdtscp", 0, 2, {0x0f, 0x01}, -1, 0xf9},
    {"clzero", 0, 2, {0x0f, 0x01}, -1, 0xfc},
    {"monitorx", 0, 2, {0x0f, 0x01}, -1, 0xfa},
    {"mwaitx", 0, 2, {0x0f, 0x01}, -1, 0xfb},
    {"invlpg", 0, 2, {0x0f, 0x01}, 7, -1},
    {"popcnt", 0xf3, 2, {0x0f, 0xb8}, -1, -1},
    {"tzcnt", 0xf3, 2, {0x0f, 0xbc}, -1, -1},
    {"lzcnt", 0xf3, 2, {0x0f, 0xbd}, -1, -1},
    {"rdfsbase or wrgsbase", 0xf3, 2, {0x0f, 0xae}, -1, -1},
    {"fxsave", 0, 2, {0x0f, 0xae}, 0, -1},
    {"fxrstor", 0, 2, {0x0f, 0xae}, 1, -1},
    {"ldmxcsr", 0, 2, {0x0f, 0xae}, 2, -1},
    {"stmxcsr", 0, 2, {0x0f, 0xae}, 3, -1},
    {"xsave", 0, 2, {0x0f, 0xae}, 4, -1},
    {"xrstor or lfence", 0, 2, {0x0f, 0xae}, 5, -1},
    {"xsaveopt or mfence", 0, 2, {0x0f, 0xae}, 6, -1},
    {"clflush or sfence", 0, 2, {0x0f, 0xae}, 7, -1},
    {"invpcid", 0x66, 3, {0x0f, 0x38, 0x82}, -1, -1},
    {"crc32", 0xf2, 3, {0x0f, 0x38, 0xf0}, -1, -1},
    {"crc32", 0xf2, 3, {0x0f, 0x38, 0xf1}, -1, -1},
    {"an SSE4 or AES instruction", 0, 2, {0x0f, 0x38}, -1, -1},
    {"an AVX instruction", 0, 1, {0xc5}, -1, -1},
    {"an AVX instruction", 0, 1, {0xc4}, -1, -1},
    {"an AVX-512 instruction", 0, 1, {0x62}, -1, -1},
    {"ud2", 0, 2, {0x0f, 0x0b}, -1, -1},
    {"getsec", 0, 2, {0x0f, 0x37}, -1, -1},
    {"sysret", 0, 2, {0x0f, 0x07}, -1, -1},
    {"syscall", 0, 2, {0x0f, 0x05}, -1, -1},
};

static bool is_prefix(uint8_t byte)
{
	static const uint8_t prefixes[] = {
	    0x26, 0x2e, 0x36, 0x3e, 0x64, 0x65, 0x66, 0x67, 0xf0, 0xf2, 0xf3};

	return memchr(prefixes, byte, sizeof(prefixes)) != NULL || (byte & 0xf0) == 0x40;
}

const char *emulation_name(const uint8_t *bytes, unsigned n)
{
	unsigned at = 0;

	while (at < n && is_prefix(bytes[at]))
		at++;
	for (unsigned i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
		unsigned length = known[i].length;
		int modrm = at + length < n ? bytes[at + length] : -1;

		if (at + length > n || memcmp(bytes + at, known[i].opcode, length) != 0)
			continue;
		if (known[i].prefix != 0 && memchr(bytes, known[i].prefix, at) == NULL)
			continue;
		if (known[i].modrm >= 0 && modrm != known[i].modrm)
			continue;
		if (known[i].modrm_reg >= 0 &&
		    (modrm < 0 || ((modrm >> 3) & 7) != known[i].modrm_reg))
			continue;
		return known[i].name;
	}
	return NULL;
}

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
	    n < 5 && words[n] != NULL ? words[n] : "no reason given", n, limit != NULL ? "; " : "",
	    limit != NULL ? limit : "");
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
	const char *name = emulation_name(bytes, n);
	const char *guess = n == 0 ? "; perhaps it ran from device memory or nowhere" : "";
	vm_end(end, EXIT_KVM, "KVM cannot emulate %s%s%s%s%s%s%s",
	    name != NULL ? name : "an instruction of the guest", n > 0 ? " (bytes " : "", text,
	    n > 0 ? ")" : "", guess, limit != NULL ? "; " : "", limit != NULL ? limit : "");
}
