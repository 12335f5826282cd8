/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * receiver - the chip's receiving half: the FIFO, the errors of each character and the
 * character timeout. None of these touches the interrupt line.
 */
#ifndef PLUGINS_SERIAL_RECEIVER_H
#define PLUGINS_SERIAL_RECEIVER_H

#include "chip.h"

void receiver_clear(struct uart *u);
/* One character out of the shift register, with its PE, FE and BI. */
void receiver_push(struct uart *u, uint8_t byte, uint8_t errors);
/* The oldest character, or 0. */
uint8_t receiver_pop(struct uart *u);
/* At the trigger level or above; without FIFOs, anything. */
bool receiver_is_ready(const struct uart *u);
/* PE, FE and BI of all characters that LSR does not show yet. */
uint8_t receiver_hidden_errors(const struct uart *u);
/* Waits four characters anew, if there is something to wait with. */
void receiver_restart_timeout(struct uart *u);
/* The timer fired: u->timeout is set if four characters have passed. */
void receiver_expire(struct uart *u);
/* The wait as a time that is left, and back. */
void receiver_pause(struct uart *u);
void receiver_resume(struct uart *u);
bool receiver_is_valid(const struct uart *u);
/* Tells the stream what fits. */
void receiver_update_room(struct uart *u);

#endif
