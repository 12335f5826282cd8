/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * params - struct boot_params (the "zero page") and the command line.
 */
#ifndef CORE_BOOT_PARAMS_H
#define CORE_BOOT_PARAMS_H

#include <stdint.h>

#include "core/boot/kernel.h"
#include "core/memory.h"

struct params_input {
	const struct kernel_info *kernel;
	const char *cmdline; /* checked */
	uint64_t initrd_start, initrd_size;
	uint64_t rsdp;
};

/* Length and characters: 0 or -errno, said in the log. */
int params_check_cmdline(const char *cmdline, uint32_t kernel_max);

/* Writes both to their places in layout.h. Returns the address of boot_params. */
uint64_t params_write(struct memory *memory, const struct params_input *in);

#endif
