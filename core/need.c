/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/need.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "core/log.h"

/* No plugin gets these, whatever it declares: each would undo the sandbox. */
static const char *const never[] = {
    "execve",
    "execveat",
    "fork",
    "vfork",
    "clone",
    "clone3",
    "ptrace",
    "process_vm_readv",
    "process_vm_writev",
    "bpf",
    "mount",
    "umount2",
    "move_mount",
    "open_tree",
    "fsopen",
    "pivot_root",
    "chroot",
    "setns",
    "unshare",
    "open_by_handle_at",
    "init_module",
    "finit_module",
    "delete_module",
    "kexec_load",
    "kexec_file_load",
    "mprotect",
    "pkey_mprotect",
    "mmap",
    "memfd_create",
    "userfaultfd",
    "perf_event_open",
    "seccomp",
    "prctl",
    "arch_prctl",
    "capset",
    "setuid",
    "setgid",
    "setresuid",
    "setresgid",
    "keyctl",
    "add_key",
    "request_key",
    "io_uring_setup",
    "io_uring_register",
    "pidfd_getfd",
    "fsconfig",
    "fsmount",
    "fspick",
    "mount_setattr",
    "shmat",
    "tkill",
    "tgkill",
    "rt_sigqueueinfo",
    "rt_tgsigqueueinfo",
    "pidfd_send_signal",
    "setreuid",
    "setregid",
    "setfsuid",
    "setfsgid",
    "setgroups",
    "process_madvise",
    "remap_file_pages",
    "uselib",
    "acct",
    "quotactl",
    "io_uring_enter",
    "syslog",
    "modify_ldt",
    "iopl",
    "ioperm",
    "reboot",
    "swapon",
    "swapoff",
    "personality",
    "kill",
};

/* True if the need holds argument `arg` to one value, in the bits that the kernel looks at. */
static bool pins(const struct volt_need *need, uint8_t arg, uint64_t bits)
{
	for (uint32_t t = 0; t < need->test_count; t++) {
		const struct volt_arg_test *test = &need->tests[t];

		if (test->arg == arg &&
		    (test->op == VOLT_TEST_EQ || test->op == VOLT_TEST_FD_PARAM ||
			(test->op == VOLT_TEST_MASKED_EQ && (test->mask & bits) == bits)))
			return true;
	}
	return false;
}

int need_check(const struct volt_need *need, const char *id)
{
	if (need->syscall == NULL || need->reason == NULL || need->test_count > VOLT_TEST_MAX)
		return log_error(EINVAL, "plugin %s: a row of its needs is malformed", id);
	for (size_t n = 0; n < sizeof(never) / sizeof(never[0]); n++)
		if (strcmp(need->syscall, never[n]) == 0)
			return log_error(EPERM, "plugin %s asks for %s (%s): no plugin may have it",
			    id, need->syscall, need->reason);
	for (uint32_t t = 0; t < need->test_count; t++)
		if (need->tests[t].arg > 5 || need->tests[t].op < VOLT_TEST_EQ ||
		    need->tests[t].op > VOLT_TEST_FD_PARAM)
			return log_error(EINVAL, "plugin %s: a test of its need of %s is malformed",
			    id, need->syscall);
	if (strcmp(need->syscall, "ioctl") == 0 &&
	    !(pins(need, 0, UINT32_MAX) && pins(need, 1, UINT32_MAX)))
		return log_error(EPERM,
		    "plugin %s asks for every ioctl (%s): the fd and the request must be tested",
		    id, need->reason);
	if (need->roles & VOLT_ROLE_BIT(VOLT_ROLE_VCPU))
		return log_error(EPERM,
		    "plugin %s asks for %s on vCPU threads: handlers make no system calls", id,
		    need->syscall);
	if (need->roles == 0 || need->roles >= VOLT_ROLE_BIT(VOLT_ROLE_COUNT))
		return log_error(EINVAL, "plugin %s asks for %s on an unknown kind of thread", id,
		    need->syscall);
	return 0;
}

static bool is_file(const struct volt_plugin *p, uint64_t number)
{
	if (number >= p->param_count)
		return false;
	const struct volt_param *param =
	    (const void *)((const char *)p->params + number * p->param_stride);
	return param->type == VOLT_PARAM_FILE_RO || param->type == VOLT_PARAM_FILE_RW;
}

int need_to_rule(const struct volt_need *need, const char *id, const struct volt_plugin *p,
    const struct volt_value *values, struct volt_rule *rule)
{
	*rule = (struct volt_rule){.syscall = need->syscall,
	    .asked_by = id,
	    .reason = need->reason,
	    .test_count = need->test_count};
	memcpy(rule->tests, need->tests, sizeof(rule->tests));
	for (uint32_t t = 0; t < rule->test_count; t++) {
		struct volt_arg_test *test = &rule->tests[t];

		if (test->op != VOLT_TEST_FD_PARAM)
			continue;
		if (!is_file(p, test->value))
			return log_error(EINVAL,
			    "plugin %s: its need of %s names a parameter without a file", id,
			    need->syscall);
		if (values[test->value].fd < 0)
			return NEED_DROPPED;
		*test = (struct volt_arg_test){.arg = test->arg,
		    .op = VOLT_TEST_EQ,
		    .value = (uint64_t)values[test->value].fd};
	}
	return 0;
}
