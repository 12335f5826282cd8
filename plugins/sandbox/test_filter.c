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

/* After volt/plugin.h, whose member `fail` is a macro here. */
#include <cmocka.h>

#define CALLS_SEEN 600

static const struct {
	const char *name;
	int nr;
} calls[] = {
    {"read", SYS_read},
    {"write", SYS_write},
    {"ioctl", SYS_ioctl},
    {"preadv", SYS_preadv},
    {"futex", SYS_futex},
    {"rt_sigreturn", SYS_rt_sigreturn},
    {"exit_group", SYS_exit_group},
    {"tgkill", SYS_tgkill},
    {"clock_gettime", SYS_clock_gettime},
    {"epoll_pwait", SYS_epoll_pwait},
    {"fallocate", SYS_fallocate},
    {"accept4", SYS_accept4},
};
#define CALL_COUNT (sizeof(calls) / sizeof(calls[0]))

static uint64_t rng;

static uint64_t draw(uint64_t below)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng % below;
}

static int number_of(const char *name)
{
	for (size_t i = 0; i < CALL_COUNT; i++)
		if (strcmp(calls[i].name, name) == 0)
			return calls[i].nr;
	fail_msg("no number for %s", name);
	return -1;
}

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
	if (number_of(r->syscall) != d->nr)
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

static uint64_t near(uint64_t value)
{
	switch (draw(8)) {
	case 0:
		return value + 1;
	case 1:
		return value - 1;
	case 2:
		return value ^ 1ull << draw(64);
	case 3:
		return value | 0xffffffff00000000ull;
	case 4:
		return (uint32_t)value;
	default:
		return value;
	}
}

/* Arguments that hold for a random rule of the call, some of them then moved. */
static void aim(const struct volt_thread *t, struct seccomp_data *d)
{
	const struct volt_rule *r = &t->rules[draw(t->rule_count)];

	for (int i = 0; i < 6; i++)
		d->args[i] = draw(4) ? draw(10) : (uint64_t)-1 >> draw(64);
	d->nr = number_of(r->syscall);
	for (uint32_t i = 0; i < r->test_count; i++)
		d->args[r->tests[i].arg] = draw(3) ? r->tests[i].value : near(r->tests[i].value);
}

static void judge(
    const struct filter *f, const struct volt_thread *t, uint32_t deny, unsigned aimed)
{
	struct seccomp_data d = {.arch = AUDIT_ARCH_X86_64};

	for (d.nr = -1; d.nr <= CALLS_SEEN; d.nr++)
		compare(f, t, &d, deny);
	for (unsigned i = 0; i < aimed; i++) {
		aim(t, &d);
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

static struct volt_thread thread_of(const struct volt_rule *rules, uint32_t count)
{
	return (struct volt_thread){
	    .role = VOLT_ROLE_VCPU,
	    .name = "test",
	    .rules = rules,
	    .rule_stride = sizeof(*rules),
	    .rule_count = count,
	};
}

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
	struct volt_thread t = thread_of(vcpu_rules, VCPU_RULES);

	compile_and_judge(&t, false, 20000);
}

static void log_filter_lets_pass_but_kills_other_architectures(void **state)
{
	struct volt_thread t = thread_of(vcpu_rules, VCPU_RULES);

	compile_and_judge(&t, true, 20000);
}

static void filter_without_rules_allows_nothing(void **state)
{
	struct volt_thread t = thread_of(vcpu_rules, 0);

	compile_and_judge(&t, false, 0);
}

static void ioctl_is_the_first_call_looked_at(void **state)
{
	struct volt_thread t = thread_of(vcpu_rules, VCPU_RULES);
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

static void random_test(struct volt_arg_test *t, bool ioctl)
{
	static const uint64_t pool[] = {0, 1, 2, 3, 7, 8, 0xae80, 0x4020ae46, 0x80000000,
	    0xffffffff, 0x100000000, 0x100000001, 0x7fffffffffffffff, UINT64_MAX};

	t->arg = (uint8_t)draw(3);
	t->value = pool[draw(sizeof(pool) / sizeof(pool[0]))];
	t->op = (uint8_t)(VOLT_TEST_EQ + draw(2));
	t->mask = draw(2) ? UINT32_MAX : pool[draw(sizeof(pool) / sizeof(pool[0]))] | 3;
	if (t->op == VOLT_TEST_MASKED_EQ)
		t->value &= t->mask & (ioctl && t->arg == 1 ? UINT32_MAX : UINT64_MAX);
}

static void random_rule(struct volt_rule *r)
{
	*r = (struct volt_rule){.asked_by = "test", .reason = "chance"};
	r->syscall = calls[draw(draw(2) ? CALL_COUNT : 3)].name;
	r->test_count = (uint32_t)draw(4);
	for (uint32_t i = 0; i < r->test_count; i++)
		random_test(&r->tests[i], strcmp(r->syscall, "ioctl") == 0);
}

static void random_policies_compile_to_what_they_say(void **state)
{
	struct volt_rule rules[12];
	const char *seed = getenv("VOLT_FUZZ_SEED");

	rng = seed ? strtoull(seed, NULL, 0) | 1 : 0x5eed;
	print_message("seed 0x%llx\n", (unsigned long long)rng);
	for (unsigned round = 0; round < 600; round++) {
		struct volt_thread t = thread_of(rules, 1 + (uint32_t)draw(12));

		for (uint32_t i = 0; i < t.rule_count; i++)
			random_rule(&rules[i]);
		compile_and_judge(&t, false, 400);
	}
}

/* ------------------------------------------------------------ refused rules */

static int compile_one(const struct volt_rule *r)
{
	struct volt_thread t = thread_of(r, 1);
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

	rng = 0x5eed;
	return cmocka_run_group_tests_name("sandbox filters", tests, test_setup, test_teardown);
}
