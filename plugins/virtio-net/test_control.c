/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * test_control - the control queue (virtio 5.1.6.5), pairs of queues, and who the card is.
 */
#include "test_virtio-net.h"

#define COMMAND (RAM + 0x18000)
#define ANSWER  (RAM + 0x1f000)

enum { CLASS_RX, CLASS_MAC, CLASS_VLAN, CLASS_ANNOUNCE, CLASS_MQ, CLASS_OFFLOADS };

static unsigned control; /* number of the control queue */

static void begin_card(const char *params, uint64_t features, unsigned queues)
{
	begin(params, features);
	fake_driver_free_all(driver);
	assert_true(fake_driver_start(driver, features, queues, 8));
	control = queues - 1;
}

static void begin_control(uint64_t features)
{
	begin_card("tap=tap0,mac=52:54:00:12:34:56", features | BOTH | CTRL_VQ, 3);
}

/* Its answer: 0 is OK and 1 an error; -1: none came. */
static int command(uint8_t class, uint8_t number, const void *data, uint32_t n)
{
	const struct fake_segment s[] = {
	    {COMMAND, 2, false}, {COMMAND + 2, n, false}, {ANSWER, 1, true}};
	uint32_t head, len;

	at(COMMAND)[0] = class;
	at(COMMAND)[1] = number;
	if (n > 0)
		memcpy(at(COMMAND + 2), data, n);
	*at(ANSWER) = 0xee;
	assert_true(fake_driver_add(driver, control, s, 3, FAKE_DIRECT) >= 0);
	fake_driver_kick(driver, control);
	if (!fake_driver_used(driver, control, &head, &len))
		return -1;
	assert_int_equal(len, 1);
	return *at(ANSWER);
}

static int command_byte(uint8_t class, uint8_t number, uint8_t data)
{
	return command(class, number, &data, 1);
}

static int command_pairs(uint16_t pairs)
{
	uint8_t data[2];

	volt_put_le16(data, pairs);
	return command(CLASS_MQ, 0, data, sizeof(data));
}

static int command_tag(uint8_t number, uint16_t tag)
{
	uint8_t data[2];

	volt_put_le16(data, tag);
	return command(CLASS_VLAN, number, data, sizeof(data));
}

/* ------------------------------------------------------------------- commands */

static void a_command_needs_its_feature(void **state)
{
	static const uint8_t address[6] = {2, 0, 0, 0, 0, 9}, tables[8];
	static const uint8_t offloads[8] = {2};

	begin_control(0);
	assert_int_equal(command_byte(CLASS_RX, 0, 0), 1);
	assert_int_equal(command_byte(CLASS_RX, 2, 0), 1);
	assert_int_equal(command(CLASS_MAC, 0, tables, 8), 1);
	assert_int_equal(command(CLASS_MAC, 1, address, 6), 1);
	assert_int_equal(command_tag(0, 1), 1);
	assert_int_equal(command(CLASS_ANNOUNCE, 0, NULL, 0), 1);
	assert_int_equal(command_pairs(1), 1);
	assert_int_equal(command(CLASS_OFFLOADS, 0, offloads, 8), 1);
	assert_int_equal(count("refused"), 8);
	assert_int_equal(fake_driver_get(driver, FAKE_REG_CONFIG), 0x12005452);
}

static void a_command_that_is_none_is_refused(void **state)
{
	static const uint8_t zeroes[64];
	static const struct {
		uint8_t class, number, n;
	} bad[] = {
	    {CLASS_RX, 0, 0},
	    {CLASS_RX, 0, 2},
	    {CLASS_RX, 6, 1},
	    {CLASS_MAC, 0, 0},
	    {CLASS_MAC, 0, 7},
	    {CLASS_MAC, 0, 9},
	    {CLASS_MAC, 1, 5},
	    {CLASS_MAC, 1, 6}, /* an address of nobody */
	    {CLASS_MAC, 1, 7},
	    {CLASS_MAC, 2, 6},
	    {CLASS_VLAN, 0, 1},
	    {CLASS_VLAN, 2, 2},
	    {CLASS_ANNOUNCE, 0, 1},
	    {CLASS_ANNOUNCE, 1, 0},
	    {CLASS_MQ, 0, 2},
	    {CLASS_OFFLOADS, 0, 7},
	    {CLASS_OFFLOADS, 1, 8},
	    {6, 0, 0},
	    {0xff, 0xff, 64},
	};

	begin_control(CONTROLS | CTRL_OFFLOADS);
	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(command(bad[i].class, bad[i].number, zeroes, bad[i].n), 1);
	assert_int_equal(command_byte(CLASS_RX, 0, 2), 1);
	assert_int_equal(command_tag(0, 4096), 1);
	assert_int_equal(count("refused"), sizeof(bad) / sizeof(bad[0]) + 2);
	assert_int_equal(command_byte(CLASS_RX, 0, 1), 0);
}

static long give(const struct fake_segment *s, unsigned n)
{
	uint32_t head, len;

	assert_true(fake_driver_add(driver, control, s, n, FAKE_DIRECT) >= 0);
	fake_driver_kick(driver, control);
	return fake_driver_used(driver, control, &head, &len) ? (long)len : -1;
}

static void a_command_whose_answer_has_no_room_changes_nothing(void **state)
{
	static const uint8_t address[8] = {CLASS_MAC, 1, 2, 0, 0, 0, 0, 9};
	const struct fake_segment s[] = {{COMMAND, 8, false}, {ANSWER, 0, true}};
	const struct fake_segment empty = {ANSWER, 4, true};

	begin_control(CONTROLS);
	memcpy(at(COMMAND), address, sizeof(address));
	assert_int_equal(give(s, 2), 0);
	assert_int_equal(give(s, 1), 0);
	assert_int_equal(fake_driver_get(driver, FAKE_REG_CONFIG), 0x12005452);
	memset(at(ANSWER), 0xee, 4);
	assert_int_equal(give(&empty, 1), 1); /* no command at all */
	assert_int_equal(volt_le32(at(ANSWER)), 0xeeeeee01);
	assert_int_equal(command(CLASS_MAC, 1, address + 2, 6), 0);
}

static void a_command_may_be_split_anywhere(void **state)
{
	static const uint8_t bytes[8] = {CLASS_MAC, 1, 2, 0, 0, 0, 0, 9};
	struct fake_segment s[5];

	begin_control(CONTROLS);
	memcpy(at(COMMAND), bytes, sizeof(bytes));
	for (unsigned i = 0; i < 4; i++)
		s[i] = (struct fake_segment){COMMAND + i, i < 3 ? 1 : 5, false};
	s[4] = (struct fake_segment){ANSWER, 1, true};
	assert_true(fake_driver_add(driver, control, s, 5, FAKE_INDIRECT) >= 0);
	fake_driver_kick(driver, control);
	assert_int_equal(*at(ANSWER), 0);
	assert_int_equal(fake_driver_get(driver, FAKE_REG_CONFIG), 2);
}

/* ---------------------------------------------------------------------- filter */

/* A frame to `to`, perhaps with a tag: does it come? */
static bool comes(const uint8_t to[6], unsigned tag)
{
	static uint8_t packet[HEADER + 100];
	uint32_t head, len;

	fill(packet + HEADER, 100, 1);
	memset(packet, 0, HEADER);
	memcpy(packet + HEADER, to, 6);
	packet[HEADER + 12] = tag ? 0x81 : 8;
	packet[HEADER + 13] = 0;
	packet[HEADER + 14] = (uint8_t)(0xe0 | tag >> 8); /* its priority is 7 */
	packet[HEADER + 15] = (uint8_t)tag;
	assert_int_equal(send(peer, packet, sizeof(packet), 0), sizeof(packet));
	frames_came();
	if (!fake_driver_used(driver, RX, &head, &len))
		return false;
	assert_int_equal(len, sizeof(packet));
	assert_memory_equal(at(IN) + HEADER, packet + HEADER, 100);
	offer(IN, 2048);
	return true;
}

static const uint8_t mine[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x56};
static const uint8_t other[6] = {0x52, 0x54, 0, 0x12, 0x34, 0x57};
static const uint8_t third[6] = {2, 0, 0, 0, 0, 9};
static const uint8_t group[6] = {1, 0, 0x5e, 0, 0, 1};
static const uint8_t all[6] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff};

static void a_driver_that_says_nothing_gets_all(void **state)
{
	begin_tap(BOTH);
	offer(IN, 2048);
	assert_true(comes(other, 0));
	assert_true(comes(group, 0));
	assert_true(comes(other, 5));
	assert_int_equal(count("rx_filtered"), 0);
}

static void modes_choose_frames(void **state)
{
	begin_control(CONTROLS);
	offer(IN, 2048);
	assert_true(comes(other, 0)); /* promiscuous until it is told */
	assert_int_equal(command_byte(CLASS_RX, 0, 0), 0);
	assert_true(comes(mine, 0));
	assert_true(comes(all, 0));
	assert_false(comes(other, 0));
	assert_false(comes(group, 0));
	assert_int_equal(count("rx_filtered"), 2);
	assert_int_equal(count("rx_dropped"), 0);
	assert_int_equal(command_byte(CLASS_RX, 1, 1), 0);
	assert_true(comes(group, 0));
	assert_false(comes(other, 0));
	assert_int_equal(command_byte(CLASS_RX, 2, 1), 0);
	assert_true(comes(other, 0));
	assert_int_equal(command_byte(CLASS_RX, 3, 1), 0);
	assert_false(comes(group, 0));
	assert_int_equal(command_byte(CLASS_RX, 4, 1), 0);
	assert_false(comes(mine, 0));
	assert_int_equal(command_byte(CLASS_RX, 5, 1), 0);
	assert_false(comes(all, 0));
	assert_int_equal(command_byte(CLASS_RX, 0, 1), 0);
	assert_true(comes(other, 7));
}

/* `ones` copies of third, and `groups` of group. */
static int set_tables(unsigned ones, unsigned groups)
{
	static uint8_t data[8 + 6 * 80];
	uint8_t *p = data + 4;

	volt_put_le32(data, ones);
	for (unsigned i = 0; i < ones; i++, p += 6)
		memcpy(p, third, 6);
	volt_put_le32(p, groups);
	p += 4;
	for (unsigned i = 0; i < groups; i++, p += 6)
		memcpy(p, group, 6);
	return command(CLASS_MAC, 0, data, (uint32_t)(p - data));
}

static void tables_choose_frames(void **state)
{
	begin_control(CONTROLS);
	offer(IN, 2048);
	assert_int_equal(command_byte(CLASS_RX, 0, 0), 0);
	assert_int_equal(set_tables(1, 32), 0);
	assert_true(comes(third, 0));
	assert_true(comes(group, 0));
	assert_false(comes(other, 0));
	assert_int_equal(set_tables(33, 0), 0); /* no room: all cards, and no group */
	assert_true(comes(other, 0));
	assert_false(comes(group, 0));
	assert_int_equal(set_tables(0, 33), 0);
	assert_false(comes(third, 0));
	assert_true(comes((const uint8_t[6]){3}, 0));
	assert_int_equal(set_tables(0, 0), 0);
	assert_false(comes(group, 0));
	assert_true(comes(mine, 0));
}

static void a_table_that_lies_about_its_length_is_refused(void **state)
{
	static const uint8_t much[16] = {0xff, 0xff, 0xff, 0xff}, late[16] = {0, 0, 0, 0, 2};
	struct fake_segment s[130];

	begin_control(CONTROLS);
	offer(IN, 2048);
	assert_int_equal(command_byte(CLASS_RX, 0, 0), 0);
	assert_int_equal(command(CLASS_MAC, 0, much, 16), 1);
	assert_int_equal(command(CLASS_MAC, 0, late, 16), 1);
	assert_false(comes(other, 0));
	/* The same memory 129 times: a count of 4 billion with 60 MB behind it. */
	at(RAM)[0x20000] = CLASS_MAC;
	at(RAM)[0x20001] = 0;
	volt_put_le32(at(RAM + 0x20002), UINT32_MAX);
	for (unsigned i = 0; i < 7; i++)
		s[i] = (struct fake_segment){RAM + 0x20000, RAM_SIZE - 0x20000, false};
	s[7] = (struct fake_segment){ANSWER, 1, true};
	assert_int_equal(give(s, 8), 1);
	assert_int_equal(*at(ANSWER), 1);
}

static void tags_choose_frames(void **state)
{
	begin_control(CONTROLS);
	offer(IN, 2048);
	assert_int_equal(command_byte(CLASS_RX, 0, 0), 0);
	assert_true(comes(mine, 0));
	assert_false(comes(mine, 5));
	assert_int_equal(command_tag(0, 5), 0);
	assert_int_equal(command_tag(0, 4095), 0);
	assert_true(comes(mine, 5));
	assert_true(comes(mine, 4095));
	assert_false(comes(other, 5));
	assert_false(comes(mine, 6));
	assert_int_equal(command_tag(1, 5), 0);
	assert_false(comes(mine, 5));
	/* Whoever cannot say so gets every tag. */
	teardown(NULL);
	begin_control(CTRL_RX);
	offer(IN, 2048);
	assert_int_equal(command_byte(CLASS_RX, 0, 0), 0);
	assert_true(comes(mine, 5));
	assert_false(comes(other, 5));
}

static void a_stream_is_filtered_too(void **state)
{
	static uint8_t bytes[200];
	uint32_t head, len;

	begin_card("socket=unix:/passt,mac=52:54:00:12:34:56", BOTH | CONTROLS, 3);
	offer(IN, 2048);
	assert_int_equal(command_byte(CLASS_RX, 0, 0), 0);
	size_t n = far_frame(bytes, 60, 1);

	memcpy(bytes + 4, other, 6);
	n += far_frame(bytes + n, 14, 2);
	memcpy(bytes + n - 14, mine, 6);
	far_writes(bytes, n);
	frames_came();
	assert_true(fake_driver_used(driver, RX, &head, &len));
	assert_int_equal(len, HEADER + 14);
	assert_int_equal(count("rx_filtered"), 1);
}

/* --------------------------------------------------------------------- address */

static void a_driver_sets_its_address_until_a_reset(void **state)
{
	begin_control(CONTROLS);
	offer(IN, 2048);
	assert_int_equal(command_byte(CLASS_RX, 0, 0), 0);
	assert_int_equal(command(CLASS_MAC, 1, third, 6), 0);
	assert_int_equal(fake_driver_get(driver, FAKE_REG_CONFIG), 2);
	assert_int_equal(fake_driver_get(driver, FAKE_REG_CONFIG + 4), 0x10900);
	assert_int_equal(fake_driver_get(driver, FAKE_REG_ISR) & 2, 0);
	assert_true(comes(third, 0));
	assert_false(comes(mine, 0));
	assert_int_equal(command(CLASS_MAC, 1, group, 6), 1);
	fake_driver_reset(driver);
	assert_int_equal(fake_driver_get(driver, FAKE_REG_CONFIG), 0x12005452);
}

/* The card's address in a VM of that name, behind `params`; NULL: it has none. */
static uint64_t address_of(const char *params, const char *name)
{
	host = fake_host_create(&volt_plugin_virtio_net);
	assert_int_equal(fake_host_wire(host, params), 0);
	fake_identity_name(host, name);
	assert_int_equal(fake_host_run(host), 0);
	driver = fake_driver_create(host, RAM, RAM_SIZE);
	const uint64_t low = fake_driver_get(driver, FAKE_REG_CONFIG);
	const uint64_t high = fake_driver_get(driver, FAKE_REG_CONFIG + 4) & 0xffff;

	teardown(NULL);
	return high << 32 | low;
}

static void an_address_is_made_of_the_name(void **state)
{
	const uint64_t web = address_of("tap=tap0", "web");

	assert_int_equal(web & 3, 2); /* IEEE 802: local, and one card's */
	assert_true(address_of("tap=tap0", "web") == web);
	assert_true(address_of("tap=tap7", "web") == web);
	assert_true(address_of("tap=tap0", "web2") != web);
	assert_true(address_of("tap=tap0", NULL) != web);
	assert_true(address_of("tap=tap0,mac=02:00:00:00:00:09", "web") == 0x090000000002);
}

static void a_restored_card_keeps_the_address_that_its_guest_has(void **state)
{
	uint8_t saved[8192];
	size_t n;

	begin_card("tap=tap0,mac=02:00:00:00:00:09", BOTH | CONTROLS, 3);
	const uint8_t *bytes = fake_state_save(host, &n);

	memcpy(saved, bytes, n);
	teardown(NULL);
	begin_card("tap=tap0", BOTH | CONTROLS, 3);
	const uint32_t own = fake_driver_get(driver, FAKE_REG_CONFIG);

	assert_int_not_equal(own, 2);
	fake_identity_name(host, "copy");
	assert_int_equal(fake_state_load(host, saved, n), 0);
	assert_int_equal(fake_driver_get(driver, FAKE_REG_CONFIG), 2);
	fake_driver_reset(driver); /* a driver that begins anew reads the copy's */
	assert_int_not_equal(fake_driver_get(driver, FAKE_REG_CONFIG), 2);
	assert_int_not_equal(fake_driver_get(driver, FAKE_REG_CONFIG), own);
}

/* ---------------------------------------------------------------- announcement */

static void reload(void)
{
	static uint8_t saved[8192];
	size_t n;
	const uint8_t *bytes = fake_state_save(host, &n);

	assert_true(n <= sizeof(saved));
	memcpy(saved, bytes, n);
	assert_int_equal(fake_state_load(host, saved, n), 0);
}

static void a_restored_card_asks_to_be_announced(void **state)
{
	begin_control(CONTROLS);
	size_t n;

	fake_state_save(host, &n); /* a pause is not a restore */
	assert_int_equal(link_status(), 1);
	assert_int_equal(command(CLASS_ANNOUNCE, 0, NULL, 0), 0);
	fake_driver_set(driver, FAKE_REG_ISR_ACK, 3);
	const uint32_t generation = fake_driver_get(driver, FAKE_REG_GENERATION);

	reload();
	assert_int_equal(link_status(), 3);
	assert_int_equal(fake_driver_get(driver, FAKE_REG_ISR), 2);
	assert_int_equal(fake_driver_get(driver, FAKE_REG_GENERATION), generation + 1);
	assert_int_equal(command(CLASS_ANNOUNCE, 0, NULL, 0), 0);
	assert_int_equal(link_status(), 1);
	reload();
	assert_int_equal(link_status(), 3);
	fake_driver_reset(driver);
	assert_int_equal(link_status(), 1);
}

static void a_driver_that_cannot_announce_is_not_asked(void **state)
{
	begin_control(CONTROLS & ~ANNOUNCES);
	reload();
	assert_int_equal(link_status(), 1);
	fake_driver_reset(driver);
	reload(); /* nor one that is not there */
	assert_int_equal(link_status(), 1);
}

static void choices_of_the_driver_are_saved(void **state)
{
	static const uint8_t offloads[8] = {2};

	begin_control(CONTROLS | CTRL_OFFLOADS | GCSUM | GTSO4);
	offer(IN, 2048);
	assert_int_equal(command_byte(CLASS_RX, 0, 0), 0);
	assert_int_equal(set_tables(1, 1), 0);
	assert_int_equal(command_tag(0, 5), 0);
	assert_int_equal(command(CLASS_MAC, 1, other, 6), 0);
	assert_int_equal(command(CLASS_OFFLOADS, 0, offloads, 8), 0);
	tap_told = 99;
	reload();
	fake_run_workers(host);
	assert_int_equal(tap_told, 1);
	assert_true(comes(other, 0));
	assert_true(comes(third, 5));
	assert_true(comes(group, 0));
	assert_false(comes(mine, 0));
	assert_false(comes(other, 6));
}

/* -------------------------------------------------------------------- offloads */

static int set_offloads(uint64_t bits)
{
	uint8_t data[8];

	volt_put_le64(data, bits);
	return command(CLASS_OFFLOADS, 0, data, sizeof(data));
}

static void offloads_are_switched_while_it_runs(void **state)
{
	static const uint8_t header[HEADER] = {1, 0, 0, 0, 0, 0, 34, 0, 16};
	uint8_t packet[HEADER + 60] = {0};

	begin_control(CTRL_OFFLOADS | GCSUM | GTSO4);
	offer(IN, 2048);
	assert_int_equal(tap_told, 3);
	assert_int_equal(set_offloads(GCSUM), 0);
	assert_int_equal(tap_told, 1);
	assert_int_equal(set_offloads(0), 0);
	assert_int_equal(tap_told, 0);
	memcpy(packet, header, HEADER);
	assert_int_equal(send(peer, packet, sizeof(packet), 0), sizeof(packet));
	frames_came();
	assert_int_equal(count("rx_dropped"), 1);         /* it was on its way */
	assert_int_equal(set_offloads(GCSUM | GTSO6), 1); /* not agreed */
	assert_int_equal(set_offloads(GCSUM | CSUM), 1);
	assert_int_equal(tap_told, 0);
	assert_int_equal(set_offloads(GCSUM | GTSO4), 0);
	assert_int_equal(tap_told, 3);
	assert_int_equal(send(peer, packet, sizeof(packet), 0), sizeof(packet));
	frames_came();
	assert_int_equal(received(), sizeof(packet));
}

/* ----------------------------------------------------------------------- pairs */

static void pair_receives(unsigned pair, bool yes)
{
	const struct fake_segment s = {IN + 0x1000 * pair, 2048, true};
	const unsigned queue = 2 * pair;
	uint8_t packet[HEADER + 60] = {0};
	uint32_t head, len;

	fill(packet + HEADER, 60, pair);
	assert_int_equal(
	    send(fake_param_peer(host, pair), packet, sizeof(packet), 0), sizeof(packet));
	assert_true(fake_driver_add(driver, queue, &s, 1, FAKE_DIRECT) >= 0);
	fake_driver_kick(driver, queue);
	far_is_ready(queue, near_end() + (int)pair);
	assert_int_equal(fake_driver_used(driver, queue, &head, &len), yes);
	if (yes)
		assert_true(is_filled(at(s.gpa + HEADER), 60, pair));
}

static void pair_sends(unsigned pair, bool yes)
{
	const struct fake_segment s = {OUT, HEADER + 60, false};
	const unsigned queue = 2 * pair + 1;
	uint8_t got[200];
	uint32_t head, len;

	memset(at(OUT), 0, HEADER);
	fill(at(OUT + HEADER), 60, pair);
	assert_true(fake_driver_add(driver, queue, &s, 1, FAKE_DIRECT) >= 0);
	fake_driver_kick(driver, queue);
	assert_true(fake_driver_used(driver, queue, &head, &len));
	assert_int_equal(recv(fake_param_peer(host, pair), got, sizeof(got), 0), yes ? 72 : -1);
}

static void a_tap_with_several_queues_has_pairs(void **state)
{
	begin_card("tap=tap0,queues=3", BOTH | CONTROLS | MQ, 7);
	assert_true(fake_driver_offered(driver) & MQ);
	assert_int_equal(fake_driver_get(driver, FAKE_REG_CONFIG + 8) & 0xffff, 3);
	offer(IN, 2048);
	assert_int_equal(attached & 7, 1); /* virtio 5.1.6.5.5: the first one alone, until told */
	pair_sends(0, true);
	pair_sends(1, false);
	assert_int_equal(count("tx_dropped"), 1);
	pair_receives(2, false);
	assert_int_equal(command_pairs(3), 0);
	assert_int_equal(attached & 7, 7);
	pair_sends(1, true);
	pair_sends(2, true);
	pair_receives(1, true);
	assert_int_equal(command_pairs(2), 0);
	assert_int_equal(attached & 7, 3);
	pair_sends(2, false);
}

static void pairs_that_are_not_there_are_refused(void **state)
{
	begin_card("tap=tap0,queues=3", BOTH | CONTROLS | MQ, 7);
	offer(IN, 2048);
	assert_int_equal(command_pairs(0), 1);
	assert_int_equal(command_pairs(4), 1);
	assert_int_equal(command_pairs(0x8000), 1);
	assert_int_equal(command_pairs(0xffff), 1);
	const unsigned before = switches;

	assert_int_equal(command_pairs(1), 0);
	assert_int_equal(switches, before);
	tap_refuses = true;
	assert_int_equal(command_pairs(2), 1);
	tap_refuses = false;
	pair_sends(1, false);
	assert_int_equal(command_pairs(2), 0);
	pair_sends(1, true);
}

static void a_reset_leaves_one_pair(void **state)
{
	begin_card("tap=tap0,queues=2", BOTH | CONTROLS | MQ, 5);
	assert_int_equal(command_pairs(2), 0);
	fake_driver_free_all(driver);
	assert_true(fake_driver_start(driver, BOTH | CONTROLS | MQ, 5, 8));
	pair_sends(1, false);
	pair_receives(0, true);
	assert_int_equal(attached & 3, 1);
}

/* virtio 5.1.2: then the third queue is the control queue. */
static void a_driver_without_pairs_finds_its_control_queue(void **state)
{
	begin_card("tap=tap0,queues=3,mac=52:54:00:12:34:56", BOTH | CONTROLS, 3);
	assert_int_equal(command(CLASS_MAC, 1, third, 6), 0);
	assert_int_equal(fake_driver_get(driver, FAKE_REG_CONFIG), 2);
	assert_int_equal(command_pairs(2), 1);
}

static void pairs_are_saved(void **state)
{
	begin_card("tap=tap0,queues=2", BOTH | CONTROLS | MQ, 5);
	assert_int_equal(command_pairs(2), 0);
	reload();
	pair_sends(1, true);
	pair_receives(1, true);
	assert_int_equal(attached & 3, 3);
}

/* Without a control queue its place is a queue that nobody serves. */
static void a_queue_that_means_nothing_gives_its_buffers_back(void **state)
{
	const struct fake_segment s[] = {{OUT, 100, false}, {IN, 100, true}};

	begin_card("tap=tap0", BOTH, 3);
	assert_int_equal(give(s, 2), 0);
	assert_int_equal(give(s, 1), 0);
	teardown(NULL);
	begin_card("tap=tap0,queues=7", BOTH | MQ, 15);
	assert_int_equal(give(s, 2), 0);
}

int run_control_tests(void)
{
#define T(name) cmocka_unit_test_teardown(name, teardown)
	const struct CMUnitTest tests[] = {
	    T(a_command_needs_its_feature),
	    T(a_command_that_is_none_is_refused),
	    T(a_command_whose_answer_has_no_room_changes_nothing),
	    T(a_command_may_be_split_anywhere),
	    T(a_driver_that_says_nothing_gets_all),
	    T(modes_choose_frames),
	    T(tables_choose_frames),
	    T(a_table_that_lies_about_its_length_is_refused),
	    T(tags_choose_frames),
	    T(a_stream_is_filtered_too),
	    T(a_driver_sets_its_address_until_a_reset),
	    cmocka_unit_test(an_address_is_made_of_the_name),
	    T(a_restored_card_keeps_the_address_that_its_guest_has),
	    T(a_restored_card_asks_to_be_announced),
	    T(a_driver_that_cannot_announce_is_not_asked),
	    T(choices_of_the_driver_are_saved),
	    T(offloads_are_switched_while_it_runs),
	    T(a_tap_with_several_queues_has_pairs),
	    T(pairs_that_are_not_there_are_refused),
	    T(a_reset_leaves_one_pair),
	    T(a_driver_without_pairs_finds_its_control_queue),
	    T(pairs_are_saved),
	    T(a_queue_that_means_nothing_gives_its_buffers_back),
	};
#undef T

	return cmocka_run_group_tests(tests, NULL, NULL);
}
