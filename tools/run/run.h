/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * run - volt run: one command in a VM of its own, with this process's streams and its status.
 *
 * run.c       options, and the order of things
 * place.c     the folder of files that end with the run, and who removes it
 * machine.c   the kernel, the initramfs, volt
 * disk.c      a folder as a disk
 * live.c      a folder as itself
 * back.c      the changes of a writable share, back into the folder
 * client.c    the frames of the guest's agent
 * session.c   the command's streams and signals
 * terminal.c  the terminal that it is typed at
 */
#ifndef TOOLS_RUN_RUN_H
#define TOOLS_RUN_RUN_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/* The status where `volt run` itself fails: 126 and 127 are the command's, as a shell has them. */
#define RUN_FAILED 125

#define RUN_ENV_MAX 400 /* variables; the agent takes 512 words in all */

struct run_options {
	const char *volt; /* the program's path */
	const char *kernel, *initrd, *memory, *cpus;
	const char *image, *root; /* a file or a name; a folder */
	const char *share;        /* a folder; NULL: the current one, if it is small */
	const char *folder;       /* where the command starts */
	bool no_share, writable, net, verbose;
	bool any_kvm;                 /* even one that cannot run Linux */
	const char *env[RUN_ENV_MAX]; /* NAME=VALUE */
	unsigned env_count;
	char **command; /* ends in NULL; NULL: a shell */
};

/* "volt run: " and a line, on standard error. Returns RUN_FAILED. */
__attribute__((format(printf, 1, 2))) int run_say(const char *fmt, ...);

#endif
