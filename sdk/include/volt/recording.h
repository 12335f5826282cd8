/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * volt/recording.h - the file that the filter record writes and the filter replay reads.
 *
 * Stability: candidate. One head, then one entry for every access, in the order in which the
 * device saw them. All numbers are little-endian. Not part of what host and plugin say to each
 * other.
 */
#ifndef VOLT_RECORDING_H
#define VOLT_RECORDING_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VOLT_RECORDING_MAGIC "VOLTREC1" /* without its zero byte */

/* 64 bytes, no holes. */
struct volt_recording_head {
	char magic[8];       /* VOLT_RECORDING_MAGIC */
	uint32_t entry_size; /* of what follows; sizeof(struct volt_recording_entry) */
	uint32_t reserved;   /* 0 */
	char device[48];     /* id of the recorded device, for people; zero-filled */
};

/* 32 bytes, no holes. */
struct volt_recording_entry {
	uint64_t ns;     /* since the VM started */
	uint64_t value;  /* read or written */
	uint64_t base;   /* of the range */
	uint32_t offset; /* in the range */
	uint16_t vcpu;   /* number of the vCPU, from 0 */
	uint8_t n;       /* bytes, 1, 2, 4 or 8; 0: this is where `value` entries are missing */
	uint8_t kind;    /* VOLT_RECORDING_* */
};

#define VOLT_RECORDING_WRITE 1u /* else a read */
#define VOLT_RECORDING_MMIO  2u /* else a port */

#ifdef __cplusplus
}
#endif

#endif
