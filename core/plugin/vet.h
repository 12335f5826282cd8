/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * vet - looks at a plugin's file before a byte of it may run.
 */
#ifndef CORE_VET_H
#define CORE_VET_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include <volt/plugin.h>

/* What the file says of itself. */
struct vet_result {
	uint16_t abi_major, abi_minor;
	uint32_t kind;
	uint32_t descriptor_size;
	uint64_t descriptor_at; /* in the image: what its address is above the load address */
	int image_fd; /* of the checked bytes, which nobody but root can change; the caller's to
			 close */
	bool is_copy; /* image_fd is a write-sealed copy, and not the file itself */
	dev_t device; /* of the file, with its inode */
	ino_t inode;
};

/*
 * Opens `path`, checks its type, owner, mode and parents, reads its ELF headers and
 * Volt note, and refuses what could run or weaken the process at load time. out->image_fd is for
 * dlopen("/proc/self/fd/N"): the file itself if it belongs to root, else a write-sealed memfd
 * with the very bytes that were checked.
 * 0 or -errno, which is logged with `path`.
 */
int vet_open(const char *path, struct vet_result *out);

/* The checks on the bytes alone, for tests and fuzzers. `why` gets the reason. */
int vet_image(
    const uint8_t *image, uint64_t size, struct vet_result *out, char *why, unsigned why_size);

/* The same, and what the contract asks beyond it: for volt-plugin check, not for a start. */
int vet_contract(
    const uint8_t *image, uint64_t size, struct vet_result *out, char *why, unsigned why_size);

#endif
