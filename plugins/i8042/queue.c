/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "ps2.h"

#define MASK (PS2_QUEUE_SIZE - 1)

bool i8042_queue_push(struct ps2_queue *q, const uint8_t *bytes, unsigned n, unsigned limit)
{
	if (q->count > limit || n > limit - q->count)
		return false;
	for (unsigned i = 0; i < n; i++)
		q->bytes[(q->head + q->count + i) & MASK] = bytes[i];
	q->count = (uint8_t)(q->count + n);
	return true;
}

bool i8042_queue_pop(struct ps2_queue *q, uint8_t *byte)
{
	if (!q->count)
		return false;
	*byte = q->bytes[q->head & MASK];
	q->head = (uint8_t)((q->head + 1) & MASK);
	q->count--;
	/* A request to repeat is never itself repeated. */
	if (*byte != PS2_RESEND)
		q->last = *byte;
	return true;
}

void i8042_queue_clear(struct ps2_queue *q)
{
	q->head = 0;
	q->count = 0;
}

bool i8042_queue_is_valid(const struct ps2_queue *q)
{
	return q->head < PS2_QUEUE_SIZE && q->count <= PS2_QUEUE_SIZE;
}
