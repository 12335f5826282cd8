/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "dhcp.h"

static const struct dhcp_client client = {0x11223344, {0x52, 0x54, 0, 1, 2, 3}};
static uint8_t message[DHCP_MESSAGE];
static struct dhcp_lease lease;

/* An option of a message that the client wrote, or NULL. */
static const uint8_t *find(uint8_t option, uint8_t len)
{
	for (size_t at = 240; message[at] != 255; at += 2u + message[at + 1]) {
		if (message[at] != option)
			continue;
		assert_int_equal(message[at + 1], len);
		return message + at + 2;
	}
	return NULL;
}

static void a_discover_has_what_servers_want(void **state)
{
	static const uint8_t cookie[4] = {99, 130, 83, 99};
	const size_t len = dhcp_write(message, &client, DHCP_DISCOVER, NULL, false);

	assert_in_range(len, 300, DHCP_MESSAGE);
	assert_int_equal(message[0], 1); /* BOOTREQUEST */
	assert_int_equal(message[1], 1); /* Ethernet */
	assert_int_equal(message[2], 6);
	assert_memory_equal(message + 4, &client.xid, 4);
	assert_int_equal(message[10], 0x80); /* an answer to all */
	assert_memory_equal(message + 28, client.mac, 6);
	assert_memory_equal(message + 236, cookie, 4);
	assert_int_equal(*find(53, 1), DHCP_DISCOVER);
	assert_null(find(50, 4));
	assert_null(find(54, 4));
}

/* RFC 2131, table 5. */
static void a_request_names_server_and_address(void **state)
{
	const struct dhcp_lease offer = {
	    .address = inet_addr("192.0.2.9"), .server = inet_addr("192.0.2.1")};
	static const uint8_t zero[4];

	dhcp_write(message, &client, DHCP_REQUEST, &offer, false);
	assert_memory_equal(find(50, 4), &offer.address, 4);
	assert_memory_equal(find(54, 4), &offer.server, 4);
	assert_memory_equal(message + 12, zero, 4);
	dhcp_write(message, &client, DHCP_REQUEST, &offer, true); /* renewing */
	assert_null(find(50, 4));
	assert_null(find(54, 4));
	assert_memory_equal(message + 12, &offer.address, 4);
}

/* ------------------------------------------------------------------ answers */

static size_t end;

static void begin_answer(enum dhcp_type type)
{
	const uint8_t kind = (uint8_t)type;
	const uint32_t address = inet_addr("192.0.2.9");

	memset(message, 0, sizeof(message));
	message[0] = 2;
	memcpy(message + 4, &client.xid, 4);
	memcpy(message + 16, &address, 4);
	memcpy(message + 28, client.mac, 6);
	memcpy(message + 236, "\x63\x82\x53\x63", 4);
	memcpy(message + 240, "\x35\x01", 2);
	message[242] = kind;
	end = 243;
}

static void add(uint8_t option, uint8_t len, const void *data)
{
	message[end++] = option;
	message[end++] = len;
	memcpy(message + end, data, len);
	end += len;
}

static bool answer(void)
{
	message[end] = 255;
	return dhcp_read(message, end + 1, &client, &lease);
}

static void begin_ack(void)
{
	begin_answer(DHCP_ACK);
	add(54, 4, "\xc0\0\x02\x01");
	add(51, 4, "\0\0\x0e\x10"); /* an hour */
}

static void an_ack_is_understood(void **state)
{
	begin_ack();
	add(1, 4, "\xff\xff\xff\x80");
	add(3, 8, "\xc0\0\x02\x01\xc0\0\x02\x02");
	message[end++] = 0; /* pad */
	add(6, 12, "\x08\x08\x08\x08\x01\x01\x01\x01\x09\x09\x09\x09");
	add(26, 2, "\x05\x78");
	add(12, 5, "guest");
	assert_true(answer());
	assert_int_equal(lease.type, DHCP_ACK);
	assert_int_equal(lease.address, inet_addr("192.0.2.9"));
	assert_int_equal(lease.server, inet_addr("192.0.2.1"));
	assert_int_equal(lease.netmask, inet_addr("255.255.255.128"));
	assert_int_equal(lease.gateway, inet_addr("192.0.2.1"));
	assert_int_equal(lease.dns[0], inet_addr("8.8.8.8"));
	assert_int_equal(lease.dns[1], inet_addr("1.1.1.1"));
	assert_int_equal(lease.mtu, 1400);
	assert_string_equal(lease.hostname, "guest");
	assert_int_equal(lease.lease, 3600);
	assert_int_equal(lease.renew, 1800);
	assert_int_equal(lease.rebind, 3150);
}

static void times_are_in_order(void **state)
{
	begin_ack();
	add(58, 4, "\0\0\x01\0");
	add(59, 4, "\0\0\x02\0");
	assert_true(answer());
	assert_int_equal(lease.renew, 256);
	assert_int_equal(lease.rebind, 512);
	begin_ack();
	add(58, 4, "\xff\0\0\0"); /* after the lease's end */
	add(59, 4, "\xff\0\0\0");
	assert_true(answer());
	assert_int_equal(lease.renew, 1800);
	assert_int_equal(lease.rebind, 3150);
	begin_answer(DHCP_ACK);
	add(54, 4, "\xc0\0\x02\x01");
	add(51, 4, "\xff\xff\xff\xff");
	assert_true(answer());
	assert_true(lease.lease == DHCP_FOREVER);
}

static void what_is_for_others_is_ignored(void **state)
{
	static const size_t bytes[] = {0, 4, 28, 33, 236}; /* kind, number, address twice, cookie */

	for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
		begin_ack();
		message[bytes[i]] ^= 1;
		assert_false(answer());
	}
	begin_ack();
	memset(message + 16, 0, 4); /* no address */
	assert_false(answer());
	begin_answer(DHCP_OFFER); /* no server */
	assert_false(answer());
	begin_answer(DHCP_DISCOVER);
	assert_false(answer());
	begin_answer(DHCP_NAK);
	assert_true(answer());
	assert_int_equal(lease.type, DHCP_NAK);
}

static void names_that_are_none_are_left_out(void **state)
{
	begin_ack();
	add(12, 8, "a; b\n\x1b[m");
	assert_true(answer());
	assert_string_equal(lease.hostname, "");
}

static void options_may_break_off_anywhere(void **state)
{
	begin_ack();
	add(6, 8, "\x08\x08\x08\x08\x01\x01\x01\x01");
	add(1, 0, "");
	add(3, 3, "\xc0\0\x02");
	message[end++] = 3;
	message[end++] = 200;
	for (size_t len = 0; len <= end; len++) {
		uint8_t *copy = malloc(len ? len : 1); /* so that a sanitizer sees its end */
		assert_non_null(copy);
		memcpy(copy, message, len);
		dhcp_read(copy, len, &client, &lease);
		free(copy);
	}
	assert_int_equal(lease.gateway, 0);
	assert_int_equal(lease.netmask, inet_addr("255.255.255.0"));
}

/* ------------------------------------------------------------------ packets */

static uint8_t packet[DHCP_PACKET];

static void a_packet_has_its_headers(void **state)
{
	uint32_t sum = 0;
	const size_t len = dhcp_wrap(packet, 300);

	assert_int_equal(len, 328);
	for (size_t i = 0; i < 20; i += 2)
		sum += (uint32_t)packet[i] << 8 | packet[i + 1];
	sum = (sum & 0xffff) + (sum >> 16);
	assert_int_equal(sum, 0xffff); /* RFC 791: the header's sum fits */
	assert_int_equal(packet[2] << 8 | packet[3], 328);
	assert_int_equal(packet[22] << 8 | packet[23], 67);
	assert_int_equal(packet[24] << 8 | packet[25], 308);
}

/* The packet turned round: as a server sends it. */
static size_t wrap_answer(size_t n)
{
	const size_t len = dhcp_wrap(packet, n);

	packet[21] = 67;
	packet[23] = 68;
	return len;
}

static void a_packet_is_unwrapped(void **state)
{
	size_t n, len = wrap_answer(300);

	assert_ptr_equal(dhcp_unwrap(packet, len, &n), packet + 28);
	assert_int_equal(n, 300);
	assert_ptr_equal(dhcp_unwrap(packet, len + 18, &n), packet + 28); /* Ethernet's padding */
	assert_int_equal(n, 300);
	assert_null(dhcp_unwrap(packet, len - 1, &n));
	for (size_t i = 0; i < 28; i++)
		dhcp_unwrap(packet, i, &n);
}

static void other_packets_are_ignored(void **state)
{
	static const struct {
		uint8_t at, value;
	} changes[] = {
	    {0, 0x65}, {0, 0x44}, {0, 0x4f}, {6, 0x20}, {7, 1}, {9, 6}, {23, 67}, {25, 7}, {24, 9}};
	size_t n;

	for (size_t i = 0; i < sizeof(changes) / sizeof(changes[0]); i++) {
		const size_t len = wrap_answer(300);
		packet[changes[i].at] = changes[i].value;
		if (changes[i].at == 25)
			packet[24] = 0;
		assert_null(dhcp_unwrap(packet, len, &n));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
	    cmocka_unit_test(a_discover_has_what_servers_want),
	    cmocka_unit_test(a_request_names_server_and_address),
	    cmocka_unit_test(an_ack_is_understood),
	    cmocka_unit_test(times_are_in_order),
	    cmocka_unit_test(what_is_for_others_is_ignored),
	    cmocka_unit_test(names_that_are_none_are_left_out),
	    cmocka_unit_test(options_may_break_off_anywhere),
	    cmocka_unit_test(a_packet_has_its_headers),
	    cmocka_unit_test(a_packet_is_unwrapped),
	    cmocka_unit_test(other_packets_are_ignored),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
