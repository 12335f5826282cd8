/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * window - how large the terminal on standard input is, for a device that asks.
 *
 * A change comes as SIGWINCH, and one ioctl of the loop's thread looks. Where nobody has asked
 * before the seal, neither the signal nor the call is there.
 */
#ifndef CORE_WINDOW_H
#define CORE_WINDOW_H

#include <errno.h>
#include <stdint.h>

#include "core/config.h"
#include "core/event/stream.h"

#if VOLT_HAS_OPERATE
/* [wire] [loop] As volt.stream/1's. The first call, before the seal, asks for news of it. */
int window_size(struct stream *s, uint16_t *columns, uint16_t *rows);
/* [wire] Takes the signal, if somebody has asked. 0 or -errno, which is logged. */
int window_watch(struct streams *all);
void window_declare(const struct streams *all, struct ledger *l);
#else
static inline int window_watch(struct streams *all)
{
	return 0;
}

static inline void window_declare(const struct streams *all, struct ledger *l)
{
}
#endif

#endif
