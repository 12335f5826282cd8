/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* The line that ends a VM whose guest KVM cannot emulate. */
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
	if (!strstr(end.why, part))
		fail_msg("expected \"%s\" in \"%s\"", part, end.why);
}

/* No name is guessed. By opcode alone these were invlpg, xsaveopt or mfence, and SSE4 or AES. */
static void the_bytes_are_shown_and_no_name_is_guessed(void **state)
{
	static const struct {
		uint8_t bytes[5], n;
		const char *line;
	} rows[] = {
	    {{0x0f, 0x01, 0xca}, 3, "guest (code bytes 0f 01 ca); use another host"}, /* CLAC */
	    {{0x0f, 0x01, 0xfd}, 3, "guest (code bytes 0f 01 fd); use another host"}, /* RDPRU */
	    {{0x66, 0x0f, 0xae, 0x33}, 4, "guest (code bytes 66 0f ae 33); use"},     /* CLWB */
	    {{0x0f, 0x38, 0xf0, 0x03}, 4, "guest (code bytes 0f 38 f0 03); use"},     /* MOVBE */
	};

	limit = "use another host";
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		end.claimed = 0;
		memcpy(run.emulation_failure.insn_bytes, rows[i].bytes, sizeof(rows[i].bytes));
		run.emulation_failure.insn_size = rows[i].n;
		explained("KVM cannot emulate an instruction of the guest (");
		explained(rows[i].line);
	}
}

static void a_size_beyond_the_bytes_is_cut(void **state)
{
	memset(run.emulation_failure.insn_bytes, 0xcc, sizeof(run.emulation_failure.insn_bytes));
	run.emulation_failure.insn_size = 255;
	explained("(code bytes cc cc cc cc cc cc cc cc cc cc cc cc cc cc cc)");
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
	    TEST(the_bytes_are_shown_and_no_name_is_guessed),
	    TEST(a_size_beyond_the_bytes_is_cut),
	    TEST(bytes_that_kvm_did_not_give_are_not_shown),
	    TEST(no_bytes_at_all_are_a_jump_to_nowhere),
	    TEST(other_internal_errors_have_words_and_a_number),
	    TEST(what_the_host_lacks_is_said_with_other_errors_too),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
