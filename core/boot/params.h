/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * params - struct boot_params (the "zero page"), by which Linux's 64-bit entry learns all.
 */
#ifndef CORE_BOOT_PARAMS_H
#define CORE_BOOT_PARAMS_H

#include "core/boot/kernel.h"

/* The `enter` of both kinds of Linux files. */
void params_enter(
    struct memory *memory, const struct kernel_handover *handover, struct boot_entry *entry);

#endif
