/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * i8042 - the PC's keyboard and auxiliary device controller, with a keyboard and a mouse.
 *
 * Sources: IBM Personal System/2 Hardware Interface Technical Reference, "Keyboard and
 * Auxiliary Device Controller"; Intel 8042 data sheet; Adam Chapweske's PS/2 notes.
 *
 * The output buffer holds one byte. The controller's own answer goes there at once; a
 * device's byte that the guest had not read yet steps back and comes again after it (on
 * the real chip it would be lost). A device's byte moves in when the buffer is empty and
 * the device's clock is not held. Whatever arrives in the buffer raises its interrupt,
 * if that is enabled, and reading lowers it: one edge for each byte.
 *
 * Two things differ from the chip on purpose. Only command 0xfe resets the machine: the
 * other commands that pulse output line 0 and a 0 written to it with 0xd1 are ignored,
 * because what sends them is a probe or a stray A20 routine, never a wish to reboot. And
 * there being no firmware, power-on values are those with which firmware starts a system.
 */
#include <errno.h>
#include <string.h>

#include <volt/attention.h>
#include <volt/describe.h>
#include <volt/plugin.h>

#include "i8042.h"

#define PORT_DATA    0x60u
#define PORT_COMMAND 0x64u
#define IRQ_KEYBOARD 1u
#define IRQ_AUX      12u

static uint64_t data_read(void *self, uint64_t off, uint32_t n)
{
	return i8042_read_data(self);
}

static void data_write(void *self, uint64_t off, uint32_t n, uint64_t val)
{
	i8042_write_data(self, (uint8_t)val);
}

static uint64_t command_read(void *self, uint64_t off, uint32_t n)
{
	return i8042_read_status(self);
}

static void command_write(void *self, uint64_t off, uint32_t n, uint64_t val)
{
	i8042_write_command(self, (uint8_t)val);
}

static void i8042_attention(void *self)
{
	i8042_type_ctrl_alt_del(self);
}

static void i8042_reset(void *self)
{
	i8042_controller_reset(self);
}

static const struct volt_range ranges[] = {
    {
	.size = sizeof(struct volt_range),
	.space = VOLT_SPACE_PIO,
	.sizes = VOLT_IO_1,
	.base = PORT_DATA,
	.len = 1,
	.name = "data",
	.read = data_read,
	.write = data_write,
    },
    {
	.size = sizeof(struct volt_range),
	.space = VOLT_SPACE_PIO,
	.sizes = VOLT_IO_1,
	.base = PORT_COMMAND,
	.len = 1,
	.name = "command",
	.read = command_read,
	.write = command_write,
    },
};

static const struct volt_acpi_device keyboard_device = {
    .size = sizeof(struct volt_acpi_device),
    .hid = "PNP0303", /* IBM enhanced keyboard */
    .resource_count = 3,
    .resources =
	{
	    {.type = VOLT_RES_PIO, .base = PORT_DATA, .len = 1},
	    {.type = VOLT_RES_PIO, .base = PORT_COMMAND, .len = 1},
	    {.type = VOLT_RES_IRQ, .flags = VOLT_IRQ_EDGE, .base = IRQ_KEYBOARD},
	},
};

static const struct volt_acpi_device mouse_device = {
    .size = sizeof(struct volt_acpi_device),
    .hid = "PNP0F13", /* PS/2 port for mice; its ports are the keyboard's */
    .resource_count = 1,
    .resources = {{.type = VOLT_RES_IRQ, .flags = VOLT_IRQ_EDGE, .base = IRQ_AUX}},
};

static int claim(struct i8042 *c, const struct volt_describe *describe, uint32_t gsi,
    const struct volt_acpi_device *device, uint32_t *line)
{
	int err = c->h->add_irq(c->h, gsi, VOLT_IRQ_EDGE, line);

	if (err)
		return volt_fail(c->h, -err, "cannot have interrupt %u", gsi);
	err = describe->device(c->h, device);
	return err ? volt_fail(c->h, -err, "cannot describe %s", device->hid) : 0;
}

static int i8042_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct i8042 *c = self;
	const struct volt_describe *describe = h->get_ext(h, VOLT_EXT_DESCRIBE);
	int err;

	c->h = h;
	c->has_aux = volt_arg(a, 0)->u;
	if (!describe)
		return volt_fail(h, ENOTSUP, "the host has no " VOLT_EXT_DESCRIBE);
	for (size_t i = 0; i < sizeof(ranges) / sizeof(*ranges); i++) {
		err = h->add_range(h, &ranges[i]);
		if (err)
			return volt_fail(
			    h, -err, "cannot have port 0x%x", (unsigned)ranges[i].base);
	}
	err = claim(c, describe, IRQ_KEYBOARD, &keyboard_device, &c->line_kbd);
	if (err)
		return err;
	if (c->has_aux)
		return claim(c, describe, IRQ_AUX, &mouse_device, &c->line_aux);
	return 0;
}

static const void *i8042_get_ext(const char *id)
{
	static const struct volt_attention attention = {
	    .size = sizeof(attention),
	    .attention = i8042_attention,
	};

	if (strcmp(id, VOLT_EXT_STATE) == 0)
		return &i8042_state;
	return strcmp(id, VOLT_EXT_ATTENTION) ? NULL : &attention;
}

static const struct volt_param params[] = {
    {
	.name = "aux",
	.type = VOLT_PARAM_BOOL,
	.def = "on",
	.help = "whether there is a second port, with a mouse",
    },
};

static const struct volt_counter counters[] = {
    [COUNT_COMMANDS] = {"commands", "bytes written to the command port"},
    [COUNT_UNKNOWN] = {"unknown_commands", "of these, commands that the controller does not know"},
    [COUNT_LOST] = {"lost_answers", "answers of a device that did not fit into its queue"},
    [COUNT_ATTENTION] = {"attention_sent", "times that Ctrl-Alt-Del was typed"},
    [COUNT_ATTENTION_DROPPED] = {"attention_dropped",
	"times that it was not, the keyboard being off or its queue full"},
};

VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "i8042",
    .version = "0.1.0",
    .summary = "PS/2 keyboard and mouse controller",
    .instance_size = sizeof(struct i8042),
    VOLT_PARAMS(params),
    VOLT_COUNTERS(counters),
    .init = i8042_init,
    .reset = i8042_reset,
    .get_ext = i8042_get_ext,
};
