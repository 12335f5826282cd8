/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * diskloop [-q] PATH - times requests to a disk, by libaio's system calls and O_DIRECT.
 *
 * A line for each row: "row KIND BYTES DEPTH NANOSECONDS INTERRUPTS", both for one request. Places
 * are spread over the disk, so that no two requests of a batch are adjacent. INTERRUPTS are those
 * of lines with "virtio" in /proc/interrupts. "-q" does a quarter of it.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define DEPTH_MAX 32u
#define BYTES_MAX (1u << 20)
#define STEP      7919u /* prime, so that all places come before one comes again */

static int file;
static uint64_t file_bytes;
static aio_context_t context;
static uint8_t *buffers;

static void die(const char *what)
{
	printf("diskloop: %s: %s\n", what, strerror(errno));
	exit(1);
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t count_interrupts(void)
{
	char line[1024];
	uint64_t sum = 0;
	FILE *in = fopen("/proc/interrupts", "re");

	while (in && fgets(line, sizeof(line), in)) {
		char *at = strchr(line, ':');

		if (!at || !strstr(line, "virtio"))
			continue;
		for (at++; *at == ' ';) {
			char *end;
			const uint64_t n = strtoull(at, &end, 10);

			if (end == at)
				break;
			sum += n;
			at = end;
		}
	}
	if (in)
		fclose(in);
	return sum;
}

static void submit(struct iocb **list, unsigned n)
{
	long done = 0;

	while ((unsigned)done < n) {
		const long some = syscall(SYS_io_submit, context, n - done, list + done);

		if (some <= 0)
			die("io_submit");
		done += some;
	}
}

/* `depth` at a time, all of them given together and awaited together. */
static void run_batches(bool write, uint32_t bytes, unsigned depth, unsigned count)
{
	static struct iocb requests[DEPTH_MAX];
	static struct io_event events[DEPTH_MAX];
	struct iocb *list[DEPTH_MAX];
	const uint64_t places = file_bytes / bytes;

	for (unsigned done = 0; done < count; done += depth) {
		for (unsigned i = 0; i < depth; i++) {
			requests[i] = (struct iocb){
			    .aio_lio_opcode = write ? IOCB_CMD_PWRITE : IOCB_CMD_PREAD,
			    .aio_fildes = (uint32_t)file,
			    .aio_buf = (uint64_t)(uintptr_t)(buffers + (size_t)i * BYTES_MAX),
			    .aio_nbytes = bytes,
			    .aio_offset = (int64_t)((uint64_t)(done + i) * STEP % places * bytes),
			};
			list[i] = &requests[i];
		}
		submit(list, depth);
		for (unsigned got = 0; got < depth;) {
			const long n = syscall(
			    SYS_io_getevents, context, depth - got, depth - got, events, NULL);

			if (n <= 0)
				die("io_getevents");
			for (long i = 0; i < n; i++)
				if (events[i].res != bytes)
					die("a request failed");
			got += (unsigned)n;
		}
	}
}

static void flush_each(unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		run_batches(true, 4096, 1, 1);
		if (fdatasync(file))
			die("fdatasync");
	}
}

static void row(const char *kind, uint32_t bytes, unsigned depth, unsigned count)
{
	const bool write = strcmp(kind, "read") != 0;

	run_batches(write, bytes, depth, depth);
	const uint64_t interrupts = count_interrupts(), start = now();

	if (strcmp(kind, "flush") == 0)
		flush_each(count);
	else
		run_batches(write, bytes, depth, count);
	const double took = (double)(now() - start);

	printf("row %s %u %u %.0f %.3f\n", kind, bytes, depth, took / count,
	    (double)(count_interrupts() - interrupts) / count);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	static const uint32_t sizes[] = {4096, 131072, BYTES_MAX};
	static const unsigned depths[] = {1, 4, DEPTH_MAX}, counts[] = {512, 128, 64};
	const bool quick = argc == 3 && strcmp(argv[1], "-q") == 0;

	if (argc != 2 + quick)
		return 2;
	file = open(argv[argc - 1], O_RDWR | O_DIRECT | O_CLOEXEC);
	if (file < 0)
		die(argv[argc - 1]);
	file_bytes = (uint64_t)lseek(file, 0, SEEK_END);
	buffers = aligned_alloc(4096, (size_t)DEPTH_MAX * BYTES_MAX);
	if (!buffers || syscall(SYS_io_setup, DEPTH_MAX, &context))
		die("memory");
	memset(buffers, 1, (size_t)DEPTH_MAX * BYTES_MAX);
	for (unsigned s = 0; s < 3; s++)
		for (unsigned d = 0; d < 3; d++) {
			const unsigned count = quick ? counts[s] / 4 : counts[s];
			const unsigned whole = count < depths[d] ? depths[d] : count;

			row("read", sizes[s], depths[d], whole);
			row("write", sizes[s], depths[d], whole);
		}
	row("flush", 4096, 1, quick ? 32 : 128);
	printf("diskloop: all rows\n");
	return 0;
}
