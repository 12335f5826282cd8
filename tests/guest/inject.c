/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * inject NUMBER NTH ERRNO PROGRAM...: runs PROGRAM, whose NTHth system call of that number fails
 * with ERRNO and does nothing; with ERRNO 0 it does half of what its third argument asks for, a
 * short write. Ends with the program's status, or with 97 if there was no such call.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define NOT_CALLED 97
#define FAILED     99

static struct {
	unsigned long number, nth, seen;
	int err;
	bool inside; /* of the call that fails */
} wanted;

static void begin(pid_t pid, struct user_regs_struct *r)
{
	if (r->orig_rax != wanted.number || ++wanted.seen != wanted.nth)
		return;
	if (wanted.err)
		r->orig_rax = (unsigned long long)-1;
	else
		r->rdx /= 2;
	wanted.inside = wanted.err;
	ptrace(PTRACE_SETREGS, pid, NULL, r);
}

static void at_call(pid_t pid)
{
	struct user_regs_struct r;

	if (ptrace(PTRACE_GETREGS, pid, NULL, &r) != 0)
		return;
	/* The kernel puts this where the answer comes, when a call begins: ptrace(2). */
	if (!wanted.inside && (long long)r.rax == -ENOSYS) {
		begin(pid, &r);
	} else if (wanted.inside) {
		wanted.inside = false;
		r.rax = (unsigned long long)-(long long)wanted.err;
		ptrace(PTRACE_SETREGS, pid, NULL, &r);
	}
}

static int follow(pid_t pid)
{
	int status, signal = 0;

	ptrace(PTRACE_SETOPTIONS, pid, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL);
	for (;;) {
		if (ptrace(PTRACE_SYSCALL, pid, NULL, signal) != 0 ||
		    waitpid(pid, &status, 0) != pid)
			return FAILED;
		if (WIFEXITED(status))
			return wanted.seen < wanted.nth ? NOT_CALLED : WEXITSTATUS(status);
		if (WIFSIGNALED(status))
			return FAILED;
		signal = WSTOPSIG(status);
		if (signal == (SIGTRAP | 0x80))
			at_call(pid);
		if (signal == (SIGTRAP | 0x80) || signal == SIGTRAP)
			signal = 0;
	}
}

int main(int argc, char **argv)
{
	int status;

	if (argc < 5)
		return FAILED;
	wanted.number = strtoul(argv[1], NULL, 10);
	wanted.nth = strtoul(argv[2], NULL, 10);
	wanted.err = (int)strtol(argv[3], NULL, 10);
	const pid_t pid = fork();
	if (pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		execv(argv[4], argv + 4);
		_exit(98);
	}
	/* The first stop is that of exec. */
	if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status))
		return FAILED;
	return follow(pid);
}
