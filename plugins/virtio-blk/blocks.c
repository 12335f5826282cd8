/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * blocks - how large the blocks of a disk are: those that the guest sees, and those of the
 * file or device beneath (virtio 5.2.4, "topology").
 */
#include <errno.h>
#include <linux/fs.h>
#include <sys/ioctl.h>
#include <sys/stat.h>

#include "blk.h"

#define BLOCK_MAX (1u << 20)

/* Of the host, in bytes. */
struct beneath {
	uint32_t logical;  /* the least that O_DIRECT takes; 0: not known */
	uint32_t physical; /* the least that is written without a read before it */
	uint32_t optimal;  /* 0: not known */
};

static bool is_power_of_two(uint64_t n)
{
	return n && (n & (n - 1)) == 0;
}

/* Linux, Documentation/ABI/stable/sysfs-block; what cannot be told is left as it is. */
static void ask_device(int fd, struct beneath *at)
{
	unsigned int n;
	int logical;

	if (ioctl(fd, BLKSSZGET, &logical) == 0 && logical > 0)
		at->logical = (uint32_t)logical;
	if (ioctl(fd, BLKPBSZGET, &n) == 0)
		at->physical = n;
	if (ioctl(fd, BLKIOOPT, &n) == 0)
		at->optimal = n;
}

/* A file of the page cache is written in pages; the blocks of O_DIRECT are told since 6.1. */
static void ask_file(int fd, const struct stat *st, struct beneath *at)
{
	at->physical = st->st_blksize < PAGE ? (uint32_t)st->st_blksize : PAGE;
#ifdef STATX_DIOALIGN
	struct statx more;

	if (statx(fd, "", AT_EMPTY_PATH, STATX_DIOALIGN, &more) == 0 &&
	    more.stx_mask & STATX_DIOALIGN)
		at->logical = more.stx_dio_offset_align;
#endif
}

static struct beneath look_beneath(int fd)
{
	struct beneath at = {.physical = SECTOR};
	struct stat st;

	if (fstat(fd, &st))
		return at;
	if (S_ISBLK(st.st_mode))
		ask_device(fd, &at);
	else
		ask_file(fd, &st, &at);
	return at;
}

static void set(struct blk_config *c, uint32_t block, uint64_t physical, uint64_t optimal)
{
	c->blk_size = block;
	c->physical_block_exp = (uint8_t)__builtin_ctzll(physical / block);
	c->min_io_size = (uint16_t)(physical / block);
	c->opt_io_size = (uint32_t)(optimal / block);
}

/* Both files of an overlay have to take what O_DIRECT gives them. */
static int check_direct(const struct blk *b, const struct volt_value *disk, uint32_t block)
{
	uint32_t least = look_beneath(b->fd).logical;

	if (b->overlay.on && look_beneath(b->overlay.base).logical > least)
		least = look_beneath(b->overlay.base).logical;
	if (least <= block)
		return 0;
	return blk_fail(b->v.h, EINVAL,
	    "cannot use '%s' with direct: its blocks have %u bytes; give block-size=%u", disk->s,
	    least, least);
}

int blk_set_blocks(
    struct blk *b, const struct volt_value *disk, uint64_t bytes, const struct blk_blocks *want)
{
	const struct volt_host *h = b->v.h;
	const struct beneath at = look_beneath(b->fd);
	const uint32_t block = want->block;
	uint64_t physical = want->physical, optimal = want->optimal;

	if (bytes == 0)
		return blk_fail(h, EINVAL, "cannot use '%s': it is empty", disk->s);
	if (bytes % block)
		return blk_fail(h, EINVAL,
		    "cannot use '%s': its size, %llu bytes, is not a multiple of %u; see "
		    "block-size",
		    disk->s, (unsigned long long)bytes, block);
	if (physical == 0)
		physical =
		    is_power_of_two(at.physical) && at.physical > block ? at.physical : block;
	if (!is_power_of_two(physical) || physical < block || physical > BLOCK_MAX)
		return blk_fail(h, EINVAL,
		    "physical-block-size=%llu must be a power of two from %u to %u",
		    (unsigned long long)physical, block, BLOCK_MAX);
	if (optimal == 0)
		optimal = at.optimal % physical ? 0 : at.optimal;
	if (optimal % physical || optimal / block > UINT32_MAX)
		return blk_fail(h, EINVAL,
		    "opt-io-size=%llu must be a multiple of the physical block size, %llu",
		    (unsigned long long)optimal, (unsigned long long)physical);
	b->align = want->direct ? block : 0;
	set(&b->config, block, physical, optimal);
	return want->direct ? check_direct(b, disk, block) : 0;
}
