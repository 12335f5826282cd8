/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * An MF2 keyboard (101/102 keys) as its host sees it. See ps2.h for the sources. LEDs
 * and the typematic rate are taken and have no effect: nobody sees the one, and no key
 * is ever held down for the other.
 */
#include "ps2.h"

#define CMD_SET_LEDS       0xedu
#define CMD_ECHO           0xeeu
#define CMD_SCAN_SET       0xf0u /* parameter 0 asks, 1..3 chooses */
#define CMD_IDENTIFY       0xf2u
#define CMD_TYPEMATIC      0xf3u
#define CMD_ENABLE         0xf4u
#define CMD_DISABLE        0xf5u
#define CMD_DEFAULTS       0xf6u
#define CMD_ALL_TYPEMATIC  0xf7u /* F7..FA: how every key of set 3 behaves */
#define CMD_ALL_MAKE_BREAK 0xf8u
#define CMD_ALL_MAKE       0xf9u
#define CMD_ALL_BOTH       0xfau
#define CMD_KEY_TYPEMATIC  0xfbu /* FB..FD: the same for the keys that follow */
#define CMD_KEY_MAKE_BREAK 0xfcu
#define CMD_KEY_MAKE       0xfdu
#define CMD_RESET          0xffu

/* From here up a byte is a command even where a parameter is due: it ends the old one. */
#define FIRST_COMMAND CMD_SET_LEDS

#define KEYS       3u
#define ALL_BREAKS 7u

/* What can be typed here: left Ctrl, left Alt, and Delete, which is an E0 key in sets 1
 * and 2. */
static const struct {
	uint8_t set[3];
	bool extended;
} keys[KEYS] = {
    {.set = {0x1d, 0x14, 0x11}},
    {.set = {0x38, 0x11, 0x19}},
    {.set = {0x53, 0x71, 0x64}, .extended = true},
};

static bool answer(struct ps2_keyboard *k, const uint8_t *bytes, unsigned n)
{
	return i8042_queue_push(&k->out, bytes, n, PS2_QUEUE_SIZE);
}

static bool answer1(struct ps2_keyboard *k, uint8_t byte)
{
	return answer(k, &byte, 1);
}

static void set_defaults(struct ps2_keyboard *k)
{
	k->pending = 0;
	k->set = 2;
	k->breaks = ALL_BREAKS;
}

void i8042_keyboard_reset(struct ps2_keyboard *k)
{
	i8042_queue_clear(&k->out);
	k->out.last = PS2_BAT_OK;
	set_defaults(k);
	k->scanning = true;
}

static bool power_on(struct ps2_keyboard *k)
{
	static const uint8_t done[] = {PS2_ACK, PS2_BAT_OK};

	i8042_keyboard_reset(k);
	return answer(k, done, sizeof(done));
}

static bool scan_set(struct ps2_keyboard *k, uint8_t set)
{
	if (set > 3)
		return answer1(k, PS2_RESEND);
	if (set == 0)
		return answer(k, (const uint8_t[]){PS2_ACK, k->set}, 2);
	i8042_queue_clear(&k->out);
	k->set = set;
	return answer1(k, PS2_ACK);
}

static void set_key_type(struct ps2_keyboard *k, uint8_t code)
{
	for (unsigned i = 0; i < KEYS; i++) {
		if (keys[i].set[2] != code)
			continue;
		if (k->pending == CMD_KEY_MAKE_BREAK)
			k->breaks |= (uint8_t)(1u << i);
		else
			k->breaks &= (uint8_t) ~(1u << i);
	}
}

static bool parameter(struct ps2_keyboard *k, uint8_t byte)
{
	const uint8_t command = k->pending;

	if (command >= CMD_KEY_TYPEMATIC && command <= CMD_KEY_MAKE) {
		/* A list: it stays open until the next command. */
		set_key_type(k, byte);
		return answer1(k, PS2_ACK);
	}
	k->pending = 0;
	if (command == CMD_SCAN_SET)
		return scan_set(k, byte);
	return answer1(k, byte < 0x80 ? PS2_ACK : PS2_RESEND);
}

/* Commands that a parameter follows. */
static bool wants_parameter(uint8_t byte)
{
	switch (byte) {
	case CMD_SET_LEDS:
	case CMD_SCAN_SET:
	case CMD_TYPEMATIC:
	case CMD_KEY_TYPEMATIC:
	case CMD_KEY_MAKE_BREAK:
	case CMD_KEY_MAKE:
		return true;
	default:
		return false;
	}
}

bool i8042_keyboard_is_valid(const struct ps2_keyboard *k)
{
	return i8042_queue_is_valid(&k->out) && (k->pending == 0 || wants_parameter(k->pending)) &&
	       k->set >= 1 && k->set <= 3 && k->breaks <= ALL_BREAKS;
}

static bool command(struct ps2_keyboard *k, uint8_t byte)
{
	k->pending = 0;
	if (wants_parameter(byte)) {
		k->pending = byte;
		return answer1(k, PS2_ACK);
	}
	switch (byte) {
	case CMD_ECHO:
		return answer1(k, CMD_ECHO);
	case CMD_IDENTIFY:
		return answer(k, (const uint8_t[]){PS2_ACK, 0xab, 0x83}, 3);
	case CMD_ENABLE:
		i8042_queue_clear(&k->out);
		k->scanning = true;
		return answer1(k, PS2_ACK);
	case CMD_DISABLE:
		k->scanning = false;
		__attribute__((fallthrough));
	case CMD_DEFAULTS:
		i8042_queue_clear(&k->out);
		set_defaults(k);
		return answer1(k, PS2_ACK);
	case CMD_ALL_TYPEMATIC:
	case CMD_ALL_MAKE:
		k->breaks = 0;
		return answer1(k, PS2_ACK);
	case CMD_ALL_MAKE_BREAK:
	case CMD_ALL_BOTH:
		k->breaks = ALL_BREAKS;
		return answer1(k, PS2_ACK);
	case PS2_RESEND:
		return answer1(k, k->out.last);
	case CMD_RESET:
		return power_on(k);
	default:
		return answer1(k, PS2_RESEND);
	}
}

bool i8042_keyboard_receive(struct ps2_keyboard *k, uint8_t byte)
{
	if (k->pending && byte < FIRST_COMMAND)
		return parameter(k, byte);
	return command(k, byte);
}

static unsigned put_key(const struct ps2_keyboard *k, uint8_t *out, unsigned key, bool release)
{
	const uint8_t code = keys[key].set[k->set - 1];
	unsigned n = 0;

	if (release && k->set == 3 && !(k->breaks & 1u << key))
		return 0;
	if (keys[key].extended && k->set != 3)
		out[n++] = 0xe0;
	if (release && k->set != 1)
		out[n++] = PS2_KEY_BREAK;
	out[n++] = release && k->set == 1 ? code | 0x80 : code;
	return n;
}

bool i8042_keyboard_ctrl_alt_del(struct ps2_keyboard *k)
{
	uint8_t bytes[2 * KEYS * 3];
	unsigned n = 0;

	if (!k->scanning)
		return false;
	for (unsigned i = 0; i < KEYS; i++)
		n += put_key(k, bytes + n, i, false);
	for (unsigned i = KEYS; i-- > 0;)
		n += put_key(k, bytes + n, i, true);
	return i8042_queue_push(&k->out, bytes, n, PS2_KEY_ROOM);
}
