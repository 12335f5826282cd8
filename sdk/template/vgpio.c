/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * vgpio - a virtio GPIO controller (virtio 1.2, 5.18): eight lines, which a guest reads and drives
 * and an operator looks at and sets. Driver: Linux gpio-virtio.
 *
 * The virtio device of this project, in one file: queues, status, registers, interrupts, both
 * transports and most of the saved state are libvolt-virtio's. It never waits for anything, so it
 * has no worker: requests are answered under the instance's lock, on the vCPU that made them.
 */
#include <errno.h>
#include <string.h>

#include <volt/command.h>
#include <volt/virtio.h>

#define GPIO_DEVICE 41u
#define LINES       8u

/* Types of requests, and what a response says (virtio 5.18). */
enum { GET_NAMES = 1, GET_DIRECTION, SET_DIRECTION, GET_VALUE, SET_VALUE, SET_IRQ_TYPE };
enum { STATUS_OK, STATUS_ERR };

/* Directions of a line (virtio 5.18). */
enum { NONE, OUT, IN };

enum { COUNT_REQUESTS = VOLT_VIRTIO_COUNT, COUNT_REFUSED };
enum { COMMAND_LINES, COMMAND_SET };
enum { RESULT_LINE, RESULT_DIRECTION, RESULT_VALUE };

struct vgpio {
	struct volt_virtio v; /* first */
	struct volt_queue q[1];
	struct volt_virtio_type type;
	uint8_t config[8]; /* ngpio, padding, gpio_names_size (virtio 5.18) */
	uint8_t direction[LINES], value[LINES];
};

/* ----------------------------------------------------------------- requests */

struct answer {
	uint8_t status, value;
};

static bool set(uint8_t *to, uint32_t value, uint32_t most)
{
	if (value > most)
		return false;
	*to = (uint8_t)value;
	return true;
}

/* False: the request makes no sense. `line` is one that there is. */
static bool obey(struct vgpio *g, unsigned type, unsigned line, uint32_t value, uint8_t *answer)
{
	switch (type) {
	case GET_DIRECTION:
		*answer = g->direction[line];
		return true;
	case SET_DIRECTION:
		return set(&g->direction[line], value, IN);
	case GET_VALUE:
		*answer = g->value[line];
		return true;
	case SET_VALUE: /* allowed before the line is an output (virtio 5.18) */
		return set(&g->value[line], value, 1);
	default: /* names and interrupts are not offered */
		return false;
	}
}

/* A request is 8 bytes: type, line, value. The driver may change them while this runs, so they
 * are copied and checked once. */
static bool vgpio_request(void *self, struct volt_queue *q, struct volt_chain *c)
{
	struct vgpio *g = self;
	struct answer a = {STATUS_ERR, 0};
	uint8_t r[8];

	volt_count(g->v.h, COUNT_REQUESTS, 1);
	if (volt_chain_read(c, r, sizeof(r)) == sizeof(r) && volt_le16(r + 2) < LINES &&
	    obey(g, volt_le16(r), volt_le16(r + 2), volt_le32(r + 4), &a.value))
		a.status = STATUS_OK;
	else
		volt_count(g->v.h, COUNT_REFUSED, 1);
	volt_chain_done(q, c, (uint32_t)volt_chain_write(c, &a, sizeof(a)));
	return true;
}

/* The driver resets the device, or the machine starts. Values stay: they are wires. */
static void vgpio_driver_reset(void *self)
{
	struct vgpio *g = self;

	memset(g->direction, NONE, sizeof(g->direction));
}

static void vgpio_reset(void *self)
{
	struct vgpio *g = self;

	memset(g->value, 0, sizeof(g->value));
	volt_virtio_reset(self);
}

/* ----------------------------------------------------------------- commands */

static int list_lines(const struct vgpio *g, const struct volt_reply *r)
{
	static const char *const directions[] = {"none", "out", "in"};

	for (unsigned i = 0; i < LINES; i++) {
		r->number(r, RESULT_LINE, i);
		r->text(r, RESULT_DIRECTION, directions[g->direction[i]]);
		r->number(r, RESULT_VALUE, g->value[i]);
		r->next_row(r);
	}
	return 0;
}

static int vgpio_run(
    void *self, uint32_t command, const struct volt_args *a, const struct volt_reply *r)
{
	struct vgpio *g = self;

	if (command == COMMAND_LINES)
		return list_lines(g, r);
	const unsigned line = (unsigned)volt_arg(a, 0)->u;

	if (g->direction[line] == OUT)
		return volt_reply_fail(r, EBUSY, "line %u is an output of the guest", line);
	g->value[line] = (uint8_t)volt_arg(a, 1)->u;
	return 0;
}

static const struct volt_param set_args[] = {
    {.name = "line", .type = VOLT_PARAM_UINT, .max = LINES - 1, .help = "its number"},
    {.name = "value", .type = VOLT_PARAM_BOOL, .help = "its level"},
};

static const struct volt_result line_results[] = {
    [RESULT_LINE] = {"line", "its number", VOLT_PARAM_UINT, 0},
    [RESULT_DIRECTION] = {"direction", "none, out or in", VOLT_PARAM_STRING, 0},
    [RESULT_VALUE] = {"value", "its level", VOLT_PARAM_BOOL, 0},
};

static const struct volt_command rows[] = {
    [COMMAND_LINES] = {.name = "lines",
	.help = "lists the lines",
	VOLT_COMMAND_RESULTS(line_results),
	.flags = VOLT_COMMAND_ROWS},
    [COMMAND_SET] = {.name = "set",
	.help = "sets the level of a line that the guest does not drive",
	VOLT_COMMAND_ARGS(set_args)},
};

static const struct volt_commands vgpio_commands = {
    .size = sizeof(vgpio_commands),
    .stride = sizeof(rows[0]),
    .count = sizeof(rows) / sizeof(rows[0]),
    .commands = rows,
    .run = vgpio_run,
};

/* -------------------------------------------------------------- saved state */

static int vgpio_validate(const void *candidate)
{
	const struct vgpio *g = candidate;

	return volt_virtio_validate(&g->v, g->q);
}

static const struct volt_field fields[] = {
    {VOLT_FIELD(struct vgpio, direction, VOLT_F_U8, LINES), .max = IN},
    {VOLT_FIELD(struct vgpio, value, VOLT_F_U8, LINES), .max = 1},
    VOLT_VIRTIO_FIELDS(struct vgpio),
};

static const struct volt_state vgpio_state = {
    .size = sizeof(vgpio_state),
    .version = 1,
    .oldest = 1,
    VOLT_FIELDS(fields),
    .pause = volt_virtio_pause,
    .resume = volt_virtio_resume,
    .validate = vgpio_validate,
};

/* ------------------------------------------------------------------- wiring */

static int vgpio_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct vgpio *g = self;

	g->type = (struct volt_virtio_type){
	    .size = sizeof(g->type),
	    .id = GPIO_DEVICE,
	    .name = "gpio",
	    .queues = 1,
	    .ring = 64,
	    .segments = 4,
	    .config_size = sizeof(g->config),
	    .config = g->config,
	    .request = vgpio_request,
	    .reset = vgpio_driver_reset,
	};
	volt_put_le16(g->config, LINES);
	return volt_virtio_init(g, g->q, &g->type, h, a);
}

static const void *vgpio_get_ext(const char *id)
{
	if (strcmp(id, VOLT_EXT_STATE) == 0)
		return &vgpio_state;
	return strcmp(id, VOLT_EXT_COMMAND) == 0 ? &vgpio_commands : NULL;
}

static const struct volt_param params[] = {VOLT_VIRTIO_PARAMS()};

static const struct volt_counter counters[] = {
    VOLT_VIRTIO_COUNTERS(),
    [COUNT_REQUESTS] = {"requests", "requests of the guest"},
    [COUNT_REFUSED] = {"refused", "requests that were answered with an error"},
};

VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "vgpio",
    .version = "1.0",
    .summary = "eight lines that a guest reads and drives",
    .flags = VOLT_FLAG_GUEST_MEMORY,
    .instance_size = sizeof(struct vgpio),
    VOLT_PARAMS(params),
    VOLT_COUNTERS(counters),
    .init = vgpio_init,
    .reset = vgpio_reset,
    .get_ext = vgpio_get_ext,
};
