/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * test_bench - a disk with a driver under the fake host, and a C library that errs on request.
 */
#ifndef TEST_BENCH_H
#define TEST_BENCH_H

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <volt/fake_driver.h>

/* After Volt's headers: it has a macro called fail. */
#include <cmocka.h>

#define RAM      0x100000u
#define RAM_SIZE 0x40000u
#define HEADER   (RAM + 0x4000u)
#define STATUS   (RAM + 0x4800u)
#define DATA     (RAM + 0x5000u)

#define SECTORS 256u /* of the disk */
#define BYTES   (SECTORS * 512u)

#define LIBRARY        (UINT64_C(3) << 28 | UINT64_C(1) << 32)
#define F_SEG_MAX      (UINT64_C(1) << 2)
#define F_RO           (UINT64_C(1) << 5)
#define F_BLK_SIZE     (UINT64_C(1) << 6)
#define F_FLUSH        (UINT64_C(1) << 9)
#define F_TOPOLOGY     (UINT64_C(1) << 10)
#define F_MQ           (UINT64_C(1) << 12)
#define F_DISCARD      (UINT64_C(1) << 13)
#define F_WRITE_ZEROES (UINT64_C(1) << 14)
#define WRITABLE \
	(LIBRARY | F_SEG_MAX | F_BLK_SIZE | F_TOPOLOGY | F_FLUSH | F_DISCARD | F_WRITE_ZEROES)

enum { IN = 0, OUT = 1, FLUSH = 4, GET_ID = 8, DISCARD = 11, SECURE_ERASE = 14, WRITE_ZEROES = 13 };
enum { OK, IOERR, UNSUPP, UNTOUCHED = 0xee };

extern const struct volt_plugin volt_plugin_virtio_blk;

extern char path[]; /* of the disk's file */
extern int file;    /* the test's own view of the disk */
extern struct fake_driver *driver;
extern size_t ram_size; /* of the driver, RAM_SIZE if nobody changes it */

/* The C library's calls, as the test wants them. */
struct blk_libc {
	int err;             /* of every call below; 0: none */
	int fallocate_err;   /* of fallocate() alone */
	size_t most;         /* bytes of one read or write; 0: no limit */
	size_t most_right;   /* a read or write of more bytes fails with EIO; 0: no limit */
	uint64_t bad;        /* so does one of this byte of the file; 0: none */
	unsigned interrupts; /* calls that end with EINTR first */
	unsigned syncs, moves, zero_ranges, punches;
	void (*before)(char call, int fd); /* each call: 'r', 'w', 's' for sync, 'f' fallocate */
	char log[256];                     /* those calls, the newest last */
	bool aligned;                      /* all buffers of reads and writes were, to 512 bytes */
};
extern struct blk_libc libc;

uint8_t pattern(uint64_t at);
void fill_file(void);
int make_file(void **state);
int remove_file(void **state);
/* A disk of that file with `more` parameters, whose driver agrees to `features`. */
int start(void **state, const char *more, uint64_t features, unsigned queues);
/* The same for whole parameters; the file is not touched. */
int start_with(void **state, const char *params, uint64_t features, unsigned queues);
int teardown(void **state);
uint8_t *at(uint64_t gpa);
void put_header(uint32_t type, uint64_t sector);
/* Any chain on a queue; returns the used length, or -1: it did not come back. */
long send_chain(unsigned queue, const struct fake_segment *s, unsigned n);
/* Header, n bytes of data, status. */
long send_request(uint32_t type, uint64_t sector, uint32_t n);
void expect(uint32_t type, uint64_t sector, uint32_t n, uint8_t status, long used);
/* One of at most BATCH_MAX requests, of n bytes at data(i) + shift; without a kick. */
#define BATCH_MAX 16u
uint64_t data(unsigned i);
uint64_t status(unsigned i);
void show(unsigned i, uint32_t type, uint64_t sector, uint32_t n, unsigned shift);
/* So many came back, each with the status `right`. */
void expect_all(unsigned count, uint8_t right);
void expect_data(unsigned i, uint64_t sector, uint32_t n, unsigned shift);
void put_range(unsigned i, uint64_t sector, uint32_t sectors, uint32_t flags);
/* Do the sectors of the file hold what they held at first, but for [zero, zero + zeroes)? */
bool file_is_old_but(uint64_t zero, uint64_t zeroes);
uint64_t config(unsigned off);

int test_blocks(void);
int test_flight(void);
int test_merge(void);
int test_overlay(void);

#endif
