/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * compilers - the two that make a BPF program of one thread's rules. The build has one of them,
 * the tests have both.
 *
 * Each takes rules that filter.c has checked, nrs[i] the number of rule i's system call, and
 * returns 0 or what layer_fail() returned. `log_only` logs what would be killed.
 */
#ifndef SANDBOX_COMPILERS_H
#define SANDBOX_COMPILERS_H

#include <sys/syscall.h>

#include "layers.h"

/* By libseccomp: libseccomp.c. */
int libseccomp_filter(const struct volt_host *h, const struct volt_thread *t, const int *nrs,
    bool log_only, struct filter *out);
/* Our own: assemble.c. */
int assemble_filter(const struct volt_host *h, const struct volt_thread *t, const int *nrs,
    bool log_only, struct filter *out);

#ifdef SANDBOX_LIBSECCOMP
#define COMPILE_FILTER libseccomp_filter
#else
#define COMPILE_FILTER assemble_filter
#endif

/* The bits that a test compares. The kernel cuts an ioctl request to 32 bits, and some C
 * libraries sign-extend what is above 2^31, so the upper half must not decide. */
static inline uint64_t test_mask(int nr, const struct volt_arg_test *t)
{
	uint64_t width = nr == SYS_ioctl && t->arg == 1 ? UINT32_MAX : UINT64_MAX;

	return (t->op == VOLT_TEST_MASKED_EQ ? t->mask : UINT64_MAX) & width;
}

#endif
