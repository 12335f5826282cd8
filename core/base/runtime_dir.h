/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * runtime_dir - where named VMs are registered, for volt and for the programs that look for them.
 *
 * Of a VM called NAME the folder has NAME.vm, NAME.sock, NAME.console and NAME.log: volt-names(7).
 */
#ifndef CORE_RUNTIME_DIR_H
#define CORE_RUNTIME_DIR_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

#define VM_NAME_MAX       48 /* bytes; a socket's path has 107 in all */
#define RUNTIME_DIR_ROOT  "/run/volt"
#define RUNTIME_DIR_BYTES 256 /* of a path that runtime_dir_locate() writes, with its NUL */

/* Letters, digits, '.', '_' and '-', of which the first is a letter or a digit. */
static inline bool vm_name_valid(const char *name)
{
	static const char allowed[] = "-._ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
				      "0123456789";
	const size_t n = strspn(name, allowed);

	return n > 0 && n <= VM_NAME_MAX && name[n] == '\0' && strchr(allowed + 3, name[0]);
}

/* The folder of this user, which need not exist: $XDG_RUNTIME_DIR/volt; /run/volt for root;
 * /run/user/UID/volt where /run/user/UID is the user's own; else /tmp/volt-UID. 0 or -ENAMETOOLONG.
 */
int runtime_dir_locate(char path[RUNTIME_DIR_BYTES]);

#endif
