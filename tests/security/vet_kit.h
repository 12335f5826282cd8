/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * vet_kit - what the tests of core/plugin/vet.c share: images of plugins, and the log line.
 */
#ifndef VET_KIT_H
#define VET_KIT_H

#include <elf.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The folder of the bad plugins, from the command line. */
extern const char *kit_dir;

/* The newest line given to the log; "" if none since kit_forget(). */
const char *kit_logged(void);
void kit_forget(void);

/* A whole file, in memory of exactly its size; the caller frees it. Aborts if it
 * cannot be read. */
uint8_t *kit_read(const char *path, size_t *size);
/* Writes a file with just this mode. Aborts if it cannot. */
void kit_write(const char *path, const void *bytes, size_t size, unsigned mode);
/* "DIR/NAME.so" of the bad plugins. Valid until the next call. */
const char *kit_path(const char *name);

/* Where things are in an image that is well formed. Abort if they are not there. */
Elf64_Phdr *kit_phdr(uint8_t *image, uint32_t type);
Elf64_Dyn *kit_dyn(uint8_t *image, int64_t tag);
/* The bytes of the file that are mapped at `vaddr`. */
void *kit_mapped(uint8_t *image, uint64_t vaddr);
Elf64_Sym *kit_symbol(uint8_t *image, const char *name);

#endif
