/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * image_store - images by name: NAME.img in $XDG_DATA_HOME/volt/images.
 */
#ifndef TOOLS_RUN_IMAGE_STORE_H
#define TOOLS_RUN_IMAGE_STORE_H

#include <stdbool.h>
#include <stddef.h>

#define IMAGE_SUFFIX   ".img"
#define IMAGE_NAME_MAX 64
#define IMAGE_DEFAULT  "default" /* the root of a run that names none */

/* The folder, which need not exist. 0 or -errno. */
int image_folder(char *path, size_t size);
/* Letters, digits, '.', '_' and '-', of which the first is a letter or a digit. */
bool image_name_valid(const char *name);
/* The path of an image that is there. A word without a slash that is no file here is a name. 0;
 * -ENOENT; -errno. */
int image_find(const char *word, char *path, size_t size);

#endif
