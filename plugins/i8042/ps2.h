/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * ps2 - the two devices behind the controller: an MF2 keyboard and a PS/2 mouse.
 *
 * A device receives command bytes and queues its answers; the controller takes them
 * out one by one. Nothing here takes time, so every answer is queued before receive
 * returns. Facts: IBM PS/2 Hardware Interface Technical Reference (keyboards; auxiliary
 * device), Adam Chapweske, "The PS/2 Keyboard Interface" and "The PS/2 Mouse Interface".
 */
#ifndef I8042_PS2_H
#define I8042_PS2_H

#include <stdbool.h>
#include <stdint.h>

#define PS2_ACK       0xfau
#define PS2_RESEND    0xfeu /* answer: "did not understand"; command: "say that again" */
#define PS2_BAT_OK    0xaau /* basic assurance test passed */
#define PS2_KEY_BREAK 0xf0u /* sets 2 and 3: the key whose code follows was released */

#define PS2_QUEUE_SIZE 32u /* a power of two: indices are masked */
#define PS2_KEY_ROOM   16u /* IBM's FIFO for keys; the rest is kept free for answers */

struct ps2_queue {
	uint8_t bytes[PS2_QUEUE_SIZE];
	uint8_t head;  /* < PS2_QUEUE_SIZE */
	uint8_t count; /* <= PS2_QUEUE_SIZE */
	uint8_t last;  /* newest byte that left, for PS2_RESEND */
};

/* Queues all n bytes, or none and returns false if that would make more than `limit`. */
bool i8042_queue_push(struct ps2_queue *q, const uint8_t *bytes, unsigned n, unsigned limit);
bool i8042_queue_pop(struct ps2_queue *q, uint8_t *byte);
void i8042_queue_clear(struct ps2_queue *q);
bool i8042_queue_is_valid(const struct ps2_queue *q);

/* What the controller makes of a keyboard's byte while it translates. */
uint8_t i8042_translate_to_set_1(uint8_t code);

struct ps2_keyboard {
	struct ps2_queue out;
	uint8_t pending; /* the command whose parameter comes next, or 0 */
	uint8_t set;     /* scan code set, 1..3 */
	uint8_t breaks;  /* set 3: bit n: key n of Ctrl, Alt, Del tells its release */
	bool scanning;
};

/* Power-on values, with nothing queued: the answer of the power-on test is long gone. */
void i8042_keyboard_reset(struct ps2_keyboard *k);
bool i8042_keyboard_is_valid(const struct ps2_keyboard *k);
/* A byte from the guest. False: an answer did not fit and is lost. */
bool i8042_keyboard_receive(struct ps2_keyboard *k, uint8_t byte);
/* Presses and releases Ctrl-Alt-Del. False: keys are not wanted, or do not fit. */
bool i8042_keyboard_ctrl_alt_del(struct ps2_keyboard *k);

struct ps2_mouse {
	struct ps2_queue out;
	uint8_t pending; /* the command whose parameter comes next, or 0 */
	uint8_t rate;    /* samples per second */
	uint8_t resolution;
	bool scaled;    /* 2:1 */
	bool remote;    /* packets only when asked */
	bool wrap;      /* echoes what it receives */
	bool reporting; /* packets may be sent in stream mode */
};

void i8042_mouse_reset(struct ps2_mouse *m);
bool i8042_mouse_is_valid(const struct ps2_mouse *m);
bool i8042_mouse_receive(struct ps2_mouse *m, uint8_t byte);

#endif
