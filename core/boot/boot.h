/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * boot - puts a kernel, its initrd and its boot information into guest memory.
 *
 * Everything here is untrusted input: each number of a header is checked before it
 * is used, reads are exact, and a bad file ends in one line that names the field,
 * its value and what would be right.
 */
#ifndef CORE_BOOT_BOOT_H
#define CORE_BOOT_BOOT_H

#include <stdint.h>

#include "core/memory.h"

struct firmware; /* core/boot/firmware.h: what ACPI and the MP table say */

struct boot_request {
	struct memory *memory;
	int kernel_fd;           /* regular file, opened by the caller */
	const char *kernel_name; /* for messages */
	int initrd_fd;           /* -1: none */
	const char *initrd_name;
	const char *cmdline; /* complete; printable, no NUL inside */
	const struct firmware *firmware;
};

/* How vCPU 0 enters. Other vCPUs wait for INIT and SIPI. */
struct boot_entry {
	uint64_t rip;
	uint64_t rsi; /* boot_params */
	uint64_t rsp;
	uint64_t cr3; /* page tables, identity map */
	uint64_t gdt_base;
	uint16_t gdt_limit;
	const char *protocol; /* "linux64 vmlinux" ..., for the trace */
};

/* 0 or -errno, said in the log. On failure no guest may run. */
int boot_load(const struct boot_request *request, struct boot_entry *entry);

#endif
