/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * overlay_open - the head of an overlay's file: made in an empty one, else checked.
 *
 * docs/overlay.md has its fields. Nothing of the file is believed: all but the cluster size
 * follows from the base, and must be as it follows.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "blk.h"

#define MAGIC       "VOLTOVL\n"
#define VERSION     1u
#define DATA_ALIGN  65536u
#define SHIFT_MIN   12u        /* 4 KiB */
#define SHIFT_MAX   20u        /* 1 MiB */
#define MAP_LIKED   (2u << 20) /* bytes; where it would be larger, clusters are */
#define DIGEST_SPAN 65536u     /* first bytes of the base */

struct head {
	uint8_t magic[8];
	uint8_t version[4], cluster[4];
	uint8_t size[8];
	uint8_t map[8], map_bytes[8];
	uint8_t data[8];
	uint8_t digest[8];
	uint8_t zero[PAGE - 56];
};

_Static_assert(sizeof(struct head) == PAGE, "the head is a page");

static uint64_t round_up(uint64_t n, uint64_t to)
{
	return (n + to - 1) / to * to;
}

static uint64_t map_bytes_of(uint64_t size, unsigned shift)
{
	const uint64_t clusters = round_up(size, UINT64_C(1) << shift) >> shift;

	return round_up(round_up(clusters, 8) / 8, PAGE);
}

/* The smallest cluster whose map is not large. */
static unsigned choose_shift(uint64_t size)
{
	unsigned shift = SHIFT_MIN;

	while (shift < SHIFT_MAX && map_bytes_of(size, shift) > MAP_LIKED)
		shift++;
	return shift;
}

static void lay_out(struct blk_overlay *o, unsigned shift)
{
	o->cluster_shift = shift;
	o->map_bytes = map_bytes_of(o->size, shift);
	o->data = round_up(BLK_OVERLAY_MAP + o->map_bytes, DATA_ALIGN);
}

/* FNV-1a, 64 bits: against the wrong base, not against malice. */
static uint64_t digest(const uint8_t *p, size_t n)
{
	uint64_t sum = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < n; i++)
		sum = (sum ^ p[i]) * UINT64_C(0x100000001b3);
	return sum;
}

static int read_all(int fd, uint8_t *to, uint64_t n, uint64_t off)
{
	for (uint64_t done = 0; done < n;) {
		const ssize_t got = pread(fd, to + done, n - done, (off_t)(off + done));

		if (got <= 0)
			return got ? errno : EIO;
		done += (uint64_t)got;
	}
	return 0;
}

static void make_head(const struct blk_overlay *o, uint64_t sum, struct head *h)
{
	*h = (struct head){.magic = MAGIC};
	volt_put_le32(h->version, VERSION);
	volt_put_le32(h->cluster, 1u << o->cluster_shift);
	volt_put_le64(h->size, o->size);
	volt_put_le64(h->map, BLK_OVERLAY_MAP);
	volt_put_le64(h->map_bytes, o->map_bytes);
	volt_put_le64(h->data, o->data);
	volt_put_le64(h->digest, sum);
}

/* The head first: a file that has nothing else is one whose making was cut off. */
static int make_file(struct blk *b, const struct head *h, const char *path)
{
	const struct blk_overlay *o = &b->overlay;

	memcpy(o->copy, h, sizeof(*h));
	if (pwrite(b->fd, o->copy, sizeof(*h), 0) == sizeof(*h) && fdatasync(b->fd) == 0 &&
	    ftruncate(b->fd, (off_t)(o->data + o->size)) == 0 && fdatasync(b->fd) == 0)
		return 0;
	return blk_fail(b->v.h, errno ? errno : EIO, "cannot make an overlay in '%s': %s", path,
	    strerror(errno));
}

static int refuse(const struct blk *b, const char *path, const char *why)
{
	return blk_fail(b->v.h, EINVAL, "cannot use '%s': %s", path, why);
}

/* `want` gets what the head must be, by the base and by the cluster size that it names. */
static int check_head(struct blk *b, const struct head *h, uint64_t sum, const char *path)
{
	struct blk_overlay *o = &b->overlay;
	const uint32_t cluster = volt_le32(h->cluster);
	struct head want;

	if (memcmp(h->magic, MAGIC, sizeof(h->magic)))
		return refuse(b, path, "it is not an overlay; with base= it must be, or be empty");
	if (volt_le32(h->version) != VERSION)
		return refuse(b, path, "it is an overlay of another version");
	if (volt_le64(h->size) != o->size)
		return refuse(b, path, "its base had another size");
	if (volt_le64(h->digest) != sum)
		return refuse(b, path, "it belongs to another base, or the base was written");
	if (cluster & (cluster - 1) || cluster < 1u << SHIFT_MIN || cluster > 1u << SHIFT_MAX)
		return refuse(b, path, "its head is damaged");
	lay_out(o, (unsigned)__builtin_ctz(cluster));
	make_head(o, sum, &want);
	return memcmp(h, &want, sizeof(want)) ? refuse(b, path, "its head is damaged") : 0;
}

static int open_file(struct blk *b, uint64_t bytes, uint64_t sum, const char *path)
{
	struct blk_overlay *o = &b->overlay;
	struct head h;

	if (bytes == 0) {
		if (b->readonly)
			return refuse(b, path, "it is empty, and cannot be made with readonly");
		lay_out(o, choose_shift(o->size));
		make_head(o, sum, &h);
		return make_file(b, &h, path);
	}
	if (bytes < sizeof(h) || read_all(b->fd, o->copy, sizeof(h), 0))
		return refuse(b, path, "it is not an overlay; with base= it must be, or be empty");
	memcpy(&h, o->copy, sizeof(h));
	const int err = check_head(b, &h, sum, path);

	if (err)
		return err;
	if (bytes == sizeof(h) && !b->readonly)
		return make_file(b, &h, path);
	return bytes == o->data + o->size ? 0 : refuse(b, path, "it was cut off");
}

static int read_map(struct blk *b, const char *path)
{
	struct blk_overlay *o = &b->overlay;
	int err;

	o->map = aligned_alloc(PAGE, o->map_bytes);
	o->changed = calloc(1, o->map_bytes / PAGE);
	if (!o->map || !o->changed)
		return blk_fail(b->v.h, ENOMEM, "cannot have the map of '%s'", path);
	err = read_all(b->fd, o->map, o->map_bytes, BLK_OVERLAY_MAP);
	return err ? blk_fail(b->v.h, err, "cannot read the map of '%s': %s", path, strerror(err))
		   : 0;
}

int blk_overlay_open(struct blk *b, const struct volt_value *own, const struct volt_value *base)
{
	struct blk_overlay *o = &b->overlay;
	struct stat st;
	int err;

	o->base = base->fd;
	o->size = base->u;
	o->copy = aligned_alloc(PAGE, BOUNCE_BYTES);
	if (!o->copy)
		return blk_fail(b->v.h, ENOMEM, "cannot have a buffer for the overlay");
	if (fstat(b->fd, &st) || !S_ISREG(st.st_mode))
		return refuse(b, own->s, "an overlay is a regular file");
	if (o->size == 0 || map_bytes_of(o->size, SHIFT_MAX) > 16 * (uint64_t)MAP_LIKED)
		return refuse(b, base->s, "a base has at least one block, and at most 256 TiB");
	const uint64_t span = o->size < DIGEST_SPAN ? o->size : DIGEST_SPAN;

	err = read_all(o->base, o->copy, span, 0);
	if (err)
		return blk_fail(b->v.h, err, "cannot read '%s': %s", base->s, strerror(err));
	err = open_file(b, own->u, digest(o->copy, span), own->s);
	return err ? err : read_map(b, own->s);
}

void blk_overlay_close(struct blk *b)
{
	free(b->overlay.map);
	free(b->overlay.changed);
	free(b->overlay.copy);
}
