/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* A driver as virtio 1.2, 5.5 wants it, and one that does not keep to it. */
#include <errno.h>
#include <setjmp.h>
#include <stdlib.h>
#include <string.h>

#include <volt/fake_driver.h>

/* After Volt's headers: it has a macro called fail. */
#include <cmocka.h>

#define RAM      0x100000u
#define RAM_SIZE 0x100000u
#define PAGES    (RAM + 0x80000u) /* what the tests give up */
#define LISTS    (RAM + 0x40000u)
#define PAGE     4096u
#define LIBRARY  (UINT64_C(3) << 28 | UINT64_C(1) << 32)
#define STATS    (UINT64_C(1) << 1)
#define OOM      (UINT64_C(1) << 2)
#define POISON   (UINT64_C(1) << 4)
#define REPORT   (UINT64_C(1) << 5)
#define ALL      (STATS | OOM | POISON | REPORT)
#define QUEUES   5

enum { INFLATE, DEFLATE, STATISTICS, LINUX_REPORTS, REPORTS };
enum { TARGET = FAKE_REG_CONFIG, ACTUAL = TARGET + 4, HINT = TARGET + 8, POISON_VAL = TARGET + 12 };

extern const struct volt_plugin volt_plugin_virtio_balloon;

static struct fake_driver *driver;

static struct fake_host *wire(const char *params)
{
	struct fake_host *f = fake_host_create(&volt_plugin_virtio_balloon);

	if (params && strstr(params, "pci"))
		fake_pci_offer(f);
	assert_int_equal(fake_host_wire(f, params), 0);
	assert_int_equal(fake_host_run(f), 0);
	return f;
}

static struct fake_host *begin(const char *params, uint64_t features)
{
	struct fake_host *f = wire(params);

	driver = fake_driver_create(f, RAM, RAM_SIZE);
	memset(fake_driver_at(driver, PAGES), 0x5a, 0x80000);
	assert_true(fake_driver_start(driver, LIBRARY | features, QUEUES, 64));
	return f;
}

static int setup(void **state)
{
	*state = begin(NULL, ALL);
	return 0;
}

static int setup_pci(void **state)
{
	*state = begin("transport=pci", ALL);
	return 0;
}

static int teardown(void **state)
{
	fake_driver_destroy(driver);
	fake_host_destroy(*state);
	return 0;
}

static uint8_t byte_at(uint64_t gpa)
{
	return *fake_driver_at(driver, gpa);
}

/* Gives the chain to queue q; did it come back? */
static bool send(unsigned q, const struct fake_segment *s, unsigned n)
{
	uint32_t head, len;

	assert_true(fake_driver_add(driver, q, s, n, FAKE_DIRECT) >= 0);
	fake_driver_kick(driver, q);
	if (!fake_driver_used(driver, q, &head, &len))
		return false;
	assert_int_equal(len, 0);
	return true;
}

static bool send_pages(unsigned q, const uint32_t *pfns, unsigned n)
{
	const struct fake_segment s = {LISTS, n * 4, false};

	for (unsigned i = 0; i < n; i++)
		volt_put_le32(fake_driver_at(driver, LISTS + 4ull * i), pfns[i]);
	return send(q, &s, 1);
}

static void it_is_a_balloon(void **state)
{
	assert_int_equal(fake_driver_get(driver, FAKE_REG_DEVICE_ID), 5);
	assert_int_equal(fake_driver_offered(driver), LIBRARY | ALL);
}

static void deflating_on_oom_is_the_operators_choice(void **state)
{
	struct fake_host *f = wire("deflate-on-oom=off");
	struct fake_driver *d = fake_driver_create(f, RAM, RAM_SIZE);

	assert_int_equal(fake_driver_offered(d), LIBRARY | (ALL & ~OOM));
	fake_driver_destroy(d);
	fake_host_destroy(f);
}

/* -------------------------------------------------------------------- pages */

static void inflated_pages_go_back(void **state)
{
	static const uint32_t pfns[] = {PAGES / PAGE, PAGES / PAGE + 1, PAGES / PAGE + 7};

	assert_true(send_pages(INFLATE, pfns, 3));
	assert_int_equal(byte_at(PAGES), 0);
	assert_int_equal(byte_at(PAGES + 2 * PAGE - 1), 0);
	assert_int_equal(byte_at(PAGES + 2 * PAGE), 0x5a);
	assert_int_equal(byte_at(PAGES + 7 * PAGE - 1), 0x5a);
	assert_int_equal(byte_at(PAGES + 7 * PAGE), 0);
	assert_int_equal(fake_discarded(*state), 3 * PAGE);
	assert_int_equal(fake_counter(*state, "inflated"), 3);
	assert_int_equal(fake_counter(*state, "given_back"), 3 * PAGE);
}

static void pages_in_any_order_and_twice_go_back(void **state)
{
	static const uint32_t order[] = {5, 4, 3, 9, 10, 11, 3, 3, 0, 20, 19};
	uint32_t pfns[11];

	for (unsigned i = 0; i < 11; i++)
		pfns[i] = PAGES / PAGE + order[i];
	assert_true(send_pages(INFLATE, pfns, 11));
	for (unsigned page = 0; page < 32; page++) {
		bool given = false;

		for (unsigned i = 0; i < 11; i++)
			given |= order[i] == page;
		assert_int_equal(byte_at(PAGES + (uint64_t)page * PAGE), given ? 0 : 0x5a);
	}
}

/* H02: beyond RAM, and where a number times 4096 does not fit 32 bits. */
static void pages_that_are_no_memory_are_counted(void **state)
{
	static const uint32_t pfns[] = {0, 0xff, 0x200, 0xfffff, 0x100000, 0xffffffff};

	assert_true(send_pages(INFLATE, pfns, 6));
	assert_int_equal(fake_discarded(*state), 0);
	assert_int_equal(fake_counter(*state, "refused"), 6);
	assert_int_equal(fake_counter(*state, "broken"), 0);
}

static void a_list_in_pieces_and_with_an_odd_end_is_read(void **state)
{
	const struct fake_segment s[] = {
	    {LISTS, 3, false}, {LISTS + 3, 2, false}, {LISTS + 5, 6, false}};

	volt_put_le32(fake_driver_at(driver, LISTS), PAGES / PAGE);
	volt_put_le32(fake_driver_at(driver, LISTS + 4), PAGES / PAGE + 1);
	volt_put_le32(fake_driver_at(driver, LISTS + 8), PAGES / PAGE + 2);
	assert_true(send(INFLATE, s, 3));
	assert_int_equal(fake_counter(*state, "inflated"), 2);
	assert_int_equal(byte_at(PAGES + 2 * PAGE), 0x5a);
}

/* All of a ring's worth in the longest list that is looked at; the rest stays with the guest. */
static void a_list_without_end_is_cut(void **state)
{
	struct fake_segment s[64];

	memset(fake_driver_at(driver, LISTS), 0, 0x4000);
	for (unsigned i = 0; i < 64; i++)
		s[i] = (struct fake_segment){LISTS, 0x4000, false};
	assert_true(send(INFLATE, s, 64));
	assert_int_equal(fake_counter(*state, "inflated"), 65536);
}

static void deflated_pages_are_counted(void **state)
{
	static const uint32_t pfns[] = {PAGES / PAGE, 0xffffffff};

	assert_true(send_pages(DEFLATE, pfns, 2));
	assert_int_equal(fake_counter(*state, "deflated"), 2);
	assert_int_equal(fake_discarded(*state), 0);
}

static void pages_that_the_host_keeps_are_as_they_were(void **state)
{
	static const uint32_t pfns[] = {PAGES / PAGE};

	fake_discard_keeps(*state, true);
	assert_true(send_pages(INFLATE, pfns, 1));
	assert_int_equal(byte_at(PAGES), 0x5a);
	assert_int_equal(fake_counter(*state, "given_back"), 0);
}

/* The page of a request in flight, and of the rings: nothing but the guest comes to harm. */
static void a_driver_may_give_up_its_own_rings(void **state)
{
	static const uint32_t pfns[] = {LISTS / PAGE, RAM / PAGE, RAM / PAGE + 1, RAM / PAGE + 2};

	send_pages(INFLATE, pfns, 4);
	assert_int_equal(byte_at(LISTS), 0);
	fake_driver_free_all(driver);
	assert_true(fake_driver_start(driver, LIBRARY | ALL, QUEUES, 64));
	assert_true(send_pages(INFLATE, pfns, 1));
}

/* ------------------------------------------------------------------- reports */

static void report_by(struct fake_host *f, unsigned q)
{
	const struct fake_segment s[] = {
	    {PAGES, 4 * PAGE, true}, {PAGES + 16 * PAGE + 1, 3 * PAGE - 2, true}};
	const uint64_t before = fake_discarded(f);

	memset(fake_driver_at(driver, PAGES), 0x5a, 0x80000);
	assert_true(send(q, s, 2));
	assert_int_equal(byte_at(PAGES), 0);
	assert_int_equal(byte_at(PAGES + 4 * PAGE - 1), 0);
	assert_int_equal(byte_at(PAGES + 4 * PAGE), 0x5a);
	/* Whole pages only: those at the edges belong to somebody. */
	assert_int_equal(byte_at(PAGES + 17 * PAGE - 1), 0x5a);
	assert_int_equal(byte_at(PAGES + 17 * PAGE), 0);
	assert_int_equal(byte_at(PAGES + 18 * PAGE - 1), 0);
	assert_int_equal(byte_at(PAGES + 18 * PAGE), 0x5a);
	assert_int_equal(fake_discarded(f) - before, 5 * PAGE);
}

/* 5.5.2 has them in queue 4; Linux before 6.11 in the one after those that it uses. */
static void reported_pages_go_back(void **state)
{
	report_by(*state, REPORTS);
	report_by(*state, LINUX_REPORTS);
	report_by(*state, STATISTICS);
	assert_int_equal(fake_counter(*state, "reported"), 15 * PAGE);
}

static void reports_that_were_not_agreed_to_do_nothing(void **state)
{
	const struct fake_segment s = {PAGES, 4 * PAGE, true};

	fake_driver_free_all(driver);
	assert_true(fake_driver_start(driver, LIBRARY | STATS, QUEUES, 64));
	assert_true(send(REPORTS, &s, 1));
	assert_int_equal(byte_at(PAGES), 0x5a);
}

/* 5.5.6.7.2: with PAGE_POISON a page must not become anything but the poison. */
static void poisoned_pages_stay_as_they_are(void **state)
{
	const struct fake_segment s = {PAGES, 4 * PAGE, true};

	fake_driver_set(driver, POISON_VAL, 0xaaaaaaaa);
	assert_true(send(REPORTS, &s, 1));
	assert_int_equal(byte_at(PAGES), 0x5a);
	fake_driver_set(driver, POISON_VAL, 0);
	assert_true(send(REPORTS, &s, 1));
	assert_int_equal(byte_at(PAGES), 0);
}

static void a_poison_that_was_not_agreed_to_means_nothing(void **state)
{
	const struct fake_segment s = {PAGES, PAGE, true};

	fake_driver_free_all(driver);
	assert_true(fake_driver_start(driver, LIBRARY | REPORT, QUEUES, 64));
	fake_driver_set(driver, POISON_VAL, 0xaaaaaaaa);
	assert_true(send(REPORTS, &s, 1));
	assert_int_equal(byte_at(PAGES), 0);
}

/* ------------------------------------------------------------- configuration */

static int target(struct fake_host *f, const char *size)
{
	const struct volt_call_arg arg = {"size", size};

	return fake_command(f, "target", &arg, 1);
}

static void a_target_is_told_to_the_driver(void **state)
{
	const unsigned interrupts = fake_driver_interrupts(driver);
	const uint32_t generation = fake_driver_get(driver, FAKE_REG_GENERATION);

	assert_int_equal(fake_driver_get(driver, TARGET), 0);
	assert_int_equal(target(*state, "64M"), 0);
	assert_int_equal(fake_driver_get(driver, TARGET), 16384);
	assert_int_equal(fake_driver_interrupts(driver), interrupts + 1);
	assert_int_not_equal(fake_driver_get(driver, FAKE_REG_GENERATION), generation);
	assert_int_equal(target(*state, "17592186040320K"), -EINVAL);
	assert_int_equal(target(*state, "0"), 0);
	assert_int_equal(fake_driver_get(driver, TARGET), 0);
}

static void the_driver_writes_its_own_members_alone(void **state)
{
	target(*state, "1M");
	fake_driver_set(driver, TARGET, 0xffffffff);
	fake_driver_set(driver, HINT, 0xffffffff);
	fake_driver_set(driver, ACTUAL, 0xffffffff);
	assert_int_equal(fake_driver_get(driver, TARGET), 256);
	assert_int_equal(fake_driver_get(driver, HINT), 0);
	assert_int_equal(fake_driver_get(driver, ACTUAL), 0xffffffff);
	/* H03: more than there is. */
	assert_int_equal(fake_command(*state, "stats", NULL, 0), 0);
	assert_non_null(strstr(fake_command_results(*state), "actual=17592186040320\n"));
}

static void a_reset_empties_the_balloon_and_keeps_the_target(void **state)
{
	target(*state, "1M");
	fake_driver_set(driver, ACTUAL, 200);
	fake_driver_reset(driver);
	assert_int_equal(fake_driver_get(driver, TARGET), 256);
	assert_int_equal(fake_driver_get(driver, ACTUAL), 0);
}

/* ---------------------------------------------------------------- statistics */

static struct fake_segment stats_of(uint64_t at, const uint16_t *tags, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		volt_put_le16(fake_driver_at(driver, at + 10ull * i), tags[i]);
		volt_put_le64(fake_driver_at(driver, at + 10ull * i + 2), 1000u + tags[i]);
	}
	return (struct fake_segment){at, n * 10, false};
}

static bool says(struct fake_host *f, const char *line)
{
	assert_int_equal(fake_command(f, "stats", NULL, 0), 0);
	return strstr(fake_command_results(f), line);
}

/* 5.5.6.3: the buffer stays with the device until it wants another. */
static void statistics_are_kept_until_somebody_asks(void **state)
{
	static const uint16_t tags[] = {4, 5, 9, 10, 0xffff};
	const struct fake_segment s = stats_of(LISTS, tags, 5);
	uint32_t head, len;

	assert_false(says(*state, "age-ms"));
	fake_run_workers(*state);
	assert_false(send(STATISTICS, &s, 1));
	fake_advance(*state, 5000000);
	assert_true(says(*state, "free=1004\ntotal=1005\nhuge-failures=1009\n"));
	assert_true(says(*state, "age-ms=5\n"));
	assert_false(says(*state, "swap-in"));
	fake_run_workers(*state);
	assert_true(fake_driver_used(driver, STATISTICS, &head, &len));
	assert_int_equal(len, 0);
	assert_false(send(STATISTICS, &s, 1));
	assert_true(says(*state, "age-ms=0\n"));
}

static void a_second_buffer_waits_for_the_next_question(void **state)
{
	static const uint16_t first[] = {4}, second[] = {6};
	const struct fake_segment s[] = {
	    stats_of(LISTS, first, 1), stats_of(LISTS + 64, second, 1)};

	assert_false(send(STATISTICS, &s[0], 1));
	assert_false(send(STATISTICS, &s[1], 1));
	assert_false(says(*state, "available"));
	fake_run_workers(*state);
	assert_true(says(*state, "available=1006\n"));
}

/* H03: a length that is no number of entries, and more than anybody needs. */
static void statistics_are_bounded(void **state)
{
	struct fake_segment s[64];

	memset(fake_driver_at(driver, LISTS), 0, 0x40000);
	for (unsigned i = 0; i < 64; i++)
		s[i] = (struct fake_segment){LISTS, 0x3fff7, false};
	assert_false(send(STATISTICS, s, 64));
	assert_true(says(*state, "swap-in=0\n"));
	assert_false(says(*state, "total"));
}

static void a_reset_forgets_statistics(void **state)
{
	static const uint16_t tags[] = {4};
	const struct fake_segment s = stats_of(LISTS, tags, 1);

	assert_false(send(STATISTICS, &s, 1));
	assert_true(says(*state, "free"));
	fake_driver_reset(driver);
	assert_false(says(*state, "free"));
}

/* -------------------------------------------------------------------- state */

static void a_restored_balloon_goes_on(void **state)
{
	static const uint32_t pfns[] = {PAGES / PAGE};
	static const uint16_t tags[] = {4};
	const struct fake_segment s = stats_of(LISTS + 0x1000, tags, 1);
	size_t n;

	target(*state, "1M");
	fake_driver_set(driver, ACTUAL, 200);
	assert_false(send(STATISTICS, &s, 1));
	const uint8_t *saved = fake_state_save(*state, &n);
	fake_driver_set(driver, ACTUAL, 100);
	assert_int_equal(fake_state_load(*state, saved, n), 0);
	assert_int_equal(fake_driver_get(driver, TARGET), 256);
	assert_int_equal(fake_driver_get(driver, ACTUAL), 200);
	assert_true(send_pages(INFLATE, pfns, 1));
	/* The buffer that waits is read again. */
	fake_driver_kick(driver, STATISTICS);
	assert_true(says(*state, "free=1004\n"));
}

static void init_needs_what_gives_memory_back(void **state)
{
	static const char *const needed[] = {VOLT_EXT_DISCARD, VOLT_EXT_LOOP};

	for (unsigned i = 0; i < 2; i++) {
		struct fake_host *f = fake_host_create(&volt_plugin_virtio_balloon);

		fake_host_hide_ext(f, needed[i]);
		assert_int_equal(fake_host_wire(f, NULL), -ENOTSUP);
		assert_non_null(strstr(fake_host_message(f), needed[i]));
		fake_host_destroy(f);
	}
}

int main(void)
{
#define T(name) \
	cmocka_unit_test_setup_teardown(name, setup, teardown), \
	{ \
#name " (PCI)", name, setup_pci, teardown, NULL \
	}
	const struct CMUnitTest tests[] = {
	    T(it_is_a_balloon),
	    T(inflated_pages_go_back),
	    T(pages_in_any_order_and_twice_go_back),
	    T(pages_that_are_no_memory_are_counted),
	    T(a_list_in_pieces_and_with_an_odd_end_is_read),
	    T(a_list_without_end_is_cut),
	    T(deflated_pages_are_counted),
	    T(pages_that_the_host_keeps_are_as_they_were),
	    T(a_driver_may_give_up_its_own_rings),
	    T(reported_pages_go_back),
	    T(reports_that_were_not_agreed_to_do_nothing),
	    T(poisoned_pages_stay_as_they_are),
	    T(a_poison_that_was_not_agreed_to_means_nothing),
	    T(a_target_is_told_to_the_driver),
	    T(the_driver_writes_its_own_members_alone),
	    T(a_reset_empties_the_balloon_and_keeps_the_target),
	    T(statistics_are_kept_until_somebody_asks),
	    T(a_second_buffer_waits_for_the_next_question),
	    T(statistics_are_bounded),
	    T(a_reset_forgets_statistics),
	    T(a_restored_balloon_goes_on),
	    cmocka_unit_test(deflating_on_oom_is_the_operators_choice),
	    cmocka_unit_test(init_needs_what_gives_memory_back),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
