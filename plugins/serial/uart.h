/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * uart - the 16550A chip itself: registers, FIFO, interrupt logic. What is wired to
 * its pins (ports, line, stream, timer) is serial.c's business.
 */
#ifndef PLUGINS_SERIAL_UART_H
#define PLUGINS_SERIAL_UART_H

#include <volt/state.h>

#include "chip.h"

void uart_reset(struct uart *u);
/* Clears the change bits of MSR: what the modem inputs are now is how they began. */
void uart_forget_changes(struct uart *u);
uint8_t uart_read(struct uart *u, uint32_t reg);
void uart_write(struct uart *u, uint32_t reg, uint8_t val);

/* Bytes and a break condition arriving at SIN. */
void uart_receive(struct uart *u, const uint8_t *bytes, size_t n);
void uart_receive_break(struct uart *u);
/* The modem inputs change to `inputs`, a mask of UART_CTS..UART_DCD. */
void uart_set_inputs(struct uart *u, uint8_t inputs);
/* The stream may have room again, or another peer. */
void uart_transmit(struct uart *u);
/* The timer fired. */
void uart_expire(struct uart *u);

/* Before a save, and after a save or a restore. */
void uart_pause(struct uart *u);
void uart_resume(struct uart *u);
bool uart_is_valid(const struct uart *u);
/* volt.state/1 */
extern const struct volt_state uart_state;

#endif
