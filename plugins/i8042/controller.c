/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * The controller: its output buffer, its commands and what it passes on to the devices.
 * i8042.c says how it behaves and why.
 */
#include <string.h>

#include "i8042.h"

/* Status register. Bits 1 (input buffer full) and 7 (parity error) are always 0. */
#define STATUS_OBF         0x01u /* the output buffer is full */
#define STATUS_SYS         0x04u /* as in the command byte */
#define STATUS_A2          0x08u /* the newest write went to the command port */
#define STATUS_NOT_LOCKED  0x10u /* the keyboard's lock is open */
#define STATUS_AUXB        0x20u /* the output buffer's byte is of the aux device */
#define STATUS_TIMEOUT     0x40u /* the device did not answer */
#define STATUS_OF_THE_BYTE (STATUS_AUXB | STATUS_TIMEOUT)

/* Commands. */
#define CMD_READ_RAM      0x20u /* 20..3f */
#define CMD_WRITE_RAM     0x60u /* 60..7f */
#define CMD_HAS_PASSWORD  0xa4u
#define CMD_AUX_DISABLE   0xa7u
#define CMD_AUX_ENABLE    0xa8u
#define CMD_AUX_TEST      0xa9u
#define CMD_SELF_TEST     0xaau
#define CMD_KBD_TEST      0xabu
#define CMD_KBD_DISABLE   0xadu
#define CMD_KBD_ENABLE    0xaeu
#define CMD_READ_INPUTS   0xc0u
#define CMD_READ_OUTPUTS  0xd0u
#define CMD_WRITE_OUTPUTS 0xd1u
#define CMD_PUT_KBD       0xd2u
#define CMD_PUT_AUX       0xd3u
#define CMD_SEND_AUX      0xd4u
#define CMD_READ_TESTS    0xe0u
#define CMD_PULSE         0xf0u /* f0..ff: lines whose bit is 0 */
#define CMD_RESET         0xfeu

#define SELF_TEST_OK 0x55u
#define LINE_OK      0x00u
#define LINE_STUCK   0x02u /* the clock never falls: nothing is there */
#define NO_PASSWORD  0xf1u
#define INPUTS       0xa3u /* not locked, no manufacturing jumper, data lines idle */
#define OUT_ALWAYS   0xcdu /* not in reset, clock and data lines idle */
#define OUT_A20      0x02u
#define OUT_IRQ_KBD  0x10u
#define OUT_IRQ_AUX  0x20u

/* ------------------------------------------------------- the output buffer */

static void set_lines(struct i8042 *c, bool kbd, bool aux)
{
	c->h->set_irq(c->h, c->line_kbd, kbd);
	if (c->has_aux)
		c->h->set_irq(c->h, c->line_aux, aux);
}

static void update_lines(struct i8042 *c)
{
	const bool aux = c->out.status & STATUS_AUXB;

	set_lines(c, c->out.full && !aux && c->ram[0] & CTR_INT,
	    c->out.full && aux && c->ram[0] & CTR_INT2);
}

static void put(struct i8042 *c, uint8_t byte, uint8_t status, bool own)
{
	c->out = (struct latch){.byte = byte, .status = status, .full = true};
	c->own = own;
	/* Down first: every byte is an edge of its own. */
	set_lines(c, false, false);
	update_lines(c);
}

/* The controller's own answer. A newer one takes the place of one that was not read. */
static void answer(struct i8042 *c, uint8_t byte, uint8_t status)
{
	if (c->out.full && !c->own)
		c->waiting = c->out;
	put(c, byte, status, true);
}

/* False if the byte ends here and becomes part of the next one. */
static bool translate(struct i8042 *c, uint8_t *byte)
{
	if (!(c->ram[0] & CTR_XLATE))
		return true;
	if (*byte == PS2_KEY_BREAK) {
		c->released = 0x80;
		return false;
	}
	*byte = i8042_translate_to_set_1(*byte) | c->released;
	c->released = 0;
	return true;
}

static void refill(struct i8042 *c)
{
	uint8_t byte;

	if (c->out.full)
		return;
	if (c->waiting.full) {
		put(c, c->waiting.byte, c->waiting.status, false);
		c->waiting.full = false;
		return;
	}
	while (!(c->ram[0] & CTR_EN) && i8042_queue_pop(&c->kbd.out, &byte)) {
		if (translate(c, &byte)) {
			put(c, byte, 0, false);
			return;
		}
	}
	if (!(c->ram[0] & CTR_EN2) && i8042_queue_pop(&c->mouse.out, &byte))
		put(c, byte, STATUS_AUXB, false);
}

static void write_command_byte(struct i8042 *c, uint8_t val)
{
	val &= (uint8_t)~CTR_RESERVED;
	if (!c->has_aux)
		val = (uint8_t)((val | CTR_EN2) & ~CTR_INT2);
	if (!(val & CTR_XLATE))
		c->released = 0;
	c->ram[0] = val;
	update_lines(c);
	refill(c);
}

/* ---------------------------------------------------------------- commands */

static uint8_t output_port(const struct i8042 *c)
{
	uint8_t val = OUT_ALWAYS;

	if (c->a20)
		val |= OUT_A20;
	if (c->out.full)
		val |= c->out.status & STATUS_AUXB ? OUT_IRQ_AUX : OUT_IRQ_KBD;
	return val;
}

static uint8_t test_inputs(const struct i8042 *c)
{
	return (uint8_t)((c->ram[0] & CTR_EN ? 0 : 1) | (c->ram[0] & CTR_EN2 ? 0 : 2));
}

/* The commands that come alone. False: not one of them. */
static bool run_command(struct i8042 *c, uint8_t command)
{
	const uint8_t ctr = c->ram[0];

	switch (command) {
	case CMD_READ_RAM ... CMD_READ_RAM + RAM_SIZE - 1:
		answer(c, c->ram[command % RAM_SIZE], 0);
		return true;
	case CMD_HAS_PASSWORD:
		answer(c, NO_PASSWORD, 0);
		return true;
	case CMD_AUX_DISABLE:
		write_command_byte(c, ctr | CTR_EN2);
		return true;
	case CMD_AUX_ENABLE:
		write_command_byte(c, ctr & (uint8_t)~CTR_EN2);
		return true;
	case CMD_AUX_TEST:
		answer(c, c->has_aux ? LINE_OK : LINE_STUCK, 0);
		return true;
	case CMD_SELF_TEST:
		write_command_byte(c, ctr | CTR_SYS);
		answer(c, SELF_TEST_OK, 0);
		return true;
	case CMD_KBD_TEST:
		answer(c, LINE_OK, 0);
		return true;
	case CMD_KBD_DISABLE:
		write_command_byte(c, ctr | CTR_EN);
		return true;
	case CMD_KBD_ENABLE:
		write_command_byte(c, ctr & (uint8_t)~CTR_EN);
		return true;
	case CMD_READ_INPUTS:
		answer(c, INPUTS, 0);
		return true;
	case CMD_READ_OUTPUTS:
		answer(c, output_port(c), 0);
		return true;
	case CMD_READ_TESTS:
		answer(c, test_inputs(c), 0);
		return true;
	case CMD_PULSE ... 0xff:
		if (command == CMD_RESET)
			c->h->request(c->h, VOLT_REQUEST_RESET, 0, "i8042 command 0xFE");
		return true;
	default:
		return false;
	}
}

static bool wants_data(uint8_t command)
{
	return (command >= CMD_WRITE_RAM && command < CMD_WRITE_RAM + RAM_SIZE) ||
	       (command >= CMD_WRITE_OUTPUTS && command <= CMD_SEND_AUX);
}

void i8042_write_command(struct i8042 *c, uint8_t command)
{
	volt_count(c->h, COUNT_COMMANDS, 1);
	c->to_command = true;
	c->pending = 0;
	if (wants_data(command)) {
		c->pending = command;
	} else if (!run_command(c, command)) {
		volt_count(c->h, COUNT_UNKNOWN, 1);
		volt_log(c->h, VOLT_LOG_DEBUG, "command 0x%02x is not known", command);
	}
}

/* -------------------------------------------------------------------- data */

/* Sending to a device lets go of its clock (IBM: "enables the interface"). */
static void send_keyboard(struct i8042 *c, uint8_t byte)
{
	if (!i8042_keyboard_receive(&c->kbd, byte))
		volt_count(c->h, COUNT_LOST, 1);
	write_command_byte(c, c->ram[0] & (uint8_t)~CTR_EN);
}

static void send_aux(struct i8042 *c, uint8_t byte)
{
	if (!c->has_aux) {
		answer(c, PS2_RESEND, STATUS_TIMEOUT);
		return;
	}
	if (!i8042_mouse_receive(&c->mouse, byte))
		volt_count(c->h, COUNT_LOST, 1);
	write_command_byte(c, c->ram[0] & (uint8_t)~CTR_EN2);
}

void i8042_write_data(struct i8042 *c, uint8_t byte)
{
	const uint8_t command = c->pending;

	c->to_command = false;
	c->pending = 0;
	switch (command) {
	case 0:
		send_keyboard(c, byte);
		break;
	case CMD_WRITE_RAM:
		write_command_byte(c, byte);
		break;
	case CMD_WRITE_OUTPUTS:
		c->a20 = byte & OUT_A20;
		break;
	case CMD_PUT_KBD:
		answer(c, byte, 0);
		break;
	case CMD_PUT_AUX:
		/* Without an aux port the byte comes back on the keyboard's side, by
		 * which a probe sees at once that there is none. */
		answer(c, byte, c->has_aux ? STATUS_AUXB : 0);
		break;
	case CMD_SEND_AUX:
		send_aux(c, byte);
		break;
	default:
		c->ram[command % RAM_SIZE] = byte;
		break;
	}
}

uint8_t i8042_read_data(struct i8042 *c)
{
	const uint8_t byte = c->out.byte;

	/* With nothing there the newest byte comes again. */
	c->out.full = false;
	c->out.status = 0;
	update_lines(c);
	refill(c);
	return byte;
}

uint8_t i8042_read_status(const struct i8042 *c)
{
	uint8_t status = STATUS_NOT_LOCKED;

	if (c->out.full)
		status |= STATUS_OBF | (c->out.status & STATUS_OF_THE_BYTE);
	if (c->ram[0] & CTR_SYS)
		status |= STATUS_SYS;
	if (c->to_command)
		status |= STATUS_A2;
	return status;
}

void i8042_type_ctrl_alt_del(struct i8042 *c)
{
	if (c->ram[0] & CTR_EN || !i8042_keyboard_ctrl_alt_del(&c->kbd)) {
		volt_count(c->h, COUNT_ATTENTION_DROPPED, 1);
		return;
	}
	volt_count(c->h, COUNT_ATTENTION, 1);
	refill(c);
}

void i8042_controller_reset(struct i8042 *c)
{
	memset(c->ram, 0, sizeof(c->ram));
	c->ram[0] = CTR_POWER_ON;
	c->pending = 0;
	c->to_command = false;
	c->a20 = true;
	c->own = false;
	c->released = 0;
	c->out = (struct latch){0};
	c->waiting = (struct latch){0};
	i8042_keyboard_reset(&c->kbd);
	i8042_mouse_reset(&c->mouse);
	set_lines(c, false, false);
}

static bool is_latch_valid(const struct latch *l)
{
	return !(l->status & ~STATUS_OF_THE_BYTE);
}

bool i8042_controller_is_valid(const struct i8042 *c)
{
	const uint8_t ctr = c->ram[0];

	if (ctr & CTR_RESERVED || (!c->has_aux && (ctr & (CTR_EN2 | CTR_INT2)) != CTR_EN2))
		return false;
	if (c->pending != 0 && !wants_data(c->pending))
		return false;
	if (c->released != 0 && (c->released != 0x80 || !(ctr & CTR_XLATE)))
		return false;
	return is_latch_valid(&c->out) && is_latch_valid(&c->waiting) &&
	       i8042_keyboard_is_valid(&c->kbd) && i8042_mouse_is_valid(&c->mouse);
}

void i8042_controller_resume(struct i8042 *c)
{
	update_lines(c);
}
