/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "jail/libraries.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "jail/path.h"
#include "jail/privileges.h"
#include "jail/say.h"

#define HEADER_MAX 64
#define TEXT_MAX   (64u << 10)

/* ------------------------------------------------------------ the program's loader */

/* Reads the name of the dynamic loader from an ELF file, with every offset checked, as the file may
 * be anything. "" if it names no loader: a static program. */
static int read_interpreter(const char *program, int fd, char out[PATH_MAX])
{
	Elf64_Ehdr head;
	Elf64_Phdr p;

	out[0] = '\0';
	if (pread(fd, &head, sizeof(head), 0) != sizeof(head) ||
	    memcmp(head.e_ident, ELFMAG, SELFMAG) != 0 || head.e_ident[EI_CLASS] != ELFCLASS64 ||
	    head.e_phentsize != sizeof(p) || head.e_phnum > HEADER_MAX || head.e_phoff > INT32_MAX)
		return complain(JAIL_PROGRAM, "program %s: not a 64-bit ELF program", program);
	for (unsigned i = 0; i < head.e_phnum; i++) {
		if (pread(fd, &p, sizeof(p), (off_t)(head.e_phoff + i * sizeof(p))) != sizeof(p))
			break;
		if (p.p_type != PT_INTERP)
			continue;
		if (p.p_filesz < 2 || p.p_filesz > PATH_MAX || p.p_offset > INT32_MAX ||
		    pread(fd, out, p.p_filesz, (off_t)p.p_offset) != (ssize_t)p.p_filesz ||
		    out[0] != '/' || out[p.p_filesz - 1] != '\0')
			return complain(JAIL_PROGRAM,
			    "program %s: its loader (PT_INTERP) is not an absolute path", program);
		return 0;
	}
	return 0;
}

/* --------------------------------------------------------------- asking the loader */

struct question {
	const struct options *options;
	const char *loader;
	int program;                     /* fd */
	int plugins[COMMAND_PLUGIN_MAX]; /* fds */
	uint32_t count;
};

/* The loader gets the files by descriptor: the jail's user may lack the right to their folders. */
static void name_fd(char *out, size_t size, int fd)
{
	fcntl(fd, F_SETFD, 0);
	snprintf(out, size, "/proc/self/fd/%d", fd);
}

static _Noreturn void request(const struct question *q, int answer)
{
	static char preload[COMMAND_PLUGIN_MAX * 24 + 16] = "LD_PRELOAD=";
	char program[32], *end = preload + strlen(preload);
	char *argv[] = {(char *)(uintptr_t)q->loader, (char[]){"--list"}, program, NULL};
	char *envp[] = {preload, NULL};
	const struct rlimit seconds = {.rlim_cur = 5, .rlim_max = 5};
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	name_fd(program, sizeof(program), q->program);
	for (uint32_t i = 0; i < q->count; i++) {
		name_fd(end, 24, q->plugins[i]);
		end += strlen(end);
		*end++ = ':';
		*end = '\0';
	}
	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(answer, STDOUT_FILENO) < 0)
		_exit(complain(JAIL_RESOURCES, "cannot ask the loader: %s", strerror(errno)));
	setrlimit(RLIMIT_CPU, &seconds);
	if (setgroups(0, NULL) != 0)
		_exit(complain(JAIL_STEP, "cannot leave root's groups: %s", strerror(errno)));
	int code = privileges_renounce();
	if (code == 0)
		code = privileges_drop(q->options->uid, q->options->gid);
	if (code != 0)
		_exit(code);
	dup2(null, STDERR_FILENO); /* volt itself refuses a bad plugin, with a reason */
	execve(q->loader, argv, envp);
	_exit(127);
}

static int read_all(int fd, char *text, size_t size)
{
	size_t used = 0;
	ssize_t n;

	while ((n = read(fd, text + used, size - 1 - used)) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		used += (size_t)n;
		if (used == size - 1)
			return -E2BIG;
	}
	text[used] = '\0';
	return 0;
}

static int get_answer(const struct question *q, char *text, size_t size)
{
	int ends[2], status = 0;

	if (pipe2(ends, O_CLOEXEC) != 0)
		return complain(
		    complain_code(JAIL_STEP), "cannot make a pipe: %s", strerror(errno));
	pid_t child = fork();
	if (child == 0)
		request(q, ends[1]);
	const int forked = child < 0 ? -errno : 0;
	close(ends[1]);
	const int err = forked ? forked : read_all(ends[0], text, size);
	close(ends[0]);
	if (child > 0)
		while (waitpid(child, &status, 0) < 0 && errno == EINTR)
			continue;
	if (err)
		return complain(JAIL_PROGRAM, "cannot ask the loader: %s", strerror(-err));
	if (WIFEXITED(status) && WEXITSTATUS(status) >= JAIL_USAGE && WEXITSTATUS(status) < 127)
		return WEXITSTATUS(status); /* which is printed */
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		return complain(JAIL_PROGRAM,
		    "the loader %s cannot list what the program needs: may user %u read both?",
		    q->loader, q->options->uid);
	return 0;
}

/* ------------------------------------------------------------------- its answer */

static int add_folder(const char *file, char search[LIBRARIES_PATH_SIZE])
{
	size_t len = (size_t)(strrchr(file, '/') - file), used = strlen(search);

	for (const char *at = search; *at != '\0'; at += strcspn(at, ":") + 1) {
		if (strncmp(at, file, len) == 0 && (at[len] == ':' || at[len] == '\0'))
			return 0;
		if (at[strcspn(at, ":")] == '\0')
			break;
	}
	if (memchr(file, ':', len) || memchr(file, ';', len) ||
	    LIBRARIES_PATH_SIZE - used < len + 2)
		return complain(JAIL_PROGRAM, "library %s: its folder cannot be searched", file);
	if (used > 0)
		search[used++] = ':';
	memcpy(search + used, file, len);
	search[used + len] = '\0';
	return 0;
}

/* Adds a library under the name by which the loader finds it. Links on the way are followed: root
 * made them. */
static int add_library(struct entries *es, const char *path)
{
	char real[PATH_MAX];

	if (!realpath(path, real))
		return complain(JAIL_PROGRAM, "library %s: %s", path, strerror(errno));
	return entries_add(es, "library", JAIL_PROGRAM, real, path, ENTRY_EXEC);
}

/* A line is "\tlibc.so.6 => /lib/libc.so.6 (0x7f...)", or has no first name and arrow. */
static int read_line(struct entries *es, char *line, char search[LIBRARIES_PATH_SIZE])
{
	char *name = line + strspn(line, "\t "), *arrow = strstr(name, " => ");
	char *path = arrow ? arrow + 4 : name;

	if (arrow && strncmp(path, "not found", 9) == 0)
		return complain(JAIL_PROGRAM, "library %.*s: is not found on the host",
		    (int)(arrow - name), name);
	char *end = strstr(path, " (0x");
	if (end)
		*end = '\0';
	if (path[0] != '/' || strncmp(path, "/proc/self/fd/", 14) == 0)
		return 0; /* the vDSO, or a plugin */
	int code = add_library(es, path);
	return code != 0 ? code : add_folder(path, search);
}

int libraries_read_list(struct entries *es, char *text, char search[LIBRARIES_PATH_SIZE])
{
	char *line;
	int code = 0;

	while (code == 0 && (line = strsep(&text, "\n")))
		if (line[0] != '\0')
			code = read_line(es, line, search);
	return code;
}

static void open_all(struct question *q, const struct command *c)
{
	for (uint32_t i = 0; i < c->plugin_count; i++) {
		q->plugins[q->count] =
		    path_open(c->plugins[i], O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
		if (q->plugins[q->count] >= 0)
			q->count++; /* volt itself reports a file that cannot be opened */
	}
}

int libraries_plan(const struct command *c, const struct options *o, struct entries *es,
    char search[LIBRARIES_PATH_SIZE])
{
	static char loader[PATH_MAX], text[TEXT_MAX];
	struct question q = {.options = o, .loader = loader};

	search[0] = '\0';
	q.program = path_open(c->program, O_RDONLY | O_NONBLOCK | O_NOCTTY, 0);
	if (q.program < 0)
		return path_complain(JAIL_PROGRAM, "program", c->program);
	int code = read_interpreter(c->program, q.program, loader);
	if (code == 0 && loader[0] != '\0') {
		open_all(&q, c);
		code = get_answer(&q, text, sizeof(text));
		for (uint32_t i = 0; i < q.count; i++)
			close(q.plugins[i]);
		if (code == 0)
			code = add_library(es, loader);
		if (code == 0)
			code = libraries_read_list(es, text, search);
	}
	close(q.program);
	return code;
}
