/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "sdk/common/compat.h"

#include <signal.h>
#include <stddef.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifdef COMPAT_CLOSE_RANGE
int close_range(unsigned first, unsigned last, int flags)
{
	return (int)syscall(SYS_close_range, first, last, flags);
}
#endif

#ifdef COMPAT__FORK
pid_t _Fork(void)
{
	return fork();
}
#endif

#ifdef COMPAT_SIGABBREV_NP
#define NAME(signal) [SIG##signal] = #signal

const char *sigabbrev_np(int number)
{
	static const char names[][7] = {NAME(HUP), NAME(INT), NAME(QUIT), NAME(ILL), NAME(TRAP),
	    NAME(ABRT), NAME(BUS), NAME(FPE), NAME(KILL), NAME(USR1), NAME(SEGV), NAME(USR2),
	    NAME(PIPE), NAME(ALRM), NAME(TERM), NAME(STKFLT), NAME(CHLD), NAME(CONT), NAME(STOP),
	    NAME(TSTP), NAME(TTIN), NAME(TTOU), NAME(URG), NAME(XCPU), NAME(XFSZ), NAME(VTALRM),
	    NAME(PROF), NAME(WINCH), NAME(POLL), NAME(PWR), NAME(SYS)};

	if (number <= 0 || (size_t)number >= sizeof(names) / sizeof(names[0]))
		return NULL;
	return names[number];
}
#endif
