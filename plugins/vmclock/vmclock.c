/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * vmclock - a page that tells the guest what time it is at which value of its time-stamp counter,
 * and when that changed because it went on from a snapshot.
 *
 * Source: Linux, include/uapi/linux/vmclock-abi.h (the page, and the ACPI device with a real _CRS);
 * drivers/ptp/ptp_vmclock.c (Linux 6.13 and later), which makes a clock and /dev/vmclock0 of it.
 */
#include <string.h>

#include <volt/draft/page.h>
#include <volt/identity.h>
#include <volt/memory.h>
#include <volt/plugin.h>
#include <volt/state.h>

#define HID "AMZNC10C"
#define CID "VMCLOCK"

/* struct vmclock_abi */
#define AT_MAGIC        0u
#define AT_SIZE         4u
#define AT_VERSION      8u
#define AT_COUNTER_ID   10u
#define AT_TIME_TYPE    11u
#define AT_SEQ_COUNT    12u
#define AT_DISRUPTION   16u
#define AT_FLAGS        24u
#define AT_STATUS       34u
#define AT_PERIOD_SHIFT 39u
#define AT_COUNTER      40u
#define AT_PERIOD       48u
#define AT_TIME_SEC     72u
#define AT_TIME_FRAC    80u
#define AT_GENERATION   104u

#define MAGIC              0x4b4c4356u /* "VCLK" */
#define COUNTER_X86_TSC    1u
#define COUNTER_INVALID    0xffu
#define TIME_UTC           0u
#define FLAG_GENERATION    (1u << 8) /* AT_GENERATION is told */
#define FLAG_NOTIFICATION  (1u << 9) /* each change is notified */
#define STATUS_UNKNOWN     0u
#define STATUS_FREERUNNING 3u

#define SECOND UINT64_C(1000000000)

enum { COUNT_NOTIFIED };

struct vmclock {
	struct volt_page_device d;
};

static int vmclock_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct volt_acpi_device device = {.hid = HID, .cid = CID, .ddn = CID};
	struct vmclock *v = self;

	return volt_page_device_init(&v->d, h, "clock", &device, false);
}

/* part * 2^64 / whole, for part < whole < 2^63. */
static uint64_t fraction(uint64_t part, uint64_t whole)
{
	uint64_t q = 0;

	for (unsigned i = 0; i < 64; i++) {
		part <<= 1;
		q <<= 1;
		if (part < whole)
			continue;
		part -= whole;
		q |= 1;
	}
	return q;
}

/* The period of a tick is 2^-(64 + shift) seconds times a number of 64 bits, all of which are used
 * when 2^shift is the greatest power of two below the rate. */
static void write_time(uint8_t *page, const struct volt_identity *id)
{
	const bool known = id->tsc_hz > 1 && id->tsc_hz < UINT64_C(1) << 62;
	uint8_t shift = 0;

	page[AT_COUNTER_ID] = known ? COUNTER_X86_TSC : COUNTER_INVALID;
	page[AT_STATUS] = known ? STATUS_FREERUNNING : STATUS_UNKNOWN;
	while (known && UINT64_C(2) << shift < id->tsc_hz)
		shift++;
	page[AT_PERIOD_SHIFT] = shift;
	volt_put_le64(page + AT_COUNTER, known ? id->tsc : 0);
	volt_put_le64(page + AT_PERIOD, known ? fraction(UINT64_C(1) << shift, id->tsc_hz) : 0);
	volt_put_le64(page + AT_TIME_SEC, id->realtime_ns / SECOND);
	volt_put_le64(page + AT_TIME_FRAC, fraction(id->realtime_ns % SECOND, SECOND));
}

/* No vCPU runs, but a program of the guest may have stopped between two of its reads: a count that
 * is drawn anew is not the one that it saw. */
static void vmclock_identify(void *self, const struct volt_identity *id)
{
	struct vmclock *v = self;
	const uint32_t sequence = volt_le32(id->generation) & ~1u;

	volt_put_le32(v->d.page + AT_SEQ_COUNT, sequence | 1);
	volt_put_le32(v->d.page + AT_MAGIC, MAGIC);
	volt_put_le32(v->d.page + AT_SIZE, VOLT_PAGE_SIZE);
	volt_put_le16(v->d.page + AT_VERSION, 1);
	v->d.page[AT_TIME_TYPE] = TIME_UTC;
	volt_put_le64(v->d.page + AT_DISRUPTION, volt_le64(id->generation));
	volt_put_le64(v->d.page + AT_GENERATION, volt_le64(id->generation + 8));
	volt_put_le64(v->d.page + AT_FLAGS, FLAG_GENERATION | FLAG_NOTIFICATION);
	write_time(v->d.page, id);
	volt_put_le32(v->d.page + AT_SEQ_COUNT, sequence + 2);
	v->d.news = id->reason == VOLT_IDENTITY_RESTORED;
}

static void vmclock_resume(void *self)
{
	struct vmclock *v = self;

	if (volt_page_device_tell(&v->d))
		volt_count(v->d.h, COUNT_NOTIFIED, 1);
}

/* What the page holds is of this process alone. */
static const void *vmclock_get_ext(const char *id)
{
	static const struct volt_state state = {
	    .size = sizeof(state), .version = 1, .oldest = 1, .resume = vmclock_resume};
	static const struct volt_identified identified = {
	    .size = sizeof(identified), .identify = vmclock_identify};

	if (strcmp(id, VOLT_EXT_STATE) == 0)
		return &state;
	return strcmp(id, VOLT_EXT_IDENTITY) == 0 ? &identified : NULL;
}

static const struct volt_counter counters[] = {
    [COUNT_NOTIFIED] = {"notified", "times that the guest was told of a disruption"},
};

VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "vmclock",
    .version = "0.1.0",
    .summary = "tells the guest the time, and when it was disrupted",
    .instance_size = sizeof(struct vmclock),
    VOLT_COUNTERS(counters),
    .init = vmclock_init,
    .get_ext = vmclock_get_ext,
};
