/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "core/base/clock.h"

#include <fcntl.h>
#include <string.h>
#include <sys/auxv.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "core/base/ledger.h"

/* A shorter measurement would make the rate too coarse. */
#define MEASURE_NS 1000000u
/* More than the time-stamp counters of two CPUs differ by, and far less than a suspend takes. */
#define SKEW (1u << 20)

struct reading {
	uint64_t ns, tsc;
};

static struct {
	bool by_tsc;
	struct reading first;
	uint64_t ns_per_tick; /* fixed point, 32 fraction bits */
	uint64_t offset;      /* what scale(TSC) lacks; written by the loop's thread alone */
	struct reading turn;  /* the loop's last turn, on the kernel's coarse clock; likewise */
	uint64_t ahead;       /* what clock_now() was ahead of that clock at that turn; likewise */
} state;

static uint64_t read_kernel(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The quickest of a few tries: one may be interrupted between its two halves. */
static struct reading read_both(void)
{
	struct reading best = {0};
	uint64_t shortest = UINT64_MAX;

	for (unsigned i = 0; i < 5; i++) {
		uint64_t before = __rdtsc(), ns = read_kernel(CLOCK_MONOTONIC), after = __rdtsc();

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
	while (read_kernel(CLOCK_MONOTONIC) - state.first.ns < MEASURE_NS)
		__builtin_ia32_pause();
	struct reading now = read_both();
	if (now.tsc <= state.first.tsc)
		return 0;
	uint64_t ns = now.ns - state.first.ns, ticks = now.tsc - state.first.tsc;
	for (; ns >> 32 != 0; ns /= 2) /* half of both is the same rate */
		ticks /= 2;
	return ticks > 0 ? (ns << 32) / ticks : 0;
}

static uint64_t scale(uint64_t ticks)
{
	return (uint64_t)(((unsigned __int128)ticks * state.ns_per_tick) >> 32);
}

void clock_seal(bool invariant, uint32_t khz)
{
	/* Without a vDSO the coarse clocks are system calls, too. */
	if (!invariant || !kernel_uses_tsc() || getauxval(AT_SYSINFO_EHDR) == 0)
		return;
	state.ns_per_tick = khz != 0 ? (1000000ull << 32) / khz : measure_rate();
	const struct reading now = read_both();
	state.offset = now.ns - scale(now.tsc);
	state.turn = now;
	state.ahead = 0;
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

/* Time while the TSC is not to be trusted: as far ahead of the kernel's as it was before, and so
 * much more as it can have gained since. The kernel slews by 500 ppm at most, 1/2000. */
static uint64_t read_coarse(void)
{
	const uint64_t ns = read_kernel(CLOCK_MONOTONIC_COARSE);

	return ns + __atomic_load_n(&state.ahead, __ATOMIC_RELAXED) +
	       (ns - __atomic_load_n(&state.turn.ns, __ATOMIC_RELAXED)) / 2000;
}

static bool has_restarted(uint64_t tsc, uint64_t seen)
{
	return tsc + SKEW < seen;
}

void clock_turn(void)
{
	if (!state.by_tsc)
		return;
	const uint64_t tsc = __rdtsc(), ns = read_kernel(CLOCK_MONOTONIC_COARSE);
	if (has_restarted(tsc, state.turn.tsc))
		__atomic_store_n(&state.offset, read_coarse() - scale(tsc), __ATOMIC_RELEASE);
	__atomic_store_n(&state.ahead, scale(tsc) + state.offset - ns, __ATOMIC_RELAXED);
	__atomic_store_n(&state.turn.ns, ns, __ATOMIC_RELAXED);
	__atomic_store_n(&state.turn.tsc, tsc, __ATOMIC_RELEASE);
}

uint64_t clock_now(void)
{
	if (!state.by_tsc)
		return read_kernel(CLOCK_MONOTONIC);
	for (;;) {
		const uint64_t offset = __atomic_load_n(&state.offset, __ATOMIC_ACQUIRE);
		const uint64_t seen = __atomic_load_n(&state.turn.tsc, __ATOMIC_ACQUIRE);
		const uint64_t tsc = __rdtsc();

		if (has_restarted(tsc, seen))
			return read_coarse();
		/* Else the host slept between the two readings. */
		if (__atomic_load_n(&state.offset, __ATOMIC_RELAXED) == offset)
			return scale(tsc) + offset;
	}
}

uint64_t clock_wall(void)
{
	return read_kernel(CLOCK_REALTIME);
}

uint64_t clock_wall_coarse(void)
{
	return getauxval(AT_SYSINFO_EHDR) != 0 ? read_kernel(CLOCK_REALTIME_COARSE) : 0;
}
