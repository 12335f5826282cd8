/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#ifndef VOLT_BLK_H
#define VOLT_BLK_H

#include <fcntl.h>

#include <volt/virtio.h>

enum {
	COUNT_READ = VOLT_VIRTIO_COUNT,
	COUNT_WRITTEN,
	COUNT_FLUSHES,
	COUNT_FAILED,
	COUNT_REFUSED,
	COUNT_THROTTLED,
};

/* virtio 5.2.3 */
#define F_SEG_MAX      (UINT64_C(1) << 2)
#define F_RO           (UINT64_C(1) << 5)
#define F_BLK_SIZE     (UINT64_C(1) << 6)
#define F_FLUSH        (UINT64_C(1) << 9)
#define F_TOPOLOGY     (UINT64_C(1) << 10)
#define F_MQ           (UINT64_C(1) << 12)
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

/* Of the buffer that stands between the guest's memory and a file with O_DIRECT. */
#define BOUNCE_BYTES 65536u
#define PAGE         4096u

/* virtio 5.2.4: the configuration space. Fields of features that are not offered are 0. */
struct blk_config {
	uint64_t capacity; /* sectors; atomic */
	uint32_t size_max, seg_max;
	uint32_t geometry, blk_size;
	uint8_t physical_block_exp, alignment_offset; /* 2^exp blocks; blocks */
	uint16_t min_io_size;                         /* blocks */
	uint32_t opt_io_size;                         /* blocks; 0: not known */
	uint8_t writeback, unused0;
	uint16_t num_queues;
	uint32_t max_discard_sectors, max_discard_seg, discard_sector_alignment;
	uint32_t max_write_zeroes_sectors, max_write_zeroes_seg;
	uint8_t write_zeroes_may_unmap, unused1[3];
};

/* What a queue's worker works with. */
struct blk_io {
	struct iovec part[VOLT_CHAIN_MAX];
	uint8_t *bounce; /* BOUNCE_BYTES, aligned; NULL if not direct */
};

struct blk {
	struct volt_virtio v;
	struct volt_queue q[VOLT_VIRTIO_QUEUES];
	struct volt_virtio_type type;
	struct blk_config config;
	int fd;
	bool readonly;
	uint32_t align;    /* of buffers, for O_DIRECT; 0: any */
	uint64_t features; /* that the driver agreed to */
	bool unsynced;     /* atomic; something was written since the last sync began */
	char id[ID_BYTES]; /* padded with zeroes (virtio 5.2.6) */
	struct volt_limit limit;
	struct blk_io io[VOLT_VIRTIO_QUEUES];
};

/* What is left of a request's data, in the guest's memory. */
struct blk_data {
	struct iovec *seg;
	unsigned count;
};

/* [worker] volt_virtio_type's: answers one request, of whatever kind it is. */
bool blk_request(void *self, struct volt_queue *q, struct volt_chain *c);

/* [worker] Reads or writes the next n bytes of the data. Returns how many bytes it were: fewer
 * after an error, or where the file ends. */
uint64_t blk_move(
    struct blk *b, struct blk_io *io, bool write, struct blk_data *d, uint64_t n, uint64_t off);
/* [worker] n zeroes, given back to the file system if `unmap`. */
bool blk_zero(struct blk *b, struct blk_io *io, uint64_t off, uint64_t n, bool unmap);
/* [worker] A hint; false is the file's error. */
bool blk_discard(struct blk *b, uint64_t off, uint64_t n);
/* [worker] All that was written is stable. */
bool blk_sync(struct blk *b);

/* [wire] The blocks of what lies beneath, into the configuration. 0, or what volt_fail()
 * returned. */
int blk_set_blocks(struct blk *b, const struct volt_value *disk, bool direct, uint32_t block,
    uint64_t physical, uint64_t optimal);

#endif
