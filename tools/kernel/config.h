/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * config - how a Linux kernel was configured, by its .config.
 *
 * Source: Linux Documentation/kbuild/kconfig-language.rst; kernel/configs.c for the copy
 * that a kernel with CONFIG_IKCONFIG has in itself.
 */
#ifndef TOOLS_KERNEL_CONFIG_H
#define TOOLS_KERNEL_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CONFIG_SIZE_MAX (4u << 20) /* of a text; the largest are of 300 kB */

enum config_value {
	CONFIG_NO, /* or not known to that kernel */
	CONFIG_MODULE,
	CONFIG_YES, /* or a number or a text */
};

struct config {
	char *text;
	size_t size;
	const char **lines; /* "CONFIG_..." in the order of names */
	uint32_t count;     /* of options that are set */
};

/* Reads a text of `size` bytes, which it then owns, whatever comes. 0; -ENOEXEC if it has no
 * line of a configuration; -ENOMEM. */
int config_parse(struct config *c, char *text, size_t size);
void config_finish(struct config *c);

/* By the option's name without CONFIG_. */
enum config_value config_value(const struct config *c, const char *option);
/* The number it is set to, or 0. */
uint64_t config_number(const struct config *c, const char *option);

/* The configuration in an unpacked kernel, to be freed. NULL: none, with "" in `why`, or one
 * that does not unpack. */
char *config_find(
    const uint8_t *kernel, size_t size, size_t *text_size, char *why, size_t why_size);

#endif
