/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/vm/need.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#include "core/base/log.h"
#include "core/config.h"
#include "core/plugin/device_file.h"
#include "core/vm/syscalls.h"

/* Whatever a plugin declares, these it does not get: what undoes the sandbox, makes
 * descriptors, names files or processes, or changes what all threads share. What of it a
 * device needs the core does ahead of the seal. One text, as 236 pointers take six times the
 * room. */
static const char never[] =
    "execve execveat fork vfork clone clone3 ptrace process_vm_readv process_vm_writev "
    "bpf mount umount2 move_mount open_tree fsopen pivot_root chroot setns unshare "
    "open_by_handle_at init_module finit_module delete_module kexec_load kexec_file_load "
    "mprotect pkey_mprotect mmap memfd_create userfaultfd perf_event_open seccomp prctl "
    "arch_prctl capset setuid setgid setresuid setresgid keyctl add_key request_key "
    "io_uring_setup io_uring_register pidfd_getfd fsconfig fsmount fspick mount_setattr "
    "shmat tkill tgkill rt_sigqueueinfo rt_tgsigqueueinfo pidfd_send_signal setreuid "
    "setregid setfsuid setfsgid setgroups process_madvise remap_file_pages uselib acct "
    "quotactl io_uring_enter syslog modify_ldt iopl ioperm reboot swapon swapoff "
    "personality kill dup dup2 dup3 open openat openat2 creat name_to_handle_at socket "
    "socketpair connect bind listen pidfd_open landlock_create_ruleset landlock_add_rule "
    "landlock_restrict_self mremap munmap brk madvise mlock mlock2 mlockall munlock "
    "munlockall mseal memfd_secret pkey_alloc pkey_free process_mrelease kcmp setrlimit "
    "prlimit64 rt_sigaction rt_sigprocmask sigaltstack rt_sigsuspend setitimer alarm "
    "timer_create setsid setpgid setpriority sched_setscheduler sched_setparam "
    "sched_setattr sched_setaffinity ioprio_set mbind set_mempolicy migrate_pages "
    "move_pages sethostname setdomainname settimeofday clock_settime adjtimex "
    "clock_adjtime vhangup fanotify_init inotify_init inotify_init1 close fchmodat2 "
    "setxattrat getxattrat listxattrat removexattrat open_tree_attr statmount listmount "
    "lsm_set_self_attr map_shadow_stack file_setattr lookup_dcookie chdir fchdir umask "
    "close_range epoll_create epoll_create1 eventfd eventfd2 signalfd signalfd4 "
    "timerfd_create pipe pipe2 vmsplice accept accept4 recvmsg recvmmsg set_robust_list "
    "set_tid_address rseq shmget shmctl shmdt semget semop semctl semtimedop msgget "
    "msgsnd msgrcv msgctl mq_open mq_unlink rename renameat renameat2 unlink unlinkat "
    "link linkat symlink symlinkat mkdir mkdirat rmdir mknod mknodat truncate chmod "
    "fchmodat chown lchown fchownat utime utimes utimensat futimesat setxattr lsetxattr "
    "removexattr lremovexattr readlink readlinkat stat lstat newfstatat statx access "
    "faccessat faccessat2 statfs getxattr lgetxattr listxattr llistxattr "
    "inotify_add_watch fanotify_mark exit io_setup io_submit io_destroy io_getevents "
    "io_pgetevents io_cancel sync set_mempolicy_home_node";

/* VOLT_TEST_LE of drafts of ABI 0.2: for comparisons that mix it with others libseccomp 2.5.4
 * makes filters that allow too much. */
#define TEST_RETIRED 3

/* True if the need holds argument `arg` to one value; the kernel looks at no more bits. */
static bool pins(const struct volt_need *need, uint8_t arg)
{
	for (uint32_t t = 0; t < need->test_count; t++) {
		const struct volt_arg_test *test = &need->tests[t];

		if (test->arg == arg &&
		    (test->op == VOLT_TEST_EQ || (test->op == VOLT_TEST_MASKED_EQ &&
						     (test->mask & UINT32_MAX) == UINT32_MAX)))
			return true;
	}
	return false;
}

/* Of fcntl(): what is dup() by another name, and what names whom a file signals. */
static bool is_never_command(const struct volt_need *need, uint32_t command)
{
	return strcmp(need->syscall, "fcntl") == 0 &&
	       (command == F_DUPFD || command == F_DUPFD_CLOEXEC || command == F_SETOWN ||
		   command == F_SETOWN_EX);
}

static int check_command(const struct volt_need *need, const char *id, uint8_t arg)
{
	for (uint32_t t = 0; t < need->test_count; t++)
		if (need->tests[t].arg == arg &&
		    is_never_command(need, (uint32_t)need->tests[t].value))
			return log_error(EPERM,
			    "plugin %s asks for %s (%s) with command %u: no plugin may have it", id,
			    need->syscall, need->reason, (uint32_t)need->tests[t].value);
	if (pins(need, arg))
		return 0;
	return log_error(EPERM,
	    "plugin %s asks for every %s (%s): argument %u, a command, must be held to one value",
	    id, need->syscall, need->reason, arg);
}

static int check_descriptor(const struct volt_need *need, const char *id, uint8_t arg)
{
	const struct volt_arg_test *number = NULL;

	for (uint32_t t = 0; t < need->test_count; t++) {
		if (need->tests[t].arg != arg)
			continue;
		if (need->tests[t].op == VOLT_TEST_FD_PARAM)
			return 0;
		number = &need->tests[t];
	}
	if (number)
		return log_error(EPERM,
		    "plugin %s asks for %s (%s) on descriptor %llu, which is not its own: only "
		    "files of its parameters may be named",
		    id, need->syscall, need->reason, (unsigned long long)number->value);
	return log_error(EPERM,
	    "plugin %s asks for %s (%s) on any file: argument %u must be held to a file of its "
	    "parameters",
	    id, need->syscall, need->reason, arg);
}

static int check_files(const struct volt_need *need, const char *id)
{
	int err = 0;

	for (uint8_t arg = 0; !err && arg < SYSCALL_ARGUMENTS; arg++) {
		const enum syscall_argument kind = syscall_argument(need->syscall, arg);

		if (kind == SYSCALL_DESCRIPTOR)
			err = check_descriptor(need, id, arg);
		else if (kind == SYSCALL_COMMAND)
			err = check_command(need, id, arg);
	}
	return err;
}

int need_check(const struct volt_need *need, const char *id)
{
	if (!need->syscall || !need->reason || need->test_count > VOLT_TEST_MAX)
		return log_error(EINVAL, "plugin %s: a row of its needs is malformed", id);
	if (syscall_is_among(never, need->syscall))
		return log_error(EPERM, "plugin %s asks for %s (%s): no plugin may have it", id,
		    need->syscall, need->reason);
	for (uint32_t t = 0; t < need->test_count; t++)
		if (VOLT_HAS_LOADER && need->tests[t].op == TEST_RETIRED)
			return log_error(EINVAL,
			    "plugin %s: its need of %s tests for \"at most\", which volt no longer "
			    "has: build it anew with VOLT_TEST_MASKED_EQ",
			    id, need->syscall);
		else if (need->tests[t].arg > 5 || need->tests[t].op < VOLT_TEST_EQ ||
			 need->tests[t].op > VOLT_TEST_FD_PARAM)
			return log_error(EINVAL, "plugin %s: a test of its need of %s is malformed",
			    id, need->syscall);
	if (need->roles & VOLT_ROLE_BIT(VOLT_ROLE_VCPU))
		return log_error(EPERM,
		    "plugin %s asks for %s on vCPU threads: handlers make no system calls", id,
		    need->syscall);
	if (need->roles == 0 || need->roles >= VOLT_ROLE_BIT(VOLT_ROLE_COUNT))
		return log_error(EINVAL, "plugin %s asks for %s on an unknown kind of thread", id,
		    need->syscall);
	return check_files(need, id);
}

static bool is_file(const struct volt_plugin *p, uint64_t number)
{
	if (number >= p->param_count)
		return false;
	const struct volt_param *param =
	    (const void *)((const char *)p->params + number * p->param_stride);
	return param->type == VOLT_PARAM_FILE_RO || param->type == VOLT_PARAM_FILE_RW ||
	       (param->type >= VOLT_PARAM_DISK && param->type <= VOLT_PARAM_SOCKET);
}

uint32_t need_count(
    const struct volt_need *need, const struct volt_plugin *p, const struct volt_value *values)
{
	uint32_t most = 1;

	for (uint32_t t = 0; VOLT_HAS_DEVICE_FILES && t < need->test_count; t++) {
		const struct volt_arg_test *test = &need->tests[t];

		if (test->op != VOLT_TEST_FD_PARAM || !is_file(p, test->value))
			continue;
		const uint32_t count = device_file_count(p, values, test->value);

		most = count > most ? count : most;
	}
	return most;
}

int need_to_rule(const struct volt_need *need, const char *id, const struct volt_plugin *p,
    const struct volt_value *values, uint32_t n, struct volt_rule *rule)
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
		    .value = (uint64_t)values[test->value].fd +
			     (n < device_file_count(p, values, test->value) ? n : 0)};
	}
	return 0;
}
