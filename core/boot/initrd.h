/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * initrd - what Linux can make of an initrd, as far as its first bytes tell.
 */
#ifndef CORE_BOOT_INITRD_H
#define CORE_BOOT_INITRD_H

#include <stdint.h>

/* Warns of a file that Linux would ignore without a message that a user sees. */
void initrd_warn(int fd, const char *name);

#endif
