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

#define COUNT ((uint32_t)(sizeof(forbidden) / sizeof(forbidden[0])))

#define LOW_ARGUMENT(n) (offsetof(struct seccomp_data, args) + 8 * (n)) /* little-endian */
#define NEW_CODE        (PROT_WRITE | PROT_EXEC)

#define FRONT 6 /* instructions before the search */

/* Where the parts of a program are; jumps count from the next instruction. `memory` has seven
 * instructions, `protect` two, the last three one each. */
struct places {
	uint32_t memory, protect, allow, refuse, deny, size;
};

_Static_assert(FRONT + 2 * COUNT + 12 <= EARLY_ROOM && EARLY_ROOM <= UINT8_MAX,
    "there is room, and eight bits reach from the first to the last");

static struct places place(uint32_t bounds)
{
	const uint32_t memory = FRONT + bounds;

	return (struct places){
	    memory, memory + 7, memory + 9, memory + 10, memory + 11, memory + 12};
}

/* Memory that is code must come from a file, as the loader maps it: it can neither be
 * writable nor be made code later. PR_SET_MDWE does the same since Linux 6.3. */
static void add_memory(struct sock_filter *code, const struct places *p)
{
	const uint8_t protect = (uint8_t)(p->protect - p->memory);
	const uint8_t allow = (uint8_t)(p->allow - p->memory);
	const uint8_t refuse = (uint8_t)(p->refuse - p->memory);
	const struct sock_filter memory[] = {
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, protect - 1, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pkey_mprotect, protect - 2, 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 0, allow - 3),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, LOW_ARGUMENT(2)),
	    BPF_STMT(BPF_ALU | BPF_AND | BPF_K, NEW_CODE),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, NEW_CODE, refuse - 6, 0),
	    BPF_STMT(BPF_JMP | BPF_JA, allow - 7u),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, LOW_ARGUMENT(2)), /* protect */
	    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, refuse - 9, 0),
	};

	memcpy(code + p->memory, memory, sizeof(memory));
}

static bool is_of_rings(uint32_t call)
{
	return call == SYS_io_uring_setup || call == SYS_io_uring_enter ||
	       call == SYS_io_uring_register;
}

/* The numbers at which denied ones begin and end, in turns. */
static uint32_t find_bounds(uint32_t bounds[static 2 * COUNT], bool rings)
{
	uint32_t sorted[COUNT], count = 0, end = 0;

	memcpy(sorted, forbidden, sizeof(sorted));
	for (uint32_t i = 1, k; i < COUNT; i++) {
		const uint32_t call = sorted[i];

		for (k = i; k > 0 && sorted[k - 1] > call; k--)
			sorted[k] = sorted[k - 1];
		sorted[k] = call;
	}
	for (uint32_t i = 0; i < COUNT; i++) {
		if (rings && is_of_rings(sorted[i]))
			continue;
		if (count > 0 && end == sorted[i])
			count--;
		else
			bounds[count++] = sorted[i];
		end = sorted[i] + 1;
		bounds[count++] = end;
	}
	return count;
}

struct search {
	struct sock_filter *code;
	const uint32_t *bounds;
	const struct places *places;
	uint32_t at; /* the next free instruction */
};

/* One instruction for each of the bounds from `low` to before `high`: a tree, so that the kernel,
 * which tries every number when the filter is entered, and each call made until the seal, take few
 * steps. */
static void add_search(struct search *s, uint32_t low, uint32_t high)
{
	const uint32_t at = s->at++, middle = (low + high) / 2;
	/* Behind an odd number of bounds a call is denied. */
	const uint32_t below = middle % 2 ? s->places->deny : s->places->memory;
	const uint32_t above = middle % 2 ? s->places->memory : s->places->deny;
	uint32_t no = below, yes = above;

	if (low < middle) {
		no = s->at;
		add_search(s, low, middle);
	}
	if (middle + 1 < high) {
		yes = s->at;
		add_search(s, middle + 1, high);
	}
	s->code[at] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, s->bounds[middle],
	    (uint8_t)(yes - at - 1), (uint8_t)(no - at - 1));
}

uint32_t early_make(struct sock_filter code[static EARLY_ROOM], uint32_t flags)
{
	const bool log_only = flags & VOLT_POLICY_LOG;
	uint32_t bounds[2 * COUNT];
	const uint32_t count = find_bounds(bounds, flags & VOLT_POLICY_RINGS);
	const struct places p = place(count);
	const struct sock_filter front[FRONT] = {
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 0, (uint8_t)(p.deny - 2)),
	    BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
	    /* First, since a running guest makes little else. */
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_ioctl, (uint8_t)(p.allow - 4), 0),
	    BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, (uint8_t)(p.deny - 5), 0),
	    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_write, (uint8_t)(p.allow - 6), 0),
	};
	const uint32_t refuse = log_only ? SECCOMP_RET_LOG : SECCOMP_RET_ERRNO | EACCES;
	const uint32_t deny = log_only ? SECCOMP_RET_LOG : SECCOMP_RET_KILL_PROCESS;
	struct search search = {.code = code, .bounds = bounds, .places = &p, .at = FRONT};

	memcpy(code, front, sizeof(front));
	add_search(&search, 0, count);
	add_memory(code, &p);
	code[p.allow] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW);
	code[p.refuse] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, refuse);
	code[p.deny] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, deny);
	return p.size;
}

int early_enter(const struct volt_host *h, uint32_t flags)
{
	struct sock_filter code[EARLY_ROOM];
	struct sock_fprog program = {.filter = code};

	program.len = (unsigned short)early_make(code, flags);
	if (filter_install(&program) != 0)
		return layer_fail(
		    h, errno, "cannot enter the early seccomp filter: %s", strerror(errno));
	return 0;
}
