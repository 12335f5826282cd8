/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * acpi - RSDP, XSDT, FADT, MADT and DSDT of a hardware-reduced machine.
 *
 * Source: ACPI 6.5, 5.2.3.2 (generic address), 5.2.5.3 (RSDP), 5.2.6 (header), 5.2.8
 * (XSDT), 5.2.9 (FADT), 5.2.12 (MADT).
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "core/base/log.h"
#include "core/boot/dsdt.h"
#include "core/boot/layout.h"
#include "core/boot/tables.h"

#define OEM_ID       "VOLT  "
#define OEM_TABLE_ID "VOLTVMM "
#define CREATOR_ID   "VOLT"

#define PACKED __attribute__((packed))

struct rsdp {
	char signature[8];
	uint8_t checksum; /* of the first 20 bytes */
	char oem_id[6];
	uint8_t revision;
	uint32_t rsdt;
	uint32_t length;
	uint64_t xsdt;
	uint8_t extended_checksum;
	uint8_t reserved[3];
} PACKED;

struct header {
	char signature[4];
	uint32_t length;
	uint8_t revision, checksum;
	char oem_id[6], oem_table_id[8];
	uint32_t oem_revision;
	char creator_id[4];
	uint32_t creator_revision;
} PACKED;

struct address {
	uint8_t space, bit_width, bit_offset, access_size;
	uint64_t at;
} PACKED;

#define SPACE_MEMORY 0
#define SPACE_IO     1
#define ACCESS_BYTE  1

struct fadt {
	struct header header;
	uint32_t facs, dsdt;
	uint8_t fixed_hardware[64]; /* 44 to 107: absent when hardware-reduced */
	uint8_t century;            /* Linux looks at it all the same */
	uint16_t boot_arch;
	uint8_t reserved;
	uint32_t flags;
	struct address reset;
	uint8_t reset_value;
	uint16_t arm_boot_arch;
	uint8_t minor_version;
	uint64_t x_facs, x_dsdt;
	struct address x_fixed_hardware[8];
	struct address sleep_control, sleep_status;
	uint64_t hypervisor;
} PACKED;

#define FADT_WBINVD     (1u << 0)
#define FADT_PWR_BUTTON (1u << 4) /* no fixed power button */
#define FADT_SLP_BUTTON (1u << 5) /* no fixed sleep button */
#define FADT_RESET      (1u << 10)
#define FADT_HEADLESS   (1u << 12)
#define FADT_HW_REDUCED (1u << 20)

#define ARCH_8042          (1u << 1)
#define ARCH_NO_VGA        (1u << 2)
#define ARCH_NO_CMOS_CLOCK (1u << 5)

#define CENTURY_BYTE 0x32u /* the byte of its memory, since the PC/AT */

struct madt {
	struct header header;
	uint32_t local_apic, flags;
} PACKED;

#define MADT_PCAT_COMPAT 1u /* two 8259s to mask before the APICs are used */

struct madt_cpu {
	uint8_t type, length, uid, apic_id;
	uint32_t flags;
} PACKED;

struct madt_io_apic {
	uint8_t type, length, id, reserved;
	uint32_t address, gsi_base;
} PACKED;

struct madt_nmi {
	uint8_t type, length, uid;
	uint16_t flags;
	uint8_t lint;
} PACKED;

_Static_assert(sizeof(struct rsdp) == 36 && sizeof(struct header) == 36, "ACPI 6.5");
_Static_assert(offsetof(struct fadt, boot_arch) == 109 && offsetof(struct fadt, reset) == 116, "");
_Static_assert(offsetof(struct fadt, x_dsdt) == 140 && sizeof(struct fadt) == 276, "ACPI 6.5");
_Static_assert(sizeof(struct madt) == 44 && sizeof(struct madt_nmi) == 6, "ACPI 6.5");

uint8_t tables_checksum(const void *bytes, uint32_t len)
{
	const uint8_t *b = bytes;
	uint8_t sum = 0;

	while (len-- > 0)
		sum = (uint8_t)(sum + *b++);
	return (uint8_t)-sum;
}

/* Tables are appended to the area one after the other, each at a multiple of 16. */
struct area {
	uint8_t *host;
	uint32_t used;
};

#define AREA_SIZE ((uint32_t)(LAYOUT_ACPI_END - LAYOUT_ACPI))

static uint64_t here(const struct area *area)
{
	return LAYOUT_ACPI + area->used;
}

static void put_header(struct header *h, const char *signature, uint8_t revision, uint32_t length)
{
	memcpy(h->signature, signature, sizeof(h->signature));
	h->length = length;
	h->revision = revision;
	memcpy(h->oem_id, OEM_ID, sizeof(h->oem_id));
	memcpy(h->oem_table_id, OEM_TABLE_ID, sizeof(h->oem_table_id));
	h->oem_revision = 1;
	memcpy(h->creator_id, CREATOR_ID, sizeof(h->creator_id));
	h->creator_revision = 1;
}

/* Seals the table of `length` bytes at the area's end; returns its address. */
static uint64_t finish(struct area *area, uint32_t length)
{
	struct header *h = (struct header *)(area->host + area->used);
	uint64_t at = here(area);

	h->checksum = 0;
	h->checksum = tables_checksum(h, length);
	area->used += (length + 15u) & ~15u;
	return at;
}

static int write_dsdt(const struct firmware *fw, struct area *area, uint64_t *at)
{
	struct aml a = {.bytes = area->host + area->used, .size = AREA_SIZE - area->used - 4096};

	a.used = sizeof(struct header);
	dsdt_write(fw, &a);
	if (a.full)
		return log_error(ENOSPC, "ACPI: the DSDT does not fit into %u bytes", a.size);
	put_header((struct header *)a.bytes, "DSDT", 2, a.used);
	*at = finish(area, a.used);
	return 0;
}

static struct address register_address(const struct firmware_fixed *fixed)
{
	if (!fixed->present)
		return (struct address){0};
	return (struct address){
	    .space = fixed->space == VOLT_SPACE_PIO ? SPACE_IO : SPACE_MEMORY,
	    .bit_width = 8,
	    .access_size = ACCESS_BYTE,
	    .at = fixed->address,
	};
}

static bool has_device(const struct firmware *fw, const char *id)
{
	for (uint32_t i = 0; i < fw->device_count; i++) {
		const struct volt_acpi_device *d = &fw->devices[i];

		if (strcmp(d->hid, id) == 0 || (d->cid && strcmp(d->cid, id) == 0))
			return true;
	}
	return false;
}

static uint64_t write_fadt(const struct firmware *fw, struct area *area, uint64_t dsdt)
{
	struct fadt *f = (struct fadt *)(area->host + area->used);

	put_header(&f->header, "FACP", 6, sizeof(*f));
	f->minor_version = 5;
	f->x_dsdt = dsdt;
	f->boot_arch = ARCH_NO_VGA;
	/* The clocks that 5.2.9.3 speaks of. */
	if (has_device(fw, "PNP0B00") || has_device(fw, "PNP0B01") || has_device(fw, "PNP0B02"))
		f->century = CENTURY_BYTE;
	else
		f->boot_arch |= ARCH_NO_CMOS_CLOCK;
	if (has_device(fw, "PNP0303"))
		f->boot_arch |= ARCH_8042;
	f->flags =
	    FADT_WBINVD | FADT_PWR_BUTTON | FADT_SLP_BUTTON | FADT_HEADLESS | FADT_HW_REDUCED;
	if (fw->reset.present) {
		f->flags |= FADT_RESET;
		f->reset_value = fw->reset.value;
	}
	f->reset = register_address(&fw->reset);
	f->sleep_control = register_address(&fw->sleep_control);
	f->sleep_status = register_address(&fw->sleep_status);
	return finish(area, sizeof(*f));
}

static uint64_t write_madt(const struct firmware *fw, struct area *area)
{
	struct madt *m = (struct madt *)(area->host + area->used);
	uint8_t *at = (uint8_t *)(m + 1);

	for (uint32_t i = 0; i < fw->cpus; i++) {
		struct madt_cpu cpu = {0, sizeof(cpu), (uint8_t)i, (uint8_t)i, 1 /* enabled */};

		at = (uint8_t *)memcpy(at, &cpu, sizeof(cpu)) + sizeof(cpu);
	}
	struct madt_io_apic io_apic = {1, sizeof(io_apic), (uint8_t)fw->irqchip_id, 0,
	    (uint32_t)fw->irqchip_base, fw->gsi_base};
	at = (uint8_t *)memcpy(at, &io_apic, sizeof(io_apic)) + sizeof(io_apic);
	/* LINT1 is the NMI of every processor. */
	struct madt_nmi nmi = {4, sizeof(nmi), 0xff, 0, 1};
	at = (uint8_t *)memcpy(at, &nmi, sizeof(nmi)) + sizeof(nmi);
	uint32_t length = (uint32_t)(at - (uint8_t *)m);
	put_header(&m->header, "APIC", 6, length);
	m->local_apic = LOCAL_APIC_BASE;
	m->flags = fw->legacy_pic ? MADT_PCAT_COMPAT : 0;
	return finish(area, length);
}

static uint64_t write_xsdt(struct area *area, uint64_t fadt, uint64_t madt)
{
	struct {
		struct header header;
		uint64_t tables[2];
	} PACKED *x = (void *)(area->host + area->used);

	put_header(&x->header, "XSDT", 1, sizeof(*x));
	x->tables[0] = fadt;
	x->tables[1] = madt;
	return finish(area, sizeof(*x));
}

static void write_rsdp(uint8_t *host, uint64_t xsdt)
{
	struct rsdp *r = (struct rsdp *)host;

	memcpy(r->signature, "RSD PTR ", sizeof(r->signature));
	memcpy(r->oem_id, OEM_ID, sizeof(r->oem_id));
	r->revision = 2;
	r->length = sizeof(*r);
	r->xsdt = xsdt;
	r->checksum = tables_checksum(r, 20);
	r->extended_checksum = tables_checksum(r, sizeof(*r));
}

int acpi_write(const struct firmware *fw, struct memory *memory, uint64_t *rsdp)
{
	struct area area = {.host = memory_at(memory, LAYOUT_ACPI, AREA_SIZE)};
	uint64_t dsdt = 0;

	if (!area.host)
		return log_error(ENOMEM, "ACPI: no RAM at 0x%llx", LAYOUT_ACPI);
	area.used = (sizeof(struct rsdp) + 15u) & ~15u; /* the RSDP comes first */
	int err = write_dsdt(fw, &area, &dsdt);
	if (err)
		return err;
	uint64_t fadt = write_fadt(fw, &area, dsdt);
	uint64_t madt = write_madt(fw, &area);
	uint64_t xsdt = write_xsdt(&area, fadt, madt);
	write_rsdp(area.host, xsdt);
	*rsdp = LAYOUT_ACPI;
	return 0;
}
