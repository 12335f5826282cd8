/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
#include "shell.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "parse.h"
#include "parts.h"
#include "text.h"

enum { LINE_SIZE = 4096, AT_END = -1, TOO_LONG = -2 };

static int last_status;
static const struct builtin own[];
static const struct builtin *const tables[] = {own, shell_files, shell_system};

static const struct builtin *find(const char *name)
{
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		for (const struct builtin *b = tables[i]; b->name; b++) {
			if (!strcmp(b->name, name))
				return b;
		}
	}
	return NULL;
}

int shell_fail(const char *name, const char *what)
{
	complain("%s: %s: %s", name, what, strerror(errno));
	return 1;
}

int shell_usage(const char *name)
{
	complain("usage: %s %s", name, find(name)->args);
	return 2;
}

/* --- commands that change the shell */

static int do_cd(int argc, char **argv)
{
	const char *to = argc > 1 ? argv[1] : getenv("HOME");

	if (argc > 2)
		return shell_usage(argv[0]);
	return chdir(to ? to : "/") ? shell_fail(argv[0], to ? to : "/") : 0;
}

static int do_exit(int argc, char **argv)
{
	unsigned long status = (unsigned long)last_status;

	if (argc > 2 || (argc == 2 && !parse_number(argv[1], 255, &status)))
		return shell_usage(argv[0]);
	_exit((int)status);
}

/* After a failed exec: no such program, or one that cannot be run. */
static int exec_status(void)
{
	return errno == ENOENT ? 127 : 126;
}

static int do_exec(int argc, char **argv)
{
	if (argc < 2)
		return shell_usage(argv[0]);
	signal(SIGINT, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
	execvp(argv[1], argv + 1);
	const int status = exec_status();
	shell_fail(argv[0], argv[1]);
	return status;
}

/* NAME=VALUE; a bare NAME needs nothing, as every variable of this shell is exported. */
static int assign(char *text)
{
	char *value = strchr(text, '=');

	if (!value)
		return 0;
	*value = '\0';
	return setenv(text, value + 1, 1) ? shell_fail("export", text) : 0;
}

static int do_export(int argc, char **argv)
{
	int status = argc < 2 ? shell_usage(argv[0]) : 0;

	for (int i = 1; i < argc; i++)
		status |= assign(argv[i]);
	return status;
}

static int do_unset(int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		unsetenv(argv[i]);
	return 0;
}

static int do_help(int argc, char **argv)
{
	char usage[64];

	print("Commands of volt-init's own shell; any other name is a program in $PATH:\n");
	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		for (const struct builtin *b = tables[i]; b->name; b++) {
			text_format(usage, sizeof(usage), "%s %s", b->name, b->args);
			print("  %-32s %s\n", usage, b->help);
		}
	}
	print("Between commands: ; && || | and < > >> 2>. $NAME and $? expand.\n");
	return 0;
}

static const struct builtin own[] = {
    {"help", "", "this list", do_help, false},
    {"cd", "[DIRECTORY]", "change the working directory", do_cd, true},
    {"exec", "PROGRAM [ARG...]", "become a program", do_exec, true},
    {"exit", "[STATUS]", "end the shell; at the prompt, the VM", do_exit, true},
    {"export", "NAME=VALUE...", "set variables; NAME=VALUE alone does too", do_export, true},
    {"unset", "NAME...", "remove variables", do_unset, true},
    {0},
};

/* --- running */

static bool redirect(const char *path, int flags, int to)
{
	if (!path)
		return true;
	int fd = open(path, flags | O_CLOEXEC, 0666);
	if (fd < 0) {
		shell_fail("sh", path);
		return false;
	}
	dup2(fd, to);
	close(fd);
	return true;
}

static bool redirect_all(const struct command *c)
{
	return redirect(c->in, O_RDONLY, STDIN_FILENO) &&
	       redirect(
		   c->out, O_WRONLY | O_CREAT | (c->append ? O_APPEND : O_TRUNC), STDOUT_FILENO) &&
	       redirect(c->err, O_WRONLY | O_CREAT | O_TRUNC, STDERR_FILENO);
}

/* Runs the command in place of the calling child. */
__attribute__((noreturn)) static void become(const struct command *c)
{
	signal(SIGINT, SIG_DFL);
	signal(SIGQUIT, SIG_DFL);
	if (!redirect_all(c))
		_exit(1);
	if (!c->argc)
		_exit(0);
	const struct builtin *b = find(c->argv[0]);
	if (b)
		_exit(b->run(c->argc, c->argv));
	execvp(c->argv[0], c->argv);
	const int status = exec_status();
	if (status == 127)
		complain("%s: no such command; try help", c->argv[0]);
	else
		shell_fail("sh", c->argv[0]);
	_exit(status);
}

/* Runs a builtin that changes the shell in the shell, and undoes its redirections. */
static int run_here(const struct builtin *b, const struct command *c)
{
	int kept[3], status = 1;

	for (int i = 0; i < 3; i++)
		kept[i] = fcntl(i, F_DUPFD_CLOEXEC, 3);
	if (redirect_all(c))
		status = b->run(c->argc, c->argv);
	for (int i = 0; i < 3; i++) {
		if (kept[i] < 0)
			continue;
		dup2(kept[i], i);
		close(kept[i]);
	}
	return status;
}

static int await(pid_t pid)
{
	int status;

	while (waitpid(pid, &status, 0) < 0) {
		if (errno != EINTR)
			return 127;
	}
	if (WIFSIGNALED(status) && WTERMSIG(status) != SIGINT && WTERMSIG(status) != SIGPIPE)
		complain("killed by signal %d", WTERMSIG(status));
	return command_status(status);
}

/* Forks one command between *in, which it closes, and a new pipe, which *in becomes. */
static pid_t start(const struct command *c, bool is_last, int *in)
{
	int ends[2] = {-1, -1};

	if (!is_last && pipe2(ends, O_CLOEXEC))
		return -1;
	pid_t pid = _Fork();
	if (!pid) {
		if (*in >= 0)
			dup2(*in, STDIN_FILENO);
		if (ends[1] >= 0)
			dup2(ends[1], STDOUT_FILENO);
		become(c);
	}
	if (*in >= 0)
		close(*in);
	if (ends[1] >= 0)
		close(ends[1]);
	*in = ends[0];
	return pid;
}

static int run_forked(const struct pipeline *p)
{
	pid_t pids[PARSE_COMMANDS];
	int in = -1, started, status = 1;

	for (started = 0; started < p->count; started++) {
		const bool is_last = started == p->count - 1;
		pids[started] = start(&p->commands[started], is_last, &in);
		if (pids[started] < 0) {
			shell_fail("sh", "cannot start a process");
			break;
		}
	}
	if (in >= 0)
		close(in);
	for (int i = 0; i < started; i++)
		status = await(pids[i]);
	return started == p->count ? status : 1;
}

static bool is_assignment(const struct command *c)
{
	const char *at = c->argv[0];

	if (c->argc != 1 || (*at >= '0' && *at <= '9'))
		return false;
	while (*at == '_' || (*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'z') ||
	       (*at >= 'A' && *at <= 'Z'))
		at++;
	return *at == '=' && at != c->argv[0];
}

static int run_pipeline(const struct pipeline *p)
{
	const struct command *c = &p->commands[0];

	if (p->count == 1 && c->argc) {
		const struct builtin *b = find(c->argv[0]);
		if (b && b->in_shell)
			return run_here(b, c);
		if (is_assignment(c))
			return assign(c->argv[0]);
	}
	return run_forked(p);
}

static const char *lookup(const char *name)
{
	static char number[16];

	if (*name == '?' || *name == '$') {
		text_format(number, sizeof(number), "%d", *name == '?' ? last_status : getpid());
		return number;
	}
	return getenv(name);
}

int shell_run(const char *line)
{
	static struct pipeline p;
	const char *error = parse_check(line, &p);
	bool skip = false;

	do {
		if (!error)
			error = parse_pipeline(&line, &p, lookup);
		if (error) {
			complain("syntax error: %s", error);
			return last_status = 2;
		}
		if (!skip && p.count)
			last_status = run_pipeline(&p);
		if (p.join != JOIN_END && p.join != JOIN_ALWAYS)
			skip = (p.join == JOIN_AND) == (last_status != 0);
		else
			skip = false;
	} while (p.join != JOIN_END);
	return last_status;
}

/* Its length, AT_END or TOO_LONG. Byte by byte, so that a command run next finds the rest of a
 * piped input. */
static long read_line(char *line, size_t size)
{
	size_t len = 0;
	bool fits = true;
	char c;

	for (;;) {
		ssize_t n = read(STDIN_FILENO, &c, 1);
		if (n < 0 && errno == EINTR) {
			print("\n");
			line[0] = '\0';
			return 0;
		}
		if (n <= 0 && !len)
			return AT_END;
		if (n <= 0 || c == '\n')
			break;
		fits = fits && len + 1 < size;
		if (fits && c)
			line[len++] = c;
	}
	line[len] = '\0';
	return fits ? (long)len : TOO_LONG;
}

static void on_interrupt(int signal)
{
}

static int run_input(void)
{
	static char line[LINE_SIZE];
	const struct sigaction interrupt = {.sa_handler = on_interrupt};
	const bool is_tty = isatty(STDIN_FILENO);

	if (is_tty) {
		sigaction(SIGINT, &interrupt, NULL); /* without SA_RESTART: ends the read */
		signal(SIGQUIT, SIG_IGN);
		print("volt-init's own shell; try help\n");
	}
	for (;;) {
		if (is_tty)
			print("volt# ");
		const long len = read_line(line, sizeof(line));
		if (len == AT_END)
			return last_status;
		if (len == TOO_LONG) { /* a part of it could do what the whole would not */
			complain("syntax error: line too long");
			last_status = 2;
			continue;
		}
		shell_run(line);
	}
}

int shell_main(int argc, char **argv)
{
	if (argc >= 3 && !strcmp(argv[1], "-c")) /* a name and arguments may follow, as of sh */
		return shell_run(argv[2]);
	if (argc > 1) {
		complain("usage: volt-init [-c LINE] (as any process but PID 1)");
		return 2;
	}
	return run_input();
}
