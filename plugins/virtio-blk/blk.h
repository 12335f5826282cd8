/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#ifndef VOLT_BLK_H
#define VOLT_BLK_H

#include <fcntl.h>

#include <volt/draft/uring.h>
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

#define BLK_S_OK    0u /* virtio 5.2.6 */
#define BLK_S_IOERR 1u

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

/* What is left of a request's data, in the guest's memory. */
struct blk_data {
	struct iovec *seg;
	unsigned count;
};

/* Requests of a queue that wait for each other with io=calls: their chains cost memory. */
#define CALLS_SLOTS 16u

/* A read or write that was taken and is not answered. */
struct blk_flight {
	struct volt_chain *c;
	struct blk_data data;
	uint64_t n, off; /* bytes of the data, and where in the file */
	bool write;
	uint8_t *status; /* of the request, and its address in the guest */
	uint64_t status_gpa;
};

/* Those of a queue. */
struct blk_flights {
	uint32_t handle;         /* of its ring, with io=ring */
	unsigned count, pending; /* in flight, and of those not begun yet */
	struct volt_uring_request request[VOLT_SLOT_MAX]; /* the pending ones, in their order */
	struct blk_flight flight[VOLT_SLOT_MAX];          /* by the chain's slot */
	struct iovec part[VOLT_CHAIN_MAX];                /* of several that are one call */
};

#define BLK_OVERLAY_MAP PAGE /* where an overlay's map lies in its file */

/* A disk whose clusters are a base's until they are written: docs/overlay.md. */
struct blk_overlay {
	int base;               /* its file, read only */
	bool on;                /* false: the disk is one file */
	bool locked, wanted;    /* atomic; by whom the map changes; another one wants to */
	bool any_changed;       /* atomic; the map in the file is older */
	bool failed;            /* atomic; what is stable is not known any more */
	unsigned cluster_shift; /* log2 of its bytes */
	uint64_t size;          /* of the disk in bytes, and of its base */
	uint64_t data;          /* where the disk's bytes start in the own file */
	uint64_t map_bytes;     /* a multiple of PAGE */
	uint8_t *map;           /* a bit for each cluster, atomic: it is in the own file */
	uint8_t *changed;       /* under the lock; each page of the map: the file's is older */
	uint8_t *copy;          /* BOUNCE_BYTES, under the lock */
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
	struct blk_overlay overlay;
	struct blk_io io[VOLT_VIRTIO_QUEUES];
	uint8_t zeroes[2 * PAGE];       /* a whole page is in it, which O_DIRECT takes */
	const struct volt_uring *uring; /* NULL: by calls */
	struct volt_chain *slots;       /* the type's, of each queue */
	struct blk_flights *flights;    /* of each queue */
};

/* As volt_fail(), which every file that uses it has a copy of. */
VOLT_PRINTF(3, 4)
int blk_fail(const struct volt_host *h, int err, const char *fmt, ...);

/* [worker] volt_virtio_type's: answers one request, of whatever kind it is. */
bool blk_request(void *self, struct volt_queue *q, struct volt_chain *c);

/* LATER: another worker is at it. Nothing was done; the request stays in its queue. */
enum blk_outcome { BLK_DONE, BLK_FAILED, BLK_LATER };

/* The disk's file; all [worker]. */

/* Reads or writes the next n bytes of the data, in fd from `off` on. Returns how many bytes it
 * were: fewer after an error, or where the file ends. */
uint64_t blk_move(struct blk *b, struct blk_io *io, int fd, bool write, struct blk_data *d,
    uint64_t n, uint64_t off);
bool blk_write_all(int fd, struct iovec *part, uint64_t off);
/* n zeroes, given back to the file system if `unmap`. */
bool blk_zero(struct blk *b, struct blk_io *io, uint64_t off, uint64_t n, bool unmap);
/* A hint; false is the file's error. */
bool blk_discard(struct blk *b, uint64_t off, uint64_t n);
/* All that was written is stable. */
enum blk_outcome blk_sync(struct blk *b);

/* Something was written that no sync covers. */
void blk_set_unsynced(struct blk *b);
bool blk_is_aligned(const struct blk *b, const struct blk_data *d);
/* Takes n bytes off the front. */
void blk_skip(struct blk_data *d, uint64_t n);

/* Reads and writes in flight. */

/* [wire] Before volt_virtio_init(): memory for them, and the type's slots. 0, or what volt_fail()
 * returned. */
int blk_flights_prepare(struct blk *b, bool ring);
/* [wire] After it, with io=ring. Where there are no rings the disk works as with io=calls, and the
 * log says why. */
int blk_rings_make(struct blk *b);
void blk_flights_free(struct blk *b);
/* [worker] Takes chain c of q, with its n bytes of data, to be moved with others. False: it cannot
 * be, and nothing was done. */
bool blk_fly(struct blk *b, struct volt_queue *q, struct volt_chain *c, const struct blk_data *d,
    uint64_t n, uint64_t off, bool write);
/* [worker] volt_virtio_type's: begins what is pending, and waits for some. */
void blk_progress(void *self, struct volt_queue *q);
/* [worker] Waits until nothing of q is in flight: all is answered that came before. */
void blk_land_all(struct blk *b, struct volt_queue *q);

/* The same for an overlay: offsets are those of the disk. */

uint64_t blk_overlay_read(
    struct blk *b, struct blk_io *io, struct blk_data *d, uint64_t n, uint64_t off);
enum blk_outcome blk_overlay_write(
    struct blk *b, struct blk_io *io, struct blk_data *d, uint64_t n, uint64_t off, uint64_t *done);
enum blk_outcome blk_overlay_zero(
    struct blk *b, struct blk_io *io, uint64_t off, uint64_t n, bool unmap);
bool blk_overlay_discard(struct blk *b, uint64_t off, uint64_t n);
enum blk_outcome blk_overlay_sync(struct blk *b);

/* [wire] The own file b->fd with its base; makes it if it is empty. 0, or what volt_fail()
 * returned. */
int blk_overlay_open(struct blk *b, const struct volt_value *own, const struct volt_value *base);
void blk_overlay_close(struct blk *b);

/* What the guest is told of blocks; 0: as the host has it. */
struct blk_blocks {
	uint32_t block;
	uint64_t physical, optimal;
	bool direct;
};

/* [wire] Into the configuration, for a disk of `bytes`. 0, or what volt_fail() returned. */
int blk_set_blocks(
    struct blk *b, const struct volt_value *disk, uint64_t bytes, const struct blk_blocks *want);

#endif
