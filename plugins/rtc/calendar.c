/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * The ten bytes of time, calendar and alarm, in the four forms of bits DM and 24/12, and the
 * century. The day of the week is a counter of its own, as on the chip.
 */
#include "rtc.h"

#define DAY_S     86400
#define PM        0x80u
#define ANY       0xc0u  /* an alarm byte with both bits fits every time */
#define EPOCH_DAY 719468 /* 1970-01-01, in days from 0000-03-01 */
#define DAYS_400  146097 /* days in 400 years */

struct date {
	int64_t year; /* March to February */
	uint32_t month, day;
};

static uint32_t from_byte(const uint8_t *ram, uint8_t val)
{
	return ram[RTC_B] & B_DM ? val : (val >> 4) * 10u + (val & 15u);
}

static uint8_t to_byte(const uint8_t *ram, uint32_t val)
{
	return (uint8_t)(ram[RTC_B] & B_DM ? val : val / 10 << 4 | val % 10);
}

static uint32_t hour_from_byte(const uint8_t *ram, uint8_t val)
{
	if (ram[RTC_B] & B_24H)
		return from_byte(ram, val);
	return from_byte(ram, val & ~PM) % 12 + (val & PM ? 12 : 0);
}

static uint8_t hour_to_byte(const uint8_t *ram, uint32_t hour)
{
	if (ram[RTC_B] & B_24H)
		return to_byte(ram, hour);
	return (uint8_t)(to_byte(ram, hour % 12 ? hour % 12 : 12) | (hour < 12 ? 0 : PM));
}

/* Days from 1970-01-01 to a date; years begin in March, so that a leap day is the last of its. */
static int64_t days_of(int64_t year, uint32_t month, uint32_t day)
{
	const int64_t y = month > 2 ? year : year - 1;
	const int64_t m = month > 2 ? month - 3 : month + 9;

	/* Counted from 400 years earlier, as y may be -1. */
	return (y + 400) * 365 + (y + 400) / 4 - (y + 400) / 100 + (y + 400) / 400 - DAYS_400 +
	       (m * 153 + 2) / 5 + day - 1 - EPOCH_DAY;
}

/* `day` counts from 0000-03-01 and is not below 0. */
static struct date date_of(int64_t day)
{
	const int64_t era = day / DAYS_400, in_era = day % DAYS_400;
	const int64_t y = (in_era - in_era / 1460 + in_era / 36524 - in_era / (DAYS_400 - 1)) / 365;
	const uint32_t in_year = (uint32_t)(in_era - (y * 365 + y / 4 - y / 100));
	const uint32_t m = (in_year * 5 + 2) / 153;

	return (struct date){era * 400 + y, m, in_year - (m * 153 + 2) / 5 + 1};
}

static void put_date(uint8_t *ram, int64_t days)
{
	/* The registers hold 10,000 years, which are 25 times 400. */
	const int64_t span = (int64_t)DAYS_400 * 25;
	const struct date d = date_of(((days + EPOCH_DAY) % span + span) % span);
	const uint32_t month = d.month < 10 ? d.month + 3 : d.month - 9;
	const uint32_t year = (uint32_t)(d.year + (month <= 2)) % 10000;

	ram[RTC_DAY] = to_byte(ram, d.day);
	ram[RTC_MONTH] = to_byte(ram, month);
	ram[RTC_YEAR] = to_byte(ram, year % 100);
	ram[RTC_CENTURY] = to_byte(ram, year / 100);
}

static void put_time(uint8_t *ram, uint32_t second)
{
	ram[RTC_SECONDS] = to_byte(ram, second % 60);
	ram[RTC_MINUTES] = to_byte(ram, second / 60 % 60);
	ram[RTC_HOURS] = hour_to_byte(ram, second / 3600);
}

static uint32_t second_of_day(const uint8_t *ram)
{
	return hour_from_byte(ram, ram[RTC_HOURS]) * 3600 + from_byte(ram, ram[RTC_MINUTES]) * 60 +
	       from_byte(ram, ram[RTC_SECONDS]);
}

static int64_t day_number(const uint8_t *ram)
{
	const uint32_t month = from_byte(ram, ram[RTC_MONTH]);
	const int64_t century = from_byte(ram, ram[RTC_CENTURY]);

	return days_of(century * 100 + from_byte(ram, ram[RTC_YEAR]),
	    month < 1 ? 1 : (month > 12 ? 12 : month), from_byte(ram, ram[RTC_DAY]));
}

void calendar_set(uint8_t *ram, uint64_t seconds)
{
	const uint64_t days = seconds / DAY_S;

	put_time(ram, (uint32_t)(seconds % DAY_S));
	put_date(ram, (int64_t)days);
	ram[RTC_DAY_OF_WEEK] = (uint8_t)((days + 4) % 7 + 1); /* 1970-01-01 was a Thursday */
}

void calendar_add(uint8_t *ram, int64_t n)
{
	const int64_t second = (int64_t)second_of_day(ram) + n;
	const int64_t in_day = (second % DAY_S + DAY_S) % DAY_S;
	const int64_t days = (second - in_day) / DAY_S;

	put_time(ram, (uint32_t)in_day);
	if (!days)
		return;
	put_date(ram, day_number(ram) + days);
	ram[RTC_DAY_OF_WEEK] = (uint8_t)((((ram[RTC_DAY_OF_WEEK] & 7) + 6 + days) % 7 + 7) % 7 + 1);
}

static bool fits(const uint8_t *ram, uint8_t alarm, uint32_t val, uint32_t of_alarm)
{
	return (ram[alarm] & ANY) == ANY || of_alarm == val;
}

/* The first second after t that fits is found in steps of hours, then minutes, then seconds. */
uint32_t calendar_alarm_in(const uint8_t *ram)
{
	const uint32_t hour = hour_from_byte(ram, ram[RTC_HOURS_ALARM]);
	const uint32_t minute = from_byte(ram, ram[RTC_MINUTES_ALARM]);
	const uint32_t second = from_byte(ram, ram[RTC_SECONDS_ALARM]);
	const uint32_t now = second_of_day(ram) % DAY_S;

	if (!fits(ram, RTC_SECONDS_ALARM, second % 60, second))
		return 0;
	for (uint32_t t = now + 1; t <= now + DAY_S;) {
		if (!fits(ram, RTC_HOURS_ALARM, t / 3600 % 24, hour))
			t += 3600 - t % 3600;
		else if (!fits(ram, RTC_MINUTES_ALARM, t / 60 % 60, minute))
			t += 60 - t % 60;
		else if (!fits(ram, RTC_SECONDS_ALARM, t % 60, second))
			t++;
		else
			return t - now;
	}
	return 0;
}
