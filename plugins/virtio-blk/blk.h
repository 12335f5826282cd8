/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#ifndef VOLT_BLK_H
#define VOLT_BLK_H

#include <fcntl.h>

#include <volt/virtio.h>

enum { COUNT_READ = VOLT_VIRTIO_COUNT, COUNT_WRITTEN, COUNT_FLUSHES, COUNT_FAILED, COUNT_REFUSED };

/* virtio 5.2.3 */
#define F_SEG_MAX      (UINT64_C(1) << 2)
#define F_RO           (UINT64_C(1) << 5)
#define F_BLK_SIZE     (UINT64_C(1) << 6)
#define F_FLUSH        (UINT64_C(1) << 9)
#define F_DISCARD      (UINT64_C(1) << 13)
#define F_WRITE_ZEROES (UINT64_C(1) << 14)

#define SECTOR   512u /* the unit of every sector number, whatever the block size is */
#define ID_BYTES 20u

/* A chain has a header and a status beside its data. The ring is longer than such a chain, as
 * virtio 2.7.5.3.1 wants it. */
#define SEG_MAX (VOLT_CHAIN_MAX - 2)
#define RING    256u

/* Of one request: a job must end soon when the VM is to pause. Zeroes may have to be written. */
#define DISCARD_SECTORS (1u << 21)
#define DISCARD_RANGES  16u
#define ZEROES_SECTORS  (1u << 16)
#define ZEROES_RANGES   1u

/* Modes of fallocate(2). Each is pinned in a need. */
#define MODE_PUNCH (FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE)
#define MODE_ZERO  FALLOC_FL_ZERO_RANGE

/* virtio 5.2.4: the configuration space. Fields of features that are not offered are 0. */
struct blk_config {
	uint64_t capacity; /* sectors; atomic */
	uint32_t size_max, seg_max;
	uint32_t geometry, blk_size;
	uint8_t topology[8];
	uint8_t writeback, unused0;
	uint16_t num_queues;
	uint32_t max_discard_sectors, max_discard_seg, discard_sector_alignment;
	uint32_t max_write_zeroes_sectors, max_write_zeroes_seg;
	uint8_t write_zeroes_may_unmap, unused1[3];
};

struct blk {
	struct volt_virtio v;
	struct volt_queue q[1];
	struct volt_virtio_type type;
	struct blk_config config;
	int fd;
	bool readonly;
	uint64_t features; /* that the driver agreed to */
	char id[ID_BYTES]; /* padded with zeroes (virtio 5.2.6) */
	struct iovec part[VOLT_CHAIN_MAX];
};

/* [worker] volt_virtio_type's: answers one request, of whatever kind it is. */
bool blk_request(void *self, struct volt_queue *q, struct volt_chain *c);

#endif
