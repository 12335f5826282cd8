/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Seccomp: each thread's rules become one BPF program, made before the seal, so that
 * entering it later is one system call and no allocation. Sources: seccomp(2),
 * Documentation/userspace-api/seccomp_filter.rst.
 */
#include <errno.h>
#include <linux/seccomp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "calls.h"
#include "compilers.h"

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

		if (err)
			return err;
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

int filter_compile(const struct volt_host *h, const struct volt_thread *t, bool log_only,
    struct filter *out, struct filter_calls *calls)
{
	int nrs[FILTER_RULES];
	int err;

	if (t->rule_count > FILTER_RULES)
		return layer_fail(h, E2BIG, "thread %s has %u rules; %d is the most", t->name,
		    t->rule_count, FILTER_RULES);
	err = check_rules(h, t, nrs, calls);
	if (err)
		return err;
	return COMPILE_FILTER(h, t, nrs, log_only, out);
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
