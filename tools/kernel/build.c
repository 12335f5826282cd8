/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * build: runs the script that compiles a kernel by Volt's fragments (kernel/build in the
 * source tree), which shows its own progress, and imports what it leaves.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/kernel/commands.h"
#include "tools/kernel/interrupt.h"
#include "tools/kernel/say.h"
#include "tools/kernel/stage.h"

int program_place(const char *place, char *path, size_t size)
{
	const bool whole = place[0] == '/';
	char program[PATH_MAX];
	const ssize_t n = readlink("/proc/self/exe", program, sizeof(program) - 1);

	if (n <= 0)
		return log_error(errno, "/proc/self/exe: %s", strerror(errno));
	program[n] = '\0';
	*strrchr(program, '/') = '\0';
	const int len =
	    snprintf(path, size, "%s%s%s", whole ? "" : program, whole ? "" : "/", place);
	return len > 0 && (size_t)len < size ? 0
					     : log_error(ENAMETOOLONG, "%s: is too long", place);
}

/* Beside the program as installed, beside it in a build folder of the source tree, or where
 * it was to be installed. */
static int find_script(char *script, size_t size)
{
	static const char *const places[] = {
	    KERNEL_BUILD_FROM_BIN, "../../../kernel/build", KERNEL_BUILD};

	for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		const int err = program_place(places[i], script, size);
		if (err)
			return err;
		if (access(script, X_OK) == 0)
			return 0;
	}
	return log_error(ENOENT,
	    "build: " KERNEL_BUILD
	    " is not there: it is installed with volt; --script names another");
}

#define NOT_RUN 126 /* as a shell has it */

static int wait_for(pid_t child, const char *script)
{
	int status;

	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return log_error(errno, "%s: %s", script, strerror(errno));
	if (WIFEXITED(status) && WEXITSTATUS(status) == 0)
		return 0;
	if (WIFSIGNALED(status))
		return log_error(
		    EINTR, "build: was ended by SIG%s", sigabbrev_np(WTERMSIG(status)));
	if (WEXITSTATUS(status) == NOT_RUN)
		return log_error(
		    ENOEXEC, "build: %s cannot be run: is it there, and a program?", script);
	return log_error(EINVAL, "build: %s failed with status %d; what it said is above", script,
	    WEXITSTATUS(status));
}

/* Its standard output is for scripts, and so is ours: it goes to standard error. */
static int run(const char *script, const struct request *q, const char *output)
{
	const char *words[REQUEST_PASSED_MAX + 8] = {script, "--no-import", "--output", output};
	int n = 4;

	for (int i = 0; i < q->passed_count; i++)
		words[n++] = q->passed[i];
	if (q->count > 0) {
		words[n++] = "--source";
		words[n++] = q->args[0];
	}
	pid_t child = interrupt_fork();
	if (child == 0) {
		dup2(STDERR_FILENO, STDOUT_FILENO);
		execv(script, (char **)(uintptr_t)words);
		_exit(NOT_RUN);
	}
	if (child < 0)
		return log_error(errno, "build: %s", strerror(errno));
	int err = wait_for(child, script);
	interrupt_child_is_gone();
	return err;
}

int command_build(const struct request *q)
{
	char script[PATH_MAX] = "", output[PATH_MAX];

	if (q->count > 1) {
		log_error(EINVAL, "build: name one source tree, or none");
		return SAY_USAGE;
	}
	if (q->script)
		snprintf(script, sizeof(script), "%s", q->script);
	else if (find_script(script, sizeof(script)) != 0)
		return SAY_FAILED;
	interrupt_catch();
	if (stage_make_temporary(output) != 0)
		return SAY_FAILED;
	const bool good = run(script, q, output) == 0 && import_path(q, output) == 0;
	stage_remove(output);
	return good ? SAY_GOOD : SAY_FAILED;
}
