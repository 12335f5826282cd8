/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Instruction bytes to words. Opcodes: Intel SDM vol. 2, appendix A. */
#include <linux/kvm.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h> /* last: it defines fail() */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/base/exitcode.h"
#include "core/event/end.h"
#include "core/kvm/emulation.h"

/* The bytes lie in a block of exactly their size, so that a sanitizer sees one too many. */
static const char *name(unsigned n, const char *bytes)
{
	uint8_t *copy = calloc(1, n > 0 ? n : 1);
	const char *found;

	memcpy(copy, bytes, n);
	found = emulation_name(copy, n);
	free(copy);
	return found;
}

#define NAME(literal) name(sizeof(literal) - 1, literal)

static void one_byte_opcodes(void **state)
{
	assert_string_equal(NAME("\xcc"), "int3");
	assert_string_equal(NAME("\xcd\x80"), "int n");
	assert_string_equal(NAME("\xf1"), "int1");
	assert_string_equal(NAME("\xcf"), "iret");
	assert_string_equal(NAME("\x48\xcf"), "iret");
	assert_non_null(strstr(NAME("\xc5\xf8\x77"), "AVX"));
	assert_non_null(strstr(NAME("\xc4\xe2\x79"), "AVX"));
	assert_non_null(strstr(NAME("\x62\xf1\x7c"), "AVX-512"));
}

static void the_reg_field_tells_a_group_apart(void **state)
{
	assert_non_null(strstr(NAME("\x0f\xc7\x0f"), "cmpxchg")); /* /1 */
	assert_string_equal(NAME("\x0f\xc7\xf0"), "rdrand");      /* /6 */
	assert_string_equal(NAME("\x0f\xc7\xf8"), "rdseed");      /* /7 */
	assert_string_equal(NAME("\x0f\xae\x00"), "fxsave");
	assert_string_equal(NAME("\x0f\xae\x08"), "fxrstor");
	assert_string_equal(NAME("\x0f\xae\x20"), "xsave");
	assert_string_equal(NAME("\x0f\x01\x3f"), "invlpg"); /* /7, a memory operand */
	assert_null(NAME("\x0f\xc7\x10"));                   /* /2: none of these */
}

static void a_whole_modrm_byte_tells_more(void **state)
{
	assert_string_equal(NAME("\x0f\x01\xca"), "clac");
	assert_string_equal(NAME("\x0f\x01\xcb"), "stac");
	assert_string_equal(NAME("\x0f\x01\xd0"), "xgetbv");
	assert_string_equal(NAME("\x0f\x01\xd1"), "xsetbv");
	assert_string_equal(NAME("\x0f\x01\xf8"), "swapgs");
	assert_string_equal(NAME("\x0f\x01\xf9"), "rdtscp");
	/* AMD APM vol. 3; without these rows the /7 would make each an invlpg. */
	assert_string_equal(NAME("\x0f\x01\xfa"), "monitorx");
	assert_string_equal(NAME("\x0f\x01\xfb"), "mwaitx");
	assert_string_equal(NAME("\x0f\x01\xfc"), "clzero");
}

static void prefixes_are_looked_through(void **state)
{
	assert_non_null(strstr(NAME("\xf0\x48\x0f\xc7\x0e"), "cmpxchg16b")); /* lock rex.w */
	assert_string_equal(NAME("\x48\x0f\xae\x21"), "xsave");              /* rex.w */
	assert_string_equal(NAME("\x65\x67\xcc"), "int3");
	assert_string_equal(NAME("\x66\x0f\x38\x82\x07"), "invpcid");
}

static void a_mandatory_prefix_must_be_there(void **state)
{
	assert_string_equal(NAME("\xf3\x0f\xb8\xc1"), "popcnt");
	assert_string_equal(NAME("\xf3\x48\x0f\xb8\xc1"), "popcnt");
	assert_null(NAME("\x0f\xb8\xc1"));
	assert_string_equal(NAME("\xf3\x0f\xbc\xc1"), "tzcnt");
	assert_null(NAME("\x0f\xbc\xc1")); /* bsf: every KVM has it */
	assert_string_equal(NAME("\xf2\x0f\x38\xf0\xc1"), "crc32");
	assert_string_equal(NAME("\xf3\x0f\xc7\xf8"), "rdpid"); /* rdseed has none */
}

static void ordinary_instructions_have_no_name(void **state)
{
	assert_null(NAME("\x90"));
	assert_null(NAME("\x89\xc8"));
	assert_null(NAME("\x0f\xb6\xc0")); /* movzx */
	assert_null(NAME("\x0f\x20\xc0")); /* mov from cr0 */
}

static void truncated_input_is_not_read_past(void **state)
{
	assert_null(NAME(""));
	assert_null(NAME("\x0f"));
	assert_null(NAME("\x0f\xc7")); /* the group's digit is missing */
	assert_null(NAME("\x0f\x01"));
	assert_null(NAME("\x66\x0f"));
	assert_null(NAME("\xf3"));
	assert_null(NAME("\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66\x66"));
	assert_string_equal(NAME("\xf3\x0f\xb8"), "popcnt"); /* enough to tell */
}

static void no_bytes_at_all_are_read_past(void **state)
{
	char bytes[15];
	uint32_t random = 1;

	for (unsigned i = 0; i < 20000; i++) {
		unsigned n = i % 16;

		for (unsigned k = 0; k < n; k++) {
			random = random * 1664525 + 1013904223; /* Numerical Recipes */
			bytes[k] = (char)(k == 0 && i % 3 ? 0x0f : random >> 24);
		}
		name(n, bytes);
	}
}

/* ------------------------------------------------------------------- the line */

static struct loop loop;
static struct vm_end end;
static struct kvm_run run;
static const char *limit;

static int setup(void **state)
{
	loop = (struct loop){.wake_fd = -1};
	end = (struct vm_end){.loop = &loop};
	limit = NULL;
	memset(&run, 0, sizeof(run));
	run.exit_reason = KVM_EXIT_INTERNAL_ERROR;
	run.internal.suberror = KVM_INTERNAL_ERROR_EMULATION;
	run.internal.ndata = 4;
	run.emulation_failure.flags = KVM_INTERNAL_ERROR_EMULATION_FLAG_INSTRUCTION_BYTES;
	return 0;
}

static void explained(const char *part)
{
	emulation_explain(&run, 3, limit, &end);
	assert_int_equal(end.code, EXIT_KVM);
	if (strstr(end.why, part) == NULL)
		fail_msg("expected \"%s\" in \"%s\"", part, end.why);
}

static void the_instruction_and_its_bytes_are_named(void **state)
{
	memcpy(run.emulation_failure.insn_bytes, "\x0f\x01\xca", 3);
	run.emulation_failure.insn_size = 3;
	limit = "use another host";
	explained("clac (bytes 0f 01 ca); use another host");
}

static void a_size_beyond_the_bytes_is_cut(void **state)
{
	memset(run.emulation_failure.insn_bytes, 0xcc, sizeof(run.emulation_failure.insn_bytes));
	run.emulation_failure.insn_size = 255;
	explained("int3");
}

static void bytes_that_kvm_did_not_give_are_not_shown(void **state)
{
	memset(run.emulation_failure.insn_bytes, 0xcc, sizeof(run.emulation_failure.insn_bytes));
	run.emulation_failure.insn_size = 15;
	run.internal.ndata = 1;
	explained("an instruction of the guest");
	assert_null(strstr(end.why, "cc"));
}

static void no_bytes_at_all_are_a_jump_to_nowhere(void **state)
{
	run.internal.ndata = 1;
	explained("perhaps it ran from device memory or nowhere");
}

static void other_internal_errors_have_words_and_a_number(void **state)
{
	static const struct {
		uint32_t number;
		const char *words;
	} rows[] = {
	    {KVM_INTERNAL_ERROR_SIMUL_EX, "two events at once"},
	    {KVM_INTERNAL_ERROR_DELIVERY_EV, "an event that it cannot deliver"},
	    {KVM_INTERNAL_ERROR_UNEXPECTED_EXIT_REASON, "an exit of the hardware"},
	    {0, "no reason given"},
	    {5, "no reason given"},
	    {UINT32_MAX, "no reason given"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char number[40];

		end.claimed = 0;
		run.internal.suberror = rows[i].number;
		explained(rows[i].words);
		explained("vCPU 3: ");
		snprintf(number, sizeof(number), "(internal error %u)", rows[i].number);
		explained(number);
	}
}

static void what_the_host_lacks_is_said_with_other_errors_too(void **state)
{
	run.internal.suberror = KVM_INTERNAL_ERROR_DELIVERY_EV;
	limit = "use another host";
	explained("(internal error 3); use another host");
}

#define TEST(name) cmocka_unit_test_setup(name, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(one_byte_opcodes),
	    cmocka_unit_test(the_reg_field_tells_a_group_apart),
	    cmocka_unit_test(a_whole_modrm_byte_tells_more),
	    cmocka_unit_test(prefixes_are_looked_through),
	    cmocka_unit_test(a_mandatory_prefix_must_be_there),
	    cmocka_unit_test(ordinary_instructions_have_no_name),
	    cmocka_unit_test(truncated_input_is_not_read_past),
	    cmocka_unit_test(no_bytes_at_all_are_read_past),
	    TEST(the_instruction_and_its_bytes_are_named),
	    TEST(a_size_beyond_the_bytes_is_cut),
	    TEST(bytes_that_kvm_did_not_give_are_not_shown),
	    TEST(no_bytes_at_all_are_a_jump_to_nowhere),
	    TEST(other_internal_errors_have_words_and_a_number),
	    TEST(what_the_host_lacks_is_said_with_other_errors_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
