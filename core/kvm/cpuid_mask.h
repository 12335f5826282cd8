/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * cpuid_mask - the features of --cpu: those and no others, so that a snapshot travels to every host
 * that has them.
 */
#ifndef CORE_CPUID_MASK_H
#define CORE_CPUID_MASK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/kvm/cpuid.h"

#define CPUID_MASK_MAX 32u

struct cpuid_mask {
	uint32_t count;
	struct cpuid_mask_row {
		uint32_t leaf, subleaf;
		uint8_t reg; /* 0 to 3: EAX, EBX, ECX, EDX */
		uint32_t bits;
	} rows[CPUID_MASK_MAX];
};

extern const char *const cpuid_registers[]; /* their names */

/* The row of a register, or NULL. */
const struct cpuid_mask_row *cpuid_mask_find(
    const struct cpuid_mask *m, uint32_t leaf, uint32_t subleaf, uint8_t reg);
/* Adds bits to a register. False: there are too many of them. */
bool cpuid_mask_add(struct cpuid_mask *m, const struct cpuid_mask_row *row);

/* "v2", "v3" or "v4", the levels of the x86-64 psABI; false: it is none of them. */
bool cpuid_mask_level(struct cpuid_mask *m, const char *name);
/* Lines "cpuid LEAF SUBLEAF REGISTER BITS", as volt doctor --cpu prints them; empty lines and those
 * that begin with # are skipped. 0, or the number of the first line that is not such a one. */
uint32_t cpuid_mask_parse(struct cpuid_mask *m, const char *text);

/* Takes from `c` every feature that the mask has not. False: `c` lacks one that it has, and `why`
 * has their names; then `c` is as it was. `tsc_deadline` as cpuid_filter() takes it. */
bool cpuid_mask_apply(const struct cpuid_mask *m, struct cpuid *c, uint32_t cpus, bool tsc_deadline,
    char *why, size_t why_size);

#endif
