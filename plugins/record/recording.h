/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * recording - the file that record writes and replay reads: one head, then one entry for
 * every access in the order in which the device saw them. All numbers are little-endian.
 */
#ifndef RECORDING_H
#define RECORDING_H

#include <stdint.h>

#define RECORDING_MAGIC "VOLTREC1"

struct recording_head {
	char magic[8];
	uint32_t entry_size; /* of what follows */
	uint32_t reserved;
	char device[48]; /* id of the recorded device, for people */
};

struct recording_entry {
	uint64_t ns;    /* since the VM started */
	uint64_t value; /* read or written */
	uint64_t base;  /* of the range */
	uint32_t offset;
	uint16_t vcpu;
	uint8_t n;    /* bytes, 1, 2, 4 or 8; 0: this is where `value` entries are missing */
	uint8_t kind; /* RECORDING_* */
};

#define RECORDING_WRITE 1u
#define RECORDING_MMIO  2u /* else a port */

_Static_assert(sizeof(struct recording_head) == 64, "the format has no holes");
_Static_assert(sizeof(struct recording_entry) == 32, "the format has no holes");

#endif
