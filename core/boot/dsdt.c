/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* Source: ACPI 6.5, 6.1 (identification), 6.2.2 (_CRS), 6.4 (resource descriptors),
 * 7.4.2 (\_Sx), 8.4 (processor devices), 5.6.9 (interrupts that become notifications). */
#include "core/boot/dsdt.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "core/base/log.h"
#include "core/config.h"

#define HID_LEN_MAX 16u

#define SMALL_IO    0x47 /* type 8, 7 bytes follow */
#define SMALL_END   0x79
#define LARGE_MEM   0x86 /* 32-bit fixed location */
#define LARGE_WORD  0x88
#define LARGE_DWORD 0x87
#define LARGE_IRQ   0x89 /* extended interrupt */

#define IO_DECODE_16 0x01
#define MEM_WRITABLE 0x01
#define IRQ_CONSUMER 0x01
#define IRQ_EDGE     0x02 /* else level; bit 2 clear: active high; bit 3 clear: exclusive */
#define SPACE_MEM    0
#define WORD_IO      1
#define WORD_BUS     2
#define WINDOW       0x0c /* producer, both ends fixed */
#define WORD_FIXED   0x0d /* consumer, both ends fixed */
#define WORD_WHOLE   0x03 /* the whole range, ISA and not */

#define TEXT_MAX 32u
#define NOTIFIED 0x80 /* the first value that is a device's own (5.6.6) */

#define STA_ALL 0x0f /* present, decoding, shown, working */

typedef unsigned long long ull; /* for %llx */

static int check_id(const char *what, const char *id)
{
	size_t len = id ? strnlen(id, HID_LEN_MAX) : 0;
	bool good = len == 7 || len == 8;

	for (size_t i = 0; i < len && good; i++)
		good = (id[i] >= 'A' && id[i] <= 'Z') || (id[i] >= '0' && id[i] <= '9');
	if (!good)
		return log_error(EINVAL,
		    "ACPI: %s \"%.16s\" must be 7 or 8 capitals and digits, as PNP0501 or ABCD0001",
		    what, id ? id : "");
	return 0;
}

/* _DDN, or a _CID that is none of ACPI's forms: what a string of AML and of C can both hold. */
static int check_text(const char *hid, const char *what, const char *text)
{
	size_t len = strlen(text);

	for (size_t i = 0; i < len; i++)
		if (text[i] < ' ' || text[i] > '~' || text[i] == '"' || text[i] == '\\')
			len = 0;
	if (len == 0 || len >= TEXT_MAX)
		return log_error(EINVAL,
		    "ACPI: device %s: %s must be 1 to %u printable characters without \" and \\",
		    hid, what, TEXT_MAX - 1);
	return 0;
}

/* Interrupts that become notifications, and what goes with them, belong to devices that tell a
 * guest of its identity. */
static bool notifies(const struct volt_resource *r)
{
	return VOLT_HAS_SNAPSHOT && r->type == VOLT_RES_IRQ &&
	       r->flags == (VOLT_RES_NOTIFY | VOLT_IRQ_EDGE);
}

static int check_span(
    const char *hid, const char *what, const struct volt_resource *r, uint64_t end)
{
	if (r->len == 0 || r->base >= end || r->len > end - r->base)
		return log_error(EINVAL,
		    "ACPI: device %s: %s at 0x%llx of 0x%llx bytes must be in 0 to 0x%llx", hid,
		    what, (ull)r->base, (ull)r->len, (ull)(end - 1));
	return 0;
}

static int check_resource(const struct firmware *fw, const char *hid, const struct volt_resource *r)
{
	switch (r->type) {
	case VOLT_RES_PIO:
		return check_span(hid, "ports", r, 0x10000);
	case VOLT_RES_MMIO:
		return check_span(hid, "memory", r, 1ull << 32);
	case VOLT_RES_BUS:
		return check_span(hid, "bus numbers", r, 256);
	case VOLT_RES_IRQ:
		if (r->base < fw->gsi_base || r->base - fw->gsi_base >= fw->irqchip_pins)
			return log_error(EINVAL,
			    "ACPI: device %s: interrupt %llu is not a pin of the I/O APIC (%u to "
			    "%u)",
			    hid, (ull)r->base, fw->gsi_base, fw->gsi_base + fw->irqchip_pins - 1);
		if (r->flags != VOLT_IRQ_EDGE && r->flags != VOLT_IRQ_LEVEL && !notifies(r))
			return log_error(
			    EINVAL, "ACPI: device %s: unknown interrupt flags 0x%x", hid, r->flags);
		return 0;
	default:
		return log_error(EINVAL, "ACPI: device %s: unknown resource type %u", hid, r->type);
	}
}

static int check_device(const struct firmware *fw, const struct volt_acpi_device *d)
{
	int err = check_id("_HID", d->hid);

	if (err)
		return err;
	if (d->cid)
		err = VOLT_HAS_SNAPSHOT ? check_text(d->hid, "_CID", d->cid)
					: check_id("_CID", d->cid);
	if (VOLT_HAS_SNAPSHOT && !err && d->ddn)
		err = check_text(d->hid, "_DDN", d->ddn);
	if (err)
		return err;
	if (d->resource_count > VOLT_RESOURCE_MAX)
		err = log_error(EINVAL, "ACPI: device %s: %u resources, at most %u", d->hid,
		    d->resource_count, VOLT_RESOURCE_MAX);
	if (err)
		return err;
	for (uint32_t i = 0; i < d->resource_count; i++) {
		err = check_resource(fw, d->hid, &d->resources[i]);
		if (err)
			return err;
	}
	return 0;
}

int dsdt_check(const struct firmware *fw)
{
	if (fw->device_count > FIRMWARE_DEVICE_MAX)
		return log_error(
		    ENOSPC, "ACPI: %u devices, at most %u", fw->device_count, FIRMWARE_DEVICE_MAX);
	for (uint32_t i = 0; i < fw->device_count; i++) {
		int err = check_device(fw, &fw->devices[i]);

		if (err)
			return err;
	}
	return 0;
}

/* 6.4.3.5.3. A whole 64 KiB cannot be said at all. */
static void word_space(struct aml *a, uint8_t type, uint8_t flags, const struct volt_resource *r)
{
	uint16_t base = (uint16_t)r->base,
		 len = r->len > UINT16_MAX ? UINT16_MAX : (uint16_t)r->len;

	aml_byte(a, LARGE_WORD);
	aml_word(a, 13);
	aml_byte(a, type);
	aml_byte(a, flags);
	aml_byte(a, type == WORD_IO ? WORD_WHOLE : 0);
	aml_word(a, 0); /* granularity */
	aml_word(a, base);
	aml_word(a, (uint16_t)(base + len - 1));
	aml_word(a, 0); /* translation */
	aml_word(a, len);
}

static void io(struct aml *a, const struct volt_resource *r)
{
	uint16_t base = (uint16_t)r->base;

	if (r->len <= UINT8_MAX) {
		aml_byte(a, SMALL_IO);
		aml_byte(a, IO_DECODE_16);
		aml_word(a, base);
		aml_word(a, base);
		aml_byte(a, 1); /* alignment */
		aml_byte(a, (uint8_t)r->len);
		return;
	}
	/* The small descriptor's length is one byte. */
	word_space(a, WORD_IO, WORD_FIXED, r);
}

/* What a bridge gives on (6.4.3.5.2): of 4 GiB all but one byte, as the length has 32 bits. */
static void memory_window(struct aml *a, const struct volt_resource *r)
{
	uint32_t base = (uint32_t)r->base,
		 len = r->len > UINT32_MAX ? UINT32_MAX : (uint32_t)r->len;

	aml_byte(a, LARGE_DWORD);
	aml_word(a, 23);
	aml_byte(a, SPACE_MEM);
	aml_byte(a, WINDOW);
	aml_byte(a, MEM_WRITABLE); /* and not cached */
	aml_dword(a, 0);           /* granularity */
	aml_dword(a, base);
	aml_dword(a, base + (len - 1));
	aml_dword(a, 0); /* translation */
	aml_dword(a, len);
}

static void memory32(struct aml *a, const struct volt_resource *r)
{
	/* All 4 GiB but for one byte: the length has 32 bits. */
	uint32_t len = r->len > UINT32_MAX ? UINT32_MAX : (uint32_t)r->len;

	aml_byte(a, LARGE_MEM);
	aml_word(a, 9);
	aml_byte(a, MEM_WRITABLE);
	aml_dword(a, (uint32_t)r->base);
	aml_dword(a, len);
}

static void interrupt(struct aml *a, const struct volt_resource *r)
{
	aml_byte(a, LARGE_IRQ);
	aml_word(a, 6);
	aml_byte(a, IRQ_CONSUMER | (r->flags != VOLT_IRQ_LEVEL ? IRQ_EDGE : 0));
	aml_byte(a, 1);
	aml_dword(a, (uint32_t)r->base);
}

static void resources(struct aml *a, const struct volt_acpi_device *d)
{
	uint8_t bytes[VOLT_RESOURCE_MAX * 26 + 2];
	struct aml template = {.bytes = bytes, .size = sizeof(bytes)};

	for (uint32_t i = 0; i < d->resource_count; i++) {
		const struct volt_resource *r = &d->resources[i];
		const bool window = r->type != VOLT_RES_IRQ && r->flags & VOLT_RES_WINDOW;

		if (r->type == VOLT_RES_BUS)
			word_space(&template, WORD_BUS, WINDOW, r);
		else if (window && r->type == VOLT_RES_PIO)
			word_space(&template, WORD_IO, WINDOW, r);
		else if (window)
			memory_window(&template, r);
		else if (r->type == VOLT_RES_PIO)
			io(&template, r);
		else if (r->type == VOLT_RES_MMIO)
			memory32(&template, r);
		else if (!notifies(r))
			interrupt(&template, r);
	}
	aml_byte(&template, SMALL_END);
	aml_byte(&template, 0); /* checksum 0: not to be checked */
	aml_name(a, "_CRS");
	aml_buffer(a, bytes, template.used);
}

/* Distinct among the devices of one _HID, as 6.1.12 wants. */
static uint32_t unique_id(const struct firmware *fw, uint32_t index)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < index; i++)
		if (strcmp(fw->devices[i].hid, fw->devices[index].hid) == 0)
			n++;
	return n;
}

static void device_name(uint32_t index, char name[5])
{
	snprintf(name, 5, "D%03X", index & 0xfff);
}

/* Objects that only some devices have. */
static void optional(const struct volt_acpi_device *d, struct aml *a)
{
	if (d->ddn) {
		aml_name(a, "_DDN");
		aml_string(a, d->ddn);
	}
	if (!d->address)
		return;
	aml_name(a, "ADDR");
	uint32_t start = aml_open_package(a, 2);
	aml_integer(a, (uint32_t)d->address);
	aml_integer(a, (uint32_t)(d->address >> 32));
	aml_close(a, start);
}

static bool has_events(const struct firmware *fw)
{
	for (uint32_t i = 0; i < fw->device_count; i++)
		for (uint32_t n = 0; n < fw->devices[i].resource_count; n++)
			if (notifies(&fw->devices[i].resources[n]))
				return true;
	return false;
}

/* _EXX for each edge XX, which an operating system runs when the interrupt comes (5.6.9.1). */
static void event_methods(const struct firmware *fw, uint32_t index, struct aml *a)
{
	const struct volt_acpi_device *d = &fw->devices[index];

	for (uint32_t n = 0; n < d->resource_count; n++) {
		char method[5], name[5];

		if (!notifies(&d->resources[n]))
			continue;
		snprintf(method, sizeof(method), "_E%02X", (unsigned)d->resources[n].base & 0xff);
		uint32_t start = aml_open_method(a, method);
		device_name(index, name);
		aml_notify(a, name, NOTIFIED);
		aml_close(a, start);
	}
}

/* The device that takes all such interrupts. */
static void events(const struct firmware *fw, struct aml *a)
{
	uint8_t bytes[FIRMWARE_DEVICE_MAX * 9 + 2];
	struct aml template = {.bytes = bytes, .size = sizeof(bytes)};

	if (!has_events(fw))
		return;
	uint32_t start = aml_open_device(a, "GED0");
	aml_name(a, "_HID");
	aml_device_id(a, "ACPI0013");
	aml_name(a, "_UID");
	aml_integer(a, 0);
	for (uint32_t i = 0; i < fw->device_count; i++)
		for (uint32_t n = 0; n < fw->devices[i].resource_count; n++)
			if (notifies(&fw->devices[i].resources[n]))
				interrupt(&template, &fw->devices[i].resources[n]);
	aml_byte(&template, SMALL_END);
	aml_byte(&template, 0);
	aml_name(a, "_CRS");
	aml_buffer(a, bytes, template.used);
	for (uint32_t i = 0; i < fw->device_count; i++)
		event_methods(fw, i, a);
	aml_close(a, start);
}

static void device(const struct firmware *fw, uint32_t index, struct aml *a)
{
	const struct volt_acpi_device *d = &fw->devices[index];
	char name[5];

	device_name(index, name);
	uint32_t start = aml_open_device(a, name);
	aml_name(a, "_HID");
	aml_device_id(a, d->hid);
	if (d->cid) {
		aml_name(a, "_CID");
		aml_device_id(a, d->cid);
	}
	aml_name(a, "_UID");
	aml_integer(a, unique_id(fw, index));
	aml_name(a, "_STA");
	aml_integer(a, STA_ALL);
	if (d->resource_count > 0)
		resources(a, d);
	if (VOLT_HAS_SNAPSHOT)
		optional(d, a);
	aml_close(a, start);
}

/* _UID is what ties it to its local APIC in the MADT. */
static void processor(uint32_t n, struct aml *a)
{
	char name[5];

	snprintf(name, sizeof(name), "C%03X", n & 0xfff);
	uint32_t start = aml_open_device(a, name);
	aml_name(a, "_HID");
	aml_device_id(a, "ACPI0007");
	aml_name(a, "_UID");
	aml_integer(a, n);
	aml_name(a, "_STA");
	aml_integer(a, STA_ALL);
	aml_close(a, start);
}

static void soft_off(const struct firmware *fw, struct aml *a)
{
	aml_name(a, "\\_S5_");
	uint32_t start = aml_open_package(a, 4);
	aml_integer(a, fw->sleep_control.value); /* SLP_TYP */
	for (unsigned i = 0; i < 3; i++)
		aml_integer(a, 0);
	aml_close(a, start);
}

void dsdt_write(const struct firmware *fw, struct aml *a)
{
	uint32_t scope = aml_open_scope(a, "\\_SB_");

	for (uint32_t i = 0; i < fw->cpus; i++)
		processor(i, a);
	for (uint32_t i = 0; i < fw->device_count; i++)
		device(fw, i, a);
	if (VOLT_HAS_SNAPSHOT)
		events(fw, a);
	aml_close(a, scope);
	if (fw->sleep_control.present)
		soft_off(fw, a);
}
