/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * The National Semiconductor PC16550D, "Universal Asynchronous Receiver/Transmitter
 * with FIFOs" (TL/C/8652, June 1995; Texas Instruments SNLS378C). Section and table
 * numbers below are SNLS378C's. Names of registers and bits are the data sheet's.
 *
 * Where it differs from the chip, on purpose:
 *   - a byte written to THR leaves at once if the stream's buffer has room for it; only
 *     what waits for room is in the transmitter's FIFO, and THRE and TEMT are 0 meanwhile.
 *     That FIFO holds 16 bytes in character mode as well, and is given up when the peer has
 *     taken nothing for a second: a guest that polls is not held for longer;
 *   - the peer gets and gives whole bytes whatever the word length: a guest that
 *     never wrote LCR, whose reset value means 5 bits, still wants its text to arrive.
 *     In loopback the word length counts;
 *   - DLL, DLM and SCR, which a reset leaves alone (8.1), come up as 1, 0 and 0.
 */
#include "uart.h"

#include <string.h>

#include "receiver.h"
#include "registers.h"

#define TX_PATIENCE_NS 1000000000u

static bool fifos_on(const struct uart *u)
{
	return u->fcr & FCR_ENABLE;
}

static bool is_looped(const struct uart *u)
{
	return u->mcr & MCR_LOOP;
}

/* ------------------------------------------------------------- interrupts */

/* Table 5. The two causes of second priority differ by IIR bit 3 only, which is set
 * whenever a timeout is pending (8.6.5). */
static uint8_t identify(const struct uart *u)
{
	if (u->ier & IER_ELSI && u->errors)
		return IIR_LINE;
	if (u->ier & IER_ERBFI && u->timeout)
		return IIR_TIMEOUT;
	if (u->ier & IER_ERBFI && receiver_is_ready(u))
		return IIR_DATA;
	if (u->ier & IER_ETBEI && u->thre)
		return IIR_THRE;
	if (u->ier & IER_EDSSI && u->msr & MSR_DELTAS)
		return IIR_MODEM;
	return IIR_NONE;
}

/* INTR is the OR of all enabled causes: a second one while it is high makes no edge, and
 * it falls with the last. On a PC the pin OUT2 gates INTR onto the bus, and loopback
 * forces that pin inactive (8.6.7). */
static void update_intr(struct uart *u)
{
	const bool gate = u->mcr & MCR_OUT2 && !is_looped(u);
	const bool level = gate && identify(u) != IIR_NONE;

	if (level == u->intr)
		return;
	u->intr = level;
	if (level)
		volt_count(u->h, COUNT_INTERRUPTS, 1);
	u->h->set_irq(u->h, u->line, level);
}

/* ------------------------------------------------------------ transmitter */

/* Gives the stream what is in the FIFO. VOLT_STREAM_ROOM comes if something stays. */
static void transmit(struct uart *u)
{
	const size_t n = u->stream->tx(u->h, u->console, u->tx_data, u->tx_count);

	volt_count(u->h, COUNT_TX_BYTES, n);
	u->tx_count -= (uint32_t)n;
	memmove(u->tx_data, u->tx_data + n, u->tx_count);
	if (u->tx_count)
		u->tx_end_ns = u->loop->now(u->h) + TX_PATIENCE_NS;
}

static void drop_transmitter(struct uart *u)
{
	volt_count(u->h, COUNT_TX_DROPPED, u->tx_count);
	u->tx_count = 0;
}

static void send_byte(struct uart *u, uint8_t byte)
{
	const uint8_t word = (uint8_t)(0xff >> (3 - (u->lcr & LCR_WLS)));

	if (is_looped(u)) {
		if (u->looped_break)
			return;
		receiver_push(u, byte & word, 0);
	} else if (u->lcr & LCR_SB || u->tx_stuck || u->tx_count == UART_FIFO_SIZE) {
		volt_count(u->h, COUNT_TX_DROPPED, 1);
	} else {
		u->tx_data[u->tx_count++] = byte;
		if (u->tx_count == 1)
			transmit(u);
	}
}

/* Loading THR withdraws the THRE interrupt and the byte's departure raises it again. On an
 * edge-triggered line the guest must see both, or a handler that answers a THRE interrupt
 * by writing THR alone would get no further one. */
static void write_thr(struct uart *u, uint8_t byte)
{
	u->thre = false;
	update_intr(u);
	send_byte(u, byte);
	u->thre = !u->tx_count;
}

/* --------------------------------------------------------- modem and line */

/* In loopback the outputs RTS, DTR, OUT1 and OUT2 drive CTS, DSR, RI and DCD (8.6.7). */
static uint8_t modem_inputs(const struct uart *u)
{
	if (!is_looped(u))
		return u->inputs;
	return (uint8_t)((u->mcr & MCR_RTS ? UART_CTS : 0) | (u->mcr & MCR_DTR ? UART_DSR : 0) |
			 (u->mcr & MCR_OUT1 ? UART_RI : 0) | (u->mcr & MCR_OUT2 ? UART_DCD : 0));
}

static void update_msr(struct uart *u)
{
	const uint8_t inputs = modem_inputs(u);
	uint8_t deltas = (uint8_t)((u->msr ^ inputs) & MSR_INPUTS) >> 4;

	if (inputs & UART_RI)
		deltas &= (uint8_t)~MSR_TERI; /* of RI only the trailing edge counts */
	u->msr = (uint8_t)(inputs | (u->msr & MSR_DELTAS) | deltas);
}

/* In loopback a break comes back as one, at its start. Outside, the stream has no way to
 * carry it. */
static void update_break(struct uart *u, bool was_set)
{
	const bool set = u->lcr & LCR_SB;
	const bool looped = set && is_looped(u);

	if (set && !was_set && !looped)
		volt_count(u->h, COUNT_TX_BREAKS, 1);
	if (looped && !u->looped_break)
		receiver_push(u, 0, LSR_BI);
	u->looped_break = looped;
}

static void write_lcr(struct uart *u, uint8_t val)
{
	const bool was_set = u->lcr & LCR_SB;

	u->lcr = val;
	receiver_restart_timeout(u); /* the frame changed, and maybe, before, the divisor */
	update_break(u, was_set);
}

static void write_mcr(struct uart *u, uint8_t val)
{
	u->mcr = val & MCR_MASK;
	update_break(u, u->lcr & LCR_SB);
	update_msr(u);
	receiver_update_room(u);
}

/* --------------------------------------------------------------- registers */

/* A change of bit 0 empties both FIFOs and gives a THRE interrupt at once (8.6.4, 8.4.1);
 * without it the other bits are not programmed. What waits for room in the stream's buffer
 * is on its way to the peer, and stays. */
static void write_fcr(struct uart *u, uint8_t val)
{
	const bool toggled = (val ^ u->fcr) & FCR_ENABLE;

	if (toggled || (val & FCR_ENABLE && val & FCR_RX_RESET))
		receiver_clear(u);
	if (toggled)
		u->thre = !u->tx_count;
	u->fcr = val & FCR_ENABLE ? val & FCR_STORED : 0;
	receiver_update_room(u);
}

/* Enabling the interrupt of THRE raises it at once if THRE is 1. */
static void write_ier(struct uart *u, uint8_t val)
{
	if (val & ~u->ier & IER_ETBEI)
		u->thre = !u->tx_count;
	u->ier = val & IER_MASK;
}

static uint8_t read_rbr(struct uart *u)
{
	const uint8_t byte = receiver_pop(u);

	receiver_update_room(u);
	return byte;
}

static uint8_t read_iir(struct uart *u)
{
	const uint8_t id = identify(u);

	if (id == IIR_THRE)
		u->thre = false;
	return fifos_on(u) ? id | IIR_FIFOS : id;
}

static uint8_t read_lsr(struct uart *u)
{
	uint8_t lsr = u->errors;

	if (u->tx_count && u->loop->now(u->h) >= u->tx_end_ns) {
		drop_transmitter(u);
		u->tx_stuck = u->thre = true;
	}
	if (!u->tx_count)
		lsr |= LSR_THRE | LSR_TEMT;
	if (fifos_on(u) && (u->errors & ~LSR_OE || receiver_hidden_errors(u)))
		lsr |= LSR_FIFO;
	if (u->rx_count)
		lsr |= LSR_DR;
	u->errors = 0;
	return lsr;
}

static uint8_t read_msr(struct uart *u)
{
	const uint8_t msr = u->msr;

	u->msr &= MSR_INPUTS;
	return msr;
}

static uint8_t read_register(struct uart *u, uint32_t reg)
{
	const bool dlab = u->lcr & LCR_DLAB;

	switch (reg) {
	case RBR_THR:
		return dlab ? u->dll : read_rbr(u);
	case IER:
		return dlab ? u->dlm : u->ier;
	case IIR_FCR:
		return read_iir(u);
	case LCR:
		return u->lcr;
	case MCR:
		return u->mcr;
	case LSR:
		return read_lsr(u);
	case MSR:
		return read_msr(u);
	default:
		return u->scr;
	}
}

uint8_t uart_read(struct uart *u, uint32_t reg)
{
	const uint8_t val = read_register(u, reg);

	update_intr(u);
	return val;
}

void uart_write(struct uart *u, uint32_t reg, uint8_t val)
{
	const bool dlab = u->lcr & LCR_DLAB;

	if (reg == RBR_THR && dlab)
		u->dll = val;
	else if (reg == IER && dlab)
		u->dlm = val;
	else if (reg == RBR_THR)
		write_thr(u, val);
	else if (reg == IER)
		write_ier(u, val);
	else if (reg == IIR_FCR)
		write_fcr(u, val);
	else if (reg == LCR)
		write_lcr(u, val);
	else if (reg == MCR)
		write_mcr(u, val);
	else if (reg == SCR)
		u->scr = val;
	/* LSR and MSR are for reading; writes are factory tests (8.6.3). */
	update_intr(u);
}

/* ----------------------------------------------------------- the peer */

void uart_receive(struct uart *u, const uint8_t *bytes, size_t n)
{
	if (is_looped(u)) /* SIN is disconnected */
		return;
	for (size_t i = 0; i < n; i++)
		receiver_push(u, bytes[i], 0);
	volt_count(u->h, COUNT_RX_BYTES, n);
	receiver_update_room(u);
	update_intr(u);
}

void uart_receive_break(struct uart *u)
{
	if (is_looped(u))
		return;
	volt_count(u->h, COUNT_RX_BREAKS, 1);
	receiver_push(u, 0, LSR_BI);
	receiver_update_room(u);
	update_intr(u);
}

void uart_set_inputs(struct uart *u, uint8_t inputs)
{
	u->inputs = inputs & MSR_INPUTS;
	update_msr(u);
	update_intr(u);
}

void uart_transmit(struct uart *u)
{
	u->tx_stuck = false;
	if (u->tx_count) {
		transmit(u);
		u->thre = !u->tx_count;
	}
	update_intr(u);
}

void uart_expire(struct uart *u)
{
	receiver_expire(u);
	update_intr(u);
}

/* Table 3. The divisor is never 0, by which Linux divides when it asks for the speed. */
void uart_reset(struct uart *u)
{
	u->ier = u->fcr = u->lcr = u->mcr = u->scr = 0;
	u->dll = 1;
	u->dlm = 0;
	u->thre = false;
	u->looped_break = u->tx_stuck = false;
	drop_transmitter(u);
	receiver_clear(u);
	u->errors = 0;
	u->msr = u->inputs;
	u->armed_ns = 0;
	u->loop->arm(u->h, u->timer, 0);
	u->room = 1; /* RBR */
	u->stream->set_room(u->h, u->console, u->room);
	update_intr(u);
}

void uart_forget_changes(struct uart *u)
{
	u->msr &= MSR_INPUTS;
	update_intr(u);
}

/* ------------------------------------------------------------------- state */

/* In a copy of the VM the transmitter is empty. */
void uart_pause(struct uart *u)
{
	if (u->tx_count)
		u->thre = true;
	receiver_pause(u);
}

/* The peer may be another one now: what differs in the modem inputs is a change. */
void uart_resume(struct uart *u)
{
	update_msr(u);
	receiver_resume(u);
	receiver_update_room(u);
	uart_transmit(u);
}

bool uart_is_valid(const struct uart *u)
{
	const uint8_t fcr = u->fcr;

	if (fcr & ~FCR_STORED || (fcr && !(fcr & FCR_ENABLE)) ||
	    u->errors & ~(LSR_OE | LSR_CHARACTER))
		return false;
	if (u->looped_break != (u->lcr & LCR_SB && is_looped(u)))
		return false;
	return receiver_is_valid(u);
}
