/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * early.c - the filter of the early cage: what no VM does even while it is built.
 *
 * It is entered before any device plugin is loaded and stays under the filters of the
 * seal. Every thread made later has it from birth, KVM's helper in the kernel
 * (kvm-nx-lpage-re, made by the first KVM_RUN) among them.
 */
#include <errno.h>
#include <linux/audit.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <string.h>
#include <sys/syscall.h>

#include "layers.h"

#define X32_BIT 0x40000000u

/* Programs, other processes, mounts, kernel code and keys, namespaces, whole-machine
 * settings, and interfaces of the kernel that have often let attackers in. */
static const uint32_t forbidden[] = {
    SYS_execve,
    SYS_execveat,
    SYS_ptrace,
    SYS_process_vm_readv,
    SYS_process_vm_writev,
    SYS_process_madvise,
    SYS_kcmp,
    SYS_pidfd_getfd,
    SYS_mount,
    SYS_umount2,
    SYS_move_mount,
    SYS_open_tree,
    SYS_fsopen,
    SYS_fsconfig,
    SYS_fsmount,
    SYS_fspick,
    SYS_mount_setattr,
    SYS_pivot_root,
    SYS_chroot,
    SYS_setns,
    SYS_unshare,
    SYS_open_by_handle_at,
    SYS_init_module,
    SYS_finit_module,
    SYS_delete_module,
    SYS_kexec_load,
    SYS_kexec_file_load,
    SYS_bpf,
    SYS_perf_event_open,
    SYS_userfaultfd,
    SYS_io_uring_setup,
    SYS_io_uring_enter,
    SYS_io_uring_register,
    SYS_keyctl,
    SYS_add_key,
    SYS_request_key,
    SYS_iopl,
    SYS_ioperm,
    SYS_modify_ldt,
    SYS_personality,
    SYS_reboot,
    SYS_swapon,
    SYS_swapoff,
    SYS_acct,
    SYS_quotactl,
    SYS_syslog,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_adjtimex,
    SYS_clock_adjtime,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_vhangup,
};

#define COUNT (sizeof(forbidden) / sizeof(forbidden[0]))

int early_enter(const struct volt_host *h, bool log_only)
{
	/* Six instructions in front, one for each call, allow, deny. Jumps count from the
	 * next instruction. */
	enum { FRONT = 6, ALLOW = FRONT + COUNT, DENY, SIZE };
	struct sock_filter code[SIZE] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, DENY - 2),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    /* First, since a running guest makes little else. */
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, ALLOW - 4, 0),
	    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, DENY - 5, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, ALLOW - 6, 0),
	};
	struct sock_fprog program = {.len = SIZE, .filter = code};

	for (uint32_t i = 0; i < COUNT; i++)
		code[FRONT + i] = (struct sock_filter)BPF_JUMP(
		    BPF_JMP | BPF_JEQ | BPF_K, forbidden[i], (uint8_t)(DENY - (FRONT + i) - 1), 0);
	code[ALLOW] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	code[DENY] = (struct sock_filter)BPF_STMT(
	    BPF_RET | BPF_K, log_only ? SECCOMP_RET_LOG : SECCOMP_RET_KILL_PROCESS);
	if (filter_install(&program) != 0)
		return volt_fail(
		    h, errno, "cannot enter the early seccomp filter: %s", strerror(errno));
	return 0;
}
