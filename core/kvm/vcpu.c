/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/kvm/vcpu.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "core/base/exitcode.h"
#include "core/base/ledger.h"
#include "core/base/log.h"
#include "core/base/open_files.h"
#include "core/boot/gdt.h"
#include "core/config.h"
#include "core/kvm/emulation.h"

#if VOLT_HAS_REGIONS
#define LOST_MEMORY \
	" (a limit, no huge page left, or a mapped file that became shorter or has no room on " \
	"its file system)"
#else
#define LOST_MEMORY " (a limit, no huge page left, or a mapped kernel's file that became shorter)"
#endif

__thread uint32_t vcpu_number;

int vcpu_create(struct vcpu *v, const struct vcpu_parts *parts, uint32_t id)
{
	v->parts = *parts;
	v->id = id;
	v->fd = ioctl(parts->kvm->vm_fd, KVM_CREATE_VCPU, (unsigned long)id);
	if (v->fd < 0)
		return log_error(errno, "KVM_CREATE_VCPU %u: %s", id, strerror(errno));
	fcntl(v->fd, F_SETFD, FD_CLOEXEC);
	v->run = mmap(NULL, parts->kvm->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, v->fd, 0);
	if (v->run == MAP_FAILED)
		return log_error(
		    errno, "cannot map the shared page of vCPU %u: %s", id, strerror(errno));
	madvise(v->run, parts->kvm->run_size, MADV_DONTFORK); /* the helper must not hold the VM */
	return 0;
}

uint32_t vcpu_tsc_khz(const struct vcpu *v)
{
	int khz = ioctl(v->fd, KVM_GET_TSC_KHZ, 0);

	return khz > 0 ? (uint32_t)khz : 0;
}

#if VOLT_HAS_SNAPSHOT

uint64_t vcpu_tsc(const struct vcpu *v)
{
	struct {
		uint32_t nmsrs, pad; /* as struct kvm_msrs */
		struct kvm_msr_entry entry;
	} msrs = {.nmsrs = 1, .entry = {.index = 0x10}};

	return ioctl(v->fd, KVM_GET_MSRS, &msrs) == 1 ? msrs.entry.data : 0;
}

#endif

/* A four-level guest of KVM's PVM reaches no further, whatever the host's CPU says. */
#define PVM_MSR          0x4b564df1u
#define PVM_ADDRESS_BITS 43u

static bool knows_msr(const struct vcpu *v, uint32_t index)
{
	struct {
		uint32_t nmsrs, pad; /* as struct kvm_msrs */
		struct kvm_msr_entry entry;
	} msrs = {.nmsrs = 1, .entry = {.index = index}};

	return ioctl(v->fd, KVM_GET_MSRS, &msrs) == 1;
}

void vcpu_complete_cpuid(const struct vcpu *v, struct cpuid *cpuid)
{
	cpuid_set_frequencies(cpuid, vcpu_tsc_khz(v));
	if (knows_msr(v, PVM_MSR))
		cpuid_cap_address(cpuid, PVM_ADDRESS_BITS);
}

/* MCG_CAP must say what CPUID says. KVM takes no 0 banks, so there is one, which stays empty. */
static int set_machine_check(struct vcpu *v, const struct cpuid *cpuid)
{
	uint64_t banks = 1;

	if (!cpuid_has_mca(cpuid) || ioctl(v->fd, KVM_X86_SETUP_MCE, &banks) == 0)
		return 0;
	return log_error(errno, "KVM_X86_SETUP_MCE of vCPU %u: %s", v->id, strerror(errno));
}

static int set_msrs(struct vcpu *v)
{
	/* Numbers: Intel SDM vol. 4. */
	struct {
		uint32_t nmsrs, pad; /* as struct kvm_msrs */
		struct kvm_msr_entry entries[2];
	} msrs = {
	    .nmsrs = 2,
	    .entries =
		{
		    /* IA32_MISC_ENABLE: fast strings; no branch trace, no PEBS */
		    {.index = 0x1a0, .data = 0x1801},
		    {.index = 0x2ff, .data = (1u << 11) | 0x6}, /* MTRRs on, default write-back */
		},
	};

	if (ioctl(v->fd, KVM_SET_MSRS, &msrs) != 2)
		return log_error(errno, "KVM_SET_MSRS of vCPU %u: %s", v->id, strerror(errno));
	return 0;
}

/* As firmware leaves it: LINT0 takes the 8259's interrupts on vCPU 0, LINT1 is NMI
 * (MP specification 1.4, 3.6.2.1). */
static int set_local_apic(struct vcpu *v)
{
	enum {
		LVT_LINT0 = 0x350,
		LVT_LINT1 = 0x360,
		MASKED = 1 << 16,
		EXTINT = 7 << 8,
		NMI = 4 << 8
	};
	struct kvm_lapic_state state;
	uint32_t lint0 = v->id == 0 ? EXTINT : EXTINT | MASKED, lint1 = NMI;

	if (ioctl(v->fd, KVM_GET_LAPIC, &state) != 0)
		return log_error(errno, "KVM_GET_LAPIC of vCPU %u: %s", v->id, strerror(errno));
	memcpy(state.regs + LVT_LINT0, &lint0, sizeof(lint0));
	memcpy(state.regs + LVT_LINT1, &lint1, sizeof(lint1));
	if (ioctl(v->fd, KVM_SET_LAPIC, &state) != 0)
		return log_error(errno, "KVM_SET_LAPIC of vCPU %u: %s", v->id, strerror(errno));
	return 0;
}

static struct kvm_segment flat_segment(uint16_t selector, uint8_t type, bool long_code)
{
	return (struct kvm_segment){
	    .base = 0,
	    .limit = 0xffffffff,
	    .selector = selector,
	    .type = type,
	    .present = 1,
	    .db = !long_code,
	    .s = 1,
	    .l = long_code,
	    .g = 1,
	};
}

/* Flat segments and a TSS, as the GDT that core/boot wrote has them. */
static void set_segments(struct kvm_sregs *sregs, const struct boot_entry *entry)
{
	sregs->cs = flat_segment(GDT_CODE, 0xb, entry->mode == BOOT_LONG64);
	sregs->ds = sregs->es = sregs->fs = sregs->gs = sregs->ss =
	    flat_segment(GDT_DATA, 0x3, false);
	sregs->tr = (struct kvm_segment){.base = gdt_task_base(entry->mode),
	    .limit = 0x67,
	    .selector = GDT_TASK,
	    .type = 0xb,
	    .present = 1};
	sregs->gdt = (struct kvm_dtable){.base = entry->gdt_base, .limit = entry->gdt_limit};
	sregs->idt = (struct kvm_dtable){.base = 0, .limit = 0};
}

/* What the boot protocols ask for. 64-bit Linux: long mode with paging. PVH and Multiboot:
 * protected mode, "all the other writable bits" of CR0 and CR4 clear. */
static void set_mode(struct kvm_sregs *sregs, const struct boot_entry *entry)
{
	bool is64 = entry->mode == BOOT_LONG64;

	sregs->cr0 = is64 ? 0x80050033 : 0x11; /* PG AM WP NE ET MP PE; ET PE */
	sregs->cr3 = entry->cr3;
	sregs->cr4 = is64 ? 0x20 : 0;   /* PAE */
	sregs->efer = is64 ? 0x500 : 0; /* LMA LME */
}

static int set_entry(struct vcpu *v, const struct boot_entry *entry)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs = {.rip = entry->rip,
	    .rax = entry->rax,
	    .rbx = entry->rbx,
	    .rsi = entry->rsi,
	    .rsp = entry->rsp,
	    .rbp = entry->rsp,
	    .rflags = 2};

	if (ioctl(v->fd, KVM_GET_SREGS, &sregs) != 0)
		return log_error(errno, "KVM_GET_SREGS: %s", strerror(errno));
	set_segments(&sregs, entry);
	set_mode(&sregs, entry);
	if (ioctl(v->fd, KVM_SET_SREGS, &sregs) != 0)
		return log_error(errno, "KVM_SET_SREGS: %s", strerror(errno));
	if (ioctl(v->fd, KVM_SET_REGS, &regs) != 0)
		return log_error(errno, "KVM_SET_REGS: %s", strerror(errno));
	return 0;
}

int vcpu_configure(struct vcpu *v, struct cpuid *cpuid, const struct boot_entry *entry)
{
	cpuid_set_vcpu(cpuid, v->id, v->parts.count);
	if (ioctl(v->fd, KVM_SET_CPUID2, cpuid) != 0)
		return log_error(errno, "KVM_SET_CPUID2 of vCPU %u: %s", v->id, strerror(errno));
	int err = set_machine_check(v, cpuid);
	if (err)
		return err;
	err = set_msrs(v);
	if (err)
		return err;
	err = set_local_apic(v);
	if (err)
		return err;
	if (v->id == 0 && entry)
		return set_entry(v, entry);
	return 0;
}

int vcpu_warm(struct vcpu *v)
{
	v->run->immediate_exit = 1;
	int err = ioctl(v->fd, KVM_RUN, 0) == 0 || errno == EINTR ? 0 : errno;
	v->run->immediate_exit = 0;
	if (err == EAGAIN)
		return log_error(err, "KVM may not make its helper thread: the limit of processes "
				      "(ulimit -u, pids.max) is reached");
	if (err)
		return log_error(err, "KVM_RUN of vCPU %u cannot start: %s", v->id, strerror(err));
	return 0;
}

void vcpu_excuse(const struct vcpu *v)
{
	ioctl(v->fd, KVM_KVMCLOCK_CTRL, 0);
}

static bool follow_each_other(const struct vcpu *vcpus, uint32_t count)
{
	for (uint32_t i = 1; i < count; i++)
		if (vcpus[i].fd != vcpus[0].fd + (int)i)
			return false;
	return true;
}

int vcpu_renumber(struct vcpu *vcpus, uint32_t count)
{
	int base = (int)open_files_highest() + 1, err = 0;

	if (follow_each_other(vcpus, count))
		return 0;
	for (uint32_t i = 0; !err && i < count; i++) {
		err = open_files_move(vcpus[i].fd, base + (int)i);
		vcpus[i].fd = base + (int)i;
	}
	return err;
}

/* One port exit can carry many items (rep ins, rep outs), each `size` bytes. */
static void handle_io(struct vcpu *v)
{
	const struct kvm_run *run = v->run;
	const struct bus *bus = v->parts.bus;
	uint32_t size = run->io.size, count = run->io.count;
	uint64_t offset = run->io.data_offset;

	if ((size != 1 && size != 2 && size != 4) || offset > v->parts.kvm->run_size ||
	    (uint64_t)size * count > v->parts.kvm->run_size - offset) {
		vm_end(v->parts.end, EXIT_KVM, "KVM reported a malformed port access");
		return;
	}
	uint8_t *data = (uint8_t *)v->run + offset;
	for (; count > 0; count--, data += size) {
		uint64_t val = 0;

		if (run->io.direction == KVM_EXIT_IO_OUT) {
			memcpy(&val, data, size);
			bus_write(bus, VOLT_SPACE_PIO, run->io.port, size, val, &v->stats);
		} else {
			val = bus_read(bus, VOLT_SPACE_PIO, run->io.port, size, &v->stats);
			memcpy(data, &val, size);
		}
	}
}

/* Guest memory that KVM could not reach itself: it takes that for a device's. */
static void end_lost_memory(struct vcpu *v, uint64_t addr)
{
	vm_end(v->parts.end, EXIT_KVM, "the guest's memory at 0x%llx is gone" LOST_MEMORY,
	    (unsigned long long)addr);
}

static void handle_mmio(struct vcpu *v)
{
	struct kvm_run *run = v->run;
	const uint64_t misses = v->stats.misses;
	const struct bus *bus = v->parts.bus;
	uint64_t addr = run->mmio.phys_addr, val = 0;
	uint32_t left = run->mmio.len;
	uint8_t *data = run->mmio.data;

	if (left == 0 || left > sizeof(run->mmio.data)) {
		vm_end(v->parts.end, EXIT_KVM, "KVM reported a malformed memory access");
		return;
	}
	/* KVM may hand over 3, 5, 6 or 7 bytes of an access that it cut at a page's end. */
	while (left > 0) {
		uint32_t n = left >= 8 ? 8 : left >= 4 ? 4 : left >= 2 ? 2 : 1;

		if (run->mmio.is_write) {
			memcpy(&val, data, n);
			bus_write(bus, VOLT_SPACE_MMIO, addr, n, val, &v->stats);
		} else {
			val = bus_read(bus, VOLT_SPACE_MMIO, addr, n, &v->stats);
			memcpy(data, &val, n);
		}
		val = 0;
		addr += n;
		data += n;
		left -= n;
	}
	if (v->stats.misses != misses &&
	    memory_overlaps(v->parts.memory, run->mmio.phys_addr, run->mmio.len))
		end_lost_memory(v, run->mmio.phys_addr);
	if (run->mmio.phys_addr >= MEMORY_HIGH_START &&
	    memory_region_is_lost(v->parts.memory, run->mmio.phys_addr, run->mmio.is_write))
		end_lost_memory(v, run->mmio.phys_addr);
}

static void handle_system_event(struct vcpu *v)
{
	switch (v->run->system_event.type) {
	case KVM_SYSTEM_EVENT_SHUTDOWN:
		vm_end(v->parts.end, EXIT_POWEROFF, "the guest turned itself off");
		break;
	case KVM_SYSTEM_EVENT_RESET:
		vm_end(v->parts.end, EXIT_RESET, "the guest asked for a reset");
		break;
	default:
		vm_end(v->parts.end, EXIT_PANIC, "the guest reported a crash");
	}
}

/* Everything but port and memory accesses; none of it is frequent but EOIs. */
static void handle_rare(struct vcpu *v)
{
	const struct kvm_run *run = v->run;

	switch (run->exit_reason) {
	case KVM_EXIT_IOAPIC_EOI:
		irq_eoi(v->parts.irq, run->eoi.vector);
		break;
	case KVM_EXIT_INTR:
	case KVM_EXIT_IRQ_WINDOW_OPEN:
		break;
	case KVM_EXIT_SHUTDOWN:
		vm_end(v->parts.end, EXIT_TRIPLE, "vCPU %u shut down (triple fault)", v->id);
		break;
	case KVM_EXIT_SYSTEM_EVENT:
		handle_system_event(v);
		break;
	case KVM_EXIT_INTERNAL_ERROR:
		emulation_explain(run, v->id, v->parts.kvm->limit, v->parts.end);
		break;
	case KVM_EXIT_FAIL_ENTRY:
		vm_end(v->parts.end, EXIT_KVM,
		    "the hardware refused to enter vCPU %u (reason 0x%llx): the guest's state is "
		    "invalid",
		    v->id, (unsigned long long)run->fail_entry.hardware_entry_failure_reason);
		break;
	default:
		vm_end(v->parts.end, EXIT_KVM,
		    "vCPU %u stopped with an exit that volt does not know (%u)", v->id,
		    run->exit_reason);
	}
}

static void end_failed_run(struct vcpu *v, int err)
{
	const char *hint = err == EFAULT      ? ": the host refused the guest memory" LOST_MEMORY
			   : err == EHWPOISON ? ": the host's memory has a hardware error"
			   : err == ENOMEM    ? ": the host is out of memory"
					      : "";

	vm_end(v->parts.end, EXIT_KVM, "KVM cannot run vCPU %u: %s%s", v->id, strerror(err), hint);
}

void vcpu_declare(const struct vcpu *v, struct ledger *l)
{
	const struct volt_arg_test run = ledger_request(KVM_RUN);
	const struct ledger_block vcpu = ledger_file(l, v->fd, "core", "vCPU");

	ledger_allow(l, vcpu, LEDGER_VCPU(v->id), "ioctl", &run, "runs the guest");
}

void vcpu_run(struct vcpu *v)
{
	vcpu_number = v->id;
	while (!vm_is_ending(v->parts.end)) {
		if (ioctl(v->fd, KVM_RUN, 0) != 0) {
			if (errno == EINTR)
				park_stop(&v->spot);
			else if (errno != EAGAIN)
				end_failed_run(v, errno);
			continue;
		}
		v->exits[v->run->exit_reason < VCPU_EXIT_KINDS ? v->run->exit_reason
							       : VCPU_EXIT_KINDS - 1]++;
		if (v->run->exit_reason == KVM_EXIT_IO)
			handle_io(v);
		else if (v->run->exit_reason == KVM_EXIT_MMIO)
			handle_mmio(v);
		else
			handle_rare(v);
	}
}
