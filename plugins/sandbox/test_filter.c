/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * The compiled filters against the declared policy: a BPF interpreter judges system
 * calls 0..600, the odd architectures, and for each rule the arguments around its
 * values. Policies are the ones that Volt makes and thousands of random ones.
 */
#include <linux/audit.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>

#include "bpf.h"
#include "layers.h"
#include "test_child.h"
#include "test_random.h"

/* After volt/plugin.h, whose member `fail` is a macro here. */
#include <cmocka.h>

#define CALLS_SEEN 600

/* ------------------------------------------------- what the policy means */

static bool test_holds(const struct volt_arg_test *t, const struct seccomp_data *d)
{
	uint64_t arg = d->args[t->arg], value = t->value;

	if (d->nr == SYS_ioctl && t->arg == 1) {
		arg = (uint32_t)arg;
		value = (uint32_t)value;
	}
	switch (t->op) {
	case VOLT_TEST_EQ:
		return arg == value;
	case VOLT_TEST_MASKED_EQ:
		return (arg & t->mask) == value;
	}
	return false;
}

static bool rule_allows(const struct volt_rule *r, const struct seccomp_data *d)
{
	if (random_call_number(r->syscall) != d->nr)
		return false;
	for (uint32_t i = 0; i < r->test_count; i++)
		if (!test_holds(&r->tests[i], d))
			return false;
	return true;
}

static uint32_t expected(const struct volt_thread *t, const struct seccomp_data *d, uint32_t deny)
{
	if (d->arch != AUDIT_ARCH_X86_64)
		return SECCOMP_RET_KILL_PROCESS;
	/* -1 is what a tracer leaves for "skip": no call, so the default is right. */
	if ((uint32_t)d->nr >= 0x40000000u && d->nr != -1)
		return SECCOMP_RET_KILL_PROCESS;
	for (uint32_t i = 0; i < t->rule_count; i++)
		if (rule_allows(&t->rules[i], d))
			return SECCOMP_RET_ALLOW;
	return deny;
}

/* ------------------------------------------------------------- judgement */

static void compare(const struct filter *f, const struct volt_thread *t,
    const struct seccomp_data *d, uint32_t deny)
{
	uint32_t got = bpf_run(f->code, f->count, d);
	uint32_t want = expected(t, d, deny);

	if (got != want)
		fail_msg("call %d(%llx, %llx, %llx, %llx, %llx, %llx) arch %x: filter says %x, "
			 "policy %x",
		    d->nr, d->args[0], d->args[1], d->args[2], d->args[3], d->args[4], d->args[5],
		    d->arch, got, want);
}

static void judge(
    const struct filter *f, const struct volt_thread *t, uint32_t deny, unsigned aimed)
{
	struct seccomp_data d = {.arch = AUDIT_ARCH_X86_64};

	for (d.nr = -1; d.nr <= CALLS_SEEN; d.nr++)
		compare(f, t, &d, deny);
	for (unsigned i = 0; i < aimed; i++) {
		random_aim(t, &d);
		compare(f, t, &d, deny);
	}
	for (int nr = 0; nr <= CALLS_SEEN; nr++) {
		d.nr = nr | 0x40000000; /* x32 */
		compare(f, t, &d, deny);
	}
	d.arch = AUDIT_ARCH_I386;
	for (d.nr = 0; d.nr <= CALLS_SEEN; d.nr++)
		compare(f, t, &d, deny);
}

static void compile_and_judge(const struct volt_thread *t, bool log_only, unsigned aimed)
{
	struct filter_calls seen = {0};
	struct filter f = {0};
	int err = filter_compile(fake_host_table(test_host), t, log_only, &f, &seen);

	if (err)
		fail_msg("does not compile: %s", fake_host_message(test_host));
	judge(&f, t, log_only ? SECCOMP_RET_LOG : SECCOMP_RET_KILL_PROCESS, aimed);
	filter_finish(&f);
}

/* ---------------------------------------------------------------- policies */

static const struct volt_rule vcpu_rules[] = {
    {"ioctl", "core", "run the guest", 2, 0,
	{{0, VOLT_TEST_EQ, 0, 0, 11, 0}, {1, VOLT_TEST_EQ, 0, 0, 0xae80, 0}}},
    {"write", "core", "wake the loop", 2, 0,
	{{0, VOLT_TEST_EQ, 0, 0, 7, 0}, {2, VOLT_TEST_EQ, 0, 0, 8, 0}}},
    {"futex", "core", "wait", 1, 0, {{1, VOLT_TEST_EQ, 0, 0, 128, 0}}},
    {"futex", "core", "wake", 1, 0, {{1, VOLT_TEST_EQ, 0, 0, 129, 0}}},
    {"rt_sigreturn", "core", "kick", 0, 0, {{0}}},
    {"exit_group", "core", "end", 0, 0, {{0}}},
    {"tgkill", "core", "abort", 2, 0,
	{{0, VOLT_TEST_EQ, 0, 0, 1234, 0}, {2, VOLT_TEST_EQ, 0, 0, 6, 0}}},
    {"clock_gettime", "core", "time", 1, 0, {{0, VOLT_TEST_MASKED_EQ, 0, 0, 0, ~(uint64_t)7}}},
};
#define VCPU_RULES (sizeof(vcpu_rules) / sizeof(vcpu_rules[0]))

static void filter_of_a_vcpu_says_what_the_policy_says(void **state)
{
	struct volt_thread t = random_thread(vcpu_rules, VCPU_RULES);

	compile_and_judge(&t, false, 20000);
}

static void log_filter_lets_pass_but_kills_other_architectures(void **state)
{
	struct volt_thread t = random_thread(vcpu_rules, VCPU_RULES);

	compile_and_judge(&t, true, 20000);
}

static void filter_without_rules_allows_nothing(void **state)
{
	struct volt_thread t = random_thread(vcpu_rules, 0);

	compile_and_judge(&t, false, 0);
}

static void ioctl_is_the_first_call_looked_at(void **state)
{
	struct volt_thread t = random_thread(vcpu_rules, VCPU_RULES);
	struct filter_calls seen = {0};
	struct filter f = {0};
	uint32_t first = 0;

	assert_int_equal(filter_compile(fake_host_table(test_host), &t, false, &f, &seen), 0);
	for (uint32_t i = 0; i < f.count && !first; i++)
		if (f.code[i].code == (BPF_JMP | BPF_JEQ | BPF_K) && f.code[i].k < 0x40000000u)
			first = f.code[i].k;
	filter_finish(&f);

	assert_int_equal(first, SYS_ioctl);
}

/* HOLDS(security) */
static void random_policies_compile_to_what_they_say(void **state)
{
	struct volt_rule rules[12];

	random_start();
	for (unsigned round = 0; round < 600; round++) {
		struct volt_thread t = random_thread(rules, 1 + (uint32_t)random_draw(12));

		for (uint32_t i = 0; i < t.rule_count; i++)
			random_rule(&rules[i]);
		compile_and_judge(&t, false, 400);
	}
}

/* ------------------------------------------------------------ refused rules */

static int compile_one(const struct volt_rule *r)
{
	struct volt_thread t = random_thread(r, 1);
	struct filter_calls seen = {0};
	struct filter f = {0};
	int err = filter_compile(fake_host_table(test_host), &t, false, &f, &seen);

	filter_finish(&f);
	return err;
}

static void unknown_system_call_is_refused_naming_who_asked(void **state)
{
	const struct volt_rule r = {"frobnicate", "serial0", "fun", 0, 0, {{0}}};

	assert_int_equal(compile_one(&r), -EINVAL);
	assert_non_null(strstr(fake_host_message(test_host), "serial0"));
	assert_non_null(strstr(fake_host_message(test_host), "frobnicate"));
}

static void call_of_another_architecture_is_refused(void **state)
{
	const struct volt_rule r = {"socketcall", "serial0", "fun", 0, 0, {{0}}};

	assert_int_equal(compile_one(&r), -EINVAL);
}

static void test_of_parameter_fd_is_refused(void **state)
{
	const struct volt_rule r = {"read", "x", "y", 1, 0, {{0, VOLT_TEST_FD_PARAM, 0, 0, 0, 0}}};

	assert_int_equal(compile_one(&r), -EINVAL);
}

static void seventh_argument_is_refused(void **state)
{
	const struct volt_rule r = {"read", "x", "y", 1, 0, {{6, VOLT_TEST_EQ, 0, 0, 1, 0}}};

	assert_int_equal(compile_one(&r), -EINVAL);
}

static void fifth_test_is_refused(void **state)
{
	const struct volt_rule r = {"read", "x", "y", VOLT_TEST_MAX + 1, 0, {{0}}};

	assert_int_equal(compile_one(&r), -EINVAL);
}

static void value_outside_its_mask_is_refused(void **state)
{
	const struct volt_rule r = {
	    "read", "x", "y", 1, 0, {{0, VOLT_TEST_MASKED_EQ, 0, 0, 0x10, 0xf}}};

	assert_int_equal(compile_one(&r), -EINVAL);
}

int filter_tests(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(filter_of_a_vcpu_says_what_the_policy_says),
	    cmocka_unit_test(log_filter_lets_pass_but_kills_other_architectures),
	    cmocka_unit_test(filter_without_rules_allows_nothing),
	    cmocka_unit_test(ioctl_is_the_first_call_looked_at),
	    cmocka_unit_test(random_policies_compile_to_what_they_say),
	    cmocka_unit_test(unknown_system_call_is_refused_naming_who_asked),
	    cmocka_unit_test(call_of_another_architecture_is_refused),
	    cmocka_unit_test(test_of_parameter_fd_is_refused),
	    cmocka_unit_test(seventh_argument_is_refused),
	    cmocka_unit_test(fifth_test_is_refused),
	    cmocka_unit_test(value_outside_its_mask_is_refused),
	};

	return cmocka_run_group_tests_name("sandbox filters", tests, test_setup, test_teardown);
}
