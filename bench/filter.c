/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * filter - what Volt's seccomp programs add to one KVM_RUN, without the rest of an exit.
 *
 *   filter none|floor|thread|both FD CALLS [SYSCALL [ARG:OP:VALUE:MASK...] ,]...
 *
 * The words after CALLS are a vCPU thread's rules, as `volt explain --json` has them. They are
 * compiled as the sandbox does, by libseccomp or its own compiler, and entered, with "both" under
 * the early filter's program, as in a sealed volt. The timed call is ioctl(FD, KVM_RUN) as the
 * rules want it, but FD is /dev/null, which answers at once: an exit takes so long that it would
 * hide the difference. "floor" enters two programs that allow all and do nothing but read an
 * argument, so that the kernel must run them: less no filter can cost on this host. Prints
 * nanoseconds per call, the least of 2000 rounds.
 */
#include <err.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/kvm.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "plugins/sandbox/layers.h"

#define ROUNDS 2000

static struct volt_rule rules[FILTER_RULES];
static uint32_t rule_count;

static int refuse(const struct volt_host *h, int32_t error, const char *msg)
{
	errx(1, "%s", msg);
}

static void add_test(struct volt_rule *r, const char *word)
{
	struct volt_arg_test *t = &r->tests[r->test_count++];
	unsigned long long value, mask;
	unsigned arg, op;

	if (r->test_count > VOLT_TEST_MAX ||
	    sscanf(word, "%u:%u:%llu:%llu", &arg, &op, &value, &mask) != 4)
		errx(2, "%s is no test", word);
	*t = (struct volt_arg_test){
	    .arg = (uint8_t)arg, .op = (uint8_t)op, .value = value, .mask = mask};
}

static void read_rules(char **words)
{
	while (*words) {
		if (rule_count == FILTER_RULES)
			errx(2, "too many rules");
		struct volt_rule *r = &rules[rule_count++];

		*r =
		    (struct volt_rule){.syscall = *words++, .asked_by = "bench", .reason = "bench"};
		while (*words && strcmp(*words, ",") != 0)
			add_test(r, *words++);
		words += *words != NULL;
	}
}

static void enter(bool early)
{
	const struct volt_host host = {.size = sizeof(host), .fail = refuse};
	const struct volt_thread thread = {.role = VOLT_ROLE_VCPU,
	    .name = "vcpu0",
	    .rules = rules,
	    .rule_stride = sizeof(rules[0]),
	    .rule_count = rule_count};
	struct filter_calls calls = {0};
	struct filter filter;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		err(1, "PR_SET_NO_NEW_PRIVS");
	if (early)
		early_enter(&host, 0);
	(void)filter_compile(&host, &thread, false, &filter, &calls);
	filter_enter(&host, &filter, "vcpu0");
}

/* A program that reads no argument has its answer cached by the kernel (Linux 5.11). */
static void enter_floor(void)
{
	struct sock_filter program[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
	    BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
	const struct sock_fprog all = {sizeof(program) / sizeof(program[0]), program};

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		err(1, "PR_SET_NO_NEW_PRIVS");
	for (int i = 0; i < 2; i++)
		if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &all) != 0)
			err(1, "seccomp");
}

static void enter_mode(const char *mode)
{
	if (strcmp(mode, "floor") == 0)
		enter_floor();
	else if (strcmp(mode, "none") != 0)
		enter(strcmp(mode, "both") == 0);
}

/* Without a system call, where the vDSO can read the clock. */
static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

/* The rounds are so short that most are not interrupted. */
static double least(int fd, long calls)
{
	double found = 1e18;

	for (int round = 0; round < ROUNDS; round++) {
		double since = now();

		for (long i = 0; i < calls; i++)
			ioctl(fd, KVM_RUN, 0);
		double each = (now() - since) / (double)calls;
		if (each < found)
			found = each;
	}
	return found;
}

int main(int argc, char **argv)
{
	if (argc < 4)
		errx(2, "usage: filter none|floor|thread|both FD CALLS RULE...");
	int fd = atoi(argv[2]), device = open("/dev/null", O_RDWR);

	if (device < 0 || (device != fd && dup2(device, fd) != fd))
		err(1, "file %d", fd);
	read_rules(argv + 4);
	/* A vCPU thread may neither write nor exit: it leaves its result in memory and is
	 * killed. 0: it was killed before. */
	double *result =
	    mmap(NULL, sizeof(*result), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (result == MAP_FAILED)
		err(1, "mmap");
	pid_t child = fork();
	if (child == 0) {
		enter_mode(argv[1]);
		*result = least(fd, atol(argv[3]));
		_exit(0);
	}
	waitpid(child, NULL, 0);
	if (*result == 0)
		errx(1, "the filter killed the measurement");
	printf("%.2f\n", *result);
	return 0;
}
