/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * KVM's part of a VM: which MSRs are state, whether a CPUID fits a host, and on this host's KVM
 * that what was read and set in a second VM is read there again, and its guest goes on.
 */
#include "core/kvm/state.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

/* --------------------------------------------------------------------- blocks */

static void blocks_come_back_as_they_were_put(void **state)
{
	_Alignas(8) uint8_t bytes[64];
	struct blocks_out out = {.bytes = bytes, .room = sizeof(bytes)};
	struct blocks b;

	memcpy(blocks_put(&out, BLOCK_TAG('A', 'B', 'C', 'D'), 5), "12345", 5);
	memcpy(blocks_put(&out, BLOCK_TAG('E', 'F', 'G', 'H'), 8), "abcdefgh", 8);
	assert_int_equal(out.size, 32);
	assert_int_equal(blocks_read(&b, bytes, out.size), 0);
	assert_int_equal(b.count, 2);
	assert_int_equal(blocks_find(&b, BLOCK_TAG('A', 'B', 'C', 'D'))->length, 5);
	assert_memory_equal(blocks_find(&b, BLOCK_TAG('E', 'F', 'G', 'H'))->bytes, "abcdefgh", 8);
	assert_null(blocks_find(&b, BLOCK_TAG('A', 'B', 'C', 'E')));
}

static void blocks_without_room_overflow(void **state)
{
	_Alignas(8) uint8_t bytes[15];
	struct blocks_out out = {.bytes = bytes, .room = sizeof(bytes)};

	assert_null(blocks_put(&out, 1, 1));
	assert_true(out.overflowed);
}

static void malformed_blocks_are_refused(void **state)
{
	_Alignas(8) uint8_t bytes[64] = {0};
	struct blocks_out out = {.bytes = bytes, .room = sizeof(bytes)};
	struct blocks b;

	blocks_put(&out, 7, 5);
	for (size_t n = 1; n < out.size; n++)
		assert_int_equal(blocks_read(&b, bytes, n), -EINVAL);
	bytes[4] = 9; /* longer than what is there */
	assert_int_equal(blocks_read(&b, bytes, out.size), -EINVAL);
	memset(bytes + 4, 0xff, 4);
	assert_int_equal(blocks_read(&b, bytes, out.size), -EINVAL);
	out.size = 0;
	blocks_put(&out, 7, 5);
	blocks_put(&out, 7, 5);
	assert_int_equal(blocks_read(&b, bytes, out.size), -EINVAL);
}

/* ----------------------------------------------------------------------- MSRs */

static bool has(const uint32_t *list, uint32_t count, uint32_t index, uint32_t *place)
{
	for (*place = 0; *place < count; ++*place)
		if (list[*place] == index)
			return true;
	return false;
}

static void msrs_are_those_of_kvm_without_what_is_no_state(void **state)
{
	/* SYSENTER_CS, TSC, kvm-clock by its old and its new name, async page faults, x2APIC,
	 * VMX, FEAT_CTL, Hyper-V, TSC_ADJUST */
	const uint32_t listed[] = {0x174, 0x10, 0x12, 0x4b564d01, 0x4b564d02, 0x4b564d06, 0x808,
	    0x480, 0x3a, 0x40000000, 0x3b};
	const uint32_t no_state[] = {0x10, 0x12, 0x808, 0x480, 0x3a, 0x40000000};
	uint32_t list[STATE_MSR_MAX], place, other = 0;
	const uint32_t n = state_choose_msrs(listed, sizeof(listed) / sizeof(listed[0]), list);

	for (size_t i = 0; i < sizeof(no_state) / sizeof(no_state[0]); i++)
		assert_false(has(list, n, no_state[i], &place));
	assert_true(has(list, n, 0x174, &place));
	assert_true(has(list, n, 0x3b, &place));
	assert_true(has(list, n, 0x4b564d01, &place));
	assert_true(has(list, n, 0x277, &place)); /* PAT, which KVM does not list */
	/* The interrupt of async page faults before what sends it. */
	assert_true(has(list, n, 0x4b564d06, &place) && has(list, n, 0x4b564d02, &other));
	assert_true(place < other);
}

static void no_msr_is_chosen_twice(void **state)
{
	const uint32_t listed[] = {0x277, 0x174, 0x174};
	uint32_t list[STATE_MSR_MAX];
	const uint32_t n = state_choose_msrs(listed, 3, list);

	for (uint32_t i = 0; i < n; i++)
		for (uint32_t k = 0; k < i; k++)
			assert_int_not_equal(list[i], list[k]);
}

/* ---------------------------------------------------------------------- CPUID */

static struct cpuid host, guest;
static char why[256];

static struct kvm_cpuid_entry2 *leaf(struct cpuid *c, uint32_t function, uint32_t index)
{
	for (uint32_t i = 0; i < c->head.nent; i++)
		if (c->entries[i].function == function && c->entries[i].index == index)
			return &c->entries[i];
	c->entries[c->head.nent] = (struct kvm_cpuid_entry2){.function = function, .index = index};
	return &c->entries[c->head.nent++];
}

static void make_cpuids(void)
{
	memset(&host, 0, sizeof(host));
	memcpy(&leaf(&host, 0, 0)->ebx, "Genu", 4);
	memcpy(&leaf(&host, 0, 0)->edx, "ineI", 4);
	memcpy(&leaf(&host, 0, 0)->ecx, "ntel", 4);
	leaf(&host, 1, 0)->ecx = 0xffffffff;
	leaf(&host, 7, 0)->ebx = 1u << 5;
	leaf(&host, 0xd, 0)->eax = 7;
	leaf(&host, 0xd, 2)->eax = 256;
	leaf(&host, 0xd, 2)->ebx = 576;
	leaf(&host, 0x80000008, 0)->eax = 0x3027;
	guest = host;
}

static void equal_cpus_fit(void **state)
{
	make_cpuids();
	assert_true(state_compare_cpuid(&host, &guest, why, sizeof(why)));
	leaf(&guest, 1, 0)->ecx = 0;
	leaf(&guest, 7, 0)->ebx = 0;
	assert_true(state_compare_cpuid(&host, &guest, why, sizeof(why)));
}

static void each_missing_feature_is_named(void **state)
{
	make_cpuids();
	leaf(&guest, 7, 0)->ebx |= 1u << 16 | 1u << 8;
	assert_false(state_compare_cpuid(&host, &guest, why, sizeof(why)));
	assert_string_equal(
	    why, "this host lacks BMI2 (CPUID 0x7.0 EBX bit 8), AVX512F (CPUID 0x7.0 EBX bit 16)");
}

static void features_that_do_not_fit_the_line_are_counted(void **state)
{
	make_cpuids();
	leaf(&guest, 7, 0)->ebx = leaf(&guest, 7, 0)->ecx = 0xffffffff;
	assert_false(state_compare_cpuid(&host, &guest, why, sizeof(why)));
	assert_non_null(strstr(why, " more"));
	assert_true(strlen(why) < sizeof(why));
}

static void osxsave_is_the_guests_own_choice(void **state)
{
	make_cpuids();
	leaf(&host, 1, 0)->ecx &= ~(1u << 27);
	assert_true(state_compare_cpuid(&host, &guest, why, sizeof(why)));
}

static void another_vendor_is_refused(void **state)
{
	make_cpuids();
	memcpy(&leaf(&guest, 0, 0)->ebx, "Auth", 4);
	memcpy(&leaf(&guest, 0, 0)->edx, "enti", 4);
	memcpy(&leaf(&guest, 0, 0)->ecx, "cAMD", 4);
	assert_false(state_compare_cpuid(&host, &guest, why, sizeof(why)));
	assert_string_equal(
	    why, "this host's CPU is a GenuineIntel, and the saver's was a AuthenticAMD");
}

static void narrower_addresses_are_refused(void **state)
{
	make_cpuids();
	leaf(&guest, 0x80000008, 0)->eax = 0x3028;
	assert_false(state_compare_cpuid(&host, &guest, why, sizeof(why)));
	assert_non_null(strstr(why, "39 bits here, and 40"));
}

static void another_layout_of_xsave_is_refused(void **state)
{
	make_cpuids();
	leaf(&guest, 0xd, 2)->ebx = 640;
	assert_false(state_compare_cpuid(&host, &guest, why, sizeof(why)));
	assert_non_null(strstr(why, "component 2 of XSAVE has the offset 576 here"));
}

/* ------------------------------------------------------------------ a guest */

#define CODE 0x2000u
#define SIZE (2u << 20)

/* Adds 1 to EAX and sends it to port 0x10, for ever; XMM0 and MM0 are its too. */
static const uint8_t code[] = {
    0x40,       /* inc %eax */
    0xe7, 0x10, /* out %eax, $0x10 */
    0xeb, 0xfb, /* jmp to the start */
};

struct vm {
	struct kvm kvm;
	struct memory memory;
	struct vcpu vcpu;
	struct cpuid cpuid;
	struct state_plan plan;
};

static void make_vm(struct vm *vm, bool own_chip, const struct blocks *saved)
{
	const struct vcpu_parts parts = {.kvm = &vm->kvm, .count = 1};
	const struct boot_entry entry = {.mode = BOOT_PROTECTED32, .rip = CODE};
	struct cpuid host_gives;

	memset(vm, 0, sizeof(*vm));
	assert_int_equal(kvm_open(&vm->kvm, "/dev/kvm"), 0);
	assert_int_equal(kvm_create_vm(&vm->kvm), 0);
	state_prepare(&vm->kvm);
	assert_int_equal(memory_init(&vm->memory, SIZE, false), 0);
	assert_int_equal(kvm_map_memory(&vm->kvm, &vm->memory), 0);
	memcpy(vm->memory.host + CODE, code, sizeof(code));
	assert_int_equal(
	    own_chip ? kvm_create_irqchip(&vm->kvm) : kvm_split_irqchip(&vm->kvm, 24), 0);
	assert_int_equal(vcpu_create(&vm->vcpu, &parts, 0), 0);
	assert_int_equal(cpuid_init(&vm->cpuid, &vm->kvm, 1), 0);
	vcpu_complete_cpuid(&vm->vcpu, &vm->cpuid);
	host_gives = vm->cpuid;
	if (saved)
		assert_int_equal(state_set_cpuid(saved, &host_gives, 0, 1, &vm->cpuid), 0);
	assert_int_equal(vcpu_configure(&vm->vcpu, &vm->cpuid, &entry), 0);
	assert_int_equal(vcpu_warm(&vm->vcpu), 0);
	assert_int_equal(state_plan(&vm->plan, &vm->kvm, &vm->vcpu, 1, &vm->cpuid, own_chip), 0);
	state_plan_reading(&vm->plan, &vm->vcpu);
}

static void end_vm(struct vm *vm)
{
	close(vm->vcpu.fd);
	close(vm->kvm.vm_fd);
	close(vm->kvm.fd);
	memory_finish(&vm->memory);
}

/* The number that the guest sends next. */
static uint32_t run(struct vm *vm)
{
	uint32_t value;

	assert_int_equal(ioctl(vm->vcpu.fd, KVM_RUN, 0), 0);
	assert_int_equal(vm->vcpu.run->exit_reason, KVM_EXIT_IO);
	memcpy(&value, (uint8_t *)vm->vcpu.run + vm->vcpu.run->io.data_offset, sizeof(value));
	return value;
}

static void complete_access(struct vm *vm)
{
	vm->vcpu.run->immediate_exit = 1;
	assert_int_equal(ioctl(vm->vcpu.fd, KVM_RUN, 0), -1);
	assert_int_equal(errno, EINTR);
	vm->vcpu.run->immediate_exit = 0;
}

static void read_state(struct vm *vm, struct blocks_out *cpu, struct blocks_out *all)
{
	const char *failed = "";

	cpu->room = state_vcpu_size(&vm->plan);
	cpu->bytes = calloc(1, cpu->room);
	all->room = state_vm_size(&vm->plan);
	all->bytes = calloc(1, all->room);
	assert_int_equal(state_read_vcpu(&vm->plan, &vm->vcpu, cpu, &failed), 0);
	assert_int_equal(state_read_vm(&vm->plan, &vm->kvm, all, &failed), 0);
}

static void set_state(struct vm *vm, const struct blocks *cpu, const struct blocks *all)
{
	struct state_clock saved, now;

	assert_int_equal(state_set_vcpu(&vm->plan, &vm->vcpu, cpu), 0);
	assert_int_equal(state_set_vm(&vm->plan, &vm->kvm, all, &saved, &now), 0);
	assert_int_equal(state_finish_vcpu(&vm->plan, &vm->vcpu, cpu, &saved, &now), 0);
}

/* Times go on, and the local APIC's timer with them; all else must be the same. */
static void compare(const struct blocks *a, const struct blocks *b)
{
	assert_int_equal(a->count, b->count);
	for (uint32_t i = 0; i < a->count; i++) {
		const struct block *x = &a->list[i], *y = blocks_find(b, x->tag);

		assert_non_null(y);
		assert_int_equal(x->length, y->length);
		if (x->tag == BLOCK_TAG('T', 'S', 'C', 'O') ||
		    x->tag == BLOCK_TAG('C', 'L', 'C', 'K') ||
		    x->tag == BLOCK_TAG('P', 'I', 'T', '2'))
			continue;
		if (memcmp(x->bytes, y->bytes, x->length))
			print_error("block %.4s differs\n", (const char *)&x->tag);
		assert_memory_equal(x->bytes, y->bytes, x->length);
	}
}

static void read_set_and_read_again(bool own_chip)
{
	static struct vm first, second;
	struct blocks_out cpu[2] = {0}, all[2] = {0};
	struct blocks cpus[2], whole[2];
	static struct kvm_xsave area;
	uint8_t *const xmm3 = (uint8_t *)area.region + 160 + 3 * 16; /* SDM vol. 1, 10.5.1 */

	make_vm(&first, own_chip, NULL);
	assert_int_equal(ioctl(first.vcpu.fd, KVM_GET_XSAVE, &area), 0);
	memset(xmm3, 0x5a, 16);
	area.region[512 / 4] |= 3; /* XSTATE_BV: x87 and SSE are in use */
	assert_int_equal(ioctl(first.vcpu.fd, KVM_SET_XSAVE, &area), 0);
	for (uint32_t i = 1; i <= 3; i++)
		assert_int_equal(run(&first), i);
	complete_access(&first);
	read_state(&first, &cpu[0], &all[0]);
	assert_int_equal(blocks_read(&cpus[0], cpu[0].bytes, cpu[0].size), 0);
	assert_int_equal(blocks_read(&whole[0], all[0].bytes, all[0].size), 0);

	make_vm(&second, own_chip, &cpus[0]);
	memcpy(second.memory.host, first.memory.host, SIZE);
	set_state(&second, &cpus[0], &whole[0]);
	read_state(&second, &cpu[1], &all[1]);
	assert_int_equal(blocks_read(&cpus[1], cpu[1].bytes, cpu[1].size), 0);
	assert_int_equal(blocks_read(&whole[1], all[1].bytes, all[1].size), 0);
	compare(&cpus[0], &cpus[1]);
	compare(&whole[0], &whole[1]);
	assert_int_equal(run(&second), 4);
	assert_int_equal(run(&first), 4);
	memset(xmm3, 0, 16);
	assert_int_equal(ioctl(second.vcpu.fd, KVM_GET_XSAVE, &area), 0);
	assert_int_equal(xmm3[0], 0x5a);
	for (unsigned i = 0; i < 2; i++) {
		free(cpu[i].bytes);
		free(all[i].bytes);
	}
	end_vm(&first);
	end_vm(&second);
}

static void state_of_a_vm_with_kvms_irqchip_comes_back(void **state)
{
	if (access("/dev/kvm", R_OK | W_OK))
		skip();
	read_set_and_read_again(true);
}

static void state_of_a_vm_with_local_apics_alone_comes_back(void **state)
{
	if (access("/dev/kvm", R_OK | W_OK))
		skip();
	read_set_and_read_again(false);
}

static void an_msr_that_is_no_state_is_refused(void **state)
{
	static struct vm vm;
	struct blocks_out cpu = {0}, all = {0};
	struct blocks blocks;

	if (access("/dev/kvm", R_OK | W_OK))
		skip();
	make_vm(&vm, false, NULL);
	read_state(&vm, &cpu, &all);
	assert_int_equal(blocks_read(&blocks, cpu.bytes, cpu.size), 0);
	const struct block *msrs = blocks_find(&blocks, BLOCK_TAG('M', 'S', 'R', 'S'));
	struct kvm_msr_entry *entry = (struct kvm_msr_entry *)(uintptr_t)msrs->bytes;
	entry->index = 0x3a;
	assert_int_equal(state_set_vcpu(&vm.plan, &vm.vcpu, &blocks), -EINVAL);
	entry->index = 0x12345; /* unknown: refused if the guest set it, else left out */
	entry->data = 1;
	assert_int_equal(state_set_vcpu(&vm.plan, &vm.vcpu, &blocks), -ENOTSUP);
	entry->data = 0;
	assert_int_equal(state_set_vcpu(&vm.plan, &vm.vcpu, &blocks), 0);
	free(cpu.bytes);
	free(all.bytes);
	end_vm(&vm);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(blocks_come_back_as_they_were_put),
	    cmocka_unit_test(blocks_without_room_overflow),
	    cmocka_unit_test(malformed_blocks_are_refused),
	    cmocka_unit_test(msrs_are_those_of_kvm_without_what_is_no_state),
	    cmocka_unit_test(no_msr_is_chosen_twice),
	    cmocka_unit_test(equal_cpus_fit),
	    cmocka_unit_test(each_missing_feature_is_named),
	    cmocka_unit_test(features_that_do_not_fit_the_line_are_counted),
	    cmocka_unit_test(osxsave_is_the_guests_own_choice),
	    cmocka_unit_test(another_vendor_is_refused),
	    cmocka_unit_test(narrower_addresses_are_refused),
	    cmocka_unit_test(another_layout_of_xsave_is_refused),
	    cmocka_unit_test(state_of_a_vm_with_kvms_irqchip_comes_back),
	    cmocka_unit_test(state_of_a_vm_with_local_apics_alone_comes_back),
	    cmocka_unit_test(an_msr_that_is_no_state_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
