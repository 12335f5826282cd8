/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * kernel - what a boot protocol gets and gives.
 *
 * A protocol is one file here and a row or more in boot.c. It is asked to load a kernel:
 * it checks the file, claims and fills guest memory, and says what it learnt. When the
 * modules lie in memory too, it is asked to enter: it writes what the kernel reads first
 * and says how vCPU 0 starts.
 */
#ifndef CORE_BOOT_KERNEL_H
#define CORE_BOOT_KERNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "core/base/memory.h"
#include "core/boot/file.h"
#include "core/boot/map.h"
#include "core/boot/request.h"

/* Enough for the setup header of a bzImage, and where a Multiboot header must lie. */
#define KERNEL_HEAD_SIZE 8192u

/* The setup header in struct boot_params: from 0x1f1 up to the next field. */
#define KERNEL_SETUP_OFFSET 0x1f1u
#define KERNEL_SETUP_END    0x290u

/* COMMAND_LINE_SIZE of Linux on x86 is 2048 and counts the NUL. */
#define KERNEL_LINUX_CMDLINE_MAX 2047u

struct kernel_image {
	struct boot_file file;
	uint8_t head[KERNEL_HEAD_SIZE];
	uint32_t head_size; /* less than the above only for a smaller file */
};

struct kernel_info {
	uint64_t entry;        /* physical */
	uint64_t load_address; /* lowest byte of the kernel */
	uint64_t end;          /* no byte of the kernel lies at or above this */
	uint64_t modules_end;  /* modules must end at or below this */
	uint32_t cmdline_max;  /* bytes, without the final NUL */
	uint8_t setup[KERNEL_SETUP_END - KERNEL_SETUP_OFFSET]; /* Linux only */
};

struct kernel_module {
	uint64_t start, size;
	const char *string; /* or NULL */
};

/* The initrd and the modules, in this order. */
#define KERNEL_MODULE_MAX (BOOT_MODULE_MAX + 1)

/* All that a kernel is told. */
struct kernel_handover {
	struct kernel_info info;
	bool is_linux;       /* by the kernel's file */
	bool map_files;      /* modules may be mapped, as the kernel was */
	const char *cmdline; /* checked */
	uint64_t rsdp;
	uint32_t module_count;
	struct kernel_module modules[KERNEL_MODULE_MAX];
};

struct kernel_protocol {
	const char *name;
	enum boot_choice choice; /* what --boot calls it */
	bool takes_modules;      /* false: an initrd and no more */
	bool own_stack;          /* the kernel has no paging and no stack until it makes them */
	bool modules_low;        /* right above the kernel if there is room */
	/* 0 or -errno, which is logged. `info` comes zeroed. */
	int (*load)(const struct kernel_image *image, struct memory *memory, struct boot_map *map,
	    struct kernel_info *info);
	/* Fills all of `entry` but what boot.c knows: rip, rsp and the protocol's name. */
	void (*enter)(struct memory *memory, const struct kernel_handover *handover,
	    struct boot_entry *entry);
};

extern const struct kernel_protocol vmlinux_protocol;
extern const struct kernel_protocol bzimage_protocol;
extern const struct kernel_protocol pvh_protocol;
extern const struct kernel_protocol multiboot_protocol;

/* What files look like. None of these logs; a file that cannot be read looks like none. */
bool vmlinux_is_linux(const struct kernel_image *image); /* linked as only Linux is */
bool bzimage_has_magic(const struct kernel_image *image);
bool pvh_has_note(const struct kernel_image *image);         /* perhaps a bad one */
bool multiboot_has_header(const struct kernel_image *image); /* with the right sum */
bool multiboot_has_magic(const struct kernel_image *image);

/* Warns if what is wrong with the notes may have hidden a PVH note; `instead` boots the file. */
void pvh_warn_of_notes(const struct kernel_image *image, const char *instead);

/* For programs that look at kernels without running one. Both 0 or -errno, which is logged. */

/* Reads the head of a kernel file. */
int kernel_open(struct kernel_image *image, int fd, const char *name);

/* Loads a kernel, and nothing else, as boot_load() would by this choice: with all checks. */
int kernel_try(const struct kernel_image *image, enum boot_choice choice, struct memory *memory,
    struct kernel_info *info, const struct kernel_protocol **protocol);

/* What a bzImage holds beside its code. */
struct bzimage_facts {
	uint64_t payload_offset, payload_size; /* in the file; checked */
	char version[128];                     /* of Linux, printable; or "" */
};

int bzimage_read_facts(const struct kernel_image *image, struct bzimage_facts *facts);

#endif
