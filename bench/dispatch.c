/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * dispatch - what volt's own code does for one exit, without KVM: the real vcpu_run() over
 * the real address table, under an ioctl() that reports the next access at once.
 *
 *   dispatch SPACE RANGES THREADS MODE EXITS     SPACE pio, mmio, or none: an exit to ignore
 *
 * MODE "own" gives each thread a device of its own, "same" makes all of them one device's
 * behind its lock, "parallel" takes no lock. Accesses go through the ranges in an order that
 * no branch predictor learns. Prints nanoseconds per exit of the slowest thread, by its CPU time
 * (so that other work on the machine does not count) and by the clock on the wall.
 */
#include <err.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>

#include "core/kvm/vcpu.h"

#define ORDER    1024 /* accesses before the order repeats */
#define THREADS  8
#define RUN_SIZE 4096

int __real_ioctl(int fd, unsigned long request, ...);
int __wrap_ioctl(int fd, unsigned long request, ...);

static struct bus bus;
static struct callee callees[THREADS];
static struct callee_lock callee_locks[THREADS];
static uint64_t order[THREADS][ORDER];
static uint32_t reason;
static bool by_port;
static struct thread {
	pthread_t id;
	struct vcpu vcpu;
	struct kvm kvm;
	struct memory memory; /* empty */
	struct vm_end end;
	struct kvm_run *run;
	const uint64_t *order;
	uint64_t left, cpu_ns, wall_ns;
} threads[THREADS];

/* As KVM_RUN: the next access is in the shared page. `fd` says whose. */
int __wrap_ioctl(int fd, unsigned long request, ...)
{
	struct thread *t = &threads[fd - 1000];
	const uint64_t address = t->order[t->left % ORDER];

	t->run->exit_reason = reason;
	if (by_port)
		t->run->io.port = (uint16_t)address;
	else
		t->run->mmio.phys_addr = address;
	if (--t->left == 0)
		t->end.claimed = 1;
	return 0;
}

static uint64_t now(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t answer(void *self, uint64_t off, uint32_t n)
{
	return off;
}

static void fill_table(uint32_t ranges, uint32_t count, bool own, bool parallel)
{
	char why[200];

	if (bus_init(&bus) != 0)
		exit(1);
	for (uint32_t i = 0; i < ranges; i++) {
		struct volt_range r = {.size = sizeof(r),
		    .name = "bench",
		    .space = by_port ? VOLT_SPACE_PIO : VOLT_SPACE_MMIO,
		    .base = by_port ? 0x1000 + 8 * i : 0xd0000000 + 4096ull * i,
		    .len = 4,
		    .sizes = VOLT_IO_4,
		    .flags = parallel ? VOLT_RANGE_PARALLEL : 0,
		    .read = answer};

		if (bus_add_range(&bus, &callees[own ? i % count : 0], &r, why, sizeof(why)) != 0)
			errx(1, "%s", why);
	}
	if (bus_seal(&bus) != 0)
		exit(1);
}

static void choose_order(
    struct thread *t, uint32_t index, uint32_t ranges, uint32_t count, bool own)
{
	uint32_t random = 12345 + index;

	for (uint32_t i = 0; i < ORDER; i++) {
		random = random * 1664525 + 1013904223;
		uint32_t k = (random >> 8) % ranges;

		if (own && ranges >= count)
			k = k - k % count + index < ranges ? k - k % count + index : index;
		order[index][i] = by_port ? 0x1000 + 8 * k : 0xd0000000 + 4096ull * k;
	}
	t->order = order[index];
}

static void init_thread(uint32_t index, uint64_t exits)
{
	struct thread *t = &threads[index];

	t->kvm.run_size = RUN_SIZE;
	t->run = calloc(1, RUN_SIZE);
	t->vcpu = (struct vcpu){
	    .parts = {.kvm = &t->kvm, .memory = &t->memory, .bus = &bus, .end = &t->end},
	    .id = index,
	    .fd = 1000 + (int)index,
	    .run = t->run};
	t->left = exits;
	if (by_port) {
		t->run->io.direction = KVM_EXIT_IO_IN;
		t->run->io.size = 4;
		t->run->io.count = 1;
		t->run->io.data_offset = 2048;
	} else {
		t->run->mmio.len = 4;
	}
}

static void *run(void *arg)
{
	struct thread *t = arg;
	uint64_t cpu = now(CLOCK_THREAD_CPUTIME_ID), wall = now(CLOCK_MONOTONIC);

	vcpu_run(&t->vcpu);
	t->cpu_ns = now(CLOCK_THREAD_CPUTIME_ID) - cpu;
	t->wall_ns = now(CLOCK_MONOTONIC) - wall;
	return NULL;
}

int main(int argc, char **argv)
{
	if (argc != 6)
		errx(2, "usage: dispatch pio|mmio|none RANGES THREADS own|same|parallel EXITS");
	uint32_t ranges = (uint32_t)atoi(argv[2]), count = (uint32_t)atoi(argv[3]);
	bool own = strcmp(argv[4], "own") == 0, parallel = strcmp(argv[4], "parallel") == 0;
	uint64_t exits = strtoull(argv[5], NULL, 0), cpu = 0, wall = 0;

	if (count < 1 || count > THREADS || ranges < 1 || exits < 1)
		errx(2, "1 to %d threads, 1 or more ranges and exits", THREADS);
	by_port = strcmp(argv[1], "pio") == 0;
	reason = by_port                        ? KVM_EXIT_IO
		 : strcmp(argv[1], "mmio") == 0 ? KVM_EXIT_MMIO
						: KVM_EXIT_INTR;
	for (uint32_t i = 0; i < count; i++) {
		callees[i].lock = &callee_locks[i];
		lock_init(&callee_locks[i].lock);
	}
	fill_table(ranges, count, own, parallel);
	if (locks_arm(100) != 0)
		return 1;
	for (uint32_t i = 0; i < count; i++) {
		init_thread(i, exits);
		choose_order(&threads[i], i, ranges, count, own);
	}
	for (uint32_t i = 0; i < count; i++)
		pthread_create(&threads[i].id, NULL, run, &threads[i]);
	for (uint32_t i = 0; i < count; i++) {
		pthread_join(threads[i].id, NULL);
		cpu = threads[i].cpu_ns > cpu ? threads[i].cpu_ns : cpu;
		wall = threads[i].wall_ns > wall ? threads[i].wall_ns : wall;
	}
	printf("%.3f %.3f\n", (double)cpu / (double)exits, (double)wall / (double)exits);
	return 0;
}
