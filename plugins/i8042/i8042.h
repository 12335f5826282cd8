/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* The controller's state, shared by the files of this plugin. */
#ifndef I8042_I8042_H
#define I8042_I8042_H

#include <stdbool.h>
#include <stdint.h>

#include <volt/plugin.h>
#include <volt/state.h>

#include "ps2.h"

/* Command byte: byte 0 of the controller's RAM. */
#define CTR_INT      0x01u /* keyboard bytes interrupt */
#define CTR_INT2     0x02u /* aux bytes interrupt */
#define CTR_SYS      0x04u
#define CTR_EN       0x10u /* 1: the keyboard's clock is held */
#define CTR_EN2      0x20u /* 1: the aux device's clock is held */
#define CTR_XLATE    0x40u /* set 2 becomes set 1 */
#define CTR_RESERVED 0x80u
#define CTR_POWER_ON (CTR_INT | CTR_SYS | CTR_EN2 | CTR_XLATE)

#define RAM_SIZE 32u

enum { COUNT_COMMANDS, COUNT_UNKNOWN, COUNT_LOST, COUNT_ATTENTION, COUNT_ATTENTION_DROPPED };

/* A byte and the status bits that go with it. */
struct latch {
	uint8_t byte, status;
	bool full;
};

struct i8042 {
	const struct volt_host *h;
	uint32_t line_kbd, line_aux;
	bool has_aux;

	uint8_t ram[RAM_SIZE]; /* [0]: command byte */
	uint8_t pending;       /* the command whose data byte comes next, or 0 */
	bool to_command;       /* STATUS_A2 */
	bool a20;              /* kept, without effect */
	bool own;              /* `out` is the controller's, not a device's */
	uint8_t released;      /* translation saw PS2_KEY_BREAK: 0x80, else 0 */
	struct latch out;      /* the output buffer */
	struct latch waiting;  /* a device's byte that stepped back */
	struct ps2_keyboard kbd;
	struct ps2_mouse mouse;
};

/* Power-on values, of the devices too. */
void i8042_controller_reset(struct i8042 *c);
uint8_t i8042_read_data(struct i8042 *c);
uint8_t i8042_read_status(const struct i8042 *c);
void i8042_write_data(struct i8042 *c, uint8_t byte);
void i8042_write_command(struct i8042 *c, uint8_t command);
/* Could the controller and its devices be in this state? */
bool i8042_controller_is_valid(const struct i8042 *c);
/* Drives the lines as the state wants them. */
void i8042_controller_resume(struct i8042 *c);
/* Ctrl-Alt-Del, if the keyboard may send and has room. */
void i8042_type_ctrl_alt_del(struct i8042 *c);

/* volt.state/1 */
extern const struct volt_state i8042_state;

#endif
