/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * image - volt image: keeps disk images by name. Programs that exist make them.
 *
 * image.c    options and the table of verbs
 * make.c     create, import: into the store, whole or not at all
 * unpack.c   Debian, archives and OCI images as a folder
 * manage.c   list, remove, resize
 */
#ifndef TOOLS_IMAGE_IMAGE_H
#define TOOLS_IMAGE_IMAGE_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "tools/run/place.h"

enum { IMAGE_DONE = 0, IMAGE_FAILED = 1, IMAGE_USAGE = 2 };

struct image_request {
	char store[PATH_MAX / 2]; /* the folder */
	const char *debian, *include, *name;
	uint64_t size; /* 0: as it comes */
	char **words;  /* behind the verb; ends in NULL */
	int count;
};

/* A folder with a root's files. */
struct image_tree {
	char path[PATH_MAX];
	char state[PATH_MAX]; /* of fakeroot(1): their owners; empty: they have them */
};

/* "volt image: " and a line on standard error. Returns `code`. */
__attribute__((format(printf, 2, 3))) int image_say(int code, const char *fmt, ...);
/* A step that takes long. */
void image_progress(const char *name, const char *what);
/* "1G", a multiple of 4096; false: it is not. */
bool image_parse_size(const char *text, uint64_t *size);
/* The path of an image in the store; false and a message: that cannot be a name. */
bool image_path(const struct image_request *r, const char *name, char path[PATH_MAX]);

int image_create(const struct image_request *r);
int image_import(const struct image_request *r);
int image_list(const struct image_request *r);
int image_remove(const struct image_request *r);
int image_resize(const struct image_request *r);

/* Fill `t` with a folder below the place. IMAGE_DONE, or IMAGE_FAILED, whose reason is printed. */
int unpack_debian(const struct image_request *r, const struct place *p, struct image_tree *t);
int unpack_archive(const char *file, const struct place *p, struct image_tree *t);
int unpack_oci(const char *file, const char *kind, const struct place *p, struct image_tree *t);

enum unpack_kind { UNPACK_RAW, UNPACK_ARCHIVE, UNPACK_OCI, UNPACK_DOCKER };
/* By the first bytes of a file, and by what an archive has in it. */
enum unpack_kind unpack_look(const char *file);

#endif
