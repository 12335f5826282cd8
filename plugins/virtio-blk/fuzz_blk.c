/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fuzz_blk - a hostile driver, whose acts are the bytes of an input.
 *
 * The first byte chooses a disk: writable, read-only, with O_DIRECT's buffers, with two queues, a
 * clone. Each act is a byte and its arguments: requests that are nearly right, raw descriptors and
 * indices, registers, memory, errors of the file, time, commands, saved states. Then the driver
 * resets the device, sets it up anew, and one honest request on each queue must be answered; no
 * file has another length, and the base and a read-only disk hold what they held.
 */
#include "test_bench.h"

#include <fuzz_driver.h>

#include "blk.h"

#define INPUT_MAX 512u

enum { PLAIN, FIXED, DIRECT, WIDE, CLONE, DISKS };

static const char *const more[DISKS] = {
    "", ",readonly", ",direct,block-size=4096", ",queues=2,io=ring", ",base="};

/* One host for each disk: inputs come one after the other, as drivers of one VM would. */
static struct {
	struct fake_host *f;
	struct fake_driver *d;
	char path[64];
	int file;
} disks[DISKS];
static unsigned disk;
static char base_path[64];
static int base_file;

static struct fuzz_driver z;

static _Noreturn void wrong(const char *what)
{
	fprintf(stderr, "disk %u: %s; last message: %s\n", disk, what,
	    fake_host_message(disks[disk].f));
	abort();
}

/* -------------------------------------------------------------------- arguments */

static uint64_t next(unsigned bytes)
{
	return fuzz_next(&z, bytes);
}

/* Numbers that somebody may have forgotten. */
static uint64_t edge(void)
{
	static const uint64_t edges[] = {0, 1, 7, 8, SECTORS - 1, SECTORS, SECTORS + 1,
	    UINT64_MAX / 512, UINT64_MAX / 512 + 1, UINT64_C(1) << 55, UINT64_MAX - 1, UINT64_MAX};
	const uint64_t which = next(1);

	return which < 192 ? which : edges[which % (sizeof(edges) / sizeof(edges[0]))];
}

/* ------------------------------------------------------------------------- acts */

static void act_request(void)
{
	const uint8_t types[] = {IN, OUT, FLUSH, GET_ID, DISCARD, WRITE_ZEROES, 2, 0xff};
	const unsigned q = fuzz_queue(&z);
	const uint32_t type = types[next(1) % sizeof(types)];
	const uint64_t sector = edge();
	const uint32_t n = (uint32_t)next(2) << (next(1) % 4), cut = (uint32_t)next(2);
	const uint64_t from = DATA + next(1), room = RAM + ram_size - from;
	const uint32_t len = n < room ? n : (uint32_t)room, first = cut < len ? cut : len;
	const bool writable = type == IN || type == GET_ID;
	const struct fake_segment s[] = {{HEADER, 16, false}, {from, first, writable},
	    {from + first, len - first, writable}, {STATUS, 1, true}};

	put_header(type, sector);
	fake_driver_add(driver, q, s, 4, next(1) % 2);
}

static void act_range(void)
{
	const unsigned i = (unsigned)next(1) % 16;
	const uint64_t sector = edge();

	put_range(i, sector, (uint32_t)edge(), (uint32_t)next(1) % 3);
}

static void act_descriptor(void)
{
	fuzz_act_descriptor(&z);
}

static void act_show(void)
{
	fuzz_act_show(&z);
}

static void act_memory(void)
{
	fuzz_act_memory(&z);
}

static void act_state(void)
{
	fuzz_act_state(&z);
}

static void act_register(void)
{
	const uint32_t reg = (uint32_t)next(2) % 0x140 & ~3u;

	fake_driver_set(driver, reg, (uint32_t)edge());
	fake_driver_get(driver, reg);
}

static void act_error(void)
{
	static const int errors[] = {0, 0, EIO, ENOSPC};

	libc.err = errors[next(1) % 4];
	libc.fallocate_err = next(1) % 2 ? EOPNOTSUPP : 0;
	libc.most = next(1) % 2 ? 512 * (1 + next(1)) : 0;
	libc.interrupts = (unsigned)next(1) % 3;
	if (disk == WIDE) {
		fake_uring_answers(disks[disk].f, libc.err % 2 ? -EAGAIN : 0);
		fake_uring_is_full(disks[disk].f, libc.interrupts == 2);
	}
}

static void act_command(void)
{
	char ops[8];
	const struct volt_call_arg args[] = {{"ops", ops}, {"bytes", "64K"}};

	snprintf(ops, sizeof(ops), "%u", (unsigned)next(1));
	if (next(1) % 4 == 0)
		fake_command(disks[disk].f, "resize", NULL, 0);
	else
		fake_command(disks[disk].f, "rate", args, (unsigned)next(1) % 3);
}

/* As many runs as a second brings at most. */
static void act_run(void)
{
	for (unsigned i = (unsigned)next(1) % 8; i; i--)
		fake_run_workers(disks[disk].f);
}

static void act(void)
{
	static void (*const acts[])(void) = {act_request, act_request, act_request, act_range,
	    act_descriptor, act_show, act_memory, act_register, act_error, act_command, act_state,
	    act_run};
	const uint64_t which = next(1) % 16;

	if (which < sizeof(acts) / sizeof(acts[0]))
		acts[which]();
	else if (which == 15)
		fake_advance(disks[disk].f, next(4));
	else
		fake_driver_set(driver, FAKE_REG_QUEUE_NOTIFY, fuzz_queue(&z));
}

/* ------------------------------------------------------------------ what must hold */

static uint64_t features(void)
{
	return (disk == FIXED ? LIBRARY | F_RO : WRITABLE) | (disk == WIDE ? F_MQ : 0);
}

static void check_files(void)
{
	static uint8_t bytes[BYTES];
	struct stat st;

	if (fstat(disks[disk].file, &st) || st.st_size != BYTES + (disk == CLONE ? 65536 : 0))
		wrong("the file has another length");
	if (disk != CLONE && disk != FIXED)
		return;
	const int fd = disk == CLONE ? base_file : disks[disk].file;

	if (pread(fd, bytes, BYTES, 0) != BYTES)
		wrong("the file cannot be read");
	for (uint64_t i = 0; i < BYTES; i += 511)
		if (bytes[i] != pattern(i))
			wrong("a file that must not be written was");
}

static void check_honest(unsigned q)
{
	const struct fake_segment s[] = {
	    {HEADER, 16, false}, {DATA, 4096, true}, {STATUS, 1, true}};

	put_header(IN, 8);
	if (send_chain(q, s, 3) != 4097 || *at(STATUS) != OK)
		wrong("an honest request is not answered");
}

static void play(const uint8_t *bytes, size_t n)
{
	z = (struct fuzz_driver){.at = bytes, .end = bytes + n, .ram = RAM, .ram_size = ram_size};
	disk = (unsigned)next(1) % DISKS;
	driver = disks[disk].d;
	z.host = disks[disk].f;
	z.driver = driver;
	z.queues = disk == WIDE ? 2 : 1;
	libc = (struct blk_libc){0};
	fake_driver_free_all(driver);
	if (!fake_driver_start(driver, features(), z.queues, 16))
		wrong("the device does not start");
	while (z.at < z.end)
		act();
	libc = (struct blk_libc){0};
	fake_uring_answers(disks[disk].f, 0);
	fake_uring_is_full(disks[disk].f, false);
	fake_command(disks[disk].f, "rate", NULL, 0);
	fake_command(disks[disk].f, "resize", NULL, 0);
	fake_driver_free_all(driver);
	if (!fake_driver_start(driver, features(), z.queues, 16))
		wrong("the device does not start anew");
	for (unsigned q = 0; q < z.queues; q++)
		check_honest(q);
	check_files();
}

/* ------------------------------------------------------------------------ bench */

static void make(unsigned i)
{
	char params[256];

	if (make_file(NULL))
		abort();
	if (i != CLONE)
		fill_file();
	snprintf(disks[i].path, sizeof(disks[i].path), "%s", path);
	disks[i].file = file;
	snprintf(params, sizeof(params), "disk=%s%s%s", path, more[i], i == CLONE ? base_path : "");
	void *f;

	disk = i;
	if (start_with(&f, params, features(), i == WIDE ? 2 : 1))
		abort();
	disks[i].f = f;
	disks[i].d = driver;
}

static void remove_files(void)
{
	for (unsigned i = 0; i < DISKS; i++)
		unlink(disks[i].path);
	unlink(base_path);
}

/* Little memory: the fake host compares all of it at each callback. */
static void set_up(void)
{
	ram_size = 0x8000;
	if (make_file(NULL))
		abort();
	fill_file();
	snprintf(base_path, sizeof(base_path), "%s", path);
	base_file = file;
	for (unsigned i = 0; i < DISKS; i++)
		make(i);
	atexit(remove_files);
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	if (!disks[0].f)
		set_up();
	if (n && n <= INPUT_MAX)
		play(bytes, n);
	return 0;
}
