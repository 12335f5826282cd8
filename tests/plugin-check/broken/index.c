/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Eight bytes behind an index at port 2, read and written at port 3, that reset forgets. */
#define DEV_READ  read_indexed
#define DEV_WRITE write_indexed
#include "base.h"

#define FIRST 0x40u /* index of the first */

static uint8_t *find_cell(struct dev *d, uint64_t off)
{
	const unsigned cell = d->regs[2] - FIRST;

	return off == 3 && cell < sizeof(d->memory) ? (uint8_t *)&d->memory + cell : &d->regs[off];
}

static uint64_t read_indexed(void *self, uint64_t off, uint32_t n)
{
	return *find_cell(self, off);
}

static void write_indexed(void *self, uint64_t off, uint32_t n, uint64_t val)
{
	*find_cell(self, off) = (uint8_t)val;
}
