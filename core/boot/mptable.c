/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * mptable - the Intel MultiProcessor Specification's tables.
 *
 * Source: MP specification 1.4, 4.1 (floating pointer), 4.2 (header), 4.3 (entries),
 * 3.6.2 (virtual wire mode: the 8259's output is ExtINT at LINT0, NMI is LINT1).
 */
#include <errno.h>
#include <stddef.h>
#include <string.h>

#include "core/base/log.h"
#include "core/boot/layout.h"
#include "core/boot/tables.h"

#define SPEC_REV 4 /* 1.4 */
#define PACKED   __attribute__((packed))

struct pointer {
	char signature[4];
	uint32_t table;
	uint8_t length, spec_rev, checksum, features[5];
} PACKED;

struct header {
	char signature[4];
	uint16_t length;
	uint8_t spec_rev, checksum;
	char oem_id[8], product_id[12];
	uint32_t oem_table;
	uint16_t oem_size, entries;
	uint32_t local_apic;
	uint16_t extended_length;
	uint8_t extended_checksum, reserved;
} PACKED;

enum { PROCESSOR, BUS, IO_APIC, IO_INTERRUPT, LOCAL_INTERRUPT };

struct processor {
	uint8_t type, apic_id, apic_version, flags;
	uint32_t signature, features, reserved[2];
} PACKED;

#define CPU_ENABLED  1u
#define CPU_BOOT     2u
#define APIC_VERSION 0x14u
/* What table 4-6 has for a CPU that CPUID then describes better: FPU and APIC. */
#define CPU_SIGNATURE 0x600u
#define CPU_FEATURES  0x201u

struct bus {
	uint8_t type, id;
	char name[6];
} PACKED;

#define BUS_ISA 0

struct io_apic {
	uint8_t type, id, version, flags;
	uint32_t address;
} PACKED;

#define IO_APIC_VERSION 0x11u
#define IO_APIC_USABLE  1u

struct interrupt {
	uint8_t type, kind;
	uint16_t flags;
	uint8_t bus, irq, apic, pin;
} PACKED;

enum { KIND_INT, KIND_NMI, KIND_SMI, KIND_EXTINT };

#define FLAGS_BUS        0x0u /* as the bus has it: ISA is edge, active high */
#define FLAGS_LEVEL_HIGH 0xdu
#define CASCADE          2u /* the second 8259 hangs there; no device can */
#define ALL_APICS        0xff

_Static_assert(sizeof(struct pointer) == 16 && sizeof(struct header) == 44, "MP 1.4");
_Static_assert(sizeof(struct processor) == 20 && sizeof(struct bus) == 8, "MP 1.4");
_Static_assert(sizeof(struct io_apic) == 8 && sizeof(struct interrupt) == 8, "MP 1.4");

struct writer {
	uint8_t *host;
	uint32_t used;
	uint16_t entries;
	bool full;
};

#define AREA_SIZE ((uint32_t)(LAYOUT_MP_POINTER - LAYOUT_MP_TABLE))

static void put(struct writer *w, const void *entry, uint32_t size)
{
	if (size > AREA_SIZE - w->used) {
		w->full = true;
		return;
	}
	memcpy(w->host + w->used, entry, size);
	w->used += size;
	w->entries++;
}

static void put_processors(struct writer *w, const struct firmware *fw)
{
	for (uint32_t i = 0; i < fw->cpus; i++) {
		struct processor cpu = {
		    .type = PROCESSOR,
		    .apic_id = (uint8_t)i,
		    .apic_version = APIC_VERSION,
		    .flags = CPU_ENABLED | (i == 0 ? CPU_BOOT : 0),
		    .signature = CPU_SIGNATURE,
		    .features = CPU_FEATURES,
		};
		put(w, &cpu, sizeof(cpu));
	}
}

static bool is_level(const struct firmware *fw, uint32_t gsi)
{
	for (uint32_t i = 0; i < fw->device_count; i++) {
		const struct volt_acpi_device *d = &fw->devices[i];

		for (uint32_t j = 0; j < d->resource_count; j++) {
			const struct volt_resource *r = &d->resources[j];

			if (r->type == VOLT_RES_IRQ && r->base == gsi && r->flags == VOLT_IRQ_LEVEL)
				return true;
		}
	}
	return false;
}

/* Every pin is the ISA interrupt of its GSI, which gives all of them a number. */
static void put_interrupts(struct writer *w, const struct firmware *fw)
{
	for (uint32_t pin = 0; pin < fw->irqchip_pins; pin++) {
		uint32_t gsi = fw->gsi_base + pin;
		struct interrupt line = {
		    .type = IO_INTERRUPT,
		    .kind = KIND_INT,
		    .flags = is_level(fw, gsi) ? FLAGS_LEVEL_HIGH : FLAGS_BUS,
		    .bus = BUS_ISA,
		    .irq = (uint8_t)gsi,
		    .apic = (uint8_t)fw->irqchip_id,
		    .pin = (uint8_t)pin,
		};
		if (gsi != CASCADE)
			put(w, &line, sizeof(line));
	}
}

static void put_local_interrupts(struct writer *w, const struct firmware *fw)
{
	const struct interrupt extint = {
	    LOCAL_INTERRUPT, KIND_EXTINT, FLAGS_BUS, BUS_ISA, 0, 0 /* the boot CPU's */, 0};
	const struct interrupt nmi = {
	    LOCAL_INTERRUPT, KIND_NMI, FLAGS_BUS, BUS_ISA, 0, ALL_APICS, 1};

	if (fw->legacy_pic) /* whose output it is */
		put(w, &extint, sizeof(extint));
	put(w, &nmi, sizeof(nmi));
}

static void put_header(struct writer *w)
{
	struct header *h = (struct header *)w->host;

	memcpy(h->signature, "PCMP", sizeof(h->signature));
	h->length = (uint16_t)w->used;
	h->spec_rev = SPEC_REV;
	memcpy(h->oem_id, "VOLT    ", sizeof(h->oem_id));
	memcpy(h->product_id, "MICROVM     ", sizeof(h->product_id));
	h->entries = w->entries;
	h->local_apic = LOCAL_APIC_BASE;
	h->checksum = tables_checksum(h, w->used);
}

static void put_pointer(uint8_t *host)
{
	struct pointer *p = (struct pointer *)host;

	*p = (struct pointer){
	    .signature = {'_', 'M', 'P', '_'},
	    .table = (uint32_t)LAYOUT_MP_TABLE,
	    .length = sizeof(*p) / 16,
	    .spec_rev = SPEC_REV,
	};
	p->checksum = tables_checksum(p, sizeof(*p));
}

int mptable_write(const struct firmware *fw, struct memory *memory)
{
	struct writer w = {.host = memory_at(memory, LAYOUT_MP_TABLE, AREA_SIZE)};
	const struct bus isa = {BUS, BUS_ISA, {'I', 'S', 'A', ' ', ' ', ' '}};
	const struct io_apic io_apic = {IO_APIC, (uint8_t)fw->irqchip_id, IO_APIC_VERSION,
	    IO_APIC_USABLE, (uint32_t)fw->irqchip_base};

	w.used = sizeof(struct header);
	put_processors(&w, fw);
	put(&w, &isa, sizeof(isa));
	put(&w, &io_apic, sizeof(io_apic));
	put_interrupts(&w, fw);
	put_local_interrupts(&w, fw);
	if (w.full)
		return log_error(ENOSPC, "MP table: %u CPUs and %u pins need more than %u bytes",
		    fw->cpus, fw->irqchip_pins, AREA_SIZE);
	put_header(&w);
	put_pointer(memory->host + LAYOUT_MP_POINTER);
	return 0;
}
