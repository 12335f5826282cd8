/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * entry - a redirection entry, and the message that it stands for.
 *
 * Sources, cited here and in ioapic.c by the word in brackets:
 *   [82093AA]  Intel 82093AA I/O Advanced Programmable Interrupt Controller,
 *              290566-001: 3.0 access, 3.1 and 3.2 registers. Version 0x11.
 *   [ICH10]    Intel I/O Controller Hub 10 datasheet, 319973: 13.5 registers, among them
 *              EOIR (13.5.4), version 0x20; table 5-18 interrupt message data.
 *   [ICH2]     Intel 82801BA datasheet, 290687: 9.5.10 delivery modes.
 *   [ICH6]     Intel 82801FB datasheet: REDIR_TBL, note on delivery modes.
 *   [SDM]      Intel 64 and IA-32 SDM vol. 3: 11.5.2 valid vectors, 11.11 MSI.
 *   [MP]       MultiProcessor Specification 1.4, 3.6.5: where I/O APICs lie.
 */
#ifndef IOAPIC_ENTRY_H
#define IOAPIC_ENTRY_H

#include <stdbool.h>
#include <stdint.h>

/* [82093AA] 3.2.4. The other bits are reserved and read as 0. */
#define INTVEC     0xffull
#define DELMOD     (7ull << 8)
#define DESTMOD    (1ull << 11) /* 1: logical */
#define DELIVS     (1ull << 12) /* read-only; always idle here */
#define INTPOL     (1ull << 13)
#define REMOTE_IRR (1ull << 14) /* read-only */
#define TRIGGER    (1ull << 15) /* 1: level */
#define MASKED     (1ull << 16)
#define DEST       (0xffull << 56)

#define DELMOD_FIXED  (0ull << 8)
#define DELMOD_LOWEST (1ull << 8)
#define DELMOD_NMI    (4ull << 8)
#define DELMOD_INIT   (5ull << 8)

#define ENTRY_RESET    MASKED
#define ENTRY_WRITABLE (INTVEC | DELMOD | DESTMOD | INTPOL | TRIGGER | MASKED | DEST)

/* True for a level-sensitive pin. */
bool ioapic_entry_is_level(uint64_t entry);
/* True if the local APICs can be sent this. */
bool ioapic_entry_is_deliverable(uint64_t entry);
/* The MSI of a deliverable entry; for others, that of an entry after reset. */
uint64_t ioapic_entry_address(uint64_t entry);
uint32_t ioapic_entry_data(uint64_t entry);

#endif
