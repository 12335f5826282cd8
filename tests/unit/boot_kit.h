/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * boot_kit - small valid kernels in memfds, guest memory, and a log that remembers.
 */
#ifndef TESTS_UNIT_BOOT_KIT_H
#define TESTS_UNIT_BOOT_KIT_H

#include <asm/bootparam.h>
#include <elf.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/boot/boot.h"
#include "core/boot/firmware.h"

#define KIT_RAM (64ull << 20)
/* Where the kernels of this kit lie, by default. */
#define KIT_KERNEL 0x1000000ull

struct kit {
	struct memory memory;
	struct firmware firmware;
	struct boot_request request;
	/* What kit_boot() asks for besides; module files are closed by it. */
	enum boot_choice choice;
	enum boot_files files;
	struct boot_module modules[BOOT_MODULE_MAX];
	uint32_t module_count;
	struct boot_entry entry;
	uint64_t rsdp; /* of kit_write_tables() */
};

void kit_init(struct kit *kit, uint64_t ram);
void kit_finish(struct kit *kit);
/* boot_load() of kernel, initrd (-1: none) and modules; all are closed. */
int kit_boot(struct kit *kit, int kernel_fd, int initrd_fd, const char *cmdline);
const struct boot_params *kit_params(const struct kit *kit);

/* Newest error line; how many since kit_init(). */
extern char kit_message[1024];
extern unsigned kit_errors, kit_warnings;

/* A file of `size` bytes, of which byte i is kit_pattern(i). */
int kit_file(uint64_t size);
uint8_t kit_pattern(uint64_t i);
void kit_patch(int fd, uint64_t offset, const void *bytes, uint64_t len);
/* True if guest memory at `gpa` holds `len` bytes of the pattern from `offset` on. */
bool kit_holds(const struct kit *kit, uint64_t gpa, uint64_t offset, uint64_t len);
bool kit_is_zero(const struct kit *kit, uint64_t gpa, uint64_t len);

#define KIT_SEGMENTS 4

struct kit_elf {
	Elf64_Ehdr head;
	Elf64_Phdr segments[KIT_SEGMENTS]; /* at offset 64 of the file */
	uint64_t file_size;
};

/* Two segments, the second with a .bss; entry 0x100 into the first. */
struct kit_elf kit_elf_default(void);
int kit_elf_file(const struct kit_elf *elf);

struct kit_elf32 {
	Elf32_Ehdr head;
	Elf32_Phdr segments[KIT_SEGMENTS]; /* at offset 52 of the file */
	uint64_t file_size;
};

/* As kit_elf_default(), all in 32 bits and linked where it lies. */
struct kit_elf32 kit_elf32_default(void);
int kit_elf32_file(const struct kit_elf32 *elf);

struct kit_bzimage {
	struct setup_header header;
	uint64_t file_size;
};

#define KIT_BZ_SETUP 0x800u  /* bytes before the code */
#define KIT_BZ_CODE  0x4000u /* of code */
#define KIT_BZ_INIT  0x8000u /* init_size */

struct kit_bzimage kit_bzimage_default(void);
int kit_bzimage_file(const struct kit_bzimage *bz);

/* Adds a device to the firmware. */
struct volt_acpi_device *kit_device(struct kit *kit, const char *hid);
void kit_resource(
    struct volt_acpi_device *d, uint32_t type, uint32_t flags, uint64_t base, uint64_t len);

/* firmware_write(), which must go well, or must fail with one line that has `reason`. */
void kit_write_tables(struct kit *kit);
void kit_refuse_tables(struct kit *kit, int err, const char *reason);

/* Little-endian number of 1 to 8 bytes; sum of bytes. */
uint64_t kit_number(const uint8_t *at, unsigned bytes);
uint8_t kit_sum(const uint8_t *at, uint64_t len);
/* The ACPI table of this signature, found from the RSDP on as a kernel does; or NULL. */
const uint8_t *kit_table(const struct kit *kit, const char *signature);

#endif
