/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * module - the modules of a kernel in the store, and which of them need which.
 *
 * A package has no modules.dep: depmod writes that where a kernel is installed. So the modules
 * themselves are asked: their section .modinfo has words "depends=", "softdep=pre:" and "alias=",
 * each ended by a NUL (Linux include/linux/module.h). Files ending in .gz, .xz or .zst are
 * unpacked.
 */
#ifndef TOOLS_KERNEL_MODULE_H
#define TOOLS_KERNEL_MODULE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODULE_NAME_MAX 64 /* with its NUL; Linux has 56 */

struct module {
	char name[MODULE_NAME_MAX]; /* with underscores, as Linux has it */
	char *path;
	uint8_t *bytes; /* unpacked; NULL: not read yet */
	size_t size;
	bool busy, taken; /* `taken` is for the caller */
};

struct module_tree {
	struct module *modules; /* by name */
	size_t count;
};

/* Modules in the order in which they can be loaded. */
struct module_list {
	struct module *modules[128];
	size_t count;
};

/* Finds the modules below a folder; one that is not there has none. 0 or -errno, which is logged.
 */
int module_tree_read(struct module_tree *t, const char *folder);
void module_tree_finish(struct module_tree *t);

/* Adds a module, with all that it needs before it, to a list that lacks it. 0; -ENOENT, not
 * said, if the tree has no such module; or -errno, which is logged. */
int module_add(struct module_tree *t, struct module_list *list, const char *name);

/* 1 if there is such a module, and it is a file system's: then its mount(2) name is in `type`. 0 if
 * not, or -errno, which is logged. */
int module_is_filesystem(struct module_tree *t, const char *name, char type[MODULE_NAME_MAX]);

#endif
