/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * apart - memory that one thread writes often lies on cache lines that no other's does.
 *
 * Lines come in pairs: where one is fetched, Intel's spatial prefetcher fetches the other
 * that completes 128 bytes (Optimization Reference Manual, 2.1.5.4). With 64 in place of
 * 128, exits of two vCPUs took 1.5 times as long whenever the linker put things so.
 */
#ifndef CORE_APART_H
#define CORE_APART_H

#define APART_BYTES 128u
#define APART       __attribute__((aligned(APART_BYTES)))

#endif
