/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/doctor/sealed.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define LOAD     0x1000000u
#define ARGS_MAX 16

/* The 64-bit entry of Linux; the port is that of volt-exitport(7). */
struct image {
	Elf64_Ehdr head;
	Elf64_Phdr load;
	uint8_t code[16];
};

static const struct image image = {
    .head =
	{
	    .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
	    .e_type = ET_EXEC,
	    .e_machine = EM_X86_64,
	    .e_version = EV_CURRENT,
	    .e_entry = LOAD + offsetof(struct image, code),
	    .e_phoff = offsetof(struct image, load),
	    .e_ehsize = sizeof(Elf64_Ehdr),
	    .e_phentsize = sizeof(Elf64_Phdr),
	    .e_phnum = 1,
	},
    .load =
	{
	    .p_type = PT_LOAD,
	    .p_flags = PF_R | PF_X,
	    .p_paddr = LOAD,
	    .p_vaddr = LOAD,
	    .p_filesz = sizeof(struct image),
	    .p_memsz = sizeof(struct image),
	    .p_align = 0x1000,
	},
    .code =
	{
	    0xb0, SEALED_STATUS, /*    mov $SEALED_STATUS, %al */
	    0xe6, 0xf4,          /*    out %al, $0xf4 */
	    0xf4,                /* 1: hlt */
	    0xeb, 0xfd,          /*    jmp 1b */
	},
};

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int make_kernel(void)
{
	int fd = memfd_create("volt-doctor", 0);

	if (fd >= 0 && write(fd, &image, sizeof(image)) != (ssize_t)sizeof(image)) {
		close(fd);
		errno = ENOSPC;
		return -1;
	}
	return fd;
}

_Noreturn static void become(const char *volt, const char *const *options, int kernel, int said)
{
	char path[64];
	const char *args[ARGS_MAX] = {volt};
	unsigned n = 1;
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	snprintf(path, sizeof(path), "/proc/self/fd/%d", kernel);
	for (; *options && n < ARGS_MAX - 8; options++)
		args[n++] = *options;
	args[n++] = "--plugin";
	args[n++] = "exitport";
	args[n++] = "--memory";
	args[n++] = "32M";
	args[n++] = "--kernel";
	args[n++] = path;
	dup2(null, STDIN_FILENO);
	dup2(null, STDOUT_FILENO);
	dup2(said, STDERR_FILENO);
	execv(volt, (char *const *)(uintptr_t)args);
	_exit(127);
}

/* Keeps the last whole line. */
static void take_line(struct host_run *r, const char *text, size_t n)
{
	while (n > 0 && text[n - 1] == '\n')
		n--;
	size_t start = n;
	while (start > 0 && text[start - 1] != '\n')
		start--;
	if (n - start >= 6 && memcmp(text + start, "volt: ", 6) == 0)
		start += 6;
	snprintf(r->line, sizeof(r->line), "%.*s", (int)(n - start), text + start);
}

/* Until the other end is closed; false: time is up. */
static bool listen_to(struct host_run *r, int fd, uint64_t since)
{
	char text[4096];
	size_t have = 0;
	uint64_t end = since + SEALED_LIMIT_S * 1000000000ull;

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		uint64_t time = now();

		if (time >= end || poll(&p, 1, (int)((end - time) / 1000000) + 1) == 0)
			return false;
		if (have == sizeof(text)) {
			memmove(text, text + sizeof(text) / 2, sizeof(text) / 2);
			have = sizeof(text) / 2;
		}
		ssize_t n = read(fd, text + have, sizeof(text) - have);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		have += (size_t)n;
	}
	take_line(r, text, have);
	return true;
}

static void wait_for(struct host_run *r, pid_t child, int said)
{
	uint64_t since = now();
	bool timely = listen_to(r, said, since);
	int status;

	if (!timely)
		kill(child, SIGKILL);
	while (waitpid(child, &status, 0) < 0 && errno == EINTR)
		;
	r->ns = now() - since;
	r->status = !timely             ? SEALED_TIMEOUT
		    : WIFEXITED(status) ? WEXITSTATUS(status)
					: 128 + WTERMSIG(status);
}

void sealed_try(struct host_run *r, const char *volt, const char *const *options)
{
	int said[2];

	*r = (struct host_run){.tried = true};
	if (access(volt, X_OK) != 0) {
		r->status = -errno;
		return;
	}
	int kernel = make_kernel();
	if (kernel < 0 || pipe2(said, O_CLOEXEC) != 0) {
		r->status = -errno;
		return;
	}
	pid_t child = fork();
	if (child == 0)
		become(volt, options, kernel, said[1]);
	int err = errno;
	close(said[1]);
	close(kernel);
	if (child < 0)
		r->status = -err;
	else
		wait_for(r, child, said[0]);
	close(said[0]);
}
