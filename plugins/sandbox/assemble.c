/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * assemble.c - the compiler of a volt without libseccomp (static, musl, the smallest), and in
 * the tests the judge of the one with it. Sources: Documentation/networking/filter.rst,
 * seccomp(2). The program is as plain as the policy:
 *
 *   other architecture: kill; x32 number: kill
 *   number of call 1? { rule 1 holds? allow; rule 2 holds? allow; ... deny }
 *   number of call 2? { ... }
 *   deny
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "compilers.h"

#define X32_BIT 0x40000000u
#define NO_CALL UINT32_MAX /* what a tracer leaves when it skips a call */

struct assembler {
	struct sock_filter code[BPF_MAXINSNS];
	uint32_t count; /* may pass BPF_MAXINSNS: then the rest was not stored */
	uint32_t deny;  /* SECCOMP_RET_* */
};

static void emit(struct assembler *a, uint16_t code, uint32_t k, uint32_t jt, uint32_t jf)
{
	if (a->count < BPF_MAXINSNS)
		a->code[a->count] = (struct sock_filter){
		    .code = code, .jt = (uint8_t)jt, .jf = (uint8_t)jf, .k = k};
	a->count++;
}

static void load(struct assembler *a, size_t offset)
{
	emit(a, BPF_LD | BPF_W | BPF_ABS, (uint32_t)offset, 0, 0);
}

/* Goes on at the next instruction if true, else `skip` further. */
static void unless(struct assembler *a, uint16_t op, uint32_t k, uint32_t skip)
{
	emit(a, BPF_JMP | op | BPF_K, k, 0, skip);
}

static void end(struct assembler *a, uint32_t verdict)
{
	emit(a, BPF_RET | BPF_K, verdict, 0, 0);
}

/* ------------------------------------------------------------- one test */

/* A test as the program makes it. A half whose mask is 0 is not looked at. */
struct half {
	size_t offset; /* in struct seccomp_data */
	uint32_t mask, value;
};

static struct half half_of(const struct volt_arg_test *t, uint64_t mask, unsigned shift)
{
	return (struct half){
	    .offset = offsetof(struct seccomp_data, args) + 8u * t->arg + shift / 8,
	    .mask = (uint32_t)(mask >> shift),
	    .value = (uint32_t)(t->value >> shift),
	};
}

static uint32_t half_size(const struct half *h)
{
	return h->mask == 0 ? 0 : h->mask == UINT32_MAX ? 2 : 3;
}

/* `behind` instructions of the same rule follow; to fail is to skip them all. */
static void emit_half(struct assembler *a, const struct half *h, uint32_t behind)
{
	if (h->mask == 0)
		return;
	load(a, h->offset);
	if (h->mask != UINT32_MAX)
		emit(a, BPF_ALU | BPF_AND | BPF_K, h->mask, 0, 0);
	unless(a, BPF_JEQ, h->value & h->mask, behind);
}

static uint32_t test_size(int nr, const struct volt_arg_test *t)
{
	struct half hi = half_of(t, test_mask(nr, t), 32), lo = half_of(t, test_mask(nr, t), 0);

	return half_size(&hi) + half_size(&lo);
}

static void emit_test(struct assembler *a, int nr, const struct volt_arg_test *t, uint32_t behind)
{
	struct half hi = half_of(t, test_mask(nr, t), 32), lo = half_of(t, test_mask(nr, t), 0);

	emit_half(a, &hi, half_size(&lo) + behind);
	emit_half(a, &lo, behind);
}

/* ------------------------------------------------------- rules and calls */

/* At most VOLT_TEST_MAX tests of 6 instructions and the verdict, so that every jump
 * over the rest of a rule fits the eight bits it has. */
static uint32_t rule_size(int nr, const struct volt_rule *r)
{
	uint32_t n = 1;

	for (uint32_t i = 0; i < r->test_count; i++)
		n += test_size(nr, &r->tests[i]);
	return n;
}

static void emit_rule(struct assembler *a, int nr, const struct volt_rule *r)
{
	uint32_t behind = rule_size(nr, r);

	for (uint32_t i = 0; i < r->test_count; i++) {
		behind -= test_size(nr, &r->tests[i]);
		emit_test(a, nr, &r->tests[i], behind);
	}
	end(a, SECCOMP_RET_ALLOW);
}

/* The rules for one call, in the order of the policy; one without a test ends them. */
static void emit_call(struct assembler *a, const struct volt_thread *t, const int *nrs, int nr)
{
	uint32_t start = a->count, size;

	emit(a, BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)nr, 1, 0);
	emit(a, BPF_JMP | BPF_JA, 0, 0, 0); /* a long jump; its length is not known yet */
	for (uint32_t i = 0; i < t->rule_count; i++) {
		if (nrs[i] != nr)
			continue;
		emit_rule(a, nr, rule_at(t, i));
		if (rule_at(t, i)->test_count == 0)
			break;
	}
	end(a, a->deny);
	size = a->count - start - 2;
	if (start + 1 < BPF_MAXINSNS)
		a->code[start + 1].k = size;
}

static bool seen_before(const int *nrs, uint32_t i)
{
	for (uint32_t j = 0; j < i; j++)
		if (nrs[j] == nrs[i])
			return true;
	return false;
}

/* ioctl goes first: it is what a vCPU thread does all day. */
static void assemble(struct assembler *a, const struct volt_thread *t, const int *nrs)
{
	load(a, offsetof(struct seccomp_data, arch));
	emit(a, BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0);
	end(a, SECCOMP_RET_KILL_PROCESS);
	load(a, offsetof(struct seccomp_data, nr));
	emit(a, BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 0, 3);
	emit(a, BPF_JMP | BPF_JEQ | BPF_K, NO_CALL, 1, 0);
	end(a, SECCOMP_RET_KILL_PROCESS);
	end(a, a->deny);
	for (int others = 0; others < 2; others++)
		for (uint32_t i = 0; i < t->rule_count; i++)
			if ((nrs[i] != SYS_ioctl) == others && !seen_before(nrs, i))
				emit_call(a, t, nrs, nrs[i]);
	end(a, a->deny);
}

static int keep_code(const struct volt_host *h, const struct volt_thread *t,
    const struct assembler *a, struct filter *out)
{
	size_t size = a->count * sizeof(*a->code);

	if (a->count > BPF_MAXINSNS)
		return layer_fail(h, E2BIG,
		    "the rules of thread %s need %u BPF instructions; the kernel takes %d", t->name,
		    a->count, BPF_MAXINSNS);
	out->code = malloc(size);
	if (!out->code)
		return layer_fail(h, ENOMEM, "no memory for a seccomp filter");
	memcpy(out->code, a->code, size);
	out->count = a->count;
	return 0;
}

int assemble_filter(const struct volt_host *h, const struct volt_thread *t, const int *nrs,
    bool log_only, struct filter *out)
{
	struct assembler a;

	a.count = 0;
	a.deny = log_only ? SECCOMP_RET_LOG : SECCOMP_RET_KILL_PROCESS;
	assemble(&a, t, nrs);
	return keep_code(h, t, &a, out);
}
