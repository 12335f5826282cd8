/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * The chip but for its calendar. No time passes in it: what updates and periods there were since
 * the last look follows from the host's time of day, at each access and when a timer fires.
 *
 * The second ends when the update does, so that the time never lags. A timer is armed only for a
 * flag that would raise the interrupt and is not set, so the guest reads register C before the
 * next: a rate without a reader costs the host one wake-up.
 */
#include "rtc.h"

#include <errno.h>
#include <string.h>

/* Of an update, with the time that UIP announces it (data sheet, table 5: 1984 us, 244 us). */
#define UPDATE_NS UINT64_C(2228000)
/* The host's time of day may be set while an alarm waits: it is looked at so often. */
#define LOOK_S 60u

static uint64_t clock_ns(const struct rtc *r)
{
	return r->loop->realtime(r->h) + r->phase_ns;
}

static bool is_running(const struct rtc *r)
{
	return (r->ram[RTC_A] & A_DV) == A_DV_RUN;
}

/* Ticks of 32,768 Hz in a period, as a power of two; 0: no periods (data sheet, table 4). */
static uint32_t period_shift(const struct rtc *r)
{
	const uint32_t rate = r->ram[RTC_A] & A_RS;

	return rate == 0 || rate > 2 ? rate : rate + 7;
}

static uint64_t period_at(const struct rtc *r, uint64_t ns)
{
	const uint32_t shift = period_shift(r);
	const uint64_t ticks = ns / RTC_SECOND * 32768 + ns % RTC_SECOND * 32768 / RTC_SECOND;

	return shift ? ticks >> (shift - 1) : 0;
}

/* When a period begins, rounded up. */
static uint64_t period_begin(const struct rtc *r, uint64_t period)
{
	const uint64_t ticks = period << (period_shift(r) - 1);

	return ticks / 32768 * RTC_SECOND + (ticks % 32768 * RTC_SECOND + 32767) / 32768;
}

static void count_seconds(struct rtc *r, uint64_t ns)
{
	const uint64_t seconds = ns / RTC_SECOND;
	const int64_t n = (int64_t)(seconds - r->counted_s);

	r->counted_s = seconds;
	if (!n || r->ram[RTC_B] & B_SET || !is_running(r))
		return;
	const uint32_t alarm = calendar_alarm_in(r->ram);

	calendar_add(r->ram, n);
	if (n < 0)
		return; /* the host's clock was set back */
	r->flags |= C_UF;
	if (alarm && alarm <= n)
		r->flags |= C_AF;
}

static void count(struct rtc *r, uint64_t ns)
{
	const uint64_t period = period_at(r, ns);

	if (period != r->counted_period && is_running(r))
		r->flags |= C_PF;
	r->counted_period = period;
	count_seconds(r, ns);
}

static void drive(struct rtc *r)
{
	const bool level = r->flags & r->ram[RTC_B] & B_ENABLES;

	if (level && !r->level)
		volt_count(r->h, COUNT_INTERRUPTS, 1);
	r->level = level;
	r->h->set_irq(r->h, r->line, level);
}

static bool is_awaited(const struct rtc *r, uint8_t flag)
{
	return is_running(r) && r->ram[RTC_B] & flag && !(r->flags & flag);
}

static void arm(struct rtc *r, uint32_t timer, uint64_t *armed, uint64_t deadline, uint64_t ns)
{
	if (*armed == deadline)
		return;
	*armed = deadline;
	r->loop->arm(r->h, timer, deadline ? r->loop->now(r->h) + (deadline - ns) : 0);
}

static uint64_t next_second(const struct rtc *r, uint64_t ns)
{
	const bool second = is_awaited(r, C_UF), alarm = is_awaited(r, C_AF);
	uint32_t wait = second ? 1 : LOOK_S;

	if (r->ram[RTC_B] & B_SET || (!second && !alarm))
		return 0;
	if (!second && calendar_alarm_in(r->ram) < wait)
		wait = calendar_alarm_in(r->ram);
	return wait ? (ns / RTC_SECOND + wait) * RTC_SECOND : 0;
}

static void update(struct rtc *r, uint64_t ns)
{
	const bool period = period_shift(r) && is_awaited(r, C_PF);

	drive(r);
	arm(r, r->second_timer, &r->second_armed, next_second(r, ns), ns);
	arm(r, r->period_timer, &r->period_armed,
	    period ? period_begin(r, r->counted_period + 1) : 0, ns);
}

void chip_look(struct rtc *r)
{
	const uint64_t ns = clock_ns(r);

	count(r, ns);
	update(r, ns);
}

void chip_resume(struct rtc *r)
{
	r->second_armed = r->period_armed = 0;
	r->loop->arm(r->h, r->second_timer, 0);
	r->loop->arm(r->h, r->period_timer, 0);
	chip_look(r);
}

/* The first update comes half a second after the divider was let go (data sheet, "Divider
 * control"). */
static void write_a(struct rtc *r, uint8_t val, uint64_t ns)
{
	const bool ran = is_running(r);

	r->ram[RTC_A] = val & (A_DV | A_RS);
	if (!ran && is_running(r)) {
		const uint64_t into = ns % RTC_SECOND;

		r->phase_ns = (r->phase_ns + RTC_SECOND * 3 / 2 - into) % RTC_SECOND;
		ns = clock_ns(r);
		r->counted_s = ns / RTC_SECOND;
	}
	r->counted_period = period_at(r, ns);
}

static uint8_t read_c(struct rtc *r, uint64_t ns)
{
	const uint8_t val = r->flags | (r->flags & r->ram[RTC_B] & B_ENABLES ? C_IRQF : 0);

	r->flags = 0;
	update(r, ns);
	return val;
}

uint8_t chip_read(struct rtc *r, uint8_t reg)
{
	const uint64_t ns = clock_ns(r);

	count(r, ns);
	if (reg == RTC_C)
		return read_c(r, ns);
	if (reg == RTC_D)
		return D_VRT;
	if (reg != RTC_A || r->ram[RTC_B] & B_SET || !is_running(r))
		return r->ram[reg];
	return r->ram[RTC_A] | (ns % RTC_SECOND >= RTC_SECOND - UPDATE_NS ? A_UIP : 0);
}

void chip_write(struct rtc *r, uint8_t reg, uint8_t val)
{
	const uint64_t ns = clock_ns(r);

	count(r, ns);
	if (reg == RTC_A)
		write_a(r, val, ns);
	else if (reg == RTC_B)
		r->ram[RTC_B] = val & B_SET ? val & ~B_UIE : val;
	else if (reg != RTC_C && reg != RTC_D)
		r->ram[reg] = val;
	update(r, clock_ns(r));
}

/* A machine that is turned on: firmware has set the clock to the host's time, in UTC, and the rate
 * to what it chooses on a PC, 1,024 Hz. */
void chip_reset(struct rtc *r)
{
	r->phase_ns = 0;
	const uint64_t ns = clock_ns(r);

	memset(r->ram, 0, sizeof(r->ram));
	r->ram[RTC_A] = A_DV_RUN | 6;
	r->ram[RTC_B] = B_24H;
	calendar_set(r->ram, ns / RTC_SECOND);
	r->counted_s = ns / RTC_SECOND;
	r->counted_period = period_at(r, ns);
	r->flags = 0;
	r->index = 0;
	update(r, ns);
}

static void pause(void *self)
{
	count(self, clock_ns(self));
}

static void resume(void *self)
{
	chip_resume(self);
}

/* The chip changes these bytes of its own; limits of fields hold for each byte alike. */
static int validate(const void *candidate)
{
	const struct rtc *r = candidate;

	if (r->ram[RTC_A] & A_UIP || r->ram[RTC_C] || r->ram[RTC_D])
		return -EINVAL;
	return r->flags & ~(C_PF | C_AF | C_UF) ? -EINVAL : 0;
}

/* How long the VM lay somewhere is in the time of day: seconds are counted on in resume. */
static const struct volt_field fields[] = {
    {VOLT_FIELD(struct rtc, index, VOLT_F_U8, 1), .max = RTC_BYTES - 1},
    {VOLT_FIELD(struct rtc, ram, VOLT_F_U8, RTC_BYTES)},
    {VOLT_FIELD(struct rtc, flags, VOLT_F_U8, 1)},
    {VOLT_FIELD(struct rtc, phase_ns, VOLT_F_U64, 1), .max = RTC_SECOND - 1},
    {VOLT_FIELD(struct rtc, counted_s, VOLT_F_U64, 1), .max = 1ull << 40},
    {VOLT_FIELD(struct rtc, counted_period, VOLT_F_U64, 1)},
};

const struct volt_state rtc_state = {
    .size = sizeof(rtc_state),
    .version = 1,
    .oldest = 1,
    VOLT_FIELDS(fields),
    .pause = pause,
    .resume = resume,
    .validate = validate,
};
