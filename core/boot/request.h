/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * request - what is asked of the boot loader, and its answer: how vCPU 0 enters the kernel.
 */
#ifndef CORE_BOOT_REQUEST_H
#define CORE_BOOT_REQUEST_H

#include <stdint.h>

#include "core/base/memory.h"

struct firmware; /* core/boot/description.h: what ACPI and the MP table say */

#define BOOT_MODULE_MAX 32

/* By which protocol; docs/boot.md tells what auto picks. */
enum boot_choice {
	BOOT_AUTO,
	BOOT_LINUX,
	BOOT_PVH,
	BOOT_MULTIBOOT,
};

/* How files come into guest memory: --kernel-memory. */
enum boot_files {
	BOOT_FILES_AUTO, /* copied for Linux, mapped for others: docs/boot.md tells why */
	BOOT_FILES_MAP,
	BOOT_FILES_COPY,
};

struct boot_module {
	int fd;             /* regular file, opened by the caller */
	const char *name;   /* for messages */
	const char *string; /* goes with it, printable; NULL: none */
};

struct boot_request {
	struct memory *memory; /* fresh, as memory_init() leaves it: all zero, none of it touched */
	enum boot_choice choice;
	enum boot_files files;
	int kernel_fd;           /* regular file, opened by the caller */
	const char *kernel_name; /* for messages */
	int initrd_fd;           /* -1: none. Protocols with modules get it as the first */
	const char *initrd_name;
	const struct boot_module *modules;
	uint32_t module_count; /* 0..BOOT_MODULE_MAX */
	const char *cmdline;   /* complete; printable, no NUL inside */
	const struct firmware *firmware;
};

/* The state of vCPU 0 at the kernel's entry. All segments are flat, with the selectors of
 * core/boot/gdt.h; interrupts are off. */
enum boot_mode {
	BOOT_LONG64,      /* 64-bit mode, paging by cr3 */
	BOOT_PROTECTED32, /* 32-bit protected mode without paging */
};

/* How vCPU 0 enters. Other vCPUs wait for INIT and SIPI. */
struct boot_entry {
	enum boot_mode mode;
	uint64_t rip;
	uint64_t rax;
	uint64_t rbx; /* PVH: hvm_start_info; Multiboot: its information */
	uint64_t rsi; /* Linux: boot_params */
	uint64_t rsp;
	uint64_t cr3; /* page tables, identity map; BOOT_LONG64 only */
	uint64_t gdt_base;
	uint16_t gdt_limit;
	const char *protocol; /* "linux64 vmlinux" ..., for the trace */
	bool is_linux;        /* by its file, whatever the protocol */
};

#endif
