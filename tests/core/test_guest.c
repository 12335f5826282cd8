/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Doorbells and messages; the test stands in for KVM. */
#include "tests/core/kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <errno.h>
#include <linux/kvm.h>
#include <pthread.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define ADDRESS 0xfee00000ull

static struct machine *m;
static struct callee one, two;
static struct bus_stats stats;
static char why[200];

static struct {
	struct kvm_ioeventfd doorbells[4];
	unsigned doorbell_count, irqfd_count, table_count, signal_count;
	struct kvm_msi signalled;
	int signal_errno; /* what KVM_SIGNAL_MSI fails with; 0: it does not */
	bool refuse_doorbells;
	bool flips; /* only count what is sent */
} kvm;

int __wrap_ioctl(int fd, unsigned long request, void *arg);

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	switch (request) {
	case KVM_CHECK_EXTENSION:
		return 1;
	case KVM_IOEVENTFD:
		errno = ENOSPC;
		if (kvm.refuse_doorbells)
			return -1;
		kvm.doorbells[kvm.doorbell_count++] = *(const struct kvm_ioeventfd *)arg;
		break;
	case KVM_IRQFD:
		kvm.irqfd_count++;
		break;
	case KVM_SET_GSI_ROUTING:
		kvm.table_count++;
		break;
	case KVM_SIGNAL_MSI: /* also from two threads at once */
		__atomic_fetch_add(&kvm.signal_count, 1, __ATOMIC_RELAXED);
		if (kvm.flips)
			break;
		kvm.signalled = *(const struct kvm_msi *)arg;
		errno = kvm.signal_errno;
		return kvm.signal_errno != 0 ? -1 : 1;
	}
	return 0;
}

static unsigned rung, written;
static uint32_t rung_which;
static bool rung_locked;

static void on_rung(void *self, uint32_t doorbell)
{
	rung++;
	rung_which = doorbell;
	rung_locked = kit_locked(&one);
}

static void on_write(void *self, uint64_t off, uint32_t n, uint64_t val)
{
	written++;
}

static int setup(void **state)
{
	const struct volt_range r = {.size = sizeof(r),
	    .space = VOLT_SPACE_MMIO,
	    .sizes = VOLT_IO_4 | VOLT_IO_1,
	    .flags = VOLT_RANGE_SPLIT,
	    .base = 0xd0000000,
	    .len = 64,
	    .name = "doorbells",
	    .write = on_write};

	kit_log_start();
	m = kit_machine();
	memset(&kvm, 0, sizeof(kvm));
	rung = written = 0;
	kit_owner(&one, "one", NULL);
	kit_owner(&two, "two", NULL);
	assert_int_equal(bus_add_range(&m->bus, &one, &r, why, sizeof(why)), 0);
	m->irq.pins = IRQ_LINES;
	return 0;
}

static int teardown(void **state)
{
	kit_machine_finish(m);
	return 0;
}

static int add(struct callee *owner, uint64_t address, uint8_t width, uint8_t flags, uint64_t value)
{
	const struct volt_doorbell_at at = {.size = sizeof(at),
	    .space = VOLT_SPACE_MMIO,
	    .width = width,
	    .flags = flags,
	    .address = address,
	    .value = value,
	    .rung = on_rung};
	uint32_t number;

	return doorbell_add(&m->doorbells, owner, &at, NULL, &number, why, sizeof(why));
}

static void wire_doorbells(void)
{
	assert_int_equal(doorbells_wire(&m->doorbells), 0);
	assert_int_equal(bus_seal(&m->bus), 0);
}

static void put(uint64_t address, uint32_t n, uint64_t value)
{
	bus_write(&m->bus, VOLT_SPACE_MMIO, address, n, value, &stats);
}

static void a_doorbell_lies_in_a_range_of_its_owners(void **state)
{
	assert_int_equal(add(&two, 0xd0000000, 4, 0, 0), -ENXIO);
	assert_int_equal(add(&one, 0xd0000000, 2, 0, 0), -ENXIO); /* the range has no 2 */
	assert_int_equal(add(&one, 0xd000003d, 4, 0, 0), -ENXIO);
	assert_int_equal(add(&one, UINT64_MAX - 1, 4, 0, 0), -ENXIO);
	assert_int_equal(add(&one, 0xd000003c, 4, 0, 0), 0);
}

static void no_write_rings_two(void **state)
{
	assert_int_equal(add(&one, 0xd0000000, 4, VOLT_DOORBELL_MATCH, 1), 0);
	assert_int_equal(add(&one, 0xd0000000, 4, VOLT_DOORBELL_MATCH, 2), 0);
	assert_int_equal(add(&one, 0xd0000000, 1, 0, 0), 0);
	assert_int_equal(add(&one, 0xd0000000, 4, VOLT_DOORBELL_MATCH, 2), -EEXIST);
	assert_int_equal(add(&one, 0xd0000000, 4, 0, 0), -EEXIST);
	assert_int_equal(add(&one, 0xd0000000, 1, VOLT_DOORBELL_MATCH, 2), -EEXIST);
	assert_int_equal(add(&one, 0xd0000004, 4, VOLT_DOORBELL_MATCH, 1ull << 32), -EINVAL);
	assert_int_equal(add(&one, 0xd0000004, 4, 0, 1), -EINVAL);
	assert_int_equal(add(&one, 0xd0000004, 4, 8, 0), -EOPNOTSUPP);
	assert_int_equal(
	    add(&one, 0xd0000004, 4, VOLT_DOORBELL_POST | VOLT_DOORBELL_EVENT, 0), -EINVAL);
	assert_int_equal(add(&one, 0xd0000004, 4, VOLT_DOORBELL_POST, 0), -EINVAL); /* whom? */
	assert_int_equal(add(&one, 0xd0000004, 3, 0, 0), -EINVAL);
}

static bool was_rung(void *arg)
{
	return rung > 0;
}

static void kvm_is_given_the_write_and_its_event_rings(void **state)
{
	assert_int_equal(add(&one, 0xd0000000, 4, 0, 0), 0);
	assert_int_equal(add(&one, 0xd0000004, 4, VOLT_DOORBELL_MATCH, 7), 0);
	wire_doorbells();
	assert_int_equal(kvm.doorbell_count, 2);
	assert_int_equal(kvm.doorbells[0].flags, 0);
	assert_int_equal(kvm.doorbells[1].flags, KVM_IOEVENTFD_FLAG_DATAMATCH);
	assert_int_equal(kvm.doorbells[1].addr, 0xd0000004);
	assert_int_equal(kvm.doorbells[1].len, 4);
	assert_int_equal(kvm.doorbells[1].datamatch, 7);
	eventfd_write(kvm.doorbells[1].fd, 1);
	assert_true(kit_run_until(m, was_rung, NULL, 2000));
	assert_int_equal(rung_which, 1);
	assert_true(rung_locked);
}

/* What KVM would not take, and pieces of what it does not match. */
static void the_exit_path_rings_as_kvm_does(void **state)
{
	kvm.refuse_doorbells = true;
	assert_int_equal(add(&one, 0xd0000000, 4, 0, 0), 0);
	assert_int_equal(add(&one, 0xd0000004, 4, VOLT_DOORBELL_MATCH, 7), 0);
	wire_doorbells();
	assert_int_equal(m->doorbells.rows[0].event_fd, -1);
	put(0xd0000004, 4, 8);
	put(0xd0000000, 1, 7);
	put(0xd0000008, 4, 7);
	assert_int_equal(written, 3);
	kit_run(m, 5);
	assert_int_equal(rung, 0);
	put(0xd0000004, 4, 7);
	put(0xd0000004, 4, 7);
	assert_int_equal(rung, 0);
	assert_true(kit_run_until(m, was_rung, NULL, 2000));
	assert_int_equal(rung, 1); /* once for both */
	assert_int_equal(rung_which, 1);
	put(0xd0000000, 8, 8ull << 32); /* in two pieces: a ring and a write */
	kit_run(m, 5);
	assert_int_equal(rung, 2);
	assert_int_equal(rung_which, 0);
	assert_int_equal(written, 4);
}

/* ---------------------------------------------------------------- messages */

static uint32_t wire_vectors(uint32_t count)
{
	uint32_t first;

	m->irq.msi.user = &one;
	assert_int_equal(msi_alloc(&m->irq.msi, &one, count, &first), 0);
	assert_int_equal(irq_wire(&m->irq), 0);
	return first;
}

static void vectors_have_one_owner(void **state)
{
	uint32_t first;

	assert_int_equal(msi_alloc(&m->irq.msi, &one, 0, &first), -EINVAL);
	wire_vectors(3);
	assert_int_equal(msi_set(&m->irq.msi, &two, 0, ADDRESS, 0x41), -EINVAL);
	assert_int_equal(msi_set(&m->irq.msi, &one, 3, ADDRESS, 0x41), -EINVAL);
	assert_int_equal(msi_alloc(&m->irq.msi, &one, MSI_MAX - 2, &first), -ENOSPC);
	assert_int_equal(msi_set(&m->irq.msi, &one, 2, ADDRESS, 0x41), 0);
	msi_fire(&m->irq.msi, &two, 2);
	assert_int_equal(kvm.signal_count, 0);
	msi_fire(&m->irq.msi, &one, 2);
	assert_int_equal(kvm.signal_count, 1);
}

static void what_no_apic_takes_is_no_message(void **state)
{
	static const struct {
		uint64_t address;
		uint32_t data;
	} bad[] = {{0xfed00000, 0x41}, {0xfef00000, 0x41}, {0x1fee00000, 0x41}, {ADDRESS, 0x0f},
	    {ADDRESS, 0x241}, {ADDRESS, 0x341}, {ADDRESS, 0x641}, {ADDRESS, 0x741}};

	wire_vectors(1);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		assert_int_equal(
		    msi_set(&m->irq.msi, &one, 0, bad[i].address, bad[i].data), -EINVAL);
		assert_int_equal(msi_inject(&m->irq.msi, bad[i].address, bad[i].data), -EINVAL);
	}
}

static void signalled_is(unsigned count, uint32_t address, uint32_t data)
{
	assert_int_equal(kvm.signal_count, count);
	assert_int_equal(kvm.signalled.address_lo, address);
	assert_int_equal(kvm.signalled.address_hi, 0);
	assert_int_equal(kvm.signalled.data, data);
}

/* So no waiting fire can be overtaken by a newer message or by a mask. */
static void a_fire_is_sent_as_the_vector_is_before_it_returns(void **state)
{
	wire_vectors(2);
	assert_int_equal(msi_set(&m->irq.msi, &one, 1, ADDRESS | 0xff000, 0xffff4041), 0);
	assert_int_equal(kvm.signal_count, 0);
	msi_fire(&m->irq.msi, &one, 1);
	signalled_is(1, ADDRESS | 0xff000, 0xffff4041);
	assert_int_equal(msi_set(&m->irq.msi, &one, 1, ADDRESS, 0x42), 0);
	msi_fire(&m->irq.msi, &one, 1);
	signalled_is(2, ADDRESS, 0x42);
	assert_int_equal(msi_set(&m->irq.msi, &one, 1, 0, 0), 0);
	assert_int_equal(kvm.signal_count, 2);
	assert_int_equal(kvm.table_count + kvm.irqfd_count, 0);
}

static void a_fire_under_the_mask_is_remembered_once(void **state)
{
	wire_vectors(2);
	msi_fire(&m->irq.msi, &one, 1); /* nothing is set yet */
	msi_fire(&m->irq.msi, &one, 1);
	assert_int_equal(kvm.signal_count, 0);
	assert_true(msi_pending(&m->irq.msi, &one, 1));
	assert_false(msi_pending(&m->irq.msi, &one, 0));
	assert_false(msi_pending(&m->irq.msi, &two, 1));
	assert_int_equal(msi_set(&m->irq.msi, &one, 1, ADDRESS, 0x43), 0);
	signalled_is(1, ADDRESS, 0x43);
	assert_false(msi_pending(&m->irq.msi, &one, 1));
	assert_int_equal(msi_set(&m->irq.msi, &one, 1, ADDRESS, 0x44), 0);
	assert_int_equal(kvm.signal_count, 1);
	assert_int_equal(msi_set(&m->irq.msi, &one, 1, 0, 0), 0);
	msi_fire(&m->irq.msi, &one, 1);
	msi_set_pending(&m->irq.msi, &one, 1, false);
	assert_int_equal(msi_set(&m->irq.msi, &one, 1, ADDRESS, 0x45), 0);
	assert_int_equal(kvm.signal_count, 1);
	msi_set_pending(&m->irq.msi, &one, 1, true); /* restored after its address */
	signalled_is(2, ADDRESS, 0x45);
}

#define FLIPS 20000u

static void *fire_many(void *arg)
{
	for (unsigned i = 0; i < FLIPS; i++)
		msi_fire(&m->irq.msi, &one, 0);
	return NULL;
}

/* The last fire is either sent or pending, so an address sends it. */
static void no_fire_is_lost_between_two_threads(void **state)
{
	pthread_t thread;

	wire_vectors(1);
	kvm.flips = true;
	assert_int_equal(pthread_create(&thread, NULL, fire_many, NULL), 0);
	for (unsigned i = 0; i < FLIPS; i++)
		assert_int_equal(msi_set(&m->irq.msi, &one, 0, i & 1 ? ADDRESS : 0, 0x45), 0);
	assert_int_equal(msi_set(&m->irq.msi, &one, 0, ADDRESS, 0x45), 0);
	pthread_join(thread, NULL);
	assert_false(msi_pending(&m->irq.msi, &one, 0));
	assert_true(kvm.signal_count > 0);
}

static void idle(void *self, uint32_t worker)
{
}

static int add_posting(uint64_t address, struct worker *w)
{
	const struct volt_doorbell_at at = {.size = sizeof(at),
	    .space = VOLT_SPACE_MMIO,
	    .width = 4,
	    .flags = VOLT_DOORBELL_POST,
	    .address = address};
	uint32_t number;

	return doorbell_add(&m->doorbells, &one, &at, w, &number, why, sizeof(why));
}

/* KVM gets the very event that the worker waits for; volt's own threads write the same. */
static void a_doorbell_posts_its_worker(void **state)
{
	static struct worker w;
	uint64_t posts;

	worker_init(&w, &one, "w", idle, 0);
	assert_int_equal(add_posting(0xd0000000, &w), 0);
	assert_int_equal(add_posting(0xd0000004, &w), 0);
	wire_doorbells();
	kit_arm_locks();
	assert_int_equal(kvm.doorbell_count, 2);
	assert_int_equal(kvm.doorbells[0].fd, kvm.doorbells[1].fd);
	assert_true(m->doorbells.rows[0].by_kvm);
	put(0xd0000000, 4, 7);
	put(0xd0000004, 4, 7);
	assert_int_equal(written, 0);
	assert_int_equal(read(w.posts.event_fd, &posts, sizeof(posts)), sizeof(posts));
	assert_int_equal(posts, 1); /* both are one run */
	kit_run(m, 5);
	assert_int_equal(rung, 0);
	lock_finish(&w.posts);
	lock_finish(&w.ended);
}

static uint64_t count_of(int fd)
{
	uint64_t n = 0;

	return read(fd, &n, sizeof(n)) == sizeof(n) ? n : 0;
}

/* KVM's event is the one that the other process waits for, and nobody else is woken. */
static void a_doorbell_rings_for_another_process(void **state)
{
	assert_int_equal(add(&one, 0xd0000000, 4, VOLT_DOORBELL_EVENT, 0), 0);
	assert_int_equal(add(&one, 0xd0000004, 4, VOLT_DOORBELL_EVENT | VOLT_DOORBELL_MATCH, 7), 0);
	assert_int_equal(add(&one, 0xd0000008, 4, 0, 0), 0);
	wire_doorbells();
	const int fd = doorbell_event(&m->doorbells, &one, 1);

	assert_int_equal(kvm.doorbells[1].fd, fd);
	assert_int_equal(doorbell_event(&m->doorbells, &two, 1), -EINVAL);
	assert_int_equal(doorbell_event(&m->doorbells, &one, 2), -EINVAL);
	assert_int_equal(doorbell_event(&m->doorbells, &one, 3), -EINVAL);
	put(0xd0000004, 4, 7);
	put(0xd0000004, 4, 8);
	doorbell_count(fd);
	assert_int_equal(count_of(fd), 2);
	assert_int_equal(count_of(doorbell_event(&m->doorbells, &one, 0)), 0);
	assert_int_equal(written, 1);
	kit_run(m, 5);
	assert_int_equal(rung, 0);
}

/* One who fills the event stops nobody. */
static void an_event_that_is_full_is_no_reason_to_wait(void **state)
{
	kvm.refuse_doorbells = true;
	assert_int_equal(add(&one, 0xd0000000, 4, VOLT_DOORBELL_EVENT, 0), 0);
	wire_doorbells();
	const int fd = doorbell_event(&m->doorbells, &one, 0);

	assert_int_equal(eventfd_write(fd, UINT64_MAX - 1), 0);
	put(0xd0000000, 4, 1);
	assert_int_equal(count_of(fd), UINT64_MAX - 1);
	put(0xd0000000, 4, 1);
	assert_int_equal(count_of(fd), 1);
}

static void an_injected_message_is_sent_before_the_call_returns(void **state)
{
	wire_vectors(1);
	for (unsigned i = 1; i <= 1000; i++) {
		assert_int_equal(msi_inject(&m->irq.msi, ADDRESS, 0x20 + i % 64), 0);
		signalled_is(i, ADDRESS, 0x20 + i % 64);
	}
}

/* KVM answers -1, which is EPERM, for a destination that no local APIC has. */
static void a_message_that_nobody_takes_is_lost(void **state)
{
	wire_vectors(1);
	kvm.signal_errno = EPERM;
	assert_int_equal(msi_set(&m->irq.msi, &one, 0, ADDRESS | 0x4000, 0x51), 0);
	msi_fire(&m->irq.msi, &one, 0);
	assert_int_equal(msi_inject(&m->irq.msi, ADDRESS | 0x4000, 0x51), 0);
	assert_int_equal(kvm.signal_count, 2);
	assert_false(vm_is_ending(&m->end));
	kvm.signal_errno = EINVAL;
	msi_fire(&m->irq.msi, &one, 0);
	assert_true(vm_is_ending(&m->end));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_doorbell_lies_in_a_range_of_its_owners),
	    TEST(no_write_rings_two),
	    TEST(kvm_is_given_the_write_and_its_event_rings),
	    TEST(the_exit_path_rings_as_kvm_does),
	    TEST(vectors_have_one_owner),
	    TEST(what_no_apic_takes_is_no_message),
	    TEST(a_fire_is_sent_as_the_vector_is_before_it_returns),
	    TEST(a_fire_under_the_mask_is_remembered_once),
	    TEST(no_fire_is_lost_between_two_threads),
	    TEST(a_doorbell_posts_its_worker),
	    TEST(a_doorbell_rings_for_another_process),
	    TEST(an_event_that_is_full_is_no_reason_to_wait),
	    TEST(an_injected_message_is_sent_before_the_call_returns),
	    TEST(a_message_that_nobody_takes_is_lost),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
