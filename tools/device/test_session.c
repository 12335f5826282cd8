/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * test_session - volt-device under a front end that is honest, wrong or hostile. Citations are of
 * "Vhost-user Protocol", docs/interop/vhost-user.rst of QEMU.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tools/device/test_kit.h"

#include <cmocka.h>

#define BOTH (KIT_FEATURE | KIT_VERSION)
#define ACK  (FLAG_VERSION | FLAG_NEED_REPLY)

static int setup(void **state)
{
	struct kit *k = calloc(1, sizeof(*k));

	assert_non_null(k);
	kit_open(k);
	*state = k;
	return 0;
}

static int teardown(void **state)
{
	kit_close(*state);
	free(*state);
	return 0;
}

static void set_u64(struct kit *k, uint32_t request, uint64_t value)
{
	kit_send(k, request, FLAG_VERSION, &value, sizeof(value), NULL, 0);
}

static void set_state(struct kit *k, uint32_t request, uint32_t index, uint32_t num)
{
	const struct ring_state state = {index, num};

	kit_send(k, request, FLAG_VERSION, &state, sizeof(state), NULL, 0);
}

/* Asks without a payload; the answer is a number. */
static uint64_t ask(struct kit *k, uint32_t request)
{
	struct message m;

	kit_send(k, request, FLAG_VERSION, NULL, 0, NULL, 0);
	assert_true(kit_answer(k, &m));
	assert_int_equal(m.request, request);
	assert_int_equal(m.size, sizeof(m.body.u64));
	return m.body.u64;
}

/* With REPLY_ACK: 0 is done. */
static uint64_t try(struct kit *k, uint32_t request, const void *body, uint32_t size, int fd)
{
	struct message m;

	kit_send(k, request, ACK, body, size, &fd, fd < 0 ? 0 : 1);
	assert_true(kit_answer(k, &m));
	assert_int_equal(m.request, request);
	assert_int_equal(m.size, sizeof(m.body.u64));
	return m.body.u64;
}

static void negotiate(struct kit *k)
{
	set_u64(k, SET_PROTOCOL_FEATURES,
	    PROTOCOL_MQ | PROTOCOL_REPLY_ACK | PROTOCOL_CONFIG | PROTOCOL_STATUS);
	set_u64(k, SET_FEATURES, BOTH | F_PROTOCOL_FEATURES);
	assert_false(k->c.gone);
}

static void give_memory(struct kit *k)
{
	const struct region_table t = {.count = 1, .regions = {{KIT_GPA, KIT_MEMORY, KIT_USER, 0}}};

	kit_send(k, SET_MEM_TABLE, FLAG_VERSION, &t, 40, &k->memory, 1);
	assert_false(k->c.gone);
}

static void give_event(struct kit *k, uint32_t request, uint64_t n, int fd)
{
	kit_send(k, request, FLAG_VERSION, &n, sizeof(n), &fd, fd < 0 ? 0 : 1);
}

static void set_up_ring(struct kit *k, uint32_t n, uint16_t base)
{
	const struct ring_address a = {.index = n,
	    .desc = KIT_USER + 0x1000 * n,
	    .avail = KIT_USER + 0x1000 * n + 0x200,
	    .used = KIT_USER + 0x1000 * n + 0x400};

	set_state(k, SET_VRING_NUM, n, KIT_RING);
	set_state(k, SET_VRING_BASE, n, base);
	kit_send(k, SET_VRING_ADDR, FLAG_VERSION, &a, sizeof(a), NULL, 0);
}

/* Returns the kick's eventfd. */
static int start_ring(struct kit *k, uint32_t n, uint16_t base)
{
	const int kick = eventfd(0, EFD_NONBLOCK);

	set_up_ring(k, n, base);
	give_event(k, SET_VRING_KICK, n, kick);
	set_state(k, SET_VRING_ENABLE, n, 1);
	assert_false(k->c.gone);
	assert_true(k->served[n]);
	return kick;
}

static void write_event(int fd)
{
	const uint64_t one = 1;

	assert_int_equal(write(fd, &one, sizeof(one)), sizeof(one));
}

static uint64_t read_event(int fd)
{
	uint64_t count = 0;

	return read(fd, &count, sizeof(count)) == sizeof(count) ? count : 0;
}

/* The queue whose kick is told next; -1: none. */
static int next_kick(const struct kit *k)
{
	struct epoll_event e;

	return epoll_wait(k->epoll, &e, 1, 0) == 1 ? (int)e.data.u32 : -1;
}

/* ----------------------------------------------------------------------- honest */

static void tells_what_it_has(void **state)
{
	struct kit *k = *state;

	assert_int_equal(ask(k, GET_FEATURES), BOTH | F_PROTOCOL_FEATURES);
	assert_int_equal(ask(k, GET_PROTOCOL_FEATURES),
	    PROTOCOL_MQ | PROTOCOL_REPLY_ACK | PROTOCOL_BACKEND_REQ | PROTOCOL_CONFIG |
		PROTOCOL_RESET_DEVICE | PROTOCOL_CONFIGURE_MEM_SLOTS | PROTOCOL_STATUS);
	assert_int_equal(ask(k, GET_QUEUE_NUM), KIT_QUEUES);
	assert_int_equal(ask(k, GET_MAX_MEM_SLOTS), REGIONS_MAX);
	assert_int_equal(ask(k, GET_STATUS), 0);
}

/* "Ring states": with protocol features a ring is disabled until it is enabled; without them it is
 * enabled from the start. */
static void ring_starts_when_it_is_complete_and_enabled(void **state)
{
	struct kit *k = *state;
	const int kick = eventfd(0, EFD_NONBLOCK);

	negotiate(k);
	give_memory(k);
	set_up_ring(k, 1, 5);
	give_event(k, SET_VRING_KICK, 1, kick);
	assert_int_equal(k->starts, 0);
	set_state(k, SET_VRING_ENABLE, 1, 1);
	assert_true(k->served[1]);
	assert_int_equal(k->ring[1].base, 5);
	assert_int_equal(k->ring[1].desc, KIT_GPA + 0x1000);
	assert_int_equal(k->ring[1].driver, KIT_GPA + 0x1200);
	assert_int_equal(k->ring[1].device, KIT_GPA + 0x1400);
	set_state(k, SET_VRING_ENABLE, 1, 0);
	assert_false(k->served[1]);
	close(kick);
}

static void ring_is_enabled_without_protocol_features(void **state)
{
	struct kit *k = *state;
	const int kick = eventfd(0, EFD_NONBLOCK);

	set_u64(k, SET_FEATURES, BOTH);
	give_memory(k);
	set_up_ring(k, 0, 0);
	assert_int_equal(k->starts, 0);
	give_event(k, SET_VRING_KICK, 0, kick);
	assert_true(k->served[0]);
	close(kick);
}

/* "Starting and stopping rings": the answer says where it stopped, and it stays silent. */
static void stopped_ring_tells_its_base_and_hears_no_kick(void **state)
{
	struct kit *k = *state;
	const struct ring_state want = {.index = 0};
	struct message m;

	negotiate(k);
	give_memory(k);
	const int kick = start_ring(k, 0, 3);

	write_event(kick);
	assert_int_equal(next_kick(k), 0);
	k->seen[0] = 9;
	kit_send(k, GET_VRING_BASE, FLAG_VERSION, &want, sizeof(want), NULL, 0);
	assert_true(kit_answer(k, &m));
	assert_int_equal(m.size, 8);
	assert_int_equal(m.body.state.num, 9);
	assert_false(k->served[0]);
	write_event(kick);
	assert_int_equal(next_kick(k), -1);
	close(kick);
}

static void kick_that_came_first_is_heard(void **state)
{
	struct kit *k = *state;
	const int kick = eventfd(0, EFD_NONBLOCK);

	negotiate(k);
	give_memory(k);
	set_up_ring(k, 0, 0);
	set_state(k, SET_VRING_ENABLE, 0, 1);
	write_event(kick);
	give_event(k, SET_VRING_KICK, 0, kick);
	assert_int_equal(next_kick(k), 0);
	close(kick);
}

static void interrupt_goes_to_the_newest_event(void **state)
{
	struct kit *k = *state;
	const int first = eventfd(0, EFD_NONBLOCK), second = eventfd(0, EFD_NONBLOCK);

	negotiate(k);
	give_memory(k);
	session_call(&k->s, 0); /* to nobody */
	give_event(k, SET_VRING_CALL, 0, first);
	session_call(&k->s, 0);
	assert_int_equal(read_event(first), 1);
	const int kick = start_ring(k, 0, 0);
	/* What was done before is told to whoever comes. */
	give_event(k, SET_VRING_CALL, 0, second);
	assert_int_equal(read_event(second), 1);
	session_call(&k->s, 0);
	assert_int_equal(read_event(first), 0);
	assert_int_equal(read_event(second), 1);
	give_event(k, SET_VRING_CALL, RING_NO_FILE, -1);
	session_call(&k->s, 0);
	assert_int_equal(read_event(second), 0);
	session_call(&k->s, KIT_QUEUES);
	close(kick);
	close(first);
	close(second);
}

static void broken_device_tells_the_error_event(void **state)
{
	struct kit *k = *state;
	const int error = eventfd(0, EFD_NONBLOCK);

	give_event(k, SET_VRING_ERR, 1, error);
	k->broken = true;
	session_changed(&k->s, true);
	assert_int_equal(read_event(error), 1);
	assert_int_equal(ask(k, GET_STATUS), 64);
	close(error);
}

/* "Back-end communication": VHOST_USER_BACKEND_CONFIG_CHANGE_MSG. */
static void changed_configuration_is_told_on_the_channel(void **state)
{
	struct kit *k = *state;
	uint32_t said[3];
	int pair[2];

	session_changed(&k->s, false); /* to nobody */
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	kit_send(k, SET_BACKEND_REQ_FD, FLAG_VERSION, NULL, 0, &pair[1], 1);
	session_changed(&k->s, false);
	assert_int_equal(recv(pair[0], said, sizeof(said), 0), sizeof(said));
	assert_int_equal(said[0], 2);
	assert_int_equal(said[1], FLAG_VERSION);
	assert_int_equal(said[2], 0);
	close(pair[0]);
	close(pair[1]);
}

static void configuration_is_read_and_written(void **state)
{
	struct kit *k = *state;
	struct config_part p = {.offset = 1, .size = 30};
	struct message m;

	negotiate(k);
	kit_send(k, GET_CONFIG, FLAG_VERSION, &p, CONFIG_HEAD + 30, NULL, 0);
	assert_true(kit_answer(k, &m));
	assert_int_equal(m.size, CONFIG_HEAD + 30);
	assert_int_equal(m.body.config.bytes[0], 2);
	assert_int_equal(m.body.config.bytes[29], 0); /* beyond what the device has */
	p.bytes[0] = 0x77;
	p.size = 1;
	assert_int_equal(try(k, SET_CONFIG, &p, CONFIG_HEAD + 1, -1), 0);
	assert_int_equal(k->config[1], 0x77);
	p.offset = KIT_CONFIG;
	assert_int_not_equal(try(k, SET_CONFIG, &p, CONFIG_HEAD + 1, -1), 0);
	assert_false(k->c.gone);
}

/* Refused with an answer of no bytes, as the page says. */
static void configuration_beyond_its_end_is_refused(void **state)
{
	struct kit *k = *state;
	const struct config_part p = {.offset = 250, .size = 30};
	struct message m;

	kit_send(k, GET_CONFIG, FLAG_VERSION, &p, CONFIG_HEAD + 30, NULL, 0);
	assert_true(kit_answer(k, &m));
	assert_int_equal(m.size, 0);
	assert_false(k->c.gone);
}

static void memory_changes_around_a_ring_that_is_served(void **state)
{
	struct kit *k = *state;
	const struct one_region more = {.region = {0x200000, 0x1000, KIT_USER + 0x10000, 0x1000}};

	negotiate(k);
	give_memory(k);
	const int kick = start_ring(k, 0, 0);
	const uint32_t kicks = k->kicks[0];

	k->seen[0] = 4;
	give_memory(k);
	assert_true(k->served[0]);
	assert_int_equal(k->ring[0].base, 4);
	assert_int_equal(k->kicks[0], kicks + 1);
	kit_send(k, ADD_MEM_REG, FLAG_VERSION, &more, sizeof(more), &k->memory, 1);
	assert_int_equal(k->regions.count, 2);
	assert_int_equal(k->stops, 1);
	assert_int_equal(try(k, REM_MEM_REG, &more, sizeof(more), -1), 0);
	assert_int_equal(k->regions.count, 1);
	assert_true(k->served[0]);
	assert_int_not_equal(try(k, REM_MEM_REG, &more, sizeof(more), -1), 0);
	close(kick);
}

static void ring_ends_when_its_memory_goes(void **state)
{
	struct kit *k = *state;
	const struct one_region all = {.region = {KIT_GPA, KIT_MEMORY, KIT_USER, 0}};

	negotiate(k);
	give_memory(k);
	const int kick = start_ring(k, 0, 0);

	assert_int_not_equal(try(k, REM_MEM_REG, &all, sizeof(all), -1), 0);
	assert_false(k->served[0]);
	assert_false(k->c.gone);
	close(kick);
}

static void device_is_reset(void **state)
{
	struct kit *k = *state;

	negotiate(k);
	give_memory(k);
	const int kick = start_ring(k, 0, 0);

	kit_send(k, RESET_DEVICE, FLAG_VERSION, NULL, 0, NULL, 0);
	assert_int_equal(k->resets, 1);
	assert_false(k->served[0]);
	assert_int_equal(k->agreed, BOTH);
	set_u64(k, SET_STATUS, 3);
	assert_int_equal(ask(k, GET_STATUS), 3);
	set_u64(k, SET_STATUS, 0);
	assert_int_equal(k->resets, 2);
	assert_int_equal(ask(k, GET_STATUS), 0);
	close(kick);
	close(start_ring(k, 0, 0));
}

static void new_driver_is_found_by_its_base(void **state)
{
	struct kit *k = *state;
	const struct ring_state want = {.index = 0};
	struct message m;

	negotiate(k);
	give_memory(k);
	close(start_ring(k, 0, 0));
	k->seen[0] = 7;
	kit_send(k, GET_VRING_BASE, FLAG_VERSION, &want, sizeof(want), NULL, 0);
	assert_true(kit_answer(k, &m));
	set_state(k, SET_VRING_BASE, 0, 7); /* the same driver goes on */
	assert_int_equal(k->resets, 0);
	set_state(k, SET_VRING_BASE, 0, 0);
	assert_int_equal(k->resets, 1);
}

static void message_in_pieces_is_one(void **state)
{
	struct kit *k = *state;
	const uint64_t features = BOTH;
	uint8_t bytes[HEADER_SIZE + 8];
	const uint32_t header[] = {SET_FEATURES, FLAG_VERSION, 8};

	memcpy(bytes, header, sizeof(header));
	memcpy(bytes + sizeof(header), &features, 8);
	for (size_t i = 0; i < sizeof(bytes); i++) {
		assert_int_equal(k->agreed, 0);
		assert_int_equal(send(k->far, bytes + i, 1, 0), 1);
		kit_turn(k);
	}
	assert_int_equal(k->agreed, BOTH);
}

static void front_end_that_leaves_is_no_fault(void **state)
{
	struct kit *k = *state;

	shutdown(k->far, SHUT_RDWR);
	kit_turn(k);
	assert_true(k->c.gone);
	assert_null(k->c.why);
}

/* ------------------------------------------------------------------------ wrong */

static const struct {
	uint32_t request, size;
	unsigned files;
} messages[] = {
    {GET_FEATURES, 0, 0},
    {SET_FEATURES, 8, 0},
    {SET_OWNER, 0, 0},
    {RESET_OWNER, 0, 0},
    {SET_MEM_TABLE, 40, 1},
    {SET_VRING_NUM, 8, 0},
    {SET_VRING_ADDR, 40, 0},
    {SET_VRING_BASE, 8, 0},
    {GET_VRING_BASE, 8, 0},
    {SET_VRING_KICK, 8, 1},
    {SET_VRING_CALL, 8, 1},
    {SET_VRING_ERR, 8, 1},
    {GET_PROTOCOL_FEATURES, 0, 0},
    {SET_PROTOCOL_FEATURES, 8, 0},
    {GET_QUEUE_NUM, 0, 0},
    {SET_VRING_ENABLE, 8, 0},
    {SET_BACKEND_REQ_FD, 0, 1},
    {GET_CONFIG, 13, 0},
    {SET_CONFIG, 13, 0},
    {RESET_DEVICE, 0, 0},
    {GET_MAX_MEM_SLOTS, 0, 0},
    {ADD_MEM_REG, 40, 1},
    {REM_MEM_REG, 40, 0},
    {SET_STATUS, 8, 0},
    {GET_STATUS, 0, 0},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* One message to a session of its own: is it gone? */
static bool ends_it(uint32_t request, uint32_t flags, uint32_t size, unsigned files, uint8_t fill)
{
	struct kit *k = calloc(1, sizeof(*k));
	uint8_t body[PAYLOAD_MAX];
	int fds[TABLE_MAX + 2];

	assert_non_null(k);
	kit_open(k);
	memset(body, fill, sizeof(body));
	for (unsigned i = 0; i < files; i++)
		fds[i] = k->memory;
	kit_send(k, request, flags, body, size, fds, files);
	const bool gone = k->c.gone;

	kit_close(k);
	free(k);
	return gone;
}

static void message_of_another_size_ends_it(void **state)
{
	for (size_t i = 0; i < COUNT(messages); i++) {
		const bool answers = messages[i].request == GET_CONFIG; /* with nothing */

		for (uint32_t size = 0; size <= PAYLOAD_MAX; size++)
			if (size != messages[i].size && !answers &&
			    !ends_it(
				messages[i].request, FLAG_VERSION, size, messages[i].files, 0xff))
				fail_msg("message %u of %u bytes", messages[i].request, size);
	}
}

static void message_with_other_files_ends_it(void **state)
{
	for (size_t i = 0; i < COUNT(messages); i++)
		for (unsigned files = messages[i].files + 1; files < TABLE_MAX + 2; files++)
			if ((messages[i].request != REM_MEM_REG || files > 1) &&
			    !ends_it(messages[i].request, FLAG_VERSION, messages[i].size, files, 0))
				fail_msg("message %u with %u files", messages[i].request, files);
}

static bool is_known(uint32_t request)
{
	for (size_t i = 0; i < COUNT(messages); i++)
		if (messages[i].request == request)
			return true;
	return false;
}

static void unknown_message_ends_it(void **state)
{
	for (uint32_t request = 0; request < 300; request++)
		if (!is_known(request))
			assert_true(ends_it(request, FLAG_VERSION, 0, 0, 0));
}

static void flags_of_an_answer_or_another_version_end_it(void **state)
{
	for (uint32_t flags = 0; flags < 64; flags++)
		assert_int_equal(
		    ends_it(SET_OWNER, flags, 0, 0, 0), (flags & ~FLAG_NEED_REPLY) != FLAG_VERSION);
}

/* Its own bytes are never waited for. */
static void message_that_is_too_long_ends_it_at_its_header(void **state)
{
	struct kit *k = *state;
	const uint32_t header[] = {SET_FEATURES, FLAG_VERSION, PAYLOAD_MAX + 1};

	assert_int_equal(send(k->far, header, sizeof(header), 0), sizeof(header));
	kit_turn(k);
	assert_true(k->c.gone);
}

static void message_that_ends_early_is_a_fault(void **state)
{
	struct kit *k = *state;

	assert_int_equal(send(k->far, "\1", 1, 0), 1);
	kit_turn(k);
	assert_false(k->c.gone);
	shutdown(k->far, SHUT_RDWR);
	kit_turn(k);
	assert_non_null(k->c.why);
}

static void front_end_that_takes_no_answers_is_lost(void **state)
{
	struct kit *k = *state;

	for (unsigned i = 0; i < 100000 && !k->c.gone; i++)
		kit_send(k, GET_FEATURES, FLAG_VERSION, NULL, 0, NULL, 0);
	assert_true(k->c.gone);
}

static void no_file_stays_open(void **state)
{
	struct kit *k = *state;
	const unsigned before = kit_files();
	int fds[60];

	for (unsigned i = 0; i < COUNT(fds); i++)
		fds[i] = k->memory;
	kit_send(k, SET_OWNER, FLAG_VERSION, NULL, 0, fds, 1);
	assert_true(k->c.gone);
	assert_int_equal(kit_files(), before);
	k->c.gone = false;
	kit_send(k, SET_OWNER, FLAG_VERSION, NULL, 0, fds, COUNT(fds));
	assert_true(k->c.gone);
	channel_done(&k->c);
	assert_int_equal(kit_files(), before);
}

/* ---------------------------------------------------------------------- hostile */

static void ring_outside_of_memory_is_refused(void **state)
{
	struct kit *k = *state;
	static const struct ring_address outside[] = {
	    {0, 0, KIT_USER - 1, KIT_USER, KIT_USER, 0},
	    {0, 0, KIT_USER, KIT_USER + KIT_MEMORY, KIT_USER, 0},
	    {0, 0, KIT_USER + KIT_MEMORY - 16, KIT_USER, KIT_USER, 0},
	    {0, 0, KIT_USER, KIT_USER + KIT_MEMORY - 4, KIT_USER, 0},
	    {0, 0, KIT_USER, KIT_USER, UINT64_MAX, 0},
	    {0, 0, 0, 0, 0, 0},
	};

	negotiate(k);
	give_memory(k);
	close(start_ring(k, 1, 0));
	set_state(k, SET_VRING_NUM, 0, KIT_RING);
	set_state(k, SET_VRING_ENABLE, 0, 1);
	for (size_t i = 0; i < COUNT(outside); i++) {
		const uint64_t n = 0;
		const int kick = eventfd(0, EFD_NONBLOCK);

		assert_int_equal(try(k, SET_VRING_ADDR, &outside[i], sizeof(outside[i]), -1), 0);
		assert_int_not_equal(try(k, SET_VRING_KICK, &n, sizeof(n), kick), 0);
		assert_false(k->served[0]);
		close(kick);
	}
	assert_false(k->c.gone);
	assert_true(k->served[1]);
}

static void values_out_of_range_are_refused(void **state)
{
	struct kit *k = *state;
	static const struct {
		uint32_t request;
		struct ring_state state;
	} wrong[] = {
	    {SET_VRING_NUM, {KIT_QUEUES, 8}}, {SET_VRING_NUM, {UINT32_MAX, 8}},
	    {SET_VRING_NUM, {0, 0}}, {SET_VRING_NUM, {0, 3}}, {SET_VRING_NUM, {0, 2 * KIT_RING}},
	    {SET_VRING_NUM, {0, 1u << 31}}, {SET_VRING_BASE, {0, 0x10000}},
	    {SET_VRING_BASE, {KIT_QUEUES, 0}}, {SET_VRING_ENABLE, {KIT_QUEUES, 1}},
	    {SET_VRING_ENABLE, {0, 2}}, {SET_FEATURES, {0, 0}}, /* without VERSION_1 */
	    {SET_FEATURES, {2, 1}},                             /* what is not offered */
	    {SET_PROTOCOL_FEATURES, {2, 0}},                    /* likewise */
	    {SET_STATUS, {256, 0}}, {SET_VRING_CALL, {RING_NO_FILE | KIT_QUEUES, 0}},
	    {SET_VRING_CALL, {0, 0}}, /* whose file is missing */
	    {SET_VRING_CALL, {RING_NO_FILE, 1}},
	    {SET_VRING_KICK, {RING_NO_FILE, 0}}, /* would have to be polled */
	};

	negotiate(k);
	for (size_t i = 0; i < COUNT(wrong); i++)
		if (try(k, wrong[i].request, &wrong[i].state, sizeof(wrong[i].state), -1) == 0)
			fail_msg("message %u with %u and %u", wrong[i].request,
			    wrong[i].state.index, wrong[i].state.num);
	assert_false(k->c.gone);
}

/* Then the front end would go on as if it were done. */
static void refusal_without_an_answer_ends_it(void **state)
{
	struct kit *k = *state;

	set_state(k, SET_VRING_NUM, KIT_QUEUES, 8);
	assert_true(k->c.gone);
	assert_non_null(k->c.why);
}

static void ring_that_is_served_cannot_be_set_up(void **state)
{
	struct kit *k = *state;
	const struct ring_state state_of = {0, 4};
	const struct ring_address a = {.desc = KIT_USER};

	negotiate(k);
	give_memory(k);
	const int kick = start_ring(k, 0, 0);

	assert_int_not_equal(try(k, SET_VRING_NUM, &state_of, sizeof(state_of), -1), 0);
	assert_int_not_equal(try(k, SET_VRING_BASE, &state_of, sizeof(state_of), -1), 0);
	assert_int_not_equal(try(k, SET_VRING_ADDR, &a, sizeof(a), -1), 0);
	assert_int_equal(k->ring[0].desc, KIT_GPA);
	close(kick);
}

static void regions_that_cannot_be_are_refused(void **state)
{
	struct kit *k = *state;
	static const struct region_at wrong[] = {
	    {0x200000, 0, KIT_USER + 0x10000, 0},
	    {0x200001, 0x1000, KIT_USER + 0x10000, 0},
	    {0x200000, 0x1000, KIT_USER + 0x10000, 1},
	    {0x200000, KIT_MEMORY + 1, KIT_USER + 0x10000, 0},
	    {0x200000, 0x1000, KIT_USER + 0x10000, KIT_MEMORY},
	    {0x200000, 0x2000, KIT_USER + 0x10000, UINT64_MAX & ~0xfffull},
	    {UINT64_MAX & ~0xfffull, 0x2000, KIT_USER + 0x10000, 0},
	    {0x200000, 0x2000, UINT64_MAX - 0xfff, 0},
	    {0x200000, UINT64_MAX, KIT_USER + 0x10000, 0},
	    {KIT_GPA + 0x1000, 0x1000, KIT_USER + 0x10000, 0},
	    {0x200000, 0x1000, KIT_USER + 0x1000, 0},
	};

	negotiate(k);
	give_memory(k);
	for (size_t i = 0; i < COUNT(wrong); i++) {
		const struct one_region one = {.region = wrong[i]};

		if (try(k, ADD_MEM_REG, &one, sizeof(one), k->memory) == 0)
			fail_msg("region %zu was taken", i);
	}
	const struct one_region good = {.region = {0x200000, 0x1000, KIT_USER + 0x10000, 0}};

	assert_int_not_equal(try(k, ADD_MEM_REG, &good, sizeof(good), k->epoll), 0);
	assert_int_equal(k->regions.count, 1);
	assert_int_equal(try(k, ADD_MEM_REG, &good, sizeof(good), k->memory), 0);
}

static void regions_are_not_without_end(void **state)
{
	struct kit *k = *state;

	negotiate(k);
	for (uint32_t i = 0; i <= REGIONS_MAX; i++) {
		const struct one_region one = {
		    .region = {0x1000u * i, 0x1000, KIT_USER + 0x1000u * i, 0}};

		assert_int_equal(
		    try(k, ADD_MEM_REG, &one, sizeof(one), k->memory) == 0, i < REGIONS_MAX);
	}
}

static void no_access_spans_two_regions(void **state)
{
	struct kit *k = *state;
	const struct region_table t = {.count = 2,
	    .regions = {{0, 0x1000, KIT_USER, 0}, {0x1000, 0x1000, KIT_USER + 0x1000, 0x1000}}};
	const int fds[] = {k->memory, k->memory};

	kit_send(k, SET_MEM_TABLE, FLAG_VERSION, &t, 72, fds, 2);
	assert_false(k->c.gone);
	assert_non_null(regions_at(&k->regions, 0, 0x1000));
	assert_non_null(regions_at(&k->regions, 0x1fff, 1));
	assert_null(regions_at(&k->regions, 0xfff, 2));
	assert_null(regions_at(&k->regions, 0x2000, 1));
	assert_null(regions_at(&k->regions, UINT64_MAX, 2));
	assert_null(regions_at(&k->regions, 0, UINT64_MAX));
	assert_null(regions_at(&k->regions, 0, 0));
}

/* A file that no epoll takes: the ring is left as it was. */
static void kick_that_cannot_be_watched_is_refused(void **state)
{
	struct kit *k = *state;
	const uint64_t n = 0;

	negotiate(k);
	give_memory(k);
	set_up_ring(k, 0, 0);
	set_state(k, SET_VRING_ENABLE, 0, 1);
	assert_int_not_equal(try(k, SET_VRING_KICK, &n, sizeof(n), k->memory), 0);
	assert_false(k->served[0]);
	close(start_ring(k, 0, 0));
}

/* A call that is full must not hold up whoever makes it. */
static void full_event_blocks_nobody(void **state)
{
	struct kit *k = *state;
	const uint64_t most = UINT64_MAX - 1;
	const int call = eventfd(0, 0); /* which blocks, as it comes */

	assert_int_equal(write(call, &most, sizeof(most)), sizeof(most));
	give_event(k, SET_VRING_CALL, 0, call);
	session_call(&k->s, 0);
	session_call(&k->s, 0);
	assert_int_equal(read_event(call), most);
	close(call);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
	    CASE(tells_what_it_has),
	    CASE(ring_starts_when_it_is_complete_and_enabled),
	    CASE(ring_is_enabled_without_protocol_features),
	    CASE(stopped_ring_tells_its_base_and_hears_no_kick),
	    CASE(kick_that_came_first_is_heard),
	    CASE(interrupt_goes_to_the_newest_event),
	    CASE(broken_device_tells_the_error_event),
	    CASE(changed_configuration_is_told_on_the_channel),
	    CASE(configuration_is_read_and_written),
	    CASE(configuration_beyond_its_end_is_refused),
	    CASE(memory_changes_around_a_ring_that_is_served),
	    CASE(ring_ends_when_its_memory_goes),
	    CASE(device_is_reset),
	    CASE(new_driver_is_found_by_its_base),
	    CASE(message_in_pieces_is_one),
	    CASE(front_end_that_leaves_is_no_fault),
	    cmocka_unit_test(message_of_another_size_ends_it),
	    cmocka_unit_test(message_with_other_files_ends_it),
	    cmocka_unit_test(unknown_message_ends_it),
	    cmocka_unit_test(flags_of_an_answer_or_another_version_end_it),
	    CASE(message_that_is_too_long_ends_it_at_its_header),
	    CASE(message_that_ends_early_is_a_fault),
	    CASE(front_end_that_takes_no_answers_is_lost),
	    CASE(no_file_stays_open),
	    CASE(ring_outside_of_memory_is_refused),
	    CASE(values_out_of_range_are_refused),
	    CASE(refusal_without_an_answer_ends_it),
	    CASE(ring_that_is_served_cannot_be_set_up),
	    CASE(regions_that_cannot_be_are_refused),
	    CASE(regions_are_not_without_end),
	    CASE(no_access_spans_two_regions),
	    CASE(kick_that_cannot_be_watched_is_refused),
	    CASE(full_event_blocks_nobody),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
