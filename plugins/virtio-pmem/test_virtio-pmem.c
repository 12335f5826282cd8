/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* A driver as virtio 1.2, 5.19 wants it, and one that does not keep to it. */
#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <volt/fake_driver.h>

/* After Volt's headers: it has a macro called fail. */
#include <cmocka.h>

#define RAM      0x100000u
#define RAM_SIZE 0x10000u
#define REQUEST  (RAM + 0x8000u)
#define ANSWER   (RAM + 0x9000u)
#define LIBRARY  (UINT64_C(3) << 28 | UINT64_C(1) << 32)
#define BYTES    (4u << 20)
#define RING     64

enum { START = FAKE_REG_CONFIG, SIZE = START + 8 };

extern const struct volt_plugin volt_plugin_virtio_pmem;

static struct fake_driver *driver;
static char path[32];
static int file = -1;

/* What fdatasync() was asked, and what it says. */
static struct {
	unsigned calls, interrupts;
	int err;
} sync_of;

int fdatasync(int fd)
{
	sync_of.calls++;
	errno = sync_of.interrupts ? EINTR : sync_of.err;
	if (!sync_of.interrupts)
		return sync_of.err ? -1 : 0;
	sync_of.interrupts--;
	return -1;
}

static void make_file(off_t bytes)
{
	snprintf(path, sizeof(path), "/tmp/volt-pmem-XXXXXX");
	file = mkstemp(path);
	assert_true(file >= 0);
	assert_int_equal(ftruncate(file, bytes), 0);
	assert_int_equal(pwrite(file, "first", 5, 0), 5);
	assert_int_equal(pwrite(file, "last", 4, bytes - 4), 4);
}

static void remove_file(void)
{
	close(file);
	unlink(path);
}

static struct fake_host *create(const char *more, int *err)
{
	struct fake_host *f = fake_host_create(&volt_plugin_virtio_pmem);
	char params[96];

	if (strstr(more, "pci"))
		fake_pci_offer(f);
	snprintf(params, sizeof(params), "file=%s%s", path, more);
	*err = fake_host_wire(f, params);
	return f;
}

static struct fake_host *begin(const char *more, off_t bytes)
{
	int err;

	make_file(bytes);
	struct fake_host *f = create(more, &err);
	assert_int_equal(err, 0);
	assert_int_equal(fake_host_run(f), 0);
	driver = fake_driver_create(f, RAM, RAM_SIZE);
	assert_true(fake_driver_start(driver, LIBRARY, 1, RING));
	memset(&sync_of, 0, sizeof(sync_of));
	return f;
}

static void end(struct fake_host *f)
{
	fake_driver_destroy(driver);
	fake_host_destroy(f);
	remove_file();
}

static int setup(void **state)
{
	*state = begin("", BYTES);
	return 0;
}

static int setup_pci(void **state)
{
	*state = begin(",transport=pci", BYTES);
	return 0;
}

static int setup_readonly(void **state)
{
	*state = begin(",readonly=on", BYTES);
	return 0;
}

static int setup_private(void **state)
{
	*state = begin(",private=on", BYTES);
	return 0;
}

static int teardown(void **state)
{
	end(*state);
	return 0;
}

static uint64_t config64(uint32_t reg)
{
	return fake_driver_get(driver, reg) | (uint64_t)fake_driver_get(driver, reg + 4) << 32;
}

static uint8_t *memory(struct fake_host *f, uint64_t off)
{
	return fake_region_at(f, config64(START) + off, NULL);
}

/* Sends the chain; the bytes that the device says it has written, or -1: it did not come back. */
static int64_t send(const struct fake_segment *s, unsigned n)
{
	uint32_t head, len;

	memset(fake_driver_at(driver, ANSWER), 0x5a, 64);
	assert_true(fake_driver_add(driver, 0, s, n, FAKE_DIRECT) >= 0);
	fake_driver_kick(driver, 0);
	return fake_driver_used(driver, 0, &head, &len) ? (int64_t)len : -1;
}

static uint32_t ask(uint32_t type)
{
	static const struct fake_segment s[] = {{REQUEST, 4, false}, {ANSWER, 4, true}};

	volt_put_le32(fake_driver_at(driver, REQUEST), type);
	assert_int_equal(send(s, 2), 4);
	return volt_le32(fake_driver_at(driver, ANSWER));
}

static void it_is_persistent_memory(void **state)
{
	uint64_t left;

	assert_int_equal(fake_driver_get(driver, FAKE_REG_DEVICE_ID), 27);
	assert_int_equal(fake_driver_offered(driver), LIBRARY);
	assert_int_equal(config64(START) % VOLT_REGION_ALIGN, 0);
	assert_int_equal(config64(SIZE), BYTES);
	assert_non_null(fake_region_at(*state, config64(START), &left));
	assert_int_equal(left, BYTES);
	assert_memory_equal(memory(*state, 0), "first", 5);
	assert_memory_equal(memory(*state, BYTES - 4), "last", 4);
}

static void the_configuration_is_only_read(void **state)
{
	const uint64_t start = config64(START);

	for (uint32_t reg = START; reg < START + 16; reg += 4)
		fake_driver_set(driver, reg, 0xffffffff);
	assert_int_equal(config64(START), start);
	assert_int_equal(config64(SIZE), BYTES);
	assert_int_equal(fake_driver_get(driver, START + 16), 0);
}

/* ------------------------------------------------------------------- flushes */

static void a_flush_syncs_the_file(void **state)
{
	assert_int_equal(ask(0), 0);
	assert_int_equal(sync_of.calls, 1);
	assert_int_equal(fake_counter(*state, "flushes"), 1);
	assert_int_equal(fake_counter(*state, "failed"), 0);
}

static void what_the_guest_wrote_is_the_files(void **state)
{
	char got[4];

	memcpy(memory(*state, 0x1ffffe), "both", 4);
	assert_int_equal(ask(0), 0);
	assert_int_equal(pread(file, got, 4, 0x1ffffe), 4);
	assert_memory_equal(got, "both", 4);
}

static void a_flush_that_fails_is_told(void **state)
{
	sync_of.err = EIO;
	assert_int_equal(ask(0), 1);
	assert_int_equal(fake_counter(*state, "failed"), 1);
	sync_of.err = 0;
	assert_int_equal(ask(0), 0);
}

static void a_flush_goes_on_after_a_signal(void **state)
{
	sync_of.interrupts = 3;
	assert_int_equal(ask(0), 0);
	assert_int_equal(sync_of.calls, 4);
}

static void a_ring_full_of_flushes_is_answered(void **state)
{
	static const struct fake_segment s[] = {{REQUEST, 4, false}, {ANSWER, 4, true}};
	uint32_t head, len;

	volt_put_le32(fake_driver_at(driver, REQUEST), 0);
	for (unsigned i = 0; i < RING / 2; i++)
		assert_true(fake_driver_add(driver, 0, s, 2, FAKE_DIRECT) >= 0);
	fake_driver_kick(driver, 0);
	for (unsigned i = 0; i < RING / 2; i++)
		assert_true(fake_driver_used(driver, 0, &head, &len));
	assert_int_equal(fake_counter(*state, "flushes"), RING / 2);
}

/* ------------------------------------------------------------ hostile drivers */

static void an_unknown_type_fails(void **state)
{
	static const uint32_t types[] = {1, 2, 0x80000000, 0xffffffff, 0x100};

	for (unsigned i = 0; i < 5; i++)
		assert_int_equal(ask(types[i]), 1);
	assert_int_equal(sync_of.calls, 0);
	assert_int_equal(fake_counter(*state, "refused"), 5);
}

/* D08, D10: nothing to read, nothing to write, too little of either. */
static void a_malformed_request_comes_back_untouched(void **state)
{
	static const struct fake_segment only_out = {REQUEST, 4, false},
					 only_in = {ANSWER, 4, true};
	static const struct fake_segment short_out[] = {{REQUEST, 3, false}, {ANSWER, 4, true}};
	static const struct fake_segment short_in[] = {{REQUEST, 4, false}, {ANSWER, 3, true}};
	static const struct fake_segment empty[] = {{REQUEST, 0, false}, {ANSWER, 0, true}};

	volt_put_le32(fake_driver_at(driver, REQUEST), 0);
	assert_int_equal(send(&only_out, 1), 0);
	assert_int_equal(send(&only_in, 1), 0);
	assert_int_equal(send(short_out, 2), 0);
	assert_int_equal(send(short_in, 2), 0);
	assert_int_equal(send(empty, 2), 0);
	assert_int_equal(*fake_driver_at(driver, ANSWER), 0x5a);
	assert_int_equal(sync_of.calls, 0);
	assert_int_equal(fake_counter(*state, "refused"), 5);
	assert_int_equal(fake_counter(*state, "broken"), 0);
}

static void a_request_in_pieces_and_a_long_one_are_read(void **state)
{
	const struct fake_segment pieces[] = {{REQUEST, 1, false}, {REQUEST + 1, 3, false},
	    {ANSWER, 2, true}, {ANSWER + 32, 1, true}, {ANSWER + 48, 64, true}};
	const struct fake_segment wide[] = {{REQUEST, 0x1000, false}, {ANSWER, 0x1000, true}};

	memset(fake_driver_at(driver, REQUEST), 0, 0x1000);
	assert_int_equal(send(pieces, 5), 4);
	assert_int_equal(volt_le16(fake_driver_at(driver, ANSWER)), 0);
	assert_int_equal(*fake_driver_at(driver, ANSWER + 32), 0);
	assert_int_equal(*fake_driver_at(driver, ANSWER + 48), 0);
	assert_int_equal(*fake_driver_at(driver, ANSWER + 49), 0x5a);
	assert_int_equal(send(wide, 2), 4);
	assert_int_equal(*fake_driver_at(driver, ANSWER + 4), 0x5a);
	assert_int_equal(fake_counter(*state, "flushes"), 2);
}

static void start_anew(void)
{
	fake_driver_free_all(driver);
	assert_true(fake_driver_start(driver, LIBRARY, 1, RING));
	assert_int_equal(ask(0), 0);
}

/* A longer chain than a request can use ends the queue. */
static void a_chain_without_end_breaks_the_queue(void **state)
{
	struct fake_segment s[16];

	for (unsigned i = 0; i < 16; i++)
		s[i] = (struct fake_segment){REQUEST + i, 1, false};
	assert_int_equal(send(s, 16), -1);
	assert_int_equal(fake_counter(*state, "broken"), 1);
	start_anew();
}

/* The file may shrink, and volt must not touch what is gone. */
/* HOLDS(security) */
static void buffers_in_its_own_memory_are_refused(void **state)
{
	const uint64_t start = config64(START);
	const struct fake_segment out[] = {{start, 4, false}, {ANSWER, 4, true}};
	const struct fake_segment in[] = {{REQUEST, 4, false}, {start, 4, true}};

	assert_int_equal(send(out, 2), -1);
	start_anew();
	assert_int_equal(send(in, 2), -1);
	assert_memory_equal(memory(*state, 0), "first", 5);
	start_anew();
	const struct fake_ring ring = *fake_driver_ring(driver, 0);
	fake_driver_reset(driver);
	assert_true(fake_driver_negotiate(driver, LIBRARY));
	*fake_driver_ring(driver, 0) = ring;
	fake_driver_ring(driver, 0)->desc = start;
	assert_false(fake_driver_tell_queue(driver, 0));
	start_anew();
	assert_int_equal(fake_counter(*state, "broken"), 2);
}

/* D19: what was asked before a reset is not answered after it. */
static void a_reset_forgets_requests(void **state)
{
	static const struct fake_segment s[] = {{REQUEST, 4, false}, {ANSWER, 4, true}};

	memset(fake_driver_at(driver, ANSWER), 0x5a, 4);
	for (unsigned i = 0; i < 8; i++)
		fake_driver_add(driver, 0, s, 2, FAKE_DIRECT);
	fake_driver_reset(driver);
	fake_run_workers(*state);
	assert_int_equal(*fake_driver_at(driver, ANSWER), 0x5a);
	assert_int_equal(fake_counter(*state, "flushes"), 0);
	start_anew();
}

/* ------------------------------------------------------------------- the file */

static void only_read_a_write_is_dropped_and_counted(void **state)
{
	fake_write(*state, VOLT_SPACE_MMIO, config64(START) + 8, 8, 1);
	fake_write(*state, VOLT_SPACE_MMIO, config64(START) + BYTES - 1, 1, 1);
	assert_int_equal(fake_counter(*state, "dropped"), 2);
	assert_memory_equal(memory(*state, BYTES - 4), "last", 4);
	assert_int_equal(ask(0), 0);
	assert_int_equal(sync_of.calls, 0);
}

static void private_writes_are_not_the_files(void **state)
{
	char got[5];

	memcpy(memory(*state, 0), "FIRST", 5);
	assert_int_equal(ask(0), 0);
	assert_int_equal(sync_of.calls, 0);
	assert_int_equal(pread(file, got, 5, 0), 5);
	assert_memory_equal(got, "first", 5);
	assert_memory_equal(memory(*state, 0), "FIRST", 5);
}

static void a_file_that_is_not_written_may_have_any_size(void **state)
{
	static const char *const how[] = {",readonly=on", ",private=on"};
	uint64_t left;

	for (unsigned i = 0; i < 2; i++) {
		struct fake_host *f = begin(how[i], (2 << 20) + 5000);

		assert_int_equal(config64(SIZE), BYTES);
		fake_region_at(f, config64(START), &left);
		assert_int_equal(left, BYTES);
		assert_memory_equal(memory(f, (2 << 20) + 4996), "last\0", 5);
		assert_int_equal(*memory(f, BYTES - 1), 0);
		end(f);
	}
}

static void refuse(off_t bytes, const char *more, const char *says)
{
	int err;

	make_file(bytes);
	if (bytes < 8)
		assert_int_equal(ftruncate(file, 0), 0);
	struct fake_host *f = create(more, &err);

	assert_int_equal(err, -EINVAL);
	assert_non_null(strstr(fake_host_message(f), says));
	fake_host_destroy(f);
	remove_file();
}

static void a_file_that_cannot_be_mapped_whole_is_refused(void **state)
{
	refuse(4, "", "it is empty");
	refuse(4, ",readonly=on", "it is empty");
	refuse((2 << 20) + 4096, "", "truncate -s %2M");
	refuse(4096, "", "not a multiple of 2M");
	refuse(BYTES, ",readonly=on,private=on", "exclude each other");
}

static void init_needs_regions(void **state)
{
	struct fake_host *f = fake_host_create(&volt_plugin_virtio_pmem);
	char params[64];

	make_file(BYTES);
	snprintf(params, sizeof(params), "file=%s", path);
	fake_host_hide_ext(f, VOLT_EXT_REGION);
	assert_int_equal(fake_host_wire(f, params), -ENOTSUP);
	assert_non_null(strstr(fake_host_message(f), VOLT_EXT_REGION));
	fake_host_destroy(f);
	remove_file();
}

/* --------------------------------------------------------------------- state */

/* A snapshot is of the guest's memory, and a file that is older would not fit it. */
static void a_pause_syncs_the_file(void **state)
{
	size_t n;

	const uint8_t *saved = fake_state_save(*state, &n);
	assert_non_null(saved);
	assert_int_not_equal(sync_of.calls, 0);
	assert_int_equal(ask(0), 0);
	assert_int_equal(fake_state_load(*state, saved, n), 0);
	fake_driver_ring(driver, 0)->next--;
	fake_driver_ring(driver, 0)->seen--;
	assert_int_equal(ask(0), 0);
}

int main(void)
{
#define T(name) \
	cmocka_unit_test_setup_teardown(name, setup, teardown), \
	{ \
#name " (PCI)", name, setup_pci, teardown, NULL \
	}
	const struct CMUnitTest tests[] = {
	    T(it_is_persistent_memory),
	    T(the_configuration_is_only_read),
	    T(a_flush_syncs_the_file),
	    T(what_the_guest_wrote_is_the_files),
	    T(a_flush_that_fails_is_told),
	    T(a_flush_goes_on_after_a_signal),
	    T(a_ring_full_of_flushes_is_answered),
	    T(an_unknown_type_fails),
	    T(a_malformed_request_comes_back_untouched),
	    T(a_request_in_pieces_and_a_long_one_are_read),
	    T(a_chain_without_end_breaks_the_queue),
	    T(buffers_in_its_own_memory_are_refused),
	    T(a_reset_forgets_requests),
	    T(a_pause_syncs_the_file),
	    cmocka_unit_test_setup_teardown(
		only_read_a_write_is_dropped_and_counted, setup_readonly, teardown),
	    cmocka_unit_test_setup_teardown(
		private_writes_are_not_the_files, setup_private, teardown),
	    cmocka_unit_test(a_file_that_is_not_written_may_have_any_size),
	    cmocka_unit_test(a_file_that_cannot_be_mapped_whole_is_refused),
	    cmocka_unit_test(init_needs_regions),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
