/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * machine - the VM of a run: its kernel, initramfs, disks and network, and volt's command line.
 */
#ifndef TOOLS_RUN_MACHINE_H
#define TOOLS_RUN_MACHINE_H

#include "tools/run/place.h"
#include "tools/run/run.h"

#define MACHINE_WORDS 64
#define MACHINE_TEXT  16384

struct machine {
	const struct run_options *options;
	struct place *place;
	const char *folder; /* where the command starts */
	const char *image;  /* of the root, or NULL */
	bool stored;        /* the kernel is one of the store */
	bool live;          /* `folder` is the share itself, not a copy */
	const char *words[MACHINE_WORDS];
	unsigned count;
	char text[MACHINE_TEXT]; /* of the words that are made up */
	size_t used;
	char cmdline[2048];
	char socket[PLACE_PATH + 16]; /* of the plugin virtio-vsock */
	int console;                  /* what volt prints */
	pid_t volt;
};

/* 0, or RUN_FAILED, whose reason is printed. */
int machine_check_host(const struct run_options *o);
int machine_prepare(struct machine *m);
int machine_start(struct machine *m);
/* Ends volt, and waits for it. */
void machine_stop(struct machine *m);

/* For those who prepare parts of it. A word of volt's command line. */
void machine_add(struct machine *m, const char *word);
__attribute__((format(printf, 2, 3))) const char *machine_text(
    struct machine *m, const char *fmt, ...);
/* Words for the kernel. */
void machine_append(struct machine *m, const char *text);
/* A path as the value of a plugin's parameter, where a comma is typed twice. */
const char *machine_value(struct machine *m, const char *path);

int kernel_prepare(struct machine *m); /* kernel.c */
/* The program volt-kernel. */
const char *kernel_tool(struct machine *m);
int root_check(struct machine *m);      /* root.c: what was named is there */
int root_prepare(struct machine *m);    /* root.c */
int share_prepare(struct machine *m);   /* root.c */
int network_check(struct machine *m);   /* network.c: passt is there */
int network_prepare(struct machine *m); /* network.c */

#endif
