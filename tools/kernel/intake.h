/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * intake - takes whatever a kernel comes in, unpacks what is packed and lays it on a stage.
 *
 *	a file      vmlinux, bzImage, any other kernel that volt boots
 *	a package   of Debian or made like one
 *	a folder    with vmlinux, bzImage or both, as a build leaves them
 *
 * Afterwards the stage has: vmlinux if the kernel is ELF or a bzImage with one inside;
 * bzImage if it came as one; kernel if it is neither; config if one was found; System.map and
 * modules/ as they came.
 */
#ifndef TOOLS_KERNEL_INTAKE_H
#define TOOLS_KERNEL_INTAKE_H

#include "tools/kernel/image.h"
#include "tools/kernel/stage.h"

struct intake {
	struct stage stage;
	char source[256];        /* what it came as: the last part of the path */
	char release[128];       /* of Linux; "" for others */
	char banner[512];        /* "Linux version ...", or "" */
	const char *compression; /* of the bzImage's payload, or NULL */
	const char *config;      /* where the configuration was: "embedded", "package", "adjacent",
				    "given"; NULL: nowhere */
	uint32_t modules;        /* files below modules/ */
	struct image image;      /* of the file that volt would boot */
	const char *boots;       /* its name */
};

struct intake_request {
	const char *path;
	const char *config; /* a file, or NULL */
	const char *folder; /* where the stage is made */
};

/* 0 or -errno, which is logged. intake_finish() either way. */
int intake_take(struct intake *in, const struct intake_request *request);
void intake_finish(struct intake *in);

#endif
