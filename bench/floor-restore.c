/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * floor-restore - the KVM calls that going on from a snapshot cannot do without: the memory file is
 * mapped, and the state file's blocks of vCPU 0 are set in the order that KVM needs. Nothing is
 * checked but what the calls say.
 *
 *   floor-restore DIR
 *
 * For snapshots of one vCPU, with the I/O APIC in user space and at most 3 GiB of memory below the
 * hole. Bytes written to port 0x3f8 go to standard output; every read answers all ones.
 *
 * Sources: docs/snapshot-format.md; Linux Documentation/virt/kvm/api.rst.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define MUST(call) \
	({ \
		__typeof__(call) result_ = (call); \
		if (result_ == (__typeof__(call))-1) \
			err(1, "%s", #call); \
		result_; \
	})

#define TAG(a, b, c, d) ((uint32_t)(a) | (b) << 8 | (c) << 16 | (uint32_t)(d) << 24)

enum { ROW = 64, TSC_DEADLINE = 0x6e0 };
#define HOLE (3ull << 30)
#define HIGH (4ull << 30)

static uint8_t *state;
static uint64_t ram_size;
static int vm, cpu;

struct part {
	const uint8_t *bytes;
	uint64_t size;
};

static int open_in(const char *dir, const char *name)
{
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	return MUST(open(path, O_RDONLY | O_CLOEXEC));
}

static void read_state(const char *dir)
{
	const int fd = open_in(dir, "state");
	struct stat st;

	MUST(fstat(fd, &st));
	state = malloc((size_t)st.st_size);
	if (!state)
		errx(1, "no memory");
	MUST(read(fd, state, (size_t)st.st_size));
	memcpy(&ram_size, state + 24, sizeof(ram_size));
	close(fd);
}

/* The section of that kind with index 0. */
static struct part section(const char *kind)
{
	uint32_t rows;
	uint64_t offset, length;

	memcpy(&rows, state + 12, sizeof(rows));
	for (const uint8_t *row = state + 64; rows > 0; rows--, row += ROW) {
		if (memcmp(row, kind, 4) != 0)
			continue;
		memcpy(&offset, row + 16, sizeof(offset));
		memcpy(&length, row + 24, sizeof(length));
		return (struct part){state + offset, length};
	}
	errx(1, "no section %s", kind);
}

static struct part block(struct part in, uint32_t tag)
{
	for (uint64_t at = 0; at < in.size;) {
		uint32_t head[2];

		memcpy(head, in.bytes + at, sizeof(head));
		if (head[0] == tag)
			return (struct part){in.bytes + at + 8, head[1]};
		at += 8 + (head[1] + 7ull) / 8 * 8;
	}
	return (struct part){0};
}

static void map_memory(const char *dir)
{
	const int fd = open_in(dir, "memory");
	uint8_t *ram =
	    MUST(mmap(NULL, ram_size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_NORESERVE, fd, 0));
	const uint64_t low = ram_size < HOLE ? ram_size : HOLE;

	MUST(ioctl(vm, KVM_SET_USER_MEMORY_REGION,
	    &(struct kvm_userspace_memory_region){
		.memory_size = low, .userspace_addr = (uintptr_t)ram}));
	if (ram_size > low)
		MUST(ioctl(vm, KVM_SET_USER_MEMORY_REGION,
		    &(struct kvm_userspace_memory_region){.slot = 1,
			.guest_phys_addr = HIGH,
			.memory_size = ram_size - low,
			.userspace_addr = (uintptr_t)ram + low}));
	close(fd);
}

static void set(unsigned long request, struct part p)
{
	if (p.bytes)
		MUST(ioctl(cpu, request, p.bytes));
}

static void set_cpuid(struct part p)
{
	struct kvm_cpuid2 *cpuid = calloc(1, sizeof(*cpuid) + p.size);

	if (!p.bytes || !cpuid)
		errx(1, "no CPUID");
	cpuid->nent = (uint32_t)(p.size / sizeof(struct kvm_cpuid_entry2));
	memcpy(cpuid->entries, p.bytes, p.size);
	MUST(ioctl(cpu, KVM_SET_CPUID2, cpuid));
	free(cpuid);
}

/* Those in front of the deadline and behind it, and then it, at once. */
static void set_msrs(struct part p)
{
	const struct kvm_msr_entry *from = (const void *)p.bytes;
	const uint64_t count = p.size / sizeof(*from);
	struct kvm_msrs *msrs = calloc(1, sizeof(*msrs) + p.size);
	struct kvm_msr_entry deadline = {0};

	if (!from || !msrs)
		errx(1, "no MSRs");
	for (uint64_t i = 0; i < count; i++) {
		if (from[i].index == TSC_DEADLINE)
			deadline = from[i];
		else
			msrs->entries[msrs->nmsrs++] = from[i];
	}
	if (deadline.index != 0)
		msrs->entries[msrs->nmsrs++] = deadline;
	MUST(ioctl(cpu, KVM_SET_MSRS, msrs));
	free(msrs);
}

static void set_vcpu(void)
{
	const struct part c = section("cpu ");
	const struct kvm_clock_data clock = {0};

	set_cpuid(block(c, TAG('C', 'P', 'I', 'D')));
	set(KVM_SET_MP_STATE, block(c, TAG('M', 'P', 'S', 'T')));
	set(KVM_SET_REGS, block(c, TAG('R', 'E', 'G', 'S')));
	set(KVM_SET_SREGS2, block(c, TAG('S', 'R', 'G', '2')));
	set(KVM_SET_SREGS, block(c, TAG('S', 'R', 'E', 'G')));
	set(KVM_SET_XSAVE, block(c, TAG('X', 'S', 'A', 'V')));
	set(KVM_SET_XCRS, block(c, TAG('X', 'C', 'R', 'S')));
	set(KVM_SET_DEBUGREGS, block(c, TAG('D', 'B', 'G', 'R')));
	set(KVM_SET_LAPIC, block(c, TAG('L', 'A', 'P', 'C')));
	MUST(ioctl(vm, KVM_SET_CLOCK, &clock));
	set_msrs(block(c, TAG('M', 'S', 'R', 'S')));
	set(KVM_SET_VCPU_EVENTS, block(c, TAG('E', 'V', 'N', 'T')));
}

static void run(int run_size)
{
	struct kvm_run *run =
	    MUST(mmap(NULL, (size_t)run_size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0));

	for (;;) {
		if (ioctl(cpu, KVM_RUN, 0) != 0) {
			if (errno != EAGAIN && errno != EINTR)
				err(1, "KVM_RUN");
			continue;
		}
		uint8_t *data = (uint8_t *)run + run->io.data_offset;
		if (run->exit_reason == KVM_EXIT_MMIO)
			memset(run->mmio.data, 0xff, sizeof(run->mmio.data));
		else if (run->exit_reason != KVM_EXIT_IO)
			errx(1, "exit reason %u", run->exit_reason);
		else if (run->io.direction == KVM_EXIT_IO_IN)
			memset(data, 0xff, (size_t)run->io.size * run->io.count);
		else if (run->io.port == 0x3f8)
			MUST(write(1, data, run->io.count));
	}
}

int main(int argc, char **argv)
{
	const struct kvm_enable_cap caps[] = {{.cap = KVM_CAP_SPLIT_IRQCHIP, .args = {24}},
	    {.cap = KVM_CAP_EXCEPTION_PAYLOAD, .args = {1}},
	    {.cap = KVM_CAP_X86_TRIPLE_FAULT_EVENT, .args = {1}}};

	if (argc != 2)
		errx(2, "usage: floor-restore DIR");
	read_state(argv[1]);
	const int kvm = MUST(open("/dev/kvm", O_RDWR | O_CLOEXEC));
	const int run_size = MUST(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0));
	vm = MUST(ioctl(kvm, KVM_CREATE_VM, 0));
	for (unsigned i = 0; i < sizeof(caps) / sizeof(caps[0]); i++)
		MUST(ioctl(vm, KVM_ENABLE_CAP, &caps[i]));
	map_memory(argv[1]);
	cpu = MUST(ioctl(vm, KVM_CREATE_VCPU, 0));
	set_vcpu();
	run(run_size);
}
