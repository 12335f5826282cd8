/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * chip - the state of a UART: uart.c is its registers, receiver.c what arrives.
 */
#ifndef PLUGINS_SERIAL_CHIP_H
#define PLUGINS_SERIAL_CHIP_H

#include <volt/loop.h>
#include <volt/plugin.h>
#include <volt/stream.h>

#define UART_FIFO_SIZE 16u /* a power of two: indices are masked */

/* MSR bits 4-7, the modem inputs, as a peer drives them. */
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

	/* The transmitter's FIFO: what the stream's buffer has no room for. THRE and TEMT are 0
	 * while there is something in it. */
	uint8_t tx_data[UART_FIFO_SIZE];
	uint32_t tx_count;  /* <= UART_FIFO_SIZE */
	bool tx_stuck;      /* the peer took nothing for long: bytes are dropped until it does */
	uint64_t tx_end_ns; /* of the patience with the peer, while tx_count > 0 */

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

#endif
