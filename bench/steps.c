/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * steps - counts what one run of a monitor does in user space, on any host and at any load.
 *
 *   steps COMMAND...
 *
 * Every thread is run one instruction at a time (ptrace(2), PTRACE_SINGLESTEP). The line
 * "instructions=N calls=N faults=N status=N" goes to standard output: instructions of user space
 * from the first of the program that execve(2) ran, a repeated one (REP) as often as it repeats;
 * those of them that are system calls; page faults (getrusage(2)), those of the fork in front of
 * it included. COMMAND has no other output.
 */
#include <err.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define SYSCALL 0x050f /* the instruction's two bytes: Intel SDM 2B, SYSCALL */
#define KNOWN   65536  /* addresses whose instruction was looked at */

static uint64_t instructions, calls;

/* Code does not change, so each address is read once, or more often if another one takes its place.
 */
static bool is_syscall(pid_t thread, uint64_t rip)
{
	static struct {
		uint64_t rip;
		bool syscall;
	} known[KNOWN];
	const uint64_t at = (rip ^ rip >> 16) % KNOWN;

	if (known[at].rip == rip)
		return known[at].syscall;
	errno = 0;
	const long bytes = ptrace(PTRACE_PEEKTEXT, thread, (void *)(uintptr_t)rip, NULL);
	known[at].rip = rip;
	known[at].syscall = errno == 0 && (bytes & 0xffff) == SYSCALL;
	return known[at].syscall;
}

/* Counts the instruction that `thread` is about to run, and runs it. */
static void step(pid_t thread, int signal)
{
	errno = 0;
	const long rip =
	    ptrace(PTRACE_PEEKUSER, thread, (void *)offsetof(struct user, regs.rip), NULL);

	if (errno == 0) {
		instructions++;
		calls += is_syscall(thread, (uint64_t)rip);
	}
	ptrace(PTRACE_SINGLESTEP, thread, NULL, (void *)(intptr_t)signal);
}

static void begin(pid_t command)
{
	int status;

	if (waitpid(command, &status, 0) < 0 || !WIFSTOPPED(status))
		errx(127, "the command cannot be run");
	if (ptrace(PTRACE_SETOPTIONS, command, NULL,
		(void *)(PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL)) != 0)
		err(1, "ptrace");
	step(command, 0);
}

/* The status of `command` when it has ended. */
static int follow(pid_t command)
{
	for (;;) {
		int status;
		const pid_t thread = waitpid(-1, &status, __WALL);

		if (thread < 0)
			err(1, "waitpid");
		if (!WIFSTOPPED(status) && thread == command)
			return status;
		if (!WIFSTOPPED(status))
			continue;
		const int signal = WSTOPSIG(status);
		step(thread, signal == SIGTRAP || signal == SIGSTOP ? 0 : signal);
	}
}

static _Noreturn void run(char **command)
{
	const int null = open("/dev/null", O_RDWR);

	for (int fd = 0; fd < 3; fd++)
		dup2(null, fd);
	if (null > 2)
		close(null);
	ptrace(PTRACE_TRACEME, 0, NULL, NULL);
	execvp(command[0], command);
	_exit(127);
}

int main(int argc, char **argv)
{
	struct rusage used;

	if (argc < 2)
		errx(2, "usage: steps COMMAND...");
	const pid_t command = fork();
	if (command == 0)
		run(argv + 1);
	begin(command);
	const int status = follow(command);
	getrusage(RUSAGE_CHILDREN, &used);
	printf("instructions=%llu calls=%llu faults=%ld status=%d\n",
	    (unsigned long long)instructions, (unsigned long long)calls,
	    used.ru_minflt + used.ru_majflt,
	    WIFEXITED(status) ? WEXITSTATUS(status) : 256 + WTERMSIG(status));
	return 0;
}
