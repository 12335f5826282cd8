/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "identity.h"

static _Alignas(8) uint8_t page[IDENTITY_PAGE];
static struct identity id;

static void put(unsigned at, uint64_t value, unsigned n)
{
	memcpy(page + at, &value, n); /* x86 is little-endian, as the pages are */
}

/* volt-vmgenid(7) */
static int setup(void **state)
{
	static const char text[] = "hostname=web-7\nhost=x\ngateway=10.0.0.1\n";

	memset(page, 0, sizeof(page));
	memset(page, 0x5a, 16);
	put(64, 0x4e454449544c4f56, 8); /* "VOLTIDEN" */
	put(72, 4, 4);
	put(76, 2, 4);
	put(80, 1790000000123456789, 8);
	put(88, sizeof(text) - 1, 4);
	memcpy(page + 96, text, sizeof(text) - 1);
	return 0;
}

static void the_page_is_found_by_its_device(void **state)
{
	static const char iomem[] = "00000000-00000fff : Reserved\n"
				    "d0000000-d0000fff : VMGENCTR:00\n"
				    "  d0001000-d0001fff : AMZNC10C:00\n"
				    "fec00000-fec003ff : IOAPIC 0\n";

	assert_int_equal(identity_find(iomem, "VMGENCTR"), 0xd0000000);
	assert_int_equal(identity_find(iomem, "AMZNC10C"), 0xd0001000);
	assert_int_equal(identity_find(iomem, "IOAPIC"), 0);
	assert_int_equal(identity_find(iomem, "VMGENCT"), 0);
	assert_int_equal(identity_find("", "VMGENCTR"), 0);
}

static void a_whole_page_is_read(void **state)
{
	char value[16];

	assert_true(identity_read(page, &id));
	assert_int_equal(id.sequence, 4);
	assert_int_equal(id.reason, IDENTITY_RESTORED);
	assert_int_equal(id.generation[15], 0x5a);
	assert_int_equal(id.realtime_ns, 1790000000123456789);
	assert_true(identity_value(&id, "hostname", value, sizeof(value)));
	assert_string_equal(value, "web-7");
	assert_true(identity_value(&id, "host", value, sizeof(value)));
	assert_string_equal(value, "x");
	assert_false(identity_value(&id, "name", value, sizeof(value)));
	assert_true(identity_value(&id, "gateway", value, 9));
	assert_false(identity_value(&id, "gateway", value, 8));
}

static void a_page_that_is_none_or_not_whole_is_not(void **state)
{
	put(72, 5, 4);
	assert_false(identity_read(page, &id));
	setup(state);
	put(88, IDENTITY_TEXT + 1, 4);
	assert_false(identity_read(page, &id));
	setup(state);
	page[64] = 'v';
	assert_false(identity_read(page, &id));
}

/* vmclock-abi.h: 1 GHz is a period of 2^-30 * 1.07... seconds. */
static void time_follows_the_counter(void **state)
{
	memset(page, 0, sizeof(page));
	put(0, 0x4b4c4356, 4);
	page[10] = 1;
	page[39] = 29;
	put(40, 1000, 8);
	put(48, 9903520314283042199ull, 8); /* 2^(64 + 29) / 10^9 */
	put(72, 1790000000, 8);
	put(80, UINT64_C(1) << 63, 8);
	assert_in_range(identity_time(page, 1000), 1790000000499999999, 1790000000500000000);
	assert_in_range(
	    identity_time(page, 1000 + 3600000000000), 1790003600499999990, 1790003600500000000);
	put(12, 1, 4);
	assert_int_equal(identity_time(page, 1000), 0);
	put(12, 2, 4);
	page[10] = 255;
	assert_int_equal(identity_time(page, 1000), 0);
}

static void addresses_have_a_length(void **state)
{
	uint32_t address, mask;

	assert_true(identity_address("10.0.0.7/24", &address, &mask));
	assert_int_equal(ntohl(address), 0x0a000007);
	assert_int_equal(ntohl(mask), 0xffffff00);
	assert_true(identity_address("10.0.0.7/32", &address, &mask));
	assert_int_equal(mask, 0xffffffff);
	assert_false(identity_address("10.0.0.7", &address, &mask));
	assert_false(identity_address("10.0.0.7/0", &address, &mask));
	assert_false(identity_address("10.0.0.7/33", &address, &mask));
	assert_false(identity_address("10.0.0.256/8", &address, &mask));
	assert_false(identity_address("", &address, &mask));
}

static void a_mac_is_six_bytes_of_one_device(void **state)
{
	uint8_t mac[6];

	assert_true(identity_mac("52:54:00:ab:CD:0f", mac));
	assert_memory_equal(mac, "\x52\x54\x00\xab\xcd\x0f", 6);
	assert_false(identity_mac("52:54:00:ab:cd", mac));
	assert_false(identity_mac("52:54:00:ab:cd:0f:1", mac));
	assert_false(identity_mac("53:54:00:ab:cd:0f", mac));
	assert_false(identity_mac("52:54:00:ab:cd:100", mac));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup(name, setup)
	const struct CMUnitTest tests[] = {
	    T(the_page_is_found_by_its_device),
	    T(a_whole_page_is_read),
	    T(a_page_that_is_none_or_not_whole_is_not),
	    T(time_follows_the_counter),
	    T(addresses_have_a_length),
	    T(a_mac_is_six_bytes_of_one_device),
	};
#undef T
	return cmocka_run_group_tests(tests, NULL, NULL);
}
