/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * registers - the PC16550D's registers and their bits, by the data sheet's names
 * (SNLS378C, 8.6 and table 1).
 */
#ifndef PLUGINS_SERIAL_REGISTERS_H
#define PLUGINS_SERIAL_REGISTERS_H

/* Registers by address; table 1. */
#define RBR_THR 0u /* DLL with DLAB */
#define IER     1u /* DLM with DLAB */
#define IIR_FCR 2u
#define LCR     3u
#define MCR     4u
#define LSR     5u
#define MSR     6u
#define SCR     7u

#define IER_ERBFI 0x01u /* received data available, character timeout */
#define IER_ETBEI 0x02u /* THR empty */
#define IER_ELSI  0x04u /* receiver line status */
#define IER_EDSSI 0x08u /* modem status */
#define IER_MASK  0x0fu

#define IIR_MODEM   0x00u
#define IIR_NONE    0x01u
#define IIR_THRE    0x02u
#define IIR_DATA    0x04u
#define IIR_LINE    0x06u
#define IIR_TIMEOUT 0x0cu
#define IIR_FIFOS   0xc0u

#define FCR_ENABLE   0x01u
#define FCR_RX_RESET 0x02u
#define FCR_STORED   0xc9u /* all but the self-clearing and the reserved bits */

#define LCR_WLS  0x03u
#define LCR_STB  0x04u
#define LCR_PEN  0x08u
#define LCR_SB   0x40u /* set break */
#define LCR_DLAB 0x80u

#define MCR_DTR  0x01u
#define MCR_RTS  0x02u
#define MCR_OUT1 0x04u
#define MCR_OUT2 0x08u
#define MCR_LOOP 0x10u
#define MCR_MASK 0x1fu

#define LSR_DR   0x01u
#define LSR_OE   0x02u
#define LSR_PE   0x04u
#define LSR_FE   0x08u
#define LSR_BI   0x10u
#define LSR_THRE 0x20u
#define LSR_TEMT 0x40u
#define LSR_FIFO 0x80u

#define LSR_CHARACTER (LSR_PE | LSR_FE | LSR_BI) /* what a character can have */

#define MSR_TERI   0x04u
#define MSR_DELTAS 0x0fu
#define MSR_INPUTS 0xf0u

#endif
