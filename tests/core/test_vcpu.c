/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * Exits of a vCPU, which the test makes in the place of KVM_RUN. Number B14 is the case of
 * exits that no honest KVM would report.
 */
#include "tests/core/kit.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <errno.h>
#include <linux/kvm.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/exitcode.h"

#define RUN_SIZE 8192u
#define DATA     4096u /* where port data lies in the shared page */

static struct machine *m;
static struct vcpu vcpu;
static struct callee device;

/* ----------------------------------------------------------------- KVM_RUN */

static void (*exits[8])(struct kvm_run *run); /* NULL: the rest is -EFAULT */
static int errors[8];                         /* instead of an exit, if not 0 */
static unsigned entered;

int __wrap_ioctl(int fd, unsigned long request, void *arg);

int __wrap_ioctl(int fd, unsigned long request, void *arg)
{
	unsigned n = entered++;

	assert_int_equal(fd, 42);
	assert_int_equal(request, KVM_RUN);
	if (n >= 8 || errors[n] != 0 || !exits[n]) {
		errno = n < 8 && errors[n] != 0 ? errors[n] : EFAULT;
		return -1;
	}
	exits[n](vcpu.run);
	return 0;
}

/* ------------------------------------------------------------------ the device */

static struct {
	char what;
	uint64_t off, val;
	uint32_t n;
} calls[64];
static unsigned count;

static uint64_t device_read(void *self, uint64_t off, uint32_t n)
{
	assert_true(count < 64);
	calls[count].what = 'r';
	calls[count].off = off;
	calls[count++].n = n;
	return 0x8877665544332200ull + count;
}

static void device_write(void *self, uint64_t off, uint32_t n, uint64_t val)
{
	assert_true(count < 64);
	calls[count].what = 'w';
	calls[count].off = off;
	calls[count].val = val;
	calls[count++].n = n;
}

static void add(uint8_t space, uint64_t base)
{
	char why[200];
	const struct volt_range r = {.size = sizeof(r),
	    .space = space,
	    .sizes = 15,
	    .base = base,
	    .len = 16,
	    .name = "device",
	    .read = device_read,
	    .write = device_write};

	assert_int_equal(bus_add_range(&m->bus, &device, &r, why, sizeof(why)), 0);
}

static int setup(void **state)
{
	kit_log_start();
	m = kit_machine();
	kit_owner(&device, "device", NULL);
	add(VOLT_SPACE_PIO, 0x100);
	add(VOLT_SPACE_MMIO, 0xd0000000);
	m->kvm.run_size = RUN_SIZE;
	/* Exactly as large as KVM says, so that a sanitizer sees one byte too many. */
	const struct vcpu_parts parts = {.kvm = &m->kvm,
	    .memory = &m->memory,
	    .bus = &m->bus,
	    .irq = &m->irq,
	    .end = &m->end,
	    .count = 1};
	vcpu = (struct vcpu){.parts = parts, .fd = 42, .run = calloc(1, RUN_SIZE)};
	memset(exits, 0, sizeof(exits));
	memset(errors, 0, sizeof(errors));
	entered = count = 0;
	return bus_seal(&m->bus);
}

static int teardown(void **state)
{
	free(vcpu.run);
	kit_machine_finish(m);
	return 0;
}

static void io(struct kvm_run *run, uint8_t direction, uint8_t size, uint32_t times)
{
	run->exit_reason = KVM_EXIT_IO;
	run->io.direction = direction;
	run->io.size = size;
	run->io.port = 0x102;
	run->io.count = times;
	run->io.data_offset = DATA;
}

static void mmio(struct kvm_run *run, uint64_t addr, uint32_t len, bool write)
{
	run->exit_reason = KVM_EXIT_MMIO;
	run->mmio.phys_addr = addr;
	run->mmio.len = len;
	run->mmio.is_write = write;
}

static const uint8_t *data(void)
{
	return (const uint8_t *)vcpu.run + DATA;
}

static void ended(int code, const char *why)
{
	assert_true(vm_is_ending(&m->end));
	assert_int_equal(m->end.code, code);
	if (!strstr(m->end.why, why))
		fail_msg("expected \"%s\" in \"%s\"", why, m->end.why);
}

/* ----------------------------------------------------------------------- ports */

static void out_word(struct kvm_run *run)
{
	io(run, KVM_EXIT_IO_OUT, 2, 1);
	memcpy((uint8_t *)run + DATA, "\x34\x12\xff\xff", 4);
}

static void in_dword(struct kvm_run *run)
{
	io(run, KVM_EXIT_IO_IN, 4, 1);
	memset((uint8_t *)run + DATA, 0xee, 8);
}

static void a_port_access_reaches_the_device(void **state)
{
	exits[0] = out_word;
	exits[1] = in_dword;
	vcpu_run(&vcpu);
	assert_int_equal(count, 2);
	assert_int_equal(calls[0].what, 'w');
	assert_int_equal(calls[0].off, 2);
	assert_int_equal(calls[0].n, 2);
	assert_int_equal(calls[0].val, 0x1234);
	assert_int_equal(calls[1].n, 4);
	assert_memory_equal(data(), "\x02\x22\x33\x44\xee\xee\xee\xee", 8);
	assert_int_equal(vcpu.exits[KVM_EXIT_IO], 2);
}

static void rep_outsw(struct kvm_run *run)
{
	io(run, KVM_EXIT_IO_OUT, 2, 3);
	memcpy((uint8_t *)run + DATA, "\1\0\2\0\3\0", 6);
}

static void rep_insb(struct kvm_run *run)
{
	io(run, KVM_EXIT_IO_IN, 1, 5);
}

static void repeated_accesses_arrive_one_by_one_in_order(void **state)
{
	exits[0] = rep_outsw;
	exits[1] = rep_insb;
	vcpu_run(&vcpu);
	assert_int_equal(count, 8);
	for (unsigned i = 0; i < 3; i++)
		assert_int_equal(calls[i].val, i + 1);
	assert_memory_equal(data(), "\4\5\6\7\x08", 5);
}

static void unmapped_port(struct kvm_run *run)
{
	in_dword(run);
	run->io.port = 0x80;
}

static void an_unmapped_port_reads_all_ones(void **state)
{
	exits[0] = unmapped_port;
	vcpu_run(&vcpu);
	assert_memory_equal(data(), "\xff\xff\xff\xff\xee", 5);
	assert_int_equal(vcpu.stats.misses, 1);
}

static void size_0(struct kvm_run *run)
{
	io(run, KVM_EXIT_IO_IN, 0, 1);
}

static void size_3(struct kvm_run *run)
{
	io(run, KVM_EXIT_IO_IN, 3, 1);
}

static void size_8(struct kvm_run *run)
{
	io(run, KVM_EXIT_IO_OUT, 8, 1);
}

static void past_the_end(struct kvm_run *run)
{
	io(run, KVM_EXIT_IO_IN, 4, (RUN_SIZE - DATA) / 4 + 1);
}

static void far_outside(struct kvm_run *run)
{
	io(run, KVM_EXIT_IO_IN, 1, 1);
	run->io.data_offset = UINT64_MAX;
}

static void just_outside(struct kvm_run *run)
{
	io(run, KVM_EXIT_IO_IN, 2, 1);
	run->io.data_offset = RUN_SIZE - 1;
}

static void b14_forged_port_exits_end_the_vm(void **state)
{
	static void (*const forged[])(struct kvm_run * run) = {
	    size_0, size_3, size_8, past_the_end, far_outside, just_outside};

	for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++) {
		m->end.claimed = entered = 0;
		exits[0] = forged[i];
		vcpu_run(&vcpu);
		ended(EXIT_KVM, "malformed port access");
		assert_int_equal(entered, 1);
	}
	assert_int_equal(count, 0);
}

/* ---------------------------------------------------------------------- memory */

static void store_8(struct kvm_run *run)
{
	mmio(run, 0xd0000008, 8, true);
	memcpy(run->mmio.data, "\1\2\3\4\5\6\7\x08", 8);
}

static void load_2(struct kvm_run *run)
{
	memset(run->mmio.data, 0xee, 8);
	mmio(run, 0xd0000000, 2, false);
}

static void a_memory_access_reaches_the_device(void **state)
{
	exits[0] = store_8;
	exits[1] = load_2;
	vcpu_run(&vcpu);
	assert_int_equal(calls[0].val, 0x0807060504030201ull);
	assert_int_equal(calls[0].off, 8);
	assert_memory_equal(vcpu.run->mmio.data, "\x02\x22\xee\xee", 4);
}

static void store_7(struct kvm_run *run)
{
	mmio(run, 0xd0000001, 7, true);
	memcpy(run->mmio.data, "\1\2\3\4\5\6\7\x08", 8);
}

static void odd_lengths_are_taken_apart(void **state)
{
	exits[0] = store_7;
	vcpu_run(&vcpu);
	assert_int_equal(count, 3);
	assert_int_equal(calls[0].n, 4);
	assert_int_equal(calls[0].val, 0x04030201);
	assert_int_equal(calls[1].off, 5);
	assert_int_equal(calls[1].val, 0x0605);
	assert_int_equal(calls[2].n, 1);
	assert_int_equal(calls[2].val, 7);
}

static void length_0(struct kvm_run *run)
{
	mmio(run, 0xd0000000, 0, false);
}

static void length_9(struct kvm_run *run)
{
	mmio(run, 0xd0000000, 9, true);
}

static void read_of_ram(struct kvm_run *run)
{
	mmio(run, 0x1000000, 4, false);
}

static void read_above_ram(struct kvm_run *run)
{
	mmio(run, 0x2000000, 4, false);
}

/* KVM hands over what it cannot reach itself: a page of a file that was cut short. */
static void memory_that_kvm_lost_ends_the_vm(void **state)
{
	m->memory.low_size = 0x2000000;
	exits[0] = read_above_ram;
	vcpu_run(&vcpu);
	assert_int_equal(vcpu.stats.misses, 1);
	ended(EXIT_KVM, "cannot run vCPU"); /* the next entry */
	m->end.claimed = entered = 0;
	exits[0] = read_of_ram;
	vcpu_run(&vcpu);
	ended(EXIT_KVM, "memory at 0x1000000 is gone");
	m->memory.low_size = 0;
}

static void b14_forged_memory_exits_end_the_vm(void **state)
{
	exits[0] = length_0;
	vcpu_run(&vcpu);
	ended(EXIT_KVM, "malformed memory access");
	m->end.claimed = entered = 0;
	exits[0] = length_9;
	vcpu_run(&vcpu);
	ended(EXIT_KVM, "malformed memory access");
	assert_int_equal(count, 0);
}

/* ------------------------------------------------------------------------ ends */

static void triple_fault(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_SHUTDOWN;
}

static void reset_event(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_SYSTEM_EVENT;
	run->system_event.type = KVM_SYSTEM_EVENT_RESET;
}

static void bad_entry(struct kvm_run *run)
{
	run->exit_reason = KVM_EXIT_FAIL_ENTRY;
	run->fail_entry.hardware_entry_failure_reason = 0x80000021;
}

static void unknown_exit(struct kvm_run *run)
{
	run->exit_reason = 999;
}

static void each_end_has_its_code_and_words(void **state)
{
	static const struct {
		void (*exit)(struct kvm_run *run);
		int code;
		const char *why;
	} rows[] = {
	    {triple_fault, EXIT_TRIPLE, "triple fault"},
	    {reset_event, EXIT_RESET, "reset"},
	    {bad_entry, EXIT_KVM, "0x80000021"},
	    {unknown_exit, EXIT_KVM, "999"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		m->end.claimed = entered = 0;
		exits[0] = rows[i].exit;
		vcpu_run(&vcpu);
		ended(rows[i].code, rows[i].why);
		assert_int_equal(entered, 1);
	}
}

static void an_interrupted_entry_is_tried_again(void **state)
{
	errors[0] = EINTR;
	errors[1] = EAGAIN;
	exits[2] = triple_fault;
	vcpu_run(&vcpu);
	assert_int_equal(entered, 3);
	ended(EXIT_TRIPLE, "triple fault");
}

static void other_errors_of_kvm_end_the_vm(void **state)
{
	errors[0] = ENOMEM;
	vcpu_run(&vcpu);
	ended(EXIT_KVM, "KVM cannot run vCPU 0: Cannot allocate memory: the host is out of memory");
}

static void errors_about_the_hosts_memory_are_told_apart(void **state)
{
	errors[0] = EHWPOISON;
	vcpu_run(&vcpu);
	ended(EXIT_KVM, "hardware error");
	m->end.claimed = entered = 0;
	errors[0] = EFAULT;
	vcpu_run(&vcpu);
	ended(EXIT_KVM, "the host refused the guest memory");
}

static void a_warm_vcpu_has_been_entered_at_once_left(void **state)
{
	errors[0] = EINTR; /* what immediate_exit gives */
	assert_int_equal(vcpu_warm(&vcpu), 0);
	assert_int_equal(entered, 1);
	assert_int_equal(vcpu.run->immediate_exit, 0);
	assert_int_equal(kit_log_lines(), 0);
}

static void a_first_entry_that_kvm_cannot_make_is_said(void **state)
{
	errors[0] = EAGAIN; /* what RLIMIT_NPROC gives: KVM cannot start its thread */
	assert_int_equal(vcpu_warm(&vcpu), -EAGAIN);
	assert_true(kit_logged("limit of processes"));
	kit_log_clear();
	errors[1] = EIO;
	assert_int_equal(vcpu_warm(&vcpu), -EIO);
	assert_true(kit_logged("vCPU 0 cannot start"));
	assert_int_equal(vcpu.run->immediate_exit, 0);
}

static void a_vm_that_is_ending_is_not_entered(void **state)
{
	vm_end(&m->end, EXIT_QUIT, "over");
	vcpu_run(&vcpu);
	assert_int_equal(entered, 0);
	ended(EXIT_QUIT, "over");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    TEST(a_port_access_reaches_the_device),
	    TEST(repeated_accesses_arrive_one_by_one_in_order),
	    TEST(an_unmapped_port_reads_all_ones),
	    TEST(b14_forged_port_exits_end_the_vm),
	    TEST(a_memory_access_reaches_the_device),
	    TEST(odd_lengths_are_taken_apart),
	    TEST(memory_that_kvm_lost_ends_the_vm),
	    TEST(b14_forged_memory_exits_end_the_vm),
	    TEST(each_end_has_its_code_and_words),
	    TEST(an_interrupted_entry_is_tried_again),
	    TEST(other_errors_of_kvm_end_the_vm),
	    TEST(errors_about_the_hosts_memory_are_told_apart),
	    TEST(a_warm_vcpu_has_been_entered_at_once_left),
	    TEST(a_first_entry_that_kvm_cannot_make_is_said),
	    TEST(a_vm_that_is_ending_is_not_entered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
