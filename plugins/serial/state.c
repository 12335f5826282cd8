/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * What is saved: the chip's registers and its receiver. Not the modem inputs, which are
 * the peer's; nor the interrupt line and the room of the stream, which follow; nor the bytes
 * that wait for room in the stream's buffer, which are as good as sent, as those in it.
 */
#include <errno.h>

#include "registers.h"
#include "uart.h"

static const struct volt_field fields[] = {
    {VOLT_FIELD(struct uart, ier, VOLT_F_U8, 1), .max = IER_MASK},
    {VOLT_FIELD(struct uart, fcr, VOLT_F_U8, 1)},
    {VOLT_FIELD(struct uart, lcr, VOLT_F_U8, 1)},
    {VOLT_FIELD(struct uart, mcr, VOLT_F_U8, 1), .max = MCR_MASK},
    {VOLT_FIELD(struct uart, scr, VOLT_F_U8, 1)},
    {VOLT_FIELD(struct uart, dll, VOLT_F_U8, 1)},
    {VOLT_FIELD(struct uart, dlm, VOLT_F_U8, 1)},
    {VOLT_FIELD(struct uart, errors, VOLT_F_U8, 1)},
    {VOLT_FIELD(struct uart, msr, VOLT_F_U8, 1)},
    {VOLT_FIELD(struct uart, thre, VOLT_F_BOOL, 1)},
    {VOLT_FIELD(struct uart, timeout, VOLT_F_BOOL, 1)},
    {VOLT_FIELD(struct uart, looped_break, VOLT_F_BOOL, 1)},
    {VOLT_FIELD(struct uart, rx_data, VOLT_F_U8, UART_FIFO_SIZE)},
    {VOLT_FIELD(struct uart, rx_errors, VOLT_F_U8, UART_FIFO_SIZE)},
    {VOLT_FIELD(struct uart, rx_head, VOLT_F_U32, 1), .max = UART_FIFO_SIZE - 1},
    {VOLT_FIELD(struct uart, rx_count, VOLT_F_U32, 1), .max = UART_FIFO_SIZE},
    {VOLT_FIELD(struct uart, left_ns, VOLT_F_U64, 1), .max = 1ull << 56},
};

static void pause(void *self)
{
	uart_pause(self);
}

static void resume(void *self)
{
	uart_resume(self);
}

static int validate(const void *candidate)
{
	return uart_is_valid(candidate) ? 0 : -EINVAL;
}

const struct volt_state uart_state = {
    .size = sizeof(uart_state),
    .version = 1,
    .oldest = 1,
    VOLT_FIELDS(fields),
    .pause = pause,
    .resume = resume,
    .validate = validate,
};
