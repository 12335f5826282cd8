/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Source: Documentation/virt/kvm/api.rst. The guest runs in flat 32-bit protected mode without
 * paging, which every backend has.
 */
#include "tools/doctor/guest.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/kvm.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "core/kvm/kvm.h"

#define EXITS      2000u   /* port writes that are timed */
#define LOOPS      200000u /* of two instructions each */
#define MEMORY     0x10000u
#define ENTRY      0x1000u
#define LIMIT_S    10
#define PORT_TICK  0x700
#define PORT_LOOP  0xf4
#define PORT_COUNT 0xf5

#define LE32(n) (n) & 0xff, (n) >> 8 & 0xff, (n) >> 16 & 0xff, (n) >> 24 & 0xff

static const uint8_t code[] = {
    0x66, 0xba, 0x00, 0x07, /*    mov $PORT_TICK, %dx */
    0xb9, LE32(EXITS),      /*    mov $EXITS, %ecx */
    0xee,                   /* 1: out %al, %dx */
    0x49,                   /*    dec %ecx */
    0x75, 0xfc,             /*    jnz 1b */
    0xb9, LE32(LOOPS),      /*    mov $LOOPS, %ecx */
    0x49,                   /* 2: dec %ecx */
    0x75, 0xfd,             /*    jnz 2b */
    0xe6, PORT_LOOP,        /*    out %al, $PORT_LOOP */
    0xb8, 0xff, 0, 0, 0,    /*    mov $0xff, %eax */
    0xf3, 0x0f, 0xb8, 0xc0, /*    popcnt %eax, %eax */
    0xe6, PORT_COUNT,       /*    out %al, $PORT_COUNT */
    0xf4,                   /*    hlt */
};

struct guest {
	int kvm, vm, cpu;
	size_t run_size;
	uint8_t *memory;
	struct kvm_run *run;
	struct host_guest *out;
	uint64_t ticks[EXITS], last;
	unsigned count;
};

static struct kvm_run *volatile running;

/* A signal between two entries would be lost without this. */
static void stop(int signo)
{
	if (running)
		running->immediate_exit = 1;
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static bool failed(struct guest *g, const char *step)
{
	snprintf(g->out->error, sizeof(g->out->error), "%s: %s", step, strerror(errno));
	return false;
}

static void make_flat(struct kvm_sregs *s)
{
	struct kvm_segment flat = {.limit = 0xffffffff,
	    .selector = 0x18,
	    .type = 3,
	    .present = 1,
	    .db = 1,
	    .s = 1,
	    .g = 1};

	s->ds = s->es = s->fs = s->gs = s->ss = flat;
	flat.selector = 0x10;
	flat.type = 11;
	s->cs = flat;
	s->cr0 |= 1; /* PE */
}

static bool make_vm(struct guest *g)
{
	uint64_t identity = KVM_PAGES_BASE;
	struct kvm_userspace_memory_region slot = {.memory_size = MEMORY};

	g->vm = ioctl(g->kvm, KVM_CREATE_VM, 0);
	if (g->vm < 0)
		return failed(g, "KVM_CREATE_VM");
	if (ioctl(g->vm, KVM_SET_IDENTITY_MAP_ADDR, &identity) != 0 ||
	    ioctl(g->vm, KVM_SET_TSS_ADDR, KVM_PAGES_BASE + 0x1000) != 0)
		return failed(g, "KVM_SET_TSS_ADDR");
	g->memory = mmap(NULL, MEMORY, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (g->memory == MAP_FAILED)
		return failed(g, "mmap");
	memcpy(g->memory + ENTRY, code, sizeof(code));
	slot.userspace_addr = (uintptr_t)g->memory;
	if (ioctl(g->vm, KVM_SET_USER_MEMORY_REGION, &slot) != 0)
		return failed(g, "KVM_SET_USER_MEMORY_REGION");
	return true;
}

static bool make_cpu(struct guest *g)
{
	struct kvm_regs regs = {.rip = ENTRY, .rflags = 2};
	struct kvm_sregs sregs;

	g->cpu = ioctl(g->vm, KVM_CREATE_VCPU, 0);
	if (g->cpu < 0)
		return failed(g, "KVM_CREATE_VCPU");
	int size = ioctl(g->kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (size < (int)sizeof(struct kvm_run))
		return failed(g, "KVM_GET_VCPU_MMAP_SIZE");
	g->run_size = (size_t)size;
	g->run = mmap(NULL, g->run_size, PROT_READ | PROT_WRITE, MAP_SHARED, g->cpu, 0);
	if (g->run == MAP_FAILED)
		return failed(g, "mmap of a virtual CPU");
	if (ioctl(g->cpu, KVM_GET_SREGS, &sregs) != 0)
		return failed(g, "KVM_GET_SREGS");
	make_flat(&sregs);
	if (ioctl(g->cpu, KVM_SET_SREGS, &sregs) != 0 || ioctl(g->cpu, KVM_SET_REGS, &regs) != 0)
		return failed(g, "KVM_SET_SREGS");
	return true;
}

static void take_port(struct guest *g)
{
	const uint8_t *data = (const uint8_t *)g->run + g->run->io.data_offset;
	uint64_t time = now();

	if (g->run->io.port == PORT_TICK && g->count < EXITS)
		g->ticks[g->count++] = time - g->last;
	if (g->run->io.port == PORT_LOOP) {
		g->out->computed = true;
		g->out->loop_ps = (time - g->last) * 1000 / (2 * LOOPS);
	}
	if (g->run->io.port == PORT_COUNT)
		g->out->popcnt = *data == 8;
	g->last = now();
}

/* True to go on. An internal error after the loop is told by popcnt alone. */
static bool take_exit(struct guest *g)
{
	if (g->run->exit_reason == KVM_EXIT_IO) {
		take_port(g);
		return true;
	}
	if (g->run->exit_reason != KVM_EXIT_HLT && !g->out->computed)
		snprintf(g->out->error, sizeof(g->out->error),
		    "KVM_RUN ended with exit reason %u, suberror %u", g->run->exit_reason,
		    g->run->exit_reason == KVM_EXIT_INTERNAL_ERROR ? g->run->internal.suberror : 0);
	return false;
}

static void run(struct guest *g)
{
	do {
		if (ioctl(g->cpu, KVM_RUN, 0) == 0)
			continue;
		if (errno == EINTR)
			snprintf(g->out->error, sizeof(g->out->error), "it was not done after %u s",
			    LIMIT_S);
		else
			failed(g, "KVM_RUN");
		return;
	} while (take_exit(g));
}

static int by_size(const void *left, const void *right)
{
	uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;

	return (a > b) - (a < b);
}

static void run_timed(struct guest *g)
{
	struct sigaction action = {.sa_handler = stop}, before;
	struct itimerval limit = {.it_value.tv_sec = LIMIT_S}, none = {0};

	running = g->run;
	sigaction(SIGALRM, &action, &before);
	setitimer(ITIMER_REAL, &limit, NULL);
	g->last = now();
	run(g);
	setitimer(ITIMER_REAL, &none, NULL);
	sigaction(SIGALRM, &before, NULL);
	running = NULL;
	g->out->counted = g->count == EXITS;
	qsort(g->ticks, g->count, sizeof(g->ticks[0]), by_size);
	g->out->exit_ns = g->ticks[g->count / 2];
}

/* Entered once without running the guest: KVM makes threads and tables then. */
static bool enter_once(struct guest *g)
{
	g->run->immediate_exit = 1;
	int err = ioctl(g->cpu, KVM_RUN, 0);
	g->run->immediate_exit = 0;
	return !err || errno == EINTR ? true : failed(g, "KVM_RUN");
}

static void drop(struct guest *g)
{
	const int fds[] = {g->cpu, g->vm, g->kvm};

	if (g->run != MAP_FAILED)
		munmap(g->run, g->run_size);
	for (unsigned i = 0; i < 3; i++)
		if (fds[i] >= 0)
			close(fds[i]);
	if (g->memory != MAP_FAILED)
		munmap(g->memory, MEMORY);
}

void guest_try(struct host_guest *out, int *tsc_khz, const char *path)
{
	static struct guest g;

	g = (struct guest){
	    .vm = -1, .cpu = -1, .memory = MAP_FAILED, .run = MAP_FAILED, .out = out};
	*out = (struct host_guest){.tried = true};
	g.kvm = open(path, O_RDWR | O_CLOEXEC);
	uint64_t since = now();
	if (g.kvm < 0)
		failed(&g, path);
	else if (make_vm(&g) && make_cpu(&g) && enter_once(&g)) {
		out->vm_ns = now() - since;
		int khz = ioctl(g.cpu, KVM_GET_TSC_KHZ, 0);
		*tsc_khz = khz > 0 ? khz : 0;
		run_timed(&g);
	}
	drop(&g);
}
