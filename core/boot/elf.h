/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * elf - ELF executables of both classes, for the protocols that load one.
 */
#ifndef CORE_BOOT_ELF_H
#define CORE_BOOT_ELF_H

#include <stdbool.h>
#include <stdint.h>

#include "core/boot/kernel.h"

/* A vmlinux has five to seven. Bounds the work that a hostile file can ask for. */
#define ELF_SEGMENT_MAX 128u

struct elf_segment {
	uint32_t type; /* PT_* */
	uint64_t offset, vaddr, paddr, filesz, memsz, align;
};

struct elf_image {
	const struct boot_file *file;
	unsigned bits; /* 32 or 64 */
	uint64_t entry;
	uint32_t count;
	struct elf_segment segments[ELF_SEGMENT_MAX];
	char why[200]; /* what elf_parse() did not like */
};

bool elf_has_magic(const struct kernel_image *image);
bool elf_is_64(const struct kernel_image *image);

/* Reads the headers and checks all but the segments' numbers. 0, or -errno with the reason
 * in elf->why; logs nothing. */
int elf_parse(const struct kernel_image *image, struct elf_image *elf);

/* True if the entry lies where Linux's startup_64 does: at a physical address, in a segment
 * linked at it plus __START_KERNEL_map. */
bool elf_is_linux(const struct elf_image *elf);

/* The entry as a physical address, be e_entry virtual, as the gABI has it, or physical. */
uint64_t elf_physical_entry(const struct elf_image *elf);

/* Claims and fills the physical addresses of all segments; `entry` (called `what` in the
 * message) must lie in bytes of the file. 0 or -errno, which is logged. Fills all addresses
 * in `info` but that of modules. */
int elf_load(const struct elf_image *elf, const char *what, uint64_t entry, struct memory *memory,
    struct boot_map *map, struct kernel_info *info);

#endif
