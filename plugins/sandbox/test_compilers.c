/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * The two compilers, each the other's judge: libseccomp's program and our own give the same
 * verdict on system calls at and near what random policies allow.
 */
#include <linux/audit.h>
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include "bpf.h"
#include "calls.h"
#include "compilers.h"
#include "test_child.h"
#include "test_random.h"

/* After volt/plugin.h, whose member `fail` is a macro here. */
#include <cmocka.h>

#define POLICIES   10000
#define RULES      12
#define AIMED      120 /* system calls at each policy's values */
#define X32_NUMBER 0x40000000

/* Read by LeakSanitizer's runtime, if there is one: libseccomp 2.5 loses nodes when a rule is added
 * to some of the random policies, whose context is released as it should be. */
const char *__lsan_default_suppressions(void);
__attribute__((visibility("default"))) const char *__lsan_default_suppressions(void)
{
	return "leak:libseccomp.so";
}

struct pair_of_programs {
	struct filter library, own;
};

static void compile_both(const struct volt_thread *t, bool log_only, struct pair_of_programs *p)
{
	const struct volt_host *h = fake_host_table(test_host);
	int nrs[RULES];

	for (uint32_t i = 0; i < t->rule_count; i++)
		nrs[i] = call_number(rule_at(t, i)->syscall);
	if (libseccomp_filter(h, t, nrs, log_only, &p->library) ||
	    assemble_filter(h, t, nrs, log_only, &p->own))
		fail_msg("does not compile: %s", fake_host_message(test_host));
}

static void print_policy(const struct volt_thread *t)
{
	for (uint32_t i = 0; i < t->rule_count; i++) {
		const struct volt_rule *r = rule_at(t, i);

		print_message("%s:", r->syscall);
		for (uint32_t k = 0; k < r->test_count; k++)
			print_message(" arg %u op %u value %llx mask %llx;", r->tests[k].arg,
			    r->tests[k].op, (unsigned long long)r->tests[k].value,
			    (unsigned long long)r->tests[k].mask);
		print_message("\n");
	}
}

static void compare(
    const struct pair_of_programs *p, const struct volt_thread *t, const struct seccomp_data *d)
{
	uint32_t library = bpf_run(p->library.code, p->library.count, d);
	uint32_t own = bpf_run(p->own.code, p->own.count, d);

	if (library == own)
		return;
	print_policy(t);
	fail_msg("call %d(%llx, %llx, %llx) arch %x: libseccomp says %x, our own %x", d->nr,
	    d->args[0], d->args[1], d->args[2], d->arch, library, own);
}

static void judge(const struct pair_of_programs *p, const struct volt_thread *t)
{
	struct seccomp_data d = {.arch = AUDIT_ARCH_X86_64};

	for (unsigned i = 0; i < AIMED; i++) {
		random_aim(t, &d);
		compare(p, t, &d);
	}
	d.nr |= X32_NUMBER;
	compare(p, t, &d);
	d.nr = -1;
	compare(p, t, &d);
	d.nr = (int)random_draw(600);
	compare(p, t, &d);
	d.arch = AUDIT_ARCH_I386;
	compare(p, t, &d);
}

/* HOLDS(security) */
static void both_give_the_same_verdicts_on_random_policies(void **state)
{
	struct volt_rule rules[RULES];

	random_start();
	for (unsigned round = 0; round < POLICIES; round++) {
		struct volt_thread t = random_thread(rules, 1 + (uint32_t)random_draw(RULES));
		struct pair_of_programs p = {0};

		for (uint32_t i = 0; i < t.rule_count; i++)
			random_rule(&rules[i]);
		compile_both(&t, round % 2, &p);
		judge(&p, &t);
		filter_finish(&p.library);
		filter_finish(&p.own);
	}
}

int compilers_tests(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(both_give_the_same_verdicts_on_random_policies),
	};

	return cmocka_run_group_tests_name("sandbox compilers", tests, test_setup, test_teardown);
}
