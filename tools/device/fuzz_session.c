/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fuzz_session - a hostile front end, whose messages are the bytes of an input.
 *
 * Each step begins with a byte that chooses a message. It comes as an honest front end would send
 * it, or with a byte of the payload changed, or as so many bytes of the input under a true or
 * a wrong header. The device of the kit holds the session to the contract; whatever was said,
 * no file may stay open and no region mapped.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "tools/device/test_kit.h"

static const uint8_t *input;
static size_t left;

static uint8_t next(void)
{
	if (left == 0)
		return 0;
	left--;
	return *input++;
}

static const struct {
	uint8_t request, size, files;
} honest[] = {
    {GET_FEATURES, 0, 0},
    {SET_FEATURES, 8, 0},
    {SET_OWNER, 0, 0},
    {SET_MEM_TABLE, 40, 1},
    {SET_VRING_NUM, 8, 0},
    {SET_VRING_ADDR, 40, 0},
    {SET_VRING_BASE, 8, 0},
    {GET_VRING_BASE, 8, 0},
    {SET_VRING_KICK, 8, 1},
    {SET_VRING_CALL, 8, 1},
    {SET_VRING_ERR, 8, 1},
    {SET_PROTOCOL_FEATURES, 8, 0},
    {SET_VRING_ENABLE, 8, 0},
    {SET_BACKEND_REQ_FD, 0, 1},
    {GET_CONFIG, 20, 0},
    {SET_CONFIG, 14, 0},
    {RESET_DEVICE, 0, 0},
    {ADD_MEM_REG, 40, 1},
    {REM_MEM_REG, 40, 0},
    {SET_STATUS, 8, 0},
    {GET_STATUS, 0, 0},
};

static void fill_honestly(struct message *m, uint8_t queue)
{
	const uint64_t at = KIT_USER + 0x1000u * queue;

	switch (m->request) {
	case SET_FEATURES:
		m->body.u64 = KIT_FEATURE | KIT_VERSION | (queue ? F_PROTOCOL_FEATURES : 0);
		break;
	case SET_PROTOCOL_FEATURES:
		m->body.u64 = PROTOCOL_REPLY_ACK;
		break;
	case SET_MEM_TABLE:
		m->body.table.count = 1;
		m->body.table.regions[0] = (struct region_at){KIT_GPA, KIT_MEMORY, KIT_USER, 0};
		break;
	case ADD_MEM_REG:
	case REM_MEM_REG:
		m->body.one.region =
		    (struct region_at){0x200000, 0x1000, KIT_USER + 0x10000, 0x1000};
		break;
	case SET_VRING_NUM:
		m->body.state = (struct ring_state){queue, KIT_RING};
		break;
	case SET_VRING_ADDR:
		m->body.address = (struct ring_address){
		    .index = queue, .desc = at, .avail = at + 0x200, .used = at + 0x400};
		break;
	case SET_VRING_ENABLE:
		m->body.state = (struct ring_state){queue, 1};
		break;
	case GET_CONFIG:
	case SET_CONFIG:
		m->body.config.size = m->size - CONFIG_HEAD;
		break;
	default:
		m->body.u64 = queue;
	}
}

/* True: the header and files are those of an honest one. */
static void say(struct kit *k)
{
	const uint8_t choice = next(), how = next();
	const unsigned row = choice % (sizeof(honest) / sizeof(honest[0]));
	struct message m = {.request = honest[row].request,
	    .flags = FLAG_VERSION | (how & 0x80 ? FLAG_NEED_REPLY : 0),
	    .size = honest[row].size};
	unsigned files = honest[row].files;
	int fds[16];

	fill_honestly(&m, how & 1);
	if (how & 2) {
		const uint8_t at = next();

		m.body.bytes[at % sizeof(m.body.bytes)] = next();
	}
	for (uint32_t i = 0; how & 4 && i < m.size; i++)
		m.body.bytes[i] = next();
	if (how & 8)
		m.size = next() % (PAYLOAD_MAX + 1);
	if (how & 16)
		m.request = next();
	if (how & 32)
		files = next() % 16;
	for (unsigned i = 0; i < files; i++)
		fds[i] = how & 64 || m.request == SET_VRING_KICK || m.request == SET_VRING_CALL
			     ? k->nothing
			     : k->memory;
	kit_send(k, m.request, m.flags, m.body.bytes, m.size, fds, files);
}

/* The front end's own answers are not looked at, but make room. */
static void drop_answers(const struct kit *k)
{
	uint8_t bytes[1024];

	while (recv(k->far, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		continue;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static struct kit kit;
	const unsigned before = kit_files();

	input = bytes;
	left = n;
	kit_open(&kit);
	while (left > 0 && !kit.c.gone) {
		say(&kit);
		drop_answers(&kit);
		session_call(&kit.s, next());
		session_changed(&kit.s, left & 1);
	}
	kit_close(&kit);
	if (kit_files() != before || kit.regions.count != 0)
		abort();
	return 0;
}
