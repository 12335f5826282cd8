/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * size - how large the console's terminal is (virtio 5.3.4): as the host tells it of a terminal, or
 * as an operator says by command.
 */
#include "console.h"

/* True: it is another one than before. */
static bool put(struct console *c, uint16_t columns, uint16_t rows)
{
	if (volt_le16(c->config.size) == columns && volt_le16(c->config.size + 2) == rows)
		return false;
	volt_put_le16(c->config.size, columns);
	volt_put_le16(c->config.size + 2, rows);
	return true;
}

bool size_look(struct console *c)
{
	uint16_t columns, rows;

	if (!VOLT_HAS(c->stream, window) || !c->stream->window ||
	    c->stream->window(c->v.h, c->port[0].stream, &columns, &rows))
		return false;
	return put(c, columns, rows);
}

/* A driver with MULTIPORT does not look at the configuration, but for a message. */
void size_tell(struct console *c)
{
	volt_virtio_config_changed(&c->v);
	if (c->port[0].ready)
		control_say(c, 0, SAY_SIZE);
}

void size_set(struct console *c, uint16_t columns, uint16_t rows)
{
	put(c, columns, rows);
	size_tell(c);
}
