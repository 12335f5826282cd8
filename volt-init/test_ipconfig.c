/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "ipconfig.h"

static struct ipconfig c;

static void parse(const char *text)
{
	const char *wrong = ipconfig_parse(text, &c);

	if (wrong)
		fail_msg("%s: %s", text, wrong);
}

static void a_protocol_may_stand_alone(void **state)
{
	parse("dhcp");
	assert_int_equal(c.how, IP_DHCP);
	parse("on");
	assert_int_equal(c.how, IP_DHCP);
	parse("off");
	assert_int_equal(c.how, IP_OFF);
	parse("none");
	assert_int_equal(c.how, IP_OFF);
}

static void every_part_is_taken(void **state)
{
	parse(
	    "192.0.2.5:192.0.2.1:192.0.2.254:255.255.255.0:box:eth1:off:192.0.2.53:198.51.100.53");
	assert_int_equal(c.how, IP_STATIC);
	assert_int_equal(c.address, inet_addr("192.0.2.5"));
	assert_int_equal(c.gateway, inet_addr("192.0.2.254"));
	assert_int_equal(c.netmask, inet_addr("255.255.255.0"));
	assert_string_equal(c.hostname, "box");
	assert_string_equal(c.device, "eth1");
	assert_int_equal(c.dns[0], inet_addr("192.0.2.53"));
	assert_int_equal(c.dns[1], inet_addr("198.51.100.53"));
}

static void parts_may_be_missing(void **state)
{
	parse("10.1.2.3");
	assert_int_equal(c.how, IP_STATIC);
	assert_int_equal(c.netmask, inet_addr("255.0.0.0"));
	parse("172.16.1.2::172.16.0.1");
	assert_int_equal(c.netmask, inet_addr("255.255.0.0"));
	parse("192.168.1.2:::::eth0");
	assert_int_equal(c.netmask, inet_addr("255.255.255.0"));
	parse(":::::eth1:dhcp");
	assert_int_equal(c.how, IP_DHCP);
	assert_string_equal(c.device, "eth1");
	parse("::::box::dhcp");
	assert_string_equal(c.hostname, "box");
	parse("::::::off");
	assert_int_equal(c.how, IP_OFF);
	parse("");
	assert_int_equal(c.how, IP_DHCP);
}

static void the_wrong_part_is_named(void **state)
{
	static const struct {
		const char *text, *wrong;
	} rows[] = {
	    {"10.1.2", "client's address"},
	    {"10.1.2.256", "client's address"},
	    {"10.1.2.3.4", "client's address"},
	    {"10.1.2.-3", "client's address"},
	    {"10.1.2.3:x", "server's address"},
	    {"10.1.2.3::x", "gateway's address"},
	    {"10.1.2.3:::255.0.255.0", "netmask"},
	    {"10.1.2.3:::::a-name-that-is-too-long", "device"},
	    {"bootx", "client's address"},
	    {"::::::rarp", "protocol"},
	    {":::::::x", "name server's address"},
	    {"::::::::::x", "number of parts"},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const char *wrong = ipconfig_parse(rows[i].text, &c);
		assert_non_null(wrong);
		assert_int_equal(strncmp(wrong, rows[i].wrong, strlen(rows[i].wrong)), 0);
	}
}

static void an_address_is_printed(void **state)
{
	char buf[IPCONFIG_ADDRESS];

	assert_string_equal(ipconfig_print(inet_addr("255.254.10.1"), buf), "255.254.10.1");
	assert_string_equal(ipconfig_print(inet_addr("255.255.255.255"), buf), "255.255.255.255");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_protocol_may_stand_alone),
	    cmocka_unit_test(every_part_is_taken),
	    cmocka_unit_test(parts_may_be_missing),
	    cmocka_unit_test(the_wrong_part_is_named),
	    cmocka_unit_test(an_address_is_printed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
