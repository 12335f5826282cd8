/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * record - what the store knows of a kernel: its meta.json, its manifest, its name.
 *
 * meta.json is written once, before the kernel's folder gets its name. The manifest lists
 * every other file with its SHA-256, as sha256sum -c reads it; the sum of the manifest is in
 * meta.json and its beginning in the name. So a name stands for all that is in the folder.
 */
#ifndef TOOLS_KERNEL_RECORD_H
#define TOOLS_KERNEL_RECORD_H

#include "core/vm/store.h"
#include "tools/kernel/intake.h"

#define RECORD_META     "meta.json"
#define RECORD_MANIFEST "manifest"

struct record {
	char name[STORE_NAME_MAX];
	char version[128];    /* release of Linux, or "" */
	char banner[512];     /* "Linux version ..." or "" */
	char source[256];     /* the file it came as */
	char config[32];      /* where its configuration was, or "" */
	char compression[16]; /* of a bzImage, or "" */
	char manifest[STAGE_HASH_SIZE];
	uint64_t size; /* of all files */
	uint32_t files, modules;
};

/* All but the name and the manifest's sum. */
void record_fill(struct record *r, const struct intake *in);

/* Writes manifest and meta.json onto the stage and gives it its name in the store, which
 * begins with `prefix`, or if that is NULL with the distribution. 0; 1 if the store has just
 * this already; or -errno, which is logged. */
int record_publish(struct record *r, struct intake *in, const char *prefix);

/* Reads NAME's meta.json in `folder`. 0 or -errno, which is logged. */
int record_read(struct record *r, const char *folder, const char *name);

/* All names of the store in order, NULL at the end; to be freed by record_free_names(). Not
 * there is an empty store. NULL: it cannot, which is logged. */
char **record_names(const char *folder);
void record_free_names(char **names);

/* store_find() with its reason said. 0 or -errno. */
int record_find(const char *folder, const char *word, char name[STORE_NAME_MAX]);

/* Checks every file against the manifest, and that against meta.json and the name. Each thing
 * wrong is logged; returns how many, or -errno, which is logged. */
int record_verify(const char *folder, const char *name);

#endif
