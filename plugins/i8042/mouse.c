/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * A standard PS/2 mouse (id 0) that is plugged in and never moved. See ps2.h for the
 * sources.
 */
#include "ps2.h"

#define CMD_SCALE_1_1  0xe6u
#define CMD_SCALE_2_1  0xe7u
#define CMD_RESOLUTION 0xe8u
#define CMD_STATUS     0xe9u
#define CMD_STREAM     0xeau
#define CMD_READ       0xebu
#define CMD_WRAP_END   0xecu
#define CMD_WRAP       0xeeu
#define CMD_REMOTE     0xf0u
#define CMD_IDENTIFY   0xf2u
#define CMD_RATE       0xf3u
#define CMD_ENABLE     0xf4u
#define CMD_DISABLE    0xf5u
#define CMD_DEFAULTS   0xf6u
#define CMD_RESET      0xffu

#define STATUS_SCALED    0x10u
#define STATUS_REPORTING 0x20u
#define STATUS_REMOTE    0x40u

#define ID              0x00u
#define PACKET_ALWAYS_1 0x08u

static bool answer(struct ps2_mouse *m, const uint8_t *bytes, unsigned n)
{
	return i8042_queue_push(&m->out, bytes, n, PS2_QUEUE_SIZE);
}

static bool answer1(struct ps2_mouse *m, uint8_t byte)
{
	return answer(m, &byte, 1);
}

static void set_defaults(struct ps2_mouse *m)
{
	m->pending = 0;
	m->rate = 100;
	m->resolution = 2; /* 4 counts per mm */
	m->scaled = false;
	m->remote = false;
	m->wrap = false;
	m->reporting = false;
}

void i8042_mouse_reset(struct ps2_mouse *m)
{
	i8042_queue_clear(&m->out);
	m->out.last = ID;
	set_defaults(m);
}

static bool power_on(struct ps2_mouse *m)
{
	static const uint8_t done[] = {PS2_ACK, PS2_BAT_OK, ID};

	i8042_mouse_reset(m);
	return answer(m, done, sizeof(done));
}

static bool valid_rate(uint8_t rate)
{
	return rate == 10 || rate == 20 || rate == 40 || rate == 60 || rate == 80 || rate == 100 ||
	       rate == 200;
}

static bool parameter(struct ps2_mouse *m, uint8_t byte)
{
	const bool rate = m->pending == CMD_RATE;

	m->pending = 0;
	if (rate ? !valid_rate(byte) : byte > 3)
		return answer1(m, PS2_RESEND);
	if (rate)
		m->rate = byte;
	else
		m->resolution = byte;
	return answer1(m, PS2_ACK);
}

static bool status(struct ps2_mouse *m)
{
	const uint8_t flags =
	    (uint8_t)((m->scaled ? STATUS_SCALED : 0) | (m->reporting ? STATUS_REPORTING : 0) |
		      (m->remote ? STATUS_REMOTE : 0));

	return answer(m, (const uint8_t[]){PS2_ACK, flags, m->resolution, m->rate}, 4);
}

/* Commands that change one setting and say ACK. False: not one of them. */
static bool change_setting(struct ps2_mouse *m, uint8_t byte)
{
	switch (byte) {
	case CMD_SCALE_1_1:
	case CMD_SCALE_2_1:
		m->scaled = byte == CMD_SCALE_2_1;
		return true;
	case CMD_STREAM:
	case CMD_REMOTE:
		m->remote = byte == CMD_REMOTE;
		return true;
	case CMD_ENABLE:
	case CMD_DISABLE:
		m->reporting = byte == CMD_ENABLE;
		return true;
	case CMD_WRAP:
	case CMD_WRAP_END:
		m->wrap = byte == CMD_WRAP;
		return true;
	case CMD_DEFAULTS:
		set_defaults(m);
		return true;
	case CMD_RATE:
	case CMD_RESOLUTION:
		m->pending = byte;
		return true;
	default:
		return false;
	}
}

bool i8042_mouse_receive(struct ps2_mouse *m, uint8_t byte)
{
	if (m->wrap && byte != CMD_WRAP_END && byte != CMD_RESET)
		return answer1(m, byte);
	if (m->pending && byte != CMD_RESET)
		return parameter(m, byte);
	if (change_setting(m, byte))
		return answer1(m, PS2_ACK);

	switch (byte) {
	case CMD_STATUS:
		return status(m);
	case CMD_READ:
		return answer(m, (const uint8_t[]){PS2_ACK, PACKET_ALWAYS_1, 0, 0}, 4);
	case CMD_IDENTIFY:
		return answer(m, (const uint8_t[]){PS2_ACK, ID}, 2);
	case PS2_RESEND:
		return answer1(m, m->out.last);
	case CMD_RESET:
		return power_on(m);
	default:
		return answer1(m, PS2_RESEND);
	}
}

bool i8042_mouse_is_valid(const struct ps2_mouse *m)
{
	return i8042_queue_is_valid(&m->out) &&
	       (m->pending == 0 || m->pending == CMD_RATE || m->pending == CMD_RESOLUTION) &&
	       valid_rate(m->rate) && m->resolution <= 3;
}
