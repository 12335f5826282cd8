/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * The ring of volt.uring/1 on this kernel: it reads and writes its files, and the kernel refuses
 * everything else, whatever a thread that broke out puts into it. Where the kernel has no io_uring
 * the answer is -EOPNOTSUPP, with a reason.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/io_uring.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "core/base/ledger.h"
#include "core/event/callee.h"
#include "core/event/ring.h"

/* After the core's headers. */
#include <cmocka.h>

#define READS  VOLT_URING_BIT(VOLT_URING_READV)
#define WRITES VOLT_URING_BIT(VOLT_URING_WRITEV)
#define COUNT  8u

static const struct callee owner = {.id = "disk"};
static char path[] = "/tmp/volt-ring-XXXXXX";
static int32_t file;
static struct ring ring;
static bool has_rings;

static struct volt_uring_ring wanted(uint32_t ops)
{
	return (struct volt_uring_ring){.size = sizeof(struct volt_uring_ring),
	    .entries = COUNT,
	    .ops = ops,
	    .fds = &file,
	    .fd_count = 1};
}

static int make_file(void **state)
{
	file = mkstemp(path);
	return file < 0;
}

static int remove_file(void **state)
{
	close(file);
	return unlink(path);
}

static int make(uint32_t ops)
{
	const struct volt_uring_ring want = wanted(ops);
	const char *why = NULL;
	const int err = ring_init(&ring, &owner, &want, &why);

	has_rings = err == 0;
	if (err != -EOPNOTSUPP)
		return err || ring_arm(&ring);
	print_message("no io_uring here: %s\n", why);
	return why == NULL;
}

static int setup(void **state)
{
	return make(READS | WRITES);
}

static int setup_reader(void **state)
{
	return make(READS);
}

static int teardown(void **state)
{
	if (has_rings)
		close(ring.fd);
	return 0;
}

static void what_is_malformed_is_refused(void **state)
{
	const int32_t fds[9] = {0};
	const struct volt_uring_ring good = wanted(READS);
	struct volt_uring_ring bad[7];
	const char *why;

	for (unsigned i = 0; i < 7; i++)
		bad[i] = good;
	bad[0].entries = 0;
	bad[1].entries = 1025;
	bad[2].ops = 0;
	bad[3].ops |= VOLT_URING_BIT(3);
	bad[4].fd_count = 0;
	bad[5].fds = fds;
	bad[5].fd_count = 9;
	bad[6].size = 8;
	for (unsigned i = 0; i < 7; i++)
		assert_int_equal(ring_init(&ring, &owner, &bad[i], &why), -EINVAL);
}

static void requests_are_done_and_come_back_by_their_tokens(void **state)
{
	static char bytes[COUNT][512];
	struct volt_uring_request requests[COUNT];
	struct volt_uring_result results[COUNT];
	struct iovec iov[COUNT];
	unsigned seen = 0;

	if (!has_rings)
		return;
	for (unsigned i = 0; i < COUNT; i++) {
		memset(bytes[i], 'a' + (int)i, sizeof(bytes[i]));
		assert_int_equal(pwrite(file, bytes[i], 512, 512 * i), 512);
		memset(bytes[i], 0, sizeof(bytes[i]));
		iov[i] = (struct iovec){bytes[i], 512};
		requests[i] = (struct volt_uring_request){.token = 100 + i,
		    .offset = 512 * i,
		    .iov = &iov[i],
		    .iov_count = 1,
		    .fd = file,
		    .op = VOLT_URING_READV};
	}
	assert_int_equal(ring_submit(&ring, requests, sizeof(requests[0]), COUNT, COUNT), COUNT);
	/* All are in flight until they are taken. */
	assert_int_equal(ring_submit(&ring, requests, sizeof(requests[0]), 1, 0), 0);
	assert_int_equal(ring_reap(&ring, results, sizeof(results[0]), COUNT), COUNT);
	assert_int_equal(ring_reap(&ring, results, sizeof(results[0]), COUNT), 0);
	for (unsigned i = 0; i < COUNT; i++) {
		const unsigned n = (unsigned)results[i].token - 100;

		seen |= 1u << n;
		/* What is not in the page cache is the caller's to read. */
		if (results[i].result == -EAGAIN)
			continue;
		assert_int_equal(results[i].result, 512);
		assert_int_equal(bytes[n][511], 'a' + (int)n);
	}
	assert_int_equal(seen, (1u << COUNT) - 1);
}

static void a_file_that_was_not_named_is_not_reached(void **state)
{
	const struct volt_uring_request r = {
	    .token = 1, .iov_count = 0, .fd = file + 1000, .op = VOLT_URING_READV};
	struct volt_uring_result result;

	if (!has_rings)
		return;
	assert_int_equal(ring_submit(&ring, &r, sizeof(r), 1, 1), 1);
	assert_int_equal(ring_reap(&ring, &result, sizeof(result), 1), 1);
	assert_int_equal(result.result, -EBADF);
}

/* As whoever took the thread over: an entry of their own, past ring_submit(). */
static int32_t raw(const struct io_uring_sqe *s)
{
	const uint32_t tail = *ring.sq_tail, slot = tail & ring.sq_mask;
	struct volt_uring_result result = {.result = 1};

	ring.sqes[slot] = *s;
	ring.sq_array[slot] = slot;
	__atomic_store_n(ring.sq_tail, tail + 1, __ATOMIC_RELEASE);
	assert_int_equal(
	    syscall(SYS_io_uring_enter, ring.fd, 1, 1, IORING_ENTER_GETEVENTS, NULL, 0), 1);
	ring.in_flight++;
	while (ring_reap(&ring, &result, sizeof(result), 1) == 0)
		assert_true(syscall(SYS_io_uring_enter, ring.fd, 0, 1, IORING_ENTER_GETEVENTS, NULL,
				0) >= 0);
	return result.result;
}

/* HOLDS(security) */
static void the_kernel_refuses_every_other_operation(void **state)
{
	for (unsigned op = 0; has_rings && op < 64; op++) {
		const struct io_uring_sqe s = {.opcode = (uint8_t)op, .flags = IOSQE_FIXED_FILE};
		const int32_t result =
		    op == IORING_OP_READV || op == IORING_OP_WRITEV ? -EACCES : raw(&s);

		/* Numbers that this kernel does not know are EINVAL. */
		if (result != -EACCES && (op < IORING_OP_TEE || result != -EINVAL))
			fail_msg("operation %u gave %d", op, result);
	}
}

/* HOLDS(security) */
static void the_kernel_refuses_descriptors_that_are_not_the_rings(void **state)
{
	char byte;
	struct iovec iov = {&byte, 1};
	const struct io_uring_sqe s = {
	    .opcode = IORING_OP_READV, .fd = file, .addr = (uintptr_t)&iov, .len = 1};

	if (has_rings)
		assert_int_equal(raw(&s), -EACCES);
}

/* HOLDS(security) */
static void the_kernel_refuses_other_flags(void **state)
{
	static const uint8_t flags[] = {
	    IOSQE_IO_DRAIN, IOSQE_IO_LINK, IOSQE_IO_HARDLINK, IOSQE_ASYNC, IOSQE_BUFFER_SELECT};

	for (unsigned i = 0; has_rings && i < sizeof(flags); i++) {
		const struct io_uring_sqe s = {
		    .opcode = IORING_OP_READV, .flags = (uint8_t)(flags[i] | IOSQE_FIXED_FILE)};

		assert_int_equal(raw(&s), -EACCES);
	}
}

/* HOLDS(security) */
static void a_reader_cannot_write(void **state)
{
	char byte = 'x';
	struct iovec iov = {&byte, 1};
	const struct io_uring_sqe s = {.opcode = IORING_OP_WRITEV,
	    .flags = IOSQE_FIXED_FILE,
	    .addr = (uintptr_t)&iov,
	    .len = 1};

	if (has_rings)
		assert_int_equal(raw(&s), -EACCES);
}

/* HOLDS(security) */
static void nothing_can_be_registered_any_more(void **state)
{
	const struct io_uring_restriction any = {.opcode = IORING_RESTRICTION_SQE_OP};
	const int32_t other = STDIN_FILENO;

	if (!has_rings)
		return;
	for (unsigned op = 0; op < 20; op++) {
		const void *arg = op == IORING_REGISTER_RESTRICTIONS ? (const void *)&any : &other;

		assert_int_equal(syscall(SYS_io_uring_register, ring.fd, op, arg, 1), -1);
		assert_true(errno == EACCES || errno == EINVAL || errno == EBADFD);
	}
}

/* One rule, for one thread and one descriptor, and none of the flags but to wait. */
/* HOLDS(security) */
static void the_rule_names_thread_ring_and_flags(void **state)
{
	struct ledger l = {0};

	if (!has_rings)
		return;
	ring_declare(&ring, &l);
	assert_int_equal(l.call_count, 1);
	assert_string_equal(l.calls[0].rule.syscall, "io_uring_enter");
	assert_int_equal(l.calls[0].threads, LEDGER_WORKER(0));
	assert_int_equal(l.calls[0].rule.test_count, 2);
	assert_int_equal(l.calls[0].rule.tests[0].value, ring.fd);
	assert_int_equal(l.calls[0].rule.tests[1].arg, 3);
	assert_int_equal(l.calls[0].rule.tests[1].mask, ~UINT64_C(1));
	ledger_finish(&l);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(what_is_malformed_is_refused),
	    T(requests_are_done_and_come_back_by_their_tokens),
	    T(a_file_that_was_not_named_is_not_reached),
	    T(the_kernel_refuses_every_other_operation),
	    T(the_kernel_refuses_descriptors_that_are_not_the_rings),
	    T(the_kernel_refuses_other_flags),
	    cmocka_unit_test_setup_teardown(a_reader_cannot_write, setup_reader, teardown),
	    T(nothing_can_be_registered_any_more),
	    T(the_rule_names_thread_ring_and_flags),
	};
#undef T
	return cmocka_run_group_tests(tests, make_file, remove_file);
}
