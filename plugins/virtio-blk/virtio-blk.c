/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * virtio-blk - a disk for the guest, in a file or a block device of the host.
 *
 * Source: virtio 1.2, 5.2. Driver: Linux virtio_blk.
 *
 * The guest's caches are the driver's, the file's are the host's: a write is volatile until
 * a flush (virtio 5.2.6.2). For a driver that did not agree to flush, each write is synced.
 */
#include <errno.h>
#include <string.h>
#include <unistd.h>

#include <volt/command.h>

#include "blk.h"

enum { PARAM_DISK, PARAM_READONLY, PARAM_DIRECT, PARAM_SERIAL, PARAM_BLOCK_SIZE };

#define BLOCK_DEVICE 2u

static void blk_live(void *self, uint64_t features)
{
	((struct blk *)self)->features = features;
}

/* ----------------------------------------------------------------- commands */

/* Its file grew or shrank. The offset that lseek() moves is nobody's: all calls name theirs. */
static int blk_resize(
    void *self, uint32_t command, const struct volt_args *a, const struct volt_reply *reply)
{
	struct blk *b = self;
	const off_t size = lseek(b->fd, 0, SEEK_END);

	if (size < 0)
		return volt_reply_fail(reply, EIO, "cannot tell the disk's size: errno %d", errno);
	if ((uint64_t)size % b->config.blk_size)
		return volt_reply_fail(reply, EINVAL,
		    "cannot take the size of %llu bytes: it is not a multiple of the block size, "
		    "%u",
		    (unsigned long long)size, b->config.blk_size);
	__atomic_store_n(&b->config.capacity, (uint64_t)size / SECTOR, __ATOMIC_RELAXED);
	volt_virtio_config_changed(&b->v);
	reply->number(reply, 0, (uint64_t)size);
	return 0;
}

static const struct volt_result resize_results[] = {
    {"size", "bytes of the disk from now on", VOLT_PARAM_SIZE, 0},
};

static const struct volt_command commands[] = {
    {.name = "resize",
	.help = "tell the guest that the disk's file has another size",
	VOLT_COMMAND_RESULTS(resize_results)},
};

static const struct volt_commands blk_commands = {
    .size = sizeof(blk_commands),
    .stride = sizeof(commands[0]),
    .count = sizeof(commands) / sizeof(commands[0]),
    .commands = commands,
    .run = blk_resize,
};

/* ------------------------------------------------------------------- wiring */

static void set_config(struct blk *b, uint64_t bytes, uint32_t block)
{
	b->config = (struct blk_config){
	    .capacity = bytes / SECTOR,
	    .seg_max = SEG_MAX,
	    .blk_size = block,
	};
	if (b->readonly)
		return;
	b->config.max_discard_sectors = DISCARD_SECTORS;
	b->config.max_discard_seg = DISCARD_RANGES;
	b->config.discard_sector_alignment = block / SECTOR;
	b->config.max_write_zeroes_sectors = ZEROES_SECTORS;
	b->config.max_write_zeroes_seg = ZEROES_RANGES;
	b->config.write_zeroes_may_unmap = 1;
}

static int blk_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct blk *b = self;
	const struct volt_value *disk = volt_arg(a, PARAM_DISK);
	const char *serial = volt_arg(a, PARAM_SERIAL)->s;
	const uint32_t block = volt_arg(a, PARAM_BLOCK_SIZE)->u ? 4096 : 512;

	if (disk->u % block)
		return volt_fail(h, EINVAL,
		    "cannot use '%s': its size, %llu bytes, is not a multiple of %u; see "
		    "block-size",
		    disk->s, (unsigned long long)disk->u, block);
	b->fd = disk->fd;
	b->readonly = volt_arg(a, PARAM_READONLY)->u;
	memcpy(b->id, serial, strnlen(serial, ID_BYTES));
	set_config(b, disk->u, block);
	b->type = (struct volt_virtio_type){
	    .size = sizeof(b->type),
	    .id = BLOCK_DEVICE,
	    .name = "blk",
	    .features = F_SEG_MAX | F_BLK_SIZE |
			(b->readonly ? F_RO : F_FLUSH | F_DISCARD | F_WRITE_ZEROES),
	    .queues = 1,
	    .ring = RING,
	    .segments = VOLT_CHAIN_MAX,
	    .workers = 1,
	    .config_size = sizeof(b->config),
	    .config = &b->config,
	    .request = blk_request,
	    .live = blk_live,
	};
	return volt_virtio_init(b, b->q, &b->type, h);
}

VOLT_VIRTIO_STATE(struct blk, blk_state);

static const void *blk_get_ext(const char *id)
{
	if (strcmp(id, VOLT_EXT_STATE) == 0)
		return &blk_state;
	return strcmp(id, VOLT_EXT_COMMAND) ? NULL : &blk_commands;
}

static const struct volt_param params[] = {
    [PARAM_DISK] = {.name = "disk",
	.type = VOLT_PARAM_DISK,
	.help = "the file or block device that holds the disk's bytes"},
    [PARAM_READONLY] = {.name = "readonly",
	.type = VOLT_PARAM_BOOL,
	.def = "off",
	.help = "the guest cannot write, and several VMs can read"},
    [PARAM_DIRECT] = {.name = "direct",
	.type = VOLT_PARAM_BOOL,
	.def = "off",
	.help = "pass the host's page cache by (O_DIRECT)"},
    [PARAM_SERIAL] = {.name = "serial",
	.type = VOLT_PARAM_STRING,
	.max = ID_BYTES,
	.def = "",
	.help = "serial number that the guest sees"},
    [PARAM_BLOCK_SIZE] = {.name = "block-size",
	.type = VOLT_PARAM_ENUM,
	.choices = "512|4096",
	.def = "512",
	.help = "bytes of the smallest block that the guest is to read or write"},
};

#define ON_DISK \
	{ \
		.arg = 0, .op = VOLT_TEST_FD_PARAM, .value = PARAM_DISK \
	}
#define FIXED(n, to) \
	{ \
		.arg = (n), .op = VOLT_TEST_EQ, .value = (to) \
	}

static const struct volt_need needs[] = {
    {.syscall = "preadv",
	.reason = "reads the disk into the guest's buffers",
	.roles = VOLT_ROLE_BIT(VOLT_ROLE_WORKER),
	.test_count = 1,
	.tests = {ON_DISK}},
    {.syscall = "pwritev",
	.reason = "writes the guest's buffers to the disk",
	.roles = VOLT_ROLE_BIT(VOLT_ROLE_WORKER),
	.test_count = 1,
	.tests = {ON_DISK}},
    {.syscall = "fdatasync",
	.reason = "makes writes stable when the guest flushes",
	.roles = VOLT_ROLE_BIT(VOLT_ROLE_WORKER),
	.test_count = 1,
	.tests = {ON_DISK}},
    {.syscall = "fallocate",
	.reason = "gives blocks back that the guest discards",
	.roles = VOLT_ROLE_BIT(VOLT_ROLE_WORKER),
	.test_count = 2,
	.tests = {ON_DISK, FIXED(1, MODE_PUNCH)}},
    {.syscall = "fallocate",
	.reason = "zeroes a range without writing it",
	.roles = VOLT_ROLE_BIT(VOLT_ROLE_WORKER),
	.test_count = 2,
	.tests = {ON_DISK, FIXED(1, MODE_ZERO)}},
    {.syscall = "lseek",
	.reason = "looks how large the disk is, on the command resize",
	.roles = VOLT_ROLE_BIT(VOLT_ROLE_LOOP),
	.test_count = 3,
	.tests = {ON_DISK, FIXED(1, 0), FIXED(2, SEEK_END)}},
};

static const struct volt_counter counters[] = {
    VOLT_VIRTIO_COUNTERS(),
    [COUNT_READ] = {"read_bytes", "bytes that the guest read"},
    [COUNT_WRITTEN] = {"written_bytes", "bytes that the guest wrote"},
    [COUNT_FLUSHES] = {"flushes", "flushes by the guest"},
    [COUNT_FAILED] = {"failed", "requests that the host's file failed"},
    [COUNT_REFUSED] = {"refused",
	"requests that the device does not serve: malformed, out of range"},
};

VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "virtio-blk",
    .version = "0.1.0",
    .summary = "gives the guest a disk",
    .flags = VOLT_FLAG_GUEST_MEMORY,
    .instance_size = sizeof(struct blk),
    VOLT_PARAMS(params),
    VOLT_NEEDS(needs),
    VOLT_COUNTERS(counters),
    .init = blk_init,
    .reset = volt_virtio_reset,
    .get_ext = blk_get_ext,
};
