/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * package - a Debian kernel package: what of it is kept, and where.
 *
 * Source: deb(5). An ar archive whose member data.tar, packed or not, holds the files. Of
 * these are taken, whatever else there is:
 *
 *	boot/vmlinuz-VERSION            the kernel
 *	boot/vmlinux-VERSION            likewise, where a package has it unpacked
 *	boot/config-VERSION             config
 *	boot/System.map-VERSION         System.map
 *	[usr/]lib/modules/VERSION/...   modules/...
 *
 * Nothing is ever written under a name that the archive chose, but for what follows
 * modules/, which stage_begin() checks. Links and devices are left out.
 */
#ifndef TOOLS_KERNEL_PACKAGE_H
#define TOOLS_KERNEL_PACKAGE_H

#include <stdbool.h>

#include "tools/kernel/stage.h"

/* What a member became. */
struct package {
	char version[128]; /* of the folder of modules or the kernel's name; "" if neither */
	uint32_t modules;  /* files below modules/ */
	uint32_t left_out; /* links and devices below modules/ */
};

bool package_has_magic(int fd);

/* Unpacks the package into the stage; the kernel goes to "kernel" as it is, for the caller to
 * say what it is. 0 or -errno, which is logged. */
int package_unpack(struct package *p, struct stage *s, int fd, const char *name);

#endif
