/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * The receiving half of the PC16550D; data sheet and section numbers as in uart.c.
 */
#include "receiver.h"

#include "registers.h"

#define CLOCK_HZ 1843200u /* the crystal of a PC: divisor 1 is 115,200 baud */
#define NS_PER_S 1000000000u

static bool fifos_on(const struct uart *u)
{
	return u->fcr & FCR_ENABLE;
}

static uint32_t capacity(const struct uart *u)
{
	return fifos_on(u) ? UART_FIFO_SIZE : 1;
}

/* LSR shows a character's errors once it is next to be read, until LSR is read (8.6.3). */
static void reveal_errors(struct uart *u)
{
	u->errors |= u->rx_errors[u->rx_head];
	u->rx_errors[u->rx_head] = 0;
}

void receiver_clear(struct uart *u)
{
	for (uint32_t i = 0; i < UART_FIFO_SIZE; i++)
		u->rx_errors[i] = 0;
	u->rx_head = 0;
	u->rx_count = 0;
	u->errors &= LSR_OE; /* the only one that is no part of a character */
	u->timeout = false;
}

/* A full FIFO keeps what it has and loses the newcomer; RBR alone is overwritten. */
void receiver_push(struct uart *u, uint8_t byte, uint8_t errors)
{
	if (u->rx_count >= capacity(u)) {
		u->errors |= LSR_OE;
		volt_count(u->h, COUNT_RX_OVERRUNS, 1);
		if (fifos_on(u))
			return;
		u->rx_count = 0;
	}
	const uint32_t tail = (u->rx_head + u->rx_count) & (UART_FIFO_SIZE - 1);

	u->rx_data[tail] = byte;
	u->rx_errors[tail] = errors;
	u->rx_count++;
	if (u->rx_count == 1)
		reveal_errors(u);
	receiver_restart_timeout(u);
}

uint8_t receiver_pop(struct uart *u)
{
	uint8_t byte = 0;

	if (u->rx_count) {
		byte = u->rx_data[u->rx_head];
		u->rx_head = (u->rx_head + 1) & (UART_FIFO_SIZE - 1);
		u->rx_count--;
		reveal_errors(u);
	}
	u->timeout = false;
	receiver_restart_timeout(u);
	return byte;
}

bool receiver_is_ready(const struct uart *u)
{
	static const uint8_t triggers[] = {1, 4, 8, 14};

	return u->rx_count >= (fifos_on(u) ? triggers[u->fcr >> 6] : 1);
}

uint8_t receiver_hidden_errors(const struct uart *u)
{
	uint8_t errors = 0;

	for (uint32_t i = 0; i < UART_FIFO_SIZE; i++)
		errors |= u->rx_errors[i];
	return errors;
}

/* Four characters of start bit, data, parity and stop bits, at 16 clocks a bit. Divisor
 * 0, which the data sheet does not define, counts as 1. */
static uint64_t four_characters_ns(const struct uart *u)
{
	const uint32_t data = 5 + (u->lcr & LCR_WLS);
	const uint32_t divisor = (uint32_t)u->dlm << 8 | u->dll;
	uint32_t half_bits = 2 * (1 + data + 1);

	if (u->lcr & LCR_PEN)
		half_bits += 2;
	if (u->lcr & LCR_STB)
		half_bits += data == 5 ? 1 : 2;
	/* At most 4 * 24 * 8 * 65535 * 10^9 < 2^56. */
	return (uint64_t)4 * half_bits * 8 * (divisor ? divisor : 1) * NS_PER_S / CLOCK_HZ;
}

/* The deadline moves with every character (8.4.1), the timer does not: expiry looks at
 * the deadline again, so a busy receiver arms it once in four characters. */
void receiver_restart_timeout(struct uart *u)
{
	if (!fifos_on(u) || !u->rx_count)
		return;
	u->timeout_ns = u->loop->now(u->h) + four_characters_ns(u);
	if (u->armed_ns && u->armed_ns <= u->timeout_ns)
		return;
	u->armed_ns = u->timeout_ns;
	u->loop->arm(u->h, u->timer, u->armed_ns);
}

void receiver_expire(struct uart *u)
{
	u->armed_ns = 0;
	if (!fifos_on(u) || !u->rx_count || u->timeout)
		return;
	if (u->loop->now(u->h) < u->timeout_ns) {
		u->armed_ns = u->timeout_ns;
		u->loop->arm(u->h, u->timer, u->armed_ns);
		return;
	}
	u->timeout = true;
	volt_count(u->h, COUNT_RX_TIMEOUTS, 1);
}

static bool is_waiting(const struct uart *u)
{
	return fifos_on(u) && u->rx_count && !u->timeout;
}

void receiver_pause(struct uart *u)
{
	const uint64_t now = u->loop->now(u->h);

	u->left_ns = is_waiting(u) && u->timeout_ns > now ? u->timeout_ns - now : 0;
}

void receiver_resume(struct uart *u)
{
	if (!is_waiting(u))
		return;
	u->timeout_ns = u->armed_ns = u->loop->now(u->h) + u->left_ns;
	u->loop->arm(u->h, u->timer, u->armed_ns);
}

/* Errors are those of characters that are in the FIFO behind the first, whose LSR shows. */
bool receiver_is_valid(const struct uart *u)
{
	if (u->rx_head >= UART_FIFO_SIZE || u->rx_count > capacity(u))
		return false;
	for (uint32_t i = 0; i < UART_FIFO_SIZE; i++) {
		const uint32_t place = (i - u->rx_head) & (UART_FIFO_SIZE - 1);

		if (u->rx_errors[i] & ~LSR_CHARACTER ||
		    (u->rx_errors[i] && (place == 0 || place >= u->rx_count)))
			return false;
	}
	return !u->timeout || (fifos_on(u) && u->rx_count);
}

/* In loopback SIN is disconnected, and input waits until it is back. */
void receiver_update_room(struct uart *u)
{
	const uint32_t room = u->mcr & MCR_LOOP ? 0 : capacity(u) - u->rx_count;

	if (room == u->room)
		return;
	u->room = room;
	u->stream->set_room(u->h, u->console, room);
}
