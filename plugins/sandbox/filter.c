/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Seccomp: each thread's rules become one BPF program, made before the seal, so that
 * entering it later is one system call and no allocation. Sources: seccomp(2),
 * Documentation/userspace-api/seccomp_filter.rst, Documentation/networking/filter.rst.
 *
 * libseccomp does not compile them. Where several rules for one call compare the same
 * argument in different ways, one of them "at most", its version 2.5.4 makes filters
 * that allow what no rule allows, and for some it does not end; test_filter.c would find
 * both. The program here is as plain as the policy:
 *
 *   other architecture: kill; x32 number: kill
 *   number of call 1? { rule 1 holds? allow; rule 2 holds? allow; ... deny }
 *   number of call 2? { ... }
 *   deny
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "calls.h"
#include "layers.h"

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

static bool is_ioctl_request(int nr, const struct volt_arg_test *t)
{
	return nr == SYS_ioctl && t->arg == 1;
}

/* The kernel cuts an ioctl request to 32 bits, and some C libraries sign-extend what
 * is above 2^31, so the upper half must not decide. */
static uint64_t mask_of(int nr, const struct volt_arg_test *t)
{
	uint64_t width = is_ioctl_request(nr, t) ? UINT32_MAX : UINT64_MAX;

	return (t->op == VOLT_TEST_MASKED_EQ ? t->mask : UINT64_MAX) & width;
}

static uint32_t test_size(int nr, const struct volt_arg_test *t)
{
	struct half hi = half_of(t, mask_of(nr, t), 32), lo = half_of(t, mask_of(nr, t), 0);

	return half_size(&hi) + half_size(&lo);
}

static void emit_test(struct assembler *a, int nr, const struct volt_arg_test *t, uint32_t behind)
{
	struct half hi = half_of(t, mask_of(nr, t), 32), lo = half_of(t, mask_of(nr, t), 0);

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

/* ----------------------------------------------------------------- checks */

int layer_fail(const struct volt_host *h, int err, const char *fmt, ...)
{
	char msg[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	return (h->fail)(h, err, msg);
}

static int bad_rule(const struct volt_host *h, const struct volt_rule *r, const char *what)
{
	return layer_fail(
	    h, EINVAL, "the rule of %s for %s (%s) %s", r->asked_by, r->syscall, r->reason, what);
}

static int check_rule(const struct volt_host *h, const struct volt_rule *r)
{
	if (r->test_count > VOLT_TEST_MAX)
		return bad_rule(h, r, "has too many tests");
	for (uint32_t i = 0; i < r->test_count; i++) {
		const struct volt_arg_test *t = &r->tests[i];

		if (t->arg > 5)
			return bad_rule(h, r, "tests an argument above 5");
		if (t->op != VOLT_TEST_EQ && t->op != VOLT_TEST_MASKED_EQ)
			return bad_rule(h, r, "has a test of a kind that cannot be enforced");
		if (t->op == VOLT_TEST_MASKED_EQ && (t->value & ~t->mask))
			return bad_rule(h, r, "compares bits that its mask clears: it never holds");
	}
	return 0;
}

static int number_of(const struct volt_host *h, const struct volt_rule *r, int *nr)
{
	*nr = call_number(r->syscall);
	if (*nr < 0 || *nr >= FILTER_CALLS)
		return bad_rule(h, r, "names a system call that x86-64 does not have");
	return 0;
}

static int check_rules(
    const struct volt_host *h, const struct volt_thread *t, int *nrs, struct filter_calls *calls)
{
	for (uint32_t i = 0; i < t->rule_count; i++) {
		int err = number_of(h, rule_at(t, i), &nrs[i]);

		if (!err)
			err = check_rule(h, rule_at(t, i));
		if (err)
			return err;
		calls->bits[nrs[i] / 64] |= 1ull << (nrs[i] % 64);
	}
	return 0;
}

/* ----------------------------------------------------------------- outside */

int filter_check_kernel(const struct volt_host *h, bool log_only)
{
	uint32_t actions[] = {SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_LOG};

	for (int i = 0; i < (log_only ? 2 : 1); i++)
		if (syscall(SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &actions[i]))
			return layer_fail(h, errno,
			    "the kernel's seccomp cannot %s (%s): use Linux 4.14 or newer with "
			    "CONFIG_SECCOMP_FILTER, or pass --no-seccomp",
			    i ? "log" : "kill a process", strerror(errno));
	return 0;
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

int filter_compile(const struct volt_host *h, const struct volt_thread *t, bool log_only,
    struct filter *out, struct filter_calls *calls)
{
	struct assembler a;
	int nrs[FILTER_RULES];
	int err;

	if (t->rule_count > FILTER_RULES)
		return layer_fail(h, E2BIG, "thread %s has %u rules; %d is the most", t->name,
		    t->rule_count, FILTER_RULES);
	err = check_rules(h, t, nrs, calls);
	if (err)
		return err;
	a.count = 0;
	a.deny = log_only ? SECCOMP_RET_LOG : SECCOMP_RET_KILL_PROCESS;
	assemble(&a, t, nrs);
	return keep_code(h, t, &a, out);
}

int filter_install(const struct sock_fprog *program)
{
	return (int)syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, program);
}

int filter_enter(const struct volt_host *h, const struct filter *f, const char *thread)
{
	struct sock_fprog prog = {.len = (unsigned short)f->count, .filter = f->code};

	if (filter_install(&prog) != 0)
		return layer_fail(h, errno, "cannot enter the seccomp filter of thread %s: %s",
		    thread, strerror(errno));
	return 0;
}

static bool same_test(const struct volt_arg_test *a, const struct volt_arg_test *b)
{
	return a->arg == b->arg && a->op == b->op && a->value == b->value &&
	       (a->op != VOLT_TEST_MASKED_EQ || a->mask == b->mask);
}

static bool same_rule(const struct volt_rule *a, const struct volt_rule *b)
{
	if (a->test_count != b->test_count || a->test_count > VOLT_TEST_MAX ||
	    strcmp(a->syscall, b->syscall) != 0)
		return false;
	for (uint32_t i = 0; i < a->test_count; i++)
		if (!same_test(&a->tests[i], &b->tests[i]))
			return false;
	return true;
}

bool filter_same_rules(const struct volt_thread *a, const struct volt_thread *b)
{
	if (a->rule_count != b->rule_count)
		return false;
	for (uint32_t i = 0; i < a->rule_count; i++)
		if (!same_rule(rule_at(a, i), rule_at(b, i)))
			return false;
	return true;
}

void filter_finish(struct filter *f)
{
	free(f->code);
	*f = (struct filter){0};
}
