/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * compat - functions of glibc that another libc (musl 1.2) lacks, under glibc's names.
 */
#ifndef SDK_COMMON_COMPAT_H
#define SDK_COMMON_COMPAT_H

#ifdef COMPAT_CLOSE_RANGE
int close_range(unsigned first, unsigned last, int flags);
#endif
#ifdef COMPAT__FORK
#include <sys/types.h>
pid_t _Fork(void); /* glibc has it from 2.34 on */
#endif
#ifdef COMPAT_SIGABBREV_NP
const char *sigabbrev_np(int number);
#endif

#endif
