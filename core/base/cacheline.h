/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * cacheline - memory that one thread writes often lies on cache lines that no other's does.
 *
 * Lines come in pairs: where one is fetched, Intel's spatial prefetcher fetches the other
 * that completes 128 bytes (Optimization Reference Manual, 2.1.5.4). With 64 in place of
 * 128, exits of two vCPUs took 1.5 times as long whenever the linker put things so.
 */
#ifndef CORE_CACHELINE_H
#define CORE_CACHELINE_H

#define CACHELINE_BYTES   128u
#define CACHELINE_ALIGNED __attribute__((aligned(CACHELINE_BYTES)))

#endif
