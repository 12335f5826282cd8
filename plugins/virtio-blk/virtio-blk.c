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
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <volt/command.h>

#include "blk.h"

enum {
	PARAM_DISK,
	PARAM_BASE,
	PARAM_READONLY,
	PARAM_DIRECT,
	PARAM_IO,
	PARAM_SERIAL,
	PARAM_BLOCK_SIZE,
	PARAM_PHYSICAL_BLOCK_SIZE,
	PARAM_OPT_IO_SIZE,
	PARAM_QUEUES,
	PARAM_RATE, /* four, in the order of rate_args */
};

#define BLOCK_DEVICE 2u

int blk_fail(const struct volt_host *h, int err, const char *fmt, ...)
{
	char msg[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	return (h->fail)(h, err, msg);
}

static void blk_live(void *self, uint64_t features)
{
	((struct blk *)self)->features = features;
}

/* Requests are done when they were answered, so the disk owes a flush. The last queue comes when
 * those before it are silent. */
static void blk_drain(void *self, struct volt_queue *q)
{
	struct blk *b = self;

	if (q->number + 1u < b->type.queues || !__atomic_load_n(&b->unsynced, __ATOMIC_RELAXED))
		return;
	if (blk_sync(b) == BLK_FAILED)
		volt_count(b->v.h, COUNT_FAILED, 1);
}

/* ----------------------------------------------------------------- commands */

/* Its file grew or shrank. The offset that lseek() moves is nobody's: all calls name theirs. */
static int resize(struct blk *b, const struct volt_reply *reply)
{
	off_t size;

	if (b->overlay.on)
		return volt_reply_fail(reply, EOPNOTSUPP, "a disk with a base keeps its size");
	size = lseek(b->fd, 0, SEEK_END);
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

/* The values from number `first` on. False: a burst has no rate. */
static bool read_rate(const struct volt_args *a, unsigned first, struct volt_rate *r)
{
	*r = (struct volt_rate){
	    .bytes = volt_arg(a, first)->u,
	    .burst_bytes = volt_arg(a, first + 1)->u,
	    .ops = volt_arg(a, first + 2)->u,
	    .burst_ops = volt_arg(a, first + 3)->u,
	};
	return !(r->burst_bytes && !r->bytes) && !(r->burst_ops && !r->ops);
}

static int change_rate(struct blk *b, const struct volt_args *a, const struct volt_reply *reply)
{
	struct volt_rate r;

	if (!read_rate(a, 0, &r))
		return volt_reply_fail(reply, EINVAL, "a burst needs its rate: bytes, or ops");
	volt_limit_set(&b->limit, &r);
	return 0;
}

enum { COMMAND_RESIZE, COMMAND_RATE };

static int blk_command(
    void *self, uint32_t command, const struct volt_args *a, const struct volt_reply *reply)
{
	return command == COMMAND_RATE ? change_rate(self, a, reply) : resize(self, reply);
}

static const struct volt_result resize_results[] = {
    {"size", "bytes of the disk from now on", VOLT_PARAM_SIZE, 0},
};

#define BYTES_HELP       "most bytes in a second that are read and written; 0: no limit"
#define OPS_HELP         "most requests in a second; 0: no limit"
#define BURST_BYTES_HELP "bytes that may pass at once after a quiet time; 0: a tenth of the rate"
#define BURST_OPS_HELP   "requests that may pass at once after a quiet time; 0: a tenth of the rate"

/* A restored VM may have other limits. */
#define RATE_BYTES .type = VOLT_PARAM_SIZE, .def = "0", .flags = VOLT_PARAM_HOST_SIDE
#define RATE_OPS   .type = VOLT_PARAM_UINT, .def = "0", .flags = VOLT_PARAM_HOST_SIDE

static const struct volt_param rate_args[] = {
    {.name = "bytes", .type = VOLT_PARAM_SIZE, .def = "0", .help = BYTES_HELP},
    {.name = "burst-bytes", .type = VOLT_PARAM_SIZE, .def = "0", .help = BURST_BYTES_HELP},
    {.name = "ops", .type = VOLT_PARAM_UINT, .def = "0", .help = OPS_HELP},
    {.name = "burst-ops", .type = VOLT_PARAM_UINT, .def = "0", .help = BURST_OPS_HELP},
};

static const struct volt_command commands[] = {
    [COMMAND_RESIZE] = {.name = "resize",
	.help = "tell the guest that the disk's file has another size",
	VOLT_COMMAND_RESULTS(resize_results)},
    [COMMAND_RATE] = {.name = "rate",
	.help = "set all four limits anew; what is not named has none",
	VOLT_COMMAND_ARGS(rate_args)},
};

static const struct volt_commands blk_commands = {
    .size = sizeof(blk_commands),
    .stride = sizeof(commands[0]),
    .count = sizeof(commands) / sizeof(commands[0]),
    .commands = commands,
    .run = blk_command,
};

/* ------------------------------------------------------------------- wiring */

static void set_config(struct blk *b, uint64_t bytes, uint16_t queues)
{
	struct blk_config *c = &b->config;

	c->capacity = bytes / SECTOR;
	c->seg_max = SEG_MAX;
	c->num_queues = queues > 1 ? queues : 0;
	if (b->readonly)
		return;
	c->max_discard_sectors = DISCARD_SECTORS;
	c->max_discard_seg = DISCARD_RANGES;
	c->discard_sector_alignment = c->blk_size / SECTOR;
	c->max_write_zeroes_sectors = ZEROES_SECTORS;
	c->max_write_zeroes_seg = ZEROES_RANGES;
	c->write_zeroes_may_unmap = 1;
}

static void set_type(struct blk *b, uint16_t queues)
{
	b->type = (struct volt_virtio_type){
	    .size = sizeof(b->type),
	    .id = BLOCK_DEVICE,
	    .name = "blk",
	    .features = F_SEG_MAX | F_BLK_SIZE | F_TOPOLOGY | (queues > 1 ? F_MQ : 0) |
			(b->readonly ? F_RO : F_FLUSH | F_DISCARD | F_WRITE_ZEROES),
	    .queues = queues,
	    .ring = RING,
	    .segments = VOLT_CHAIN_MAX,
	    .workers = queues,
	    .config_size = sizeof(b->config),
	    .config = &b->config,
	    .request = blk_request,
	    .live = blk_live,
	    .drain = blk_drain,
	};
}

static void blk_fini(void *self)
{
	struct blk *b = self;

	blk_overlay_close(b);
	blk_flights_free(b);
	free(b->io[0].bounce); /* that of all queues */
}

static int make_bounces(struct blk *b, uint16_t queues)
{
	uint8_t *bytes = aligned_alloc(PAGE, (size_t)BOUNCE_BYTES * queues);

	if (!bytes)
		return blk_fail(b->v.h, ENOMEM, "cannot have a buffer for direct");
	for (unsigned i = 0; i < queues; i++)
		b->io[i].bounce = bytes + (size_t)BOUNCE_BYTES * i;
	return 0;
}

static int open_files(struct blk *b, const struct volt_args *a, uint16_t queues)
{
	const struct volt_value *disk = volt_arg(a, PARAM_DISK);
	const struct volt_value *base = volt_arg(a, PARAM_BASE);
	const struct blk_blocks want = {
	    .block = volt_arg(a, PARAM_BLOCK_SIZE)->u ? 4096 : 512,
	    .physical = volt_arg(a, PARAM_PHYSICAL_BLOCK_SIZE)->u,
	    .optimal = volt_arg(a, PARAM_OPT_IO_SIZE)->u,
	    .direct = volt_arg(a, PARAM_DIRECT)->u,
	};
	const uint64_t bytes = base->fd < 0 ? disk->u : base->u;
	int err;

	b->overlay.on = base->fd >= 0;
	b->overlay.base = base->fd;
	err = blk_set_blocks(b, b->overlay.on ? base : disk, bytes, &want);
	if (err)
		return err;
	if (b->align)
		err = make_bounces(b, queues);
	if (err)
		return err;
	set_config(b, bytes, queues);
	return b->overlay.on ? blk_overlay_open(b, disk, base) : 0;
}

static int wire(
    struct blk *b, const struct volt_args *a, uint16_t queues, const struct volt_rate *rate)
{
	const bool ring = volt_arg(a, PARAM_IO)->u;
	int err = open_files(b, a, queues);

	if (err)
		return err;
	err = blk_flights_prepare(b, ring);
	if (err)
		return err;
	err = volt_virtio_init(b, b->q, &b->type, b->v.h, a);
	if (err)
		return err;
	if (ring)
		err = blk_rings_make(b);
	return err ? err : volt_limit_init(&b->limit, &b->v, rate);
}

static int blk_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct blk *b = self;
	const struct volt_value *disk = volt_arg(a, PARAM_DISK);
	const char *serial = volt_arg(a, PARAM_SERIAL)->s;
	const uint16_t queues = (uint16_t)volt_arg(a, PARAM_QUEUES)->u;
	struct volt_rate rate;
	int err;

	b->v.h = h;
	b->fd = disk->fd;
	b->readonly = volt_arg(a, PARAM_READONLY)->u;
	memcpy(b->id, serial, strnlen(serial, ID_BYTES));
	if (!read_rate(a, PARAM_RATE, &rate))
		return blk_fail(h, EINVAL, "a burst needs its rate: rate-bytes, or rate-ops");
	set_type(b, queues);
	err = wire(b, a, queues, &rate);
	if (err)
		blk_fini(b); /* the host calls it only after an init that went well */
	return err;
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
    [PARAM_BASE] = {.name = "base",
	.type = VOLT_PARAM_DISK,
	.flags = VOLT_DISK_READ_ONLY,
	.def = "",
	.help = "the disk that this one is a clone of: `disk` holds only what differs"},
    [PARAM_READONLY] = {.name = "readonly",
	.type = VOLT_PARAM_BOOL,
	.def = "off",
	.help = "the guest cannot write, and several VMs can read"},
    [PARAM_DIRECT] = {.name = "direct",
	.type = VOLT_PARAM_BOOL,
	.flags = VOLT_PARAM_HOST_SIDE,
	.def = "off",
	.help = "pass the host's page cache by (O_DIRECT)"},
    [PARAM_IO] = {.name = "io",
	.type = VOLT_PARAM_ENUM,
	.choices = "calls|ring",
	.flags = VOLT_PARAM_HOST_SIDE,
	.def = "calls",
	.help = "a call for each piece of the disk, or many at a time by io_uring: for direct"},
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
    [PARAM_PHYSICAL_BLOCK_SIZE] = {.name = "physical-block-size",
	.type = VOLT_PARAM_SIZE,
	.def = "0",
	.help = "bytes of the blocks beneath, as the guest sees them; 0: as the host has them"},
    [PARAM_OPT_IO_SIZE] = {.name = "opt-io-size",
	.type = VOLT_PARAM_SIZE,
	.def = "0",
	.help = "bytes of the best request, as the guest sees it; 0: as the host has it"},
    [PARAM_QUEUES] = {.name = "queues",
	.type = VOLT_PARAM_UINT,
	.def = "1",
	.min = 1,
	.max = VOLT_VIRTIO_QUEUES,
	.help = "queues, each with a worker: as many requests are served at a time"},
    [PARAM_RATE] = {.name = "rate-bytes", RATE_BYTES, .help = BYTES_HELP},
    {.name = "burst-bytes", RATE_BYTES, .help = BURST_BYTES_HELP},
    {.name = "rate-ops", RATE_OPS, .help = OPS_HELP},
    {.name = "burst-ops", RATE_OPS, .help = BURST_OPS_HELP},
    VOLT_VIRTIO_PARAMS(),
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
    {.syscall = "preadv",
	.reason = "reads what is still the base's",
	.roles = VOLT_ROLE_BIT(VOLT_ROLE_WORKER),
	.test_count = 1,
	.tests = {{.arg = 0, .op = VOLT_TEST_FD_PARAM, .value = PARAM_BASE}}},
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
    [COUNT_THROTTLED] = {"throttled", "times that a request had to wait for the rate"},
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
    .fini = blk_fini,
    .reset = volt_virtio_reset,
    .get_ext = blk_get_ext,
};
