/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * uart - the 16550A chip itself: registers, FIFO, interrupt logic. What is wired to
 * its pins (ports, line, stream, timer) is serial.c's business.
 */
#ifndef PLUGINS_SERIAL_UART_H
#define PLUGINS_SERIAL_UART_H

#include <volt/loop.h>
#include <volt/plugin.h>
#include <volt/state.h>
#include <volt/stream.h>

#define UART_FIFO_SIZE 16u /* a power of two: indices are masked */

/* MSR bits 4-7, the modem inputs, as a far end drives them. */
#define UART_CTS 0x10u
#define UART_DSR 0x20u
#define UART_RI  0x40u
#define UART_DCD 0x80u

enum {
	COUNT_TX_BYTES,
	COUNT_TX_DROPPED,
	COUNT_TX_BREAKS,
	COUNT_RX_BYTES,
	COUNT_RX_OVERRUNS,
	COUNT_RX_BREAKS,
	COUNT_RX_TIMEOUTS,
	COUNT_INTERRUPTS,
	COUNT_ROWS,
};

struct uart {
	/* Pins, set once at init. */
	const struct volt_host *h;
	const struct volt_stream *stream;
	const struct volt_loop *loop;
	uint32_t line, console, timer;

	uint8_t ier, fcr, lcr, mcr, scr, dll, dlm;
	uint8_t errors; /* OE, PE, FE and BI as LSR shows them */
	uint8_t msr;
	uint8_t inputs; /* MSR bits 4-7 outside loopback; survives a reset */
	bool thre;      /* a THRE interrupt waits to be identified */
	bool timeout;   /* a character timeout waits for a read of RBR */
	bool intr;      /* the level of the interrupt line */
	bool looped_break;

	/* The receiver: a ring of 16, or RBR alone while the FIFOs are off. */
	uint8_t rx_data[UART_FIFO_SIZE];
	uint8_t rx_errors[UART_FIFO_SIZE]; /* PE, FE, BI not yet shown by LSR */
	uint32_t rx_head;                  /* < UART_FIFO_SIZE */
	uint32_t rx_count;                 /* <= UART_FIFO_SIZE; <= 1 while FIFOs are off */
	uint32_t room;                     /* as the stream was told */
	uint64_t timeout_ns;               /* when the four character times are over */
	uint64_t armed_ns;                 /* the timer's deadline, 0 if disarmed */
	uint64_t left_ns;                  /* until timeout_ns, while paused */
};

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
/* The timer fired. */
void uart_expire(struct uart *u);

/* Before a save, and after a save or a restore. */
void uart_pause(struct uart *u);
void uart_resume(struct uart *u);
bool uart_is_valid(const struct uart *u);
/* volt.state/1 */
extern const struct volt_state uart_state;

#endif
