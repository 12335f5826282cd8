/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * raw - every way into the kernel that x86-64 has, each in one instruction. Sources: AMD64
 * ABI, A.2.1; Linux arch/x86/entry.
 */
#ifndef SECURITY_RAW_H
#define SECURITY_RAW_H

#include <sys/syscall.h>

#define RAW_VSYSCALL 0xffffffffff600000ul

static inline int raw_is_fork(long nr)
{
	return nr == SYS_fork || nr == SYS_vfork || nr == SYS_clone || nr == SYS_clone3;
}

/* A child, should there be one, may share this very stack: it ends without touching it. */
static inline long raw_syscall(long nr, const long *a)
{
	register long r10 __asm__("r10") = a[3];
	register long r8 __asm__("r8") = a[4];
	register long r9 __asm__("r9") = a[5];
	register long forks __asm__("rbx") = raw_is_fork(nr);
	long ret;

	__asm__ volatile("syscall\n"
			 "test %%rax, %%rax\n"
			 "jnz 1f\n"
			 "test %%rbx, %%rbx\n"
			 "jz 1f\n"
			 "mov %[exit], %%eax\n"
			 "xor %%edi, %%edi\n"
			 "syscall\n"
			 "1:"
			 : "=a"(ret)
			 : "a"(nr), "D"(a[0]), "S"(a[1]), "d"(a[2]), "r"(r10), "r"(r8), "r"(r9),
			 "r"(forks), [exit] "i"(SYS_exit)
			 : "rcx", "r11", "memory");
	return ret;
}

static inline long raw_int80(long nr, long a, long b, long c)
{
	long ret;

	__asm__ volatile("int $0x80"
			 : "=a"(ret)
			 : "a"(nr), "b"(a), "c"(b), "d"(c)
			 : "r8", "r9", "r10", "r11", "memory");
	return (int)ret;
}

static inline long raw_vsyscall(void)
{
	return ((long (*)(void *, void *))RAW_VSYSCALL)(0, 0);
}

#endif
