/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * test_kit - small kernels, bzImages and packages, made on the fly, and a store for them.
 */
#ifndef TOOLS_KERNEL_TEST_KIT_H
#define TOOLS_KERNEL_TEST_KIT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
	uint8_t *at;
	size_t size;
};

/* A folder for this test; kit_end() removes it with all in it, and what kit_bytes() gave. */
int kit_start(void **state);
int kit_end(void **state);
/* A path in it; good for eight further calls. */
const char *kit_path(const char *name);

struct bytes kit_bytes(size_t size);
struct bytes kit_read(const char *path);
const char *kit_write(const char *name, struct bytes b);

/* A vmlinux with Linux's banner, of this release, and `more` (may be NULL) in its data. */
struct bytes kit_vmlinux(const char *release, const char *more, size_t more_size);
/* A bzImage around this payload. */
struct bytes kit_bzimage(struct bytes payload);
/* `command` reads the bytes and writes what becomes of them. */
struct bytes kit_filter(const char *command, struct bytes in);
/* As Linux does it: packed by `command`, and if that is not gzip the size behind. */
struct bytes kit_payload(const char *command, struct bytes kernel);

struct member {
	const char *path;
	char type; /* f: file, d: folder, l: link, h: hard link, c: device */
	struct bytes bytes;
	const char *target;
};

/* A Debian package of these members, which `path` NULL ends. */
struct bytes kit_package(const struct member *members);

/* The same without compression, so that a fuzzer reaches the archives themselves. */
struct bytes kit_package_plain(const struct member *members);

/* What log_error() said last. */
extern char kit_said[2048];
/* Errors are kept from now on, and not printed. */
void kit_listen(void);
bool kit_was_said(const char *part);

/* How many names the folder has, but for "." and "..". */
unsigned kit_count(const char *folder);

#endif
