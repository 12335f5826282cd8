/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Block sizes, queues, buffers of O_DIRECT, and rates. */
#include "test_bench.h"

#define SECOND UINT64_C(1000000000)

static void refused(const char *more, const char *words)
{
	struct fake_host *f = fake_host_create(&volt_plugin_virtio_blk);
	char params[256];

	fill_file();
	snprintf(params, sizeof(params), "disk=%s%s", path, more);
	assert_int_equal(fake_host_wire(f, params), -EINVAL);
	if (!strstr(fake_host_message(f), words))
		fail_msg("'%s' does not say '%s'", fake_host_message(f), words);
	fake_host_destroy(f);
}

static void mistakes_are_told(void **state)
{
	refused(",physical-block-size=1000", "physical-block-size=1000 must be a power of two");
	refused(",block-size=4096,physical-block-size=512", "must be a power of two from 4096");
	refused(",physical-block-size=2M", "to 1048576");
	refused(",physical-block-size=4096,opt-io-size=6000", "must be a multiple of the physical");
	refused(",burst-bytes=1M", "a burst needs its rate");
	refused(",rate-bytes=1M,burst-ops=1", "a burst needs its rate");
}

/* -------------------------------------------------------------------- topology */

static int setup_topology(void **state)
{
	return start(
	    state, ",physical-block-size=16K,opt-io-size=64K,block-size=4096", WRITABLE, 1);
}

/* virtio 5.2.4: an exponent, then numbers of logical blocks. */
static void topology_is_told_in_blocks(void **state)
{
	assert_int_equal(config(20), 4096);
	assert_int_equal(config(24), 2 | 0 << 8 | 4 << 16);
	assert_int_equal(config(28), 16);
}

static int setup_default(void **state)
{
	return start(state, "", WRITABLE, 1);
}

static void topology_of_the_host_is_the_default(void **state)
{
	struct stat st;

	assert_int_equal(fstat(file, &st), 0);
	const uint32_t physical = st.st_blksize < 4096 ? (uint32_t)st.st_blksize : 4096;

	assert_int_equal(512u << (config(24) & 0xff), physical);
	assert_int_equal(config(24) >> 16, physical / 512);
	assert_int_equal(config(28), 0);
	assert_int_equal(config(32), 0); /* one queue: no field says so */
}

/* ---------------------------------------------------------------------- queues */

static int setup_queues(void **state)
{
	return start(state, ",queues=4", WRITABLE | F_MQ, 4);
}

static void each_queue_has_a_worker(void **state)
{
	const struct fake_segment s[] = {{HEADER, 16, false}, {DATA, 512, true}, {STATUS, 1, true}};

	assert_int_equal(fake_driver_offered(driver), WRITABLE | F_MQ);
	assert_int_equal(config(32) >> 16, 4); /* virtio 5.2.4, num_queues */
	assert_int_equal(fake_worker_count(*state), 4);
	for (unsigned q = 0; q < 4; q++) {
		const unsigned runs = fake_worker_runs(*state, q);

		put_header(IN, q);
		assert_int_equal(send_chain(q, s, 3), 513);
		assert_int_equal(*at(STATUS), OK);
		assert_int_equal(at(DATA)[5], pattern(q * 512 + 5));
		assert_int_equal(fake_worker_runs(*state, q), runs + 1);
	}
}

/* A driver need not use them all. */
static void queues_that_are_not_set_up_do_no_harm(void **state)
{
	assert_true(fake_driver_start(driver, WRITABLE, 1, 16));
	expect(IN, 0, 512, OK, 513);
}

/* -------------------------------------------------------------------- O_DIRECT */

static int setup_direct(void **state)
{
	return start(state, ",direct", WRITABLE, 1);
}

/* Buffers that O_DIRECT does not take go through one that it takes. */
static void crooked_buffers_are_moved_by_a_straight_one(void **state)
{
	const struct fake_segment in[] = {{HEADER, 16, false}, {DATA + 3, 700, true},
	    {DATA + 1000, 836, true}, {STATUS, 1, true}};
	const struct fake_segment out[] = {{HEADER, 16, false}, {DATA + 1, 1001, false},
	    {DATA + 1002, 535, false}, {STATUS, 1, true}};

	put_header(IN, 2);
	assert_int_equal(send_chain(0, in, 4), 1537);
	assert_int_equal(*at(STATUS), OK);
	for (unsigned i = 0; i < 1536; i++)
		assert_int_equal(at(DATA)[i < 700 ? 3 + i : 300 + i], pattern(1024 + i));
	assert_int_equal(libc.moves, 1);
	memset(at(DATA), 0, 4096);
	put_header(OUT, 7);
	assert_int_equal(send_chain(0, out, 4), 1);
	assert_int_equal(*at(STATUS), OK);
	assert_true(file_is_old_but(7, 3));
	assert_int_equal(libc.moves, 2);
	assert_true(libc.aligned);
}

static void straight_buffers_are_moved_as_they_are(void **state)
{
	expect(IN, 0, 4096, OK, 4097);
	assert_int_equal(libc.moves, 1);
	assert_true(libc.aligned);
}

static void large_requests_take_several_rounds(void **state)
{
	const struct fake_segment in[] = {
	    {HEADER, 16, false}, {DATA + 1, 100 * 1024, true}, {STATUS, 1, true}};

	libc.most = 40960;
	put_header(IN, 1);
	assert_int_equal(send_chain(0, in, 3), 100 * 1024 + 1);
	for (unsigned i = 0; i < 100 * 1024; i++)
		assert_int_equal(at(DATA)[1 + i], pattern(512 + i));
	assert_true(libc.aligned);
	libc.err = EIO;
	put_header(IN, 1);
	assert_int_equal(send_chain(0, in, 3), 0);
	assert_int_equal(*at(STATUS), IOERR);
}

static void a_file_that_ends_in_a_round_ends_the_request(void **state)
{
	const struct fake_segment in[] = {
	    {HEADER, 16, false}, {DATA + 1, 100 * 1024, true}, {STATUS, 1, true}};

	assert_int_equal(ftruncate(file, 70000), 0);
	memset(at(DATA), 0, 100 * 1024 + 1);
	put_header(IN, 0);
	assert_int_equal(send_chain(0, in, 3), 70000);
	assert_int_equal(*at(STATUS), IOERR);
	for (unsigned i = 0; i < 70000; i++)
		assert_int_equal(at(DATA)[1 + i], pattern(i));
	assert_int_equal(at(DATA)[1 + 70000], 0);
}

/* ----------------------------------------------------------------------- rates */

static int setup_rate(void **state)
{
	return start(state, ",rate-bytes=8192,burst-bytes=1024", WRITABLE, 1);
}

static bool answers(struct fake_host *f)
{
	uint32_t head, len;

	while (fake_run_workers(f))
		;
	return fake_driver_used(driver, 0, &head, &len);
}

static void requests_wait_for_the_rate(void **state)
{
	expect(IN, 0, 512, OK, 513);
	expect(OUT, 0, 512, OK, 1);
	assert_int_equal(send_request(IN, 0, 8192), -1);
	assert_int_equal(*at(STATUS), UNTOUCHED);
	assert_true(fake_counter(*state, "throttled") > 0);
	fake_advance(*state, SECOND / 16);
	assert_true(answers(*state)); /* larger than the burst, and paid for afterwards */
	assert_int_equal(send_request(FLUSH, 0, 0), -1);
	fake_advance(*state, SECOND / 2);
	assert_false(answers(*state));
	fake_advance(*state, SECOND / 2);
	assert_true(answers(*state));
}

/* Zeroes may have to be written out: they cost what they are. */
static void zeroes_count_as_bytes(void **state)
{
	put_range(0, 0, 128, 0);
	expect(WRITE_ZEROES, 0, 16, OK, 1);
	assert_int_equal(send_request(IN, 0, 512), -1);
	fake_advance(*state, 7 * SECOND);
	assert_false(answers(*state));
	fake_advance(*state, SECOND);
	assert_true(answers(*state));
}

static void rates_change_while_the_guest_runs(void **state)
{
	const struct volt_call_arg args[] = {{"ops", "1"}, {"burst-ops", "1"}};

	expect(IN, 0, 4096, OK, 4097);
	assert_int_equal(send_request(IN, 0, 512), -1);
	assert_int_equal(fake_command(*state, "rate", NULL, 0), 0); /* none */
	assert_true(answers(*state));
	assert_int_equal(fake_command(*state, "rate", args, 2), 0);
	expect(IN, 0, 4096, OK, 4097);
	assert_int_equal(send_request(IN, 0, 512), -1);
	assert_int_equal(fake_command(*state, "rate", args + 1, 1), -EINVAL);
	assert_non_null(strstr(fake_host_message(*state), "a burst needs its rate"));
}

/* ---------------------------------------------------------------- system calls */

/* Those of the process for n reads that are shown at once, by the worker's threads: a read of
 * its post for each run, the file's, and a write for each interrupt. */
static unsigned calls_for(struct fake_host *f, unsigned n)
{
	const struct fake_segment s[] = {
	    {HEADER, 16, false}, {DATA, 4096, true}, {STATUS, 1, true}};
	const unsigned rises = fake_irq_rises(f, fake_driver_gsi(driver));
	const struct fake_ring *r = fake_driver_ring(driver, 0);
	uint32_t head, len;

	libc.moves = libc.syncs = 0;
	put_header(IN, 0);
	volt_put_le16(at(r->avail) + 4 + 2 * r->size, r->seen); /* used_event: the next one */
	for (unsigned i = 0; i < n; i++)
		assert_true(fake_driver_add(driver, 0, s, 3, FAKE_INDIRECT) >= 0);
	const unsigned runs = fake_driver_kick(driver, 0);

	for (unsigned i = 0; i < n; i++)
		assert_true(fake_driver_used(driver, 0, &head, &len));
	return runs + libc.moves + libc.syncs +
	       (fake_irq_rises(f, fake_driver_gsi(driver)) - rises);
}

static void a_request_alone_costs_three_system_calls(void **state)
{
	assert_true(fake_driver_start(driver, WRITABLE, 1, 64));
	assert_int_equal(calls_for(*state, 1), 3);
	assert_int_equal(calls_for(*state, 1), 3);
}

/* One for each request, and little more: posts and interrupts are shared. */
static void thirty_two_requests_share_posts_and_interrupts(void **state)
{
	assert_true(fake_driver_start(driver, WRITABLE, 1, 64));
	calls_for(*state, 1);
	assert_int_equal(calls_for(*state, 32), 32 + 2);
	assert_int_equal(libc.moves, 32);
}

int test_blocks(void)
{
#define WITH(s, name) cmocka_unit_test_setup_teardown(name, s, teardown)
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(mistakes_are_told),
	    WITH(setup_topology, topology_is_told_in_blocks),
	    WITH(setup_default, topology_of_the_host_is_the_default),
	    WITH(setup_queues, each_queue_has_a_worker),
	    WITH(setup_queues, queues_that_are_not_set_up_do_no_harm),
	    WITH(setup_direct, crooked_buffers_are_moved_by_a_straight_one),
	    WITH(setup_direct, straight_buffers_are_moved_as_they_are),
	    WITH(setup_direct, large_requests_take_several_rounds),
	    WITH(setup_direct, a_file_that_ends_in_a_round_ends_the_request),
	    WITH(setup_rate, requests_wait_for_the_rate),
	    WITH(setup_rate, zeroes_count_as_bytes),
	    WITH(setup_default, a_request_alone_costs_three_system_calls),
	    WITH(setup_default, thirty_two_requests_share_posts_and_interrupts),
	    WITH(setup_rate, rates_change_while_the_guest_runs),
	};
#undef WITH
	return cmocka_run_group_tests(tests, make_file, remove_file);
}
