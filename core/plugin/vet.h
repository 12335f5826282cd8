/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * vet - looks at a plugin's file before a byte of it may run.
 */
#ifndef CORE_VET_H
#define CORE_VET_H

#include <stdint.h>

#include <volt/plugin.h>

/* What the file says of itself. */
struct vet_result {
	uint16_t abi_major, abi_minor;
	uint32_t kind;
	uint32_t descriptor_size;
	uint64_t descriptor_at; /* in the image: what its address is above the load address */
	int image_fd;           /* write-sealed copy of the checked bytes; the caller's to close */
};

/*
 * Opens `path`, checks its type, owner, mode and parents, reads its ELF headers and
 * Volt note, refuses what could run or weaken the process at load time, and copies
 * the very bytes it checked into a write-sealed memfd for dlopen("/proc/self/fd/N").
 * 0 or -errno, said in the log with `path`.
 */
int vet_open(const char *path, struct vet_result *out);

/* The checks on the bytes alone, for tests and fuzzers. `why` gets the reason. */
int vet_image(
    const uint8_t *image, uint64_t size, struct vet_result *out, char *why, unsigned why_size);

#endif
