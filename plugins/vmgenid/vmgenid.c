/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * vmgenid - tells the guest that it is another VM now: 16 random bytes that change when it goes on
 * from a snapshot, a notification of ACPI, and what the operator said of this VM.
 *
 * Source: Microsoft, "Virtual Machine Generation ID" (2012), for the bytes, the object ADDR and the
 * notification; QEMU, docs/specs/vmgenid.rst, for where the bytes may lie. Driver: Linux vmgenid,
 * 5.18 and later, which seeds its random numbers anew.
 */
#include <string.h>

#include <volt/draft/page.h>
#include <volt/identity.h>
#include <volt/memory.h>
#include <volt/plugin.h>
#include <volt/state.h>

#define HID "VMGENCTR"
#define CID "VM_Gen_Counter"

/* The page. The generation is at its start, so that ADDR is the page's address. What follows is
 * volt's own: volt-vmgenid(7). */
#define AT_GENERATION 0u
#define AT_MAGIC      64u /* "VOLTIDEN" */
#define AT_SEQUENCE   72u /* odd while what follows changes */
#define AT_REASON     76u
#define AT_REALTIME   80u
#define AT_LENGTH     88u
#define AT_TEXT       96u

#define MAGIC "VOLTIDEN"

_Static_assert(AT_TEXT + VOLT_IDENTITY_BYTES <= VOLT_PAGE_SIZE, "the text fits the page");

enum { COUNT_NOTIFIED };

struct vmgenid {
	struct volt_page_device d;
};

static int vmgenid_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct volt_acpi_device device = {.hid = HID, .cid = CID, .ddn = CID};
	struct vmgenid *v = self;
	const int err = volt_page_device_init(&v->d, h, "generation", &device, true);

	if (err)
		return err;
	memcpy(v->d.page + AT_MAGIC, MAGIC, sizeof(MAGIC) - 1);
	return 0;
}

/* Lines "key=value". */
static uint32_t write_pairs(uint8_t *to, const struct volt_identity *id)
{
	const char *row = (const char *)id->pairs;
	uint32_t n = 0;

	for (uint32_t i = 0; i < id->pair_count; i++, row += id->pair_stride) {
		const struct volt_identity_pair *p = (const void *)row;
		const size_t key = strlen(p->key), value = strlen(p->value);

		if (key + value + 2 > VOLT_IDENTITY_BYTES - n)
			break;
		memcpy(to + n, p->key, key);
		to[n + key] = '=';
		memcpy(to + n + key + 1, p->value, value);
		to[n + key + 1 + value] = '\n';
		n += (uint32_t)(key + value + 2);
	}
	return n;
}

/* No vCPU runs, but a program of the guest may have stopped between two of its reads, or look for
 * another number than it saw last: one that is drawn anew. */
static void vmgenid_identify(void *self, const struct volt_identity *id)
{
	struct vmgenid *v = self;
	const uint32_t sequence = volt_le32(id->generation) & ~1u;

	volt_put_le32(v->d.page + AT_SEQUENCE, sequence | 1);
	memcpy(v->d.page + AT_GENERATION, id->generation, sizeof(id->generation));
	volt_put_le32(v->d.page + AT_REASON, id->reason);
	volt_put_le64(v->d.page + AT_REALTIME, id->realtime_ns);
	volt_put_le32(v->d.page + AT_LENGTH, write_pairs(v->d.page + AT_TEXT, id));
	volt_put_le32(v->d.page + AT_SEQUENCE, sequence + 2);
	v->d.news = id->reason == VOLT_IDENTITY_RESTORED;
}

static void vmgenid_resume(void *self)
{
	struct vmgenid *v = self;

	if (volt_page_device_tell(&v->d))
		volt_count(v->d.h, COUNT_NOTIFIED, 1);
}

/* The bytes are of this process alone: the next one gets its own. */
static const void *vmgenid_get_ext(const char *id)
{
	static const struct volt_state state = {
	    .size = sizeof(state), .version = 1, .oldest = 1, .resume = vmgenid_resume};
	static const struct volt_identified identified = {
	    .size = sizeof(identified), .identify = vmgenid_identify};

	if (strcmp(id, VOLT_EXT_STATE) == 0)
		return &state;
	return strcmp(id, VOLT_EXT_IDENTITY) == 0 ? &identified : NULL;
}

static const struct volt_counter counters[] = {
    [COUNT_NOTIFIED] = {"notified", "times that the guest was told of a new generation"},
};

VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "vmgenid",
    .version = "0.1.0",
    .summary = "tells the guest when it goes on from a snapshot",
    .instance_size = sizeof(struct vmgenid),
    VOLT_COUNTERS(counters),
    .init = vmgenid_init,
    .get_ext = vmgenid_get_ext,
};
