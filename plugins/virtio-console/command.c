/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * command - what an operator may ask of a running device: the console's size, and its ports.
 */
#include "console.h"

enum { COMMAND_RESIZE, COMMAND_PORTS };
enum { RESULT_PORT, RESULT_NAME, RESULT_CONNECTED, RESULT_OPEN };

static int resize(struct console *c, const struct volt_args *a)
{
	size_set(c, (uint16_t)volt_arg(a, 0)->u, (uint16_t)volt_arg(a, 1)->u);
	return 0;
}

static int list_ports(const struct console *c, const struct volt_reply *r)
{
	for (unsigned n = 0; n < PORTS; n++) {
		const struct port *p = &c->port[n];

		if (!p->there)
			continue;
		r->number(r, RESULT_PORT, n);
		r->text(r, RESULT_NAME, p->name);
		r->number(r, RESULT_CONNECTED, p->connected);
		r->number(r, RESULT_OPEN, port_is_open(c, n));
		r->next_row(r);
	}
	return 0;
}

static int run(void *self, uint32_t command, const struct volt_args *a, const struct volt_reply *r)
{
	return command == COMMAND_RESIZE ? resize(self, a) : list_ports(self, r);
}

static const struct volt_param resize_args[] = {
    {.name = "columns", .type = VOLT_PARAM_UINT, .min = 1, .max = 65535, .help = "of the terminal"},
    {.name = "rows", .type = VOLT_PARAM_UINT, .min = 1, .max = 65535, .help = "of the terminal"},
};

static const struct volt_result port_results[] = {
    [RESULT_PORT] = {"port", "its number; 0 is the console", VOLT_PARAM_UINT, 0},
    [RESULT_NAME] = {"name", "its name in the guest", VOLT_PARAM_STRING, 0},
    [RESULT_CONNECTED] = {"connected", "a peer is connected", VOLT_PARAM_BOOL, 0},
    [RESULT_OPEN] = {"open", "the guest has it open", VOLT_PARAM_BOOL, 0},
};

static const struct volt_command rows[] = {
    [COMMAND_RESIZE] =
	{
	    .name = "resize",
	    .help = "tells the guest the size of the console's terminal",
	    VOLT_COMMAND_ARGS(resize_args),
	},
    [COMMAND_PORTS] =
	{
	    .name = "ports",
	    .help = "lists the ports",
	    VOLT_COMMAND_RESULTS(port_results),
	    .flags = VOLT_COMMAND_ROWS,
	},
};

const struct volt_commands console_commands = {
    .size = sizeof(console_commands),
    .stride = sizeof(rows[0]),
    .count = sizeof(rows) / sizeof(rows[0]),
    .commands = rows,
    .run = run,
};
