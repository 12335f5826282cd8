/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * clock - monotonic time without a system call.
 *
 * The vDSO answers clock_gettime() in user space only as long as the kernel trusts the
 * TSC; should it lose that trust while a guest runs, every call becomes a real one, and
 * a filter that does not allow it would kill the VM. So from clock_seal() on time is
 * computed from the TSC itself where it is invariant and the kernel uses it; elsewhere
 * clock_gettime() stays, and is asked for in the policy.
 *
 * Many hosts set the TSC to 0 when they are suspended. clock_now() goes on all the same: less than
 * the loop saw at its last turn means that the TSC was set back, and then the kernel's coarse clock
 * answers, which the vDSO reads without the TSC, until the loop's next turn. Like CLOCK_MONOTONIC,
 * time does not count a suspend that set the TSC back; one that let it count on is counted.
 */
#ifndef CORE_CLOCK_H
#define CORE_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

struct ledger;

/* First reading; as early as possible, for the rate may be measured until clock_seal(). */
void clock_init(void);
/* Decides where time comes from. `invariant`: CPUID says that the TSC always runs at one
 * rate; `khz`: that rate as the kernel knows it, or 0: then it is measured, for which the
 * process must be 1 ms old. */
void clock_seal(bool invariant, uint32_t khz);
/* Of clock_now(), after clock_seal(). */
void clock_declare(struct ledger *l);
/* Nanoseconds of CLOCK_MONOTONIC; never 0. After clock_seal() the rate may differ by
 * some 0.01 %: the kernel's own follows NTP, too. */
uint64_t clock_now(void);
/* [loop] At each turn of the loop: notices that the TSC was set back. */
void clock_turn(void);
/* Nanoseconds since 1970 of CLOCK_REALTIME: of the kernel, by the vDSO or a call. */
uint64_t clock_wall(void);
/* The same as of the kernel's last tick, never by a call; 0 if this kernel has no vDSO. */
uint64_t clock_wall_coarse(void);

#endif
