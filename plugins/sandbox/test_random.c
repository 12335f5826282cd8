/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "test_random.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>

/* After volt/plugin.h, whose member `fail` is a macro here. */
#include <cmocka.h>

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

static uint64_t rng = 0x5eed;

void random_start(void)
{
	const char *seed = getenv("VOLT_FUZZ_SEED");
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	rng = seed ? strtoull(seed, NULL, 0)
		   : (uint64_t)now.tv_sec * 1000000007u + (uint64_t)now.tv_nsec;
	rng |= 1;
	print_message("VOLT_FUZZ_SEED=0x%llx\n", (unsigned long long)rng);
}

uint64_t random_draw(uint64_t below)
{
	rng ^= rng << 13;
	rng ^= rng >> 7;
	rng ^= rng << 17;
	return rng % below;
}

int random_call_number(const char *name)
{
	for (size_t i = 0; i < CALL_COUNT; i++)
		if (strcmp(calls[i].name, name) == 0)
			return calls[i].nr;
	fail_msg("no number for %s", name);
	return -1;
}

struct volt_thread random_thread(const struct volt_rule *rules, uint32_t count)
{
	return (struct volt_thread){
	    .role = VOLT_ROLE_VCPU,
	    .name = "test",
	    .rules = rules,
	    .rule_stride = sizeof(*rules),
	    .rule_count = count,
	};
}

static uint64_t near(uint64_t value)
{
	switch (random_draw(8)) {
	case 0:
		return value + 1;
	case 1:
		return value - 1;
	case 2:
		return value ^ 1ull << random_draw(64);
	case 3:
		return value | 0xffffffff00000000ull;
	case 4:
		return (uint32_t)value;
	default:
		return value;
	}
}

/* Arguments that hold for a random rule of the call, some of them then moved. */
void random_aim(const struct volt_thread *t, struct seccomp_data *d)
{
	const struct volt_rule *r = &t->rules[random_draw(t->rule_count)];

	for (int i = 0; i < 6; i++)
		d->args[i] = random_draw(4) ? random_draw(10) : (uint64_t)-1 >> random_draw(64);
	d->nr = random_call_number(r->syscall);
	for (uint32_t i = 0; i < r->test_count; i++)
		d->args[r->tests[i].arg] =
		    random_draw(3) ? r->tests[i].value : near(r->tests[i].value);
}

static void random_test(struct volt_arg_test *t, bool ioctl)
{
	static const uint64_t pool[] = {0, 1, 2, 3, 7, 8, 0xae80, 0x4020ae46, 0x80000000,
	    0xffffffff, 0x100000000, 0x100000001, 0x7fffffffffffffff, UINT64_MAX};

	t->arg = (uint8_t)random_draw(3);
	t->value = pool[random_draw(sizeof(pool) / sizeof(pool[0]))];
	t->op = (uint8_t)(VOLT_TEST_EQ + random_draw(2));
	t->mask =
	    random_draw(2) ? UINT32_MAX : pool[random_draw(sizeof(pool) / sizeof(pool[0]))] | 3;
	if (t->op == VOLT_TEST_MASKED_EQ)
		t->value &= t->mask & (ioctl && t->arg == 1 ? UINT32_MAX : UINT64_MAX);
}

void random_rule(struct volt_rule *r)
{
	*r = (struct volt_rule){.asked_by = "test", .reason = "chance"};
	r->syscall = calls[random_draw(random_draw(2) ? CALL_COUNT : 3)].name;
	r->test_count = (uint32_t)random_draw(4);
	for (uint32_t i = 0; i < r->test_count; i++)
		random_test(&r->tests[i], strcmp(r->syscall, "ioctl") == 0);
}
