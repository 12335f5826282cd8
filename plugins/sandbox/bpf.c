/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * The part of classic BPF that seccomp programs use. Source: the kernel's
 * Documentation/networking/filter.rst and seccomp(2).
 */
#include "bpf.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Noreturn void refuse(const char *what, uint32_t pc, uint16_t code)
{
	fprintf(stderr, "bpf: %s at instruction %u, code 0x%x\n", what, pc, code);
	abort();
}

static uint32_t load(const struct seccomp_data *data, uint32_t off, uint32_t pc)
{
	uint32_t word;

	if (off % 4 != 0 || off > sizeof(*data) - sizeof(word))
		refuse("a load outside seccomp_data", pc, 0);
	memcpy(&word, (const char *)data + off, sizeof(word));
	return word;
}

static int jumps(const struct sock_filter *i, uint32_t a)
{
	switch (BPF_OP(i->code)) {
	case BPF_JEQ:
		return a == i->k;
	case BPF_JGT:
		return a > i->k;
	case BPF_JGE:
		return a >= i->k;
	case BPF_JSET:
		return (a & i->k) != 0;
	}
	refuse("an unknown jump", 0, i->code);
}

uint32_t bpf_run(const struct sock_filter *code, uint32_t count, const struct seccomp_data *data)
{
	uint32_t a = 0;

	for (uint32_t pc = 0; pc < count; pc++) {
		const struct sock_filter *i = &code[pc];

		if (i->code == (BPF_RET | BPF_K))
			return i->k;
		else if (i->code == (BPF_LD | BPF_W | BPF_ABS))
			a = load(data, i->k, pc);
		else if (i->code == (BPF_ALU | BPF_AND | BPF_K))
			a &= i->k;
		else if (i->code == (BPF_JMP | BPF_JA))
			pc += i->k;
		else if (BPF_CLASS(i->code) == BPF_JMP && BPF_SRC(i->code) == BPF_K)
			pc += jumps(i, a) ? i->jt : i->jf;
		else
			refuse("an unknown instruction", pc, i->code);
	}
	refuse("no verdict", count, 0);
}
