/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * confine - a process for what loads plugins only to tell of them: it may read files and write
 * to what was open before. It starts no process, opens nothing for writing and reaches no network
 * and no other process; such a call fails with EPERM.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "core/base/log.h"
#include "tool.h"

#define LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, field))
#define ALLOW       BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)
#define DENY        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM)
#define CALL(name)  BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_##name, 0, 1), ALLOW

/* O_TRUNC and O_CREAT act without write access, too. */
#define OPEN_DENIED (O_ACCMODE | O_CREAT | O_TRUNC | (O_TMPFILE & ~O_DIRECTORY))

static struct sock_filter program[] = {
    LOAD(arch),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AUDIT_ARCH_X86_64, 1, 0),
    DENY,
    LOAD(nr),
    CALL(read),
    CALL(pread64),
    CALL(write),
    CALL(close),
    CALL(fstat),
    CALL(newfstatat),
    CALL(stat),
    CALL(lstat),
    CALL(statfs),
    CALL(fstatfs),
    CALL(lseek),
    CALL(mmap),
    CALL(mprotect),
    CALL(munmap),
    CALL(madvise),
    CALL(brk),
    CALL(access),
    CALL(faccessat),
    CALL(readlink),
    CALL(readlinkat),
    CALL(getcwd),
    CALL(getdents64),
    CALL(geteuid),
    CALL(memfd_create),
    CALL(fcntl),
    CALL(futex),
    CALL(getrandom),
    CALL(clock_gettime),
    CALL(prlimit64),
    CALL(sysinfo),
    CALL(exit_group),
    BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat, 1, 0),
    DENY,
    LOAD(args[2]),
    BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, OPEN_DENIED, 0, 1),
    DENY,
    ALLOW,
};

static int confine(void)
{
	struct sock_fprog p = {.len = sizeof(program) / sizeof(program[0]), .filter = program};

#ifdef VOLT_SANITIZED
	return 0; /* a sanitizer's runtime needs calls of its own */
#endif
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 ||
	    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p) != 0)
		return log_error(
		    errno, "cannot confine the process that loads plugins: %s", strerror(errno));
	return 0;
}

int confine_run(int (*run)(const struct tool_options *o), const struct tool_options *o)
{
	int status;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid == 0)
		_exit(tool_finish(confine() ? TOOL_MISUSE : run(o)));
	if (pid < 0 || waitpid(pid, &status, 0) != pid) {
		log_error(errno, "cannot make a process that loads plugins: %s", strerror(errno));
		return TOOL_MISUSE;
	}
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	log_error(
	    EINVAL, "the process that loads plugins was ended by signal %d", WTERMSIG(status));
	return TOOL_FAILED;
}
