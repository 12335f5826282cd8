/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/base/clock.h"

#include <fcntl.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "core/base/ledger.h"

/* A shorter measurement would make the rate too coarse. */
#define MEASURE_NS 1000000u

struct reading {
	uint64_t ns, tsc;
};

static struct {
	bool by_tsc;
	struct reading first, base;
	uint64_t ns_per_tick; /* fixed point, 32 fraction bits */
} state;

static uint64_t read_kernel(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The quickest of a few tries: one may be interrupted between its two halves. */
static struct reading read_both(void)
{
	struct reading best = {0};
	uint64_t shortest = UINT64_MAX;

	for (unsigned i = 0; i < 5; i++) {
		uint64_t before = __rdtsc(), ns = read_kernel(), after = __rdtsc();

		if (after - before < shortest) {
			shortest = after - before;
			best = (struct reading){.ns = ns, .tsc = before + (after - before) / 2};
		}
	}
	return best;
}

static bool kernel_uses_tsc(void)
{
	char name[8] = "";
	int fd = open("/sys/devices/system/clocksource/clocksource0/current_clocksource",
	    O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return false;
	ssize_t n = read(fd, name, sizeof(name) - 1);
	close(fd);
	return n == 4 && memcmp(name, "tsc\n", 4) == 0;
}

void clock_init(void)
{
	state.first = read_both();
}

/* Nanoseconds in a tick since the first reading, or 0 if the TSC stood or went back. */
static uint64_t measure_rate(void)
{
	while (read_kernel() - state.first.ns < MEASURE_NS)
		__builtin_ia32_pause();
	struct reading now = read_both();
	if (now.tsc <= state.first.tsc)
		return 0;
	uint64_t ns = now.ns - state.first.ns, ticks = now.tsc - state.first.tsc;
	for (; ns >> 32 != 0; ns /= 2) /* half of both is the same rate */
		ticks /= 2;
	return ticks > 0 ? (ns << 32) / ticks : 0;
}

void clock_seal(bool invariant, uint32_t khz)
{
	if (!invariant || !kernel_uses_tsc())
		return;
	state.ns_per_tick = khz != 0 ? (1000000ull << 32) / khz : measure_rate();
	state.base = read_both();
	state.by_tsc = state.ns_per_tick != 0;
}

void clock_declare(struct ledger *l)
{
	const struct volt_rule rule = {.syscall = "clock_gettime",
	    .asked_by = "core",
	    .reason = "tells the time: this host has no invariant TSC",
	    .test_count = 1,
	    .tests = {ledger_is(0, CLOCK_MONOTONIC)}};

	if (!state.by_tsc)
		ledger_call(l, LEDGER_ALL, &rule);
}

uint64_t clock_now(void)
{
	if (!state.by_tsc)
		return read_kernel();
	/* Another CPU's TSC may be a few ticks behind the base. */
	int64_t ticks = (int64_t)(__rdtsc() - state.base.tsc);
	if (ticks < 0)
		return state.base.ns;
	return state.base.ns +
	       (uint64_t)(((unsigned __int128)(uint64_t)ticks * state.ns_per_tick) >> 32);
}

uint64_t clock_wall(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}
