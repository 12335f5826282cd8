/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * The program of the early filter, judged by a BPF interpreter: what volt-sandbox(7) lists is
 * denied and nothing else, whatever lies beside it in the search.
 */
#include <errno.h>
#include <linux/audit.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "bpf.h"
#include "calls.h"
#include "layers.h"
#include "test_child.h"

/* After volt/plugin.h, whose member `fail` is a macro here. */
#include <cmocka.h>

#define CALLS_SEEN 1024

/* quotactl_fd is left out: the headers of some C libraries do not have it, nor its name. */
static const char denied[] =
    " execve execveat ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd"
    " mount umount2 move_mount open_tree fsopen fsconfig fsmount fspick mount_setattr pivot_root"
    " chroot setns unshare open_by_handle_at init_module finit_module delete_module kexec_load"
    " kexec_file_load bpf perf_event_open userfaultfd io_uring_setup io_uring_enter"
    " io_uring_register keyctl add_key request_key iopl ioperm modify_ldt personality reboot"
    " swapon swapoff acct quotactl syslog settimeofday clock_settime adjtimex clock_adjtime"
    " sethostname setdomainname vhangup shmat ";

#define QUOTACTL_FD 443

static struct sock_filter code[EARLY_ROOM];
static uint32_t length;

static int setup(void **state)
{
	length = early_make(code, 0);
	return 0;
}

static uint32_t judge(uint32_t arch, uint32_t nr, uint64_t third)
{
	const struct seccomp_data data = {.arch = arch, .nr = (int)nr, .args = {0, 0, third}};

	return bpf_run(code, length, &data);
}

static uint32_t native(uint32_t nr, uint64_t third)
{
	return judge(AUDIT_ARCH_X86_64, nr, third);
}

static bool is_denied(uint32_t nr)
{
	const char *name = call_name((int)nr);
	char word[64];

	if (!name)
		return nr == QUOTACTL_FD;
	snprintf(word, sizeof(word), " %s ", name);
	return nr == QUOTACTL_FD || strstr(denied, word);
}

static void what_is_listed_is_denied_and_nothing_else(void **state)
{
	unsigned count = 0, words = 0;

	for (uint32_t nr = 0; nr < CALLS_SEEN; nr++) {
		const uint32_t right = is_denied(nr) ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ALLOW;

		if (native(nr, 0) != right)
			fail_msg("call %u gets 0x%x", nr, native(nr, 0));
		count += is_denied(nr);
	}
	for (const char *at = denied + 1; *at != '\0'; at += strcspn(at, " ") + 1)
		words++;
	assert_int_equal(count, words + 1);
}

static void other_numbers_and_architectures_are_denied(void **state)
{
	assert_int_equal(judge(AUDIT_ARCH_I386, SYS_ioctl, 0), SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(native(0x40000000u | SYS_read, 0), SECCOMP_RET_KILL_PROCESS);
	assert_int_equal(native(UINT32_MAX, 0), SECCOMP_RET_KILL_PROCESS);
}

static void new_code_is_refused(void **state)
{
	const uint32_t refused = SECCOMP_RET_ERRNO | EACCES;

	assert_int_equal(native(SYS_mmap, PROT_READ | PROT_EXEC), SECCOMP_RET_ALLOW);
	assert_int_equal(native(SYS_mmap, PROT_READ | PROT_WRITE), SECCOMP_RET_ALLOW);
	assert_int_equal(native(SYS_mmap, PROT_WRITE | PROT_EXEC), refused);
	assert_int_equal(native(SYS_mprotect, PROT_READ | PROT_WRITE), SECCOMP_RET_ALLOW);
	assert_int_equal(native(SYS_mprotect, PROT_READ | PROT_EXEC), refused);
	assert_int_equal(native(SYS_pkey_mprotect, PROT_EXEC), refused);
}

static void in_log_mode_all_of_it_is_logged(void **state)
{
	length = early_make(code, VOLT_POLICY_LOG);
	assert_int_equal(native(SYS_execve, 0), SECCOMP_RET_LOG);
	assert_int_equal(native(SYS_mprotect, PROT_EXEC), SECCOMP_RET_LOG);
	assert_int_equal(native(SYS_openat, 0), SECCOMP_RET_ALLOW);
}

/* volt.uring/1: the core makes rings before the seal. */
/* HOLDS(security) */
static void rings_that_were_asked_for_pass_and_nothing_else(void **state)
{
	length = early_make(code, VOLT_POLICY_RINGS);
	for (uint32_t nr = 0; nr < CALLS_SEEN; nr++) {
		const bool of_rings = nr == SYS_io_uring_setup || nr == SYS_io_uring_enter ||
				      nr == SYS_io_uring_register;
		const bool denies = is_denied(nr) && !of_rings;

		if (native(nr, 0) != (denies ? SECCOMP_RET_KILL_PROCESS : SECCOMP_RET_ALLOW))
			fail_msg("call %u gets 0x%x", nr, native(nr, 0));
	}
}

int early_tests(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test_setup(what_is_listed_is_denied_and_nothing_else, setup),
	    cmocka_unit_test_setup(other_numbers_and_architectures_are_denied, setup),
	    cmocka_unit_test_setup(new_code_is_refused, setup),
	    cmocka_unit_test_setup(in_log_mode_all_of_it_is_logged, setup),
	    cmocka_unit_test_setup(rings_that_were_asked_for_pass_and_nothing_else, setup),
	};

	return cmocka_run_group_tests_name("sandbox early filter", tests, NULL, NULL);
}
