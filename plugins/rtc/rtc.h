/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * rtc - the real-time clock MC146818 of a PC/AT.
 *
 * calendar.c  the time registers, and what time they say
 * chip.c      the other registers, updates, interrupts
 * rtc.c       ports, line, timers, ACPI
 *
 * Source: Motorola, MC146818 data sheet (ADI-856); "register B" and its like are its names. Of the
 * PC/AT: the two ports, line 8, 128 bytes, and byte 0x32 as the century.
 */
#ifndef PLUGINS_RTC_RTC_H
#define PLUGINS_RTC_RTC_H

#include <volt/loop.h>
#include <volt/plugin.h>
#include <volt/state.h>

#define RTC_BYTES  128u
#define RTC_SECOND UINT64_C(1000000000)

enum {
	RTC_SECONDS = 0x00,
	RTC_SECONDS_ALARM,
	RTC_MINUTES,
	RTC_MINUTES_ALARM,
	RTC_HOURS,
	RTC_HOURS_ALARM,
	RTC_DAY_OF_WEEK, /* 1: Sunday */
	RTC_DAY,
	RTC_MONTH,
	RTC_YEAR,
	RTC_A,
	RTC_B,
	RTC_C,
	RTC_D,
	RTC_CENTURY = 0x32,
};

#define A_UIP     0x80u /* an update is near or under way */
#define A_DV      0x70u
#define A_DV_RUN  0x20u /* the divider of a crystal of 32,768 Hz */
#define A_RS      0x0fu
#define B_SET     0x80u
#define B_UIE     0x10u
#define B_DM      0x04u /* binary, not BCD */
#define B_24H     0x02u
#define B_ENABLES 0x70u /* PIE, AIE, UIE: those of the flags */
#define C_IRQF    0x80u
#define C_PF      0x40u
#define C_AF      0x20u
#define C_UF      0x10u
#define D_VRT     0x80u

enum { COUNT_INTERRUPTS };

struct rtc {
	const struct volt_host *h;
	const struct volt_loop *loop;
	uint32_t line, second_timer, period_timer;
	uint64_t second_armed, period_armed; /* deadlines on the chip's clock; 0: disarmed */
	bool level;                          /* of the line */

	uint8_t index;           /* the byte that the data port reaches */
	uint8_t ram[RTC_BYTES];  /* time, alarm, A, B, memory */
	uint8_t flags;           /* C_PF, C_AF, C_UF */
	uint64_t phase_ns;       /* the chip's clock is the host's time of day plus this */
	uint64_t counted_s;      /* seconds of the chip's clock that were looked at */
	uint64_t counted_period; /* periods of register A's rate, likewise */
};

/* Sets the time registers to a time, in seconds since 1970. */
void calendar_set(uint8_t *ram, uint64_t seconds);
/* Counts on by n seconds, or back. Registers that hold no time hold one afterwards. */
void calendar_add(uint8_t *ram, int64_t n);
/* Seconds until the time is the alarm's, 1 to 86,400; or 0 if it never is. */
uint32_t calendar_alarm_in(const uint8_t *ram);

void chip_reset(struct rtc *r);
uint8_t chip_read(struct rtc *r, uint8_t reg);
void chip_write(struct rtc *r, uint8_t reg, uint8_t val);
/* Time went by: takes what it brought, drives the line, arms the timers. */
void chip_look(struct rtc *r);
/* The line and the timers are not as they were: drives and arms them. */
void chip_resume(struct rtc *r);

extern const struct volt_state rtc_state;

#endif
