/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * floor - the KVM calls that a VM cannot do without, and nothing else: the limit that this host
 * sets to any monitor. It checks as little as an honest program can.
 *
 *   floor KERNEL [MiB [CPUS [CMDLINE]]]
 *
 * KERNEL's segments are mapped from the file. Bytes written to port 0x3f8 go to standard output,
 * a byte to port 0xf4 is the exit status, every read answers all ones. FLOOR_COPY=1 copies the
 * segments into huge pages instead, FLOOR_CHIP=1 takes KVM's whole irqchip.
 *
 * Sources: Linux Documentation/virt/kvm/api.rst; Documentation/arch/x86/boot.rst (64-bit entry).
 */
#include <elf.h>
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PARAMS = 0x7000, TABLES = 0x9000, GDT = 0x500, WORDS = 0x20000, PAGE = 4096 };

static int kvm, vm, run_size;
static uint8_t *ram;

#define MUST(call) \
	({ \
		__typeof__(call) result_ = (call); \
		if (result_ == (__typeof__(call))-1) \
			err(1, "%s", #call); \
		result_; \
	})

/* The file's whole pages are mapped, what is left of the last one is read. */
static void put_segment(int fd, const Elf64_Phdr *p)
{
	uint64_t whole = p->p_filesz & ~(uint64_t)(PAGE - 1), pages = whole;

	if (((p->p_paddr | p->p_offset) % PAGE) != 0 || getenv("FLOOR_COPY"))
		pages = 0;
	if (pages > 0)
		MUST(mmap(ram + p->p_paddr, pages, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED,
		    fd, (off_t)p->p_offset));
	MUST(
	    pread(fd, ram + p->p_paddr + pages, p->p_filesz - pages, (off_t)(p->p_offset + pages)));
}

static uint64_t load(const char *path)
{
	Elf64_Ehdr head;
	Elf64_Phdr segment;
	int fd = MUST(open(path, O_RDONLY | O_CLOEXEC));

	MUST(pread(fd, &head, sizeof(head), 0));
	for (unsigned i = 0; i < head.e_phnum; i++) {
		MUST(pread(
		    fd, &segment, sizeof(segment), (off_t)(head.e_phoff + i * sizeof(segment))));
		if (segment.p_type == PT_LOAD)
			put_segment(fd, &segment);
	}
	close(fd);
	return head.e_entry;
}

/* A page of boot parameters, its command line, a GDT, and 4 GiB in pages of 2 MiB. */
static void put_tables(const char *words)
{
	uint64_t *const top = (uint64_t *)(ram + TABLES), *const middle = top + 512,
			*const low = top + 1024;
	const uint64_t gdt[] = {0, 0, 0x00af9b000000ffff, 0x00cf93000000ffff};

	memcpy(ram + GDT, gdt, sizeof(gdt));
	top[0] = (TABLES + PAGE) | 3;
	for (uint64_t i = 0; i < 4; i++)
		middle[i] = (TABLES + (2 + i) * PAGE) | 3;
	for (uint64_t i = 0; i < 4ull * 512; i++)
		low[i] = i << 21 | 0x83;
	*(uint32_t *)(ram + PARAMS + 0x228) = WORDS;
	strcpy((char *)ram + WORDS, words);
}

static void set_registers(int cpu, uint64_t entry)
{
	struct kvm_sregs s;
	struct kvm_regs r = {.rip = entry, .rsi = PARAMS, .rsp = TABLES, .rflags = 2};
	const struct kvm_segment data = {
	    .limit = ~0u, .selector = 0x18, .type = 3, .present = 1, .db = 1, .s = 1, .g = 1};

	MUST(ioctl(cpu, KVM_GET_SREGS, &s));
	s.ds = s.es = s.fs = s.gs = s.ss = data;
	s.cs = (struct kvm_segment){
	    .limit = ~0u, .selector = 0x10, .type = 11, .present = 1, .s = 1, .l = 1, .g = 1};
	s.gdt = (struct kvm_dtable){.base = GDT, .limit = 31};
	s.cr3 = TABLES;
	s.cr0 = 0x80050033;
	s.cr4 = 0x20;
	s.efer = 0x500;
	MUST(ioctl(cpu, KVM_SET_SREGS, &s));
	MUST(ioctl(cpu, KVM_SET_REGS, &r));
}

static void handle_io(const struct kvm_run *run)
{
	uint8_t *data = (uint8_t *)run + run->io.data_offset;

	if (run->io.direction == KVM_EXIT_IO_IN)
		memset(data, 0xff, (size_t)run->io.size * run->io.count);
	else if (run->io.port == 0x3f8)
		MUST(write(1, data, run->io.count));
	else if (run->io.port == 0xf4)
		_exit(*data);
}

static void *run_cpu(void *arg)
{
	int cpu = (int)(intptr_t)arg;
	struct kvm_run *run =
	    MUST(mmap(NULL, (size_t)run_size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu, 0));

	for (;;) {
		if (ioctl(cpu, KVM_RUN, 0) != 0) {
			/* A vCPU that waits for its start-up IPI answers EAGAIN now and then. */
			if (errno != EAGAIN && errno != EINTR)
				err(1, "KVM_RUN");
			continue;
		}
		if (run->exit_reason == KVM_EXIT_IO)
			handle_io(run);
		else if (run->exit_reason == KVM_EXIT_MMIO)
			memset(run->mmio.data, 0xff, sizeof(run->mmio.data));
		else
			errx(1, "exit reason %u", run->exit_reason);
	}
}

static int make_cpu(unsigned id)
{
	static struct {
		struct kvm_cpuid2 head;
		struct kvm_cpuid_entry2 entries[256];
	} cpuid = {.head.nent = 256};
	int cpu = MUST(ioctl(vm, KVM_CREATE_VCPU, id));

	if (id == 0)
		MUST(ioctl(kvm, KVM_GET_SUPPORTED_CPUID, &cpuid));
	MUST(ioctl(cpu, KVM_SET_CPUID2, &cpuid));
	return cpu;
}

int main(int argc, char **argv)
{
	const uint64_t size = (argc > 2 ? strtoull(argv[2], NULL, 0) : 128) << 20;
	const unsigned cpus = argc > 3 ? (unsigned)atoi(argv[3]) : 1;
	struct kvm_enable_cap split = {.cap = KVM_CAP_SPLIT_IRQCHIP, .args = {24}};
	pthread_t thread;

	kvm = MUST(open("/dev/kvm", O_RDWR | O_CLOEXEC));
	run_size = MUST(ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0));
	vm = MUST(ioctl(kvm, KVM_CREATE_VM, 0));
	if (getenv("FLOOR_CHIP"))
		MUST(ioctl(vm, KVM_CREATE_IRQCHIP, 0));
	else
		MUST(ioctl(vm, KVM_ENABLE_CAP, &split));
	ram = MUST(mmap(NULL, size, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0));
	if (getenv("FLOOR_COPY"))
		madvise(ram, size, MADV_HUGEPAGE);
	MUST(ioctl(vm, KVM_SET_USER_MEMORY_REGION,
	    &(struct kvm_userspace_memory_region){
		.memory_size = size, .userspace_addr = (uintptr_t)ram}));
	uint64_t entry = load(argv[1]);
	put_tables(argc > 4 ? argv[4] : "");
	int first = make_cpu(0);
	set_registers(first, entry);
	for (unsigned id = 1; id < cpus; id++)
		pthread_create(&thread, NULL, run_cpu, (void *)(intptr_t)make_cpu(id));
	run_cpu((void *)(intptr_t)first);
}
