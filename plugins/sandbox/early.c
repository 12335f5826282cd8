/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * early.c - the early filter: what no VM does even while it is built.
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
#include <sys/mman.h>
#include <sys/syscall.h>

#include "layers.h"

#define X32_BIT 0x40000000u

/* Linux 5.14; not in the headers of musl 1.2.3. */
#ifndef SYS_quotactl_fd
#define SYS_quotactl_fd 443
#endif

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
    SYS_quotactl_fd,
    SYS_syslog,
    SYS_settimeofday,
    SYS_clock_settime,
    SYS_adjtimex,
    SYS_clock_adjtime,
    SYS_sethostname,
    SYS_setdomainname,
    SYS_vhangup,
    /* Its SHM_EXEC makes memory that is writable and executable, past what is below. */
    SYS_shmat,
};

#define COUNT (sizeof(forbidden) / sizeof(forbidden[0]))

#define LOW_ARGUMENT(n) (offsetof(struct seccomp_data, args) + 8 * (n)) /* little-endian */
#define NEW_CODE        (PROT_WRITE | PROT_EXEC)

/* The calls are searched in blocks, so that the kernel, which tries every number when the filter
 * is entered, and each call made until the seal, take a few steps and not one for each. */
#define BLOCK  8
#define BLOCKS ((COUNT + BLOCK - 1) / BLOCK)

/* Six instructions in front, the blocks, those about memory, allow, refuse, deny. Jumps count
 * from the next instruction. */
enum {
	FRONT = 6,
	MEMORY = FRONT + COUNT + 2 * BLOCKS,
	PROTECT = MEMORY + 7,
	ALLOW = PROTECT + 2,
	REFUSE,
	DENY,
	SIZE
};

_Static_assert(
    SIZE <= EARLY_ROOM, "there is room, and eight bits reach from the first to the last");

/* Memory that is code must come from a file, as the loader maps it: it can neither be
 * writable nor be made code later. PR_SET_MDWE does the same since Linux 6.3. */
static void add_memory(struct sock_filter *code)
{
	const struct sock_filter memory[] = {
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, PROTECT - (MEMORY + 1), 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pkey_mprotect, PROTECT - (MEMORY + 2), 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, ALLOW - (MEMORY + 3)),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, LOW_ARGUMENT(2)),
	    BPF_STMT(BPF_ALU | BPF_AND | BPF_K, NEW_CODE),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NEW_CODE, REFUSE - (MEMORY + 6), 0),
	    BPF_STMT(BPF_JMP | BPF_JA, ALLOW - (MEMORY + 7)),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, LOW_ARGUMENT(2)), /* PROTECT */
	    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, REFUSE - (PROTECT + 2), 0),
	};

	_Static_assert(sizeof(memory) / sizeof(memory[0]) == ALLOW - MEMORY, "one for each place");
	memcpy(code + MEMORY, memory, sizeof(memory));
}

/* In ascending order, a test of the next block's first in front of each. */
static void add_calls(struct sock_filter *code)
{
	uint32_t sorted[COUNT], at = FRONT;

	memcpy(sorted, forbidden, sizeof(sorted));
	for (uint32_t i = 1, k; i < COUNT; i++) {
		const uint32_t call = sorted[i];

		for (k = i; k > 0 && sorted[k - 1] > call; k--)
			sorted[k] = sorted[k - 1];
		sorted[k] = call;
	}
	for (uint32_t first = 0; first < COUNT; first += BLOCK) {
		const uint32_t next = first + BLOCK < COUNT ? first + BLOCK : COUNT;
		const uint32_t behind = next - first + 1;

		code[at++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K,
		    next < COUNT ? sorted[next] : X32_BIT, (uint8_t)behind, 0);
		for (uint32_t i = first; i < next; i++, at++)
			code[at] = (struct sock_filter)BPF_JUMP(
			    BPF_JMP | BPF_JEQ | BPF_K, sorted[i], (uint8_t)(DENY - at - 1), 0);
		code[at] = (struct sock_filter)BPF_STMT(BPF_JMP | BPF_JA, MEMORY - at - 1);
		at++;
	}
}

uint32_t early_make(struct sock_filter code[static EARLY_ROOM], bool log_only)
{
	const struct sock_filter front[] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, DENY - 2),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    /* First, since a running guest makes little else. */
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, ALLOW - 4, 0),
	    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, DENY - 5, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, ALLOW - 6, 0),
	};
	const uint32_t refuse = log_only ? SECCOMP_RET_LOG : SECCOMP_RET_ERRNO | EACCES;
	const uint32_t deny = log_only ? SECCOMP_RET_LOG : SECCOMP_RET_KILL_PROCESS;

	_Static_assert(sizeof(front) / sizeof(front[0]) == FRONT, "one for each place");
	memcpy(code, front, sizeof(front));
	add_calls(code);
	add_memory(code);
	code[ALLOW] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	code[REFUSE] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, refuse);
	code[DENY] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, deny);
	return SIZE;
}

int early_enter(const struct volt_host *h, bool log_only)
{
	struct sock_filter code[EARLY_ROOM];
	struct sock_fprog program = {.filter = code};

	program.len = (unsigned short)early_make(code, log_only);
	if (filter_install(&program) != 0)
		return layer_fail(
		    h, errno, "cannot enter the early seccomp filter: %s", strerror(errno));
	return 0;
}
