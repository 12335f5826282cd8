/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * acpipower - turns the machine off, or resets it, as ACPI says.
 *
 * Sources: ACPI Specification 6.5, 4.8.3.6 (reset register) and 4.8.3.7 (sleep control
 * and sleep status registers of the hardware-reduced profile), 7.4.2 (_Sx objects).
 *
 * Only soft-off is offered. A guest that asks for a state that no _Sx object names is
 * awake again at once, with WAK_STS set, so that it does not wait for it for ever.
 */
#include <errno.h>
#include <string.h>

#include <volt/describe.h>
#include <volt/plugin.h>
#include <volt/state.h>

/* Offsets from the base. Each register is one byte wide. */
#define SLEEP_CONTROL 0u
#define SLEEP_STATUS  1u
#define RESET         2u
#define LENGTH        3u

/* Sleep control */
#define SLP_TYP       0x1cu
#define SLP_TYP_SHIFT 2u
#define SLP_EN        0x20u /* write only */
#define SLP_TYP_S5    5u

/* Sleep status */
#define WAK_STS 0x80u /* cleared by writing 1 */

#define RESET_VALUE 1u

enum { COUNT_REFUSED };

struct acpipower {
	const struct volt_host *h;
	uint8_t control; /* SLP_TYP as written */
	uint8_t status;
};

static void write_control(struct acpipower *p, uint8_t val)
{
	p->control = val & SLP_TYP;
	if (!(val & SLP_EN))
		return;
	if (p->control >> SLP_TYP_SHIFT == SLP_TYP_S5) {
		p->h->request(p->h, VOLT_REQUEST_POWEROFF, 0, "ACPI soft-off");
		return;
	}
	volt_count(p->h, COUNT_REFUSED, 1);
	p->status |= WAK_STS;
}

static uint64_t acpipower_read(void *self, uint64_t off, uint32_t n)
{
	const struct acpipower *p = self;

	switch (off) {
	case SLEEP_CONTROL:
		return p->control;
	case SLEEP_STATUS:
		return p->status;
	default:
		return 0;
	}
}

static void acpipower_write(void *self, uint64_t off, uint32_t n, uint64_t val)
{
	struct acpipower *p = self;

	switch (off) {
	case SLEEP_CONTROL:
		write_control(p, (uint8_t)val);
		break;
	case SLEEP_STATUS:
		p->status &= (uint8_t) ~(val & WAK_STS);
		break;
	case RESET:
		if (val == RESET_VALUE)
			p->h->request(p->h, VOLT_REQUEST_RESET, 0, "ACPI reset register");
		break;
	}
}

static void acpipower_reset(void *self)
{
	struct acpipower *p = self;

	p->control = 0;
	p->status = 0;
}

static int describe_registers(const struct volt_host *h, uint64_t base)
{
	static const struct {
		const char *name;
		uint8_t kind, value;
		uint16_t offset;
	} registers[] = {
	    {"sleep control", VOLT_FIXED_SLEEP_CONTROL, SLP_TYP_S5, SLEEP_CONTROL},
	    {"sleep status", VOLT_FIXED_SLEEP_STATUS, 0, SLEEP_STATUS},
	    {"reset", VOLT_FIXED_RESET, RESET_VALUE, RESET},
	};
	const struct volt_describe *describe = h->get_ext(h, VOLT_EXT_DESCRIBE);

	if (!describe)
		return volt_fail(h, ENOTSUP, "the host has no " VOLT_EXT_DESCRIBE);
	for (size_t i = 0; i < sizeof(registers) / sizeof(*registers); i++) {
		const struct volt_acpi_fixed fixed = {
		    .size = sizeof(fixed),
		    .kind = registers[i].kind,
		    .space = VOLT_SPACE_PIO,
		    .value = registers[i].value,
		    .address = base + registers[i].offset,
		};
		const int err = describe->fixed(h, &fixed);

		if (err)
			return volt_fail(
			    h, -err, "cannot describe the %s register", registers[i].name);
	}
	return 0;
}

static int acpipower_init(void *self, const struct volt_host *h, const struct volt_args *a)
{
	struct acpipower *p = self;
	const uint64_t base = volt_arg(a, 0)->u;
	const struct volt_range range = {
	    .size = sizeof(range),
	    .space = VOLT_SPACE_PIO,
	    .sizes = VOLT_IO_1,
	    .flags = VOLT_RANGE_SPLIT,
	    .base = base,
	    .len = LENGTH,
	    .name = "sleep and reset",
	    .read = acpipower_read,
	    .write = acpipower_write,
	};
	int err;

	p->h = h;
	err = h->add_range(h, &range);
	if (err)
		return volt_fail(h, -err, "cannot have ports 0x%x..0x%x", (unsigned)base,
		    (unsigned)base + LENGTH - 1);
	return describe_registers(h, base);
}

/* ------------------------------------------------------------------- state */

static const struct volt_field fields[] = {
    {VOLT_FIELD(struct acpipower, control, VOLT_F_U8, 1), .max = SLP_TYP},
    {VOLT_FIELD(struct acpipower, status, VOLT_F_U8, 1), .max = WAK_STS},
};

static int acpipower_validate(const void *candidate)
{
	const struct acpipower *p = candidate;

	return (p->control & ~SLP_TYP) || (p->status & ~WAK_STS) ? -EINVAL : 0;
}

static const struct volt_state state = {
    .size = sizeof(state),
    .version = 1,
    .oldest = 1,
    VOLT_FIELDS(fields),
    .validate = acpipower_validate,
};

static const void *acpipower_get_ext(const char *id)
{
	return strcmp(id, VOLT_EXT_STATE) ? NULL : &state;
}

static const struct volt_param params[] = {
    {
	.name = "base",
	.type = VOLT_PARAM_UINT,
	.def = "0x600",
	.max = 0x10000 - LENGTH,
	.help = "first of its three I/O ports",
    },
};

static const struct volt_counter counters[] = {
    [COUNT_REFUSED] = {"refused_sleeps", "requests for a sleep state that is not offered"},
};

VOLT_PLUGIN(VOLT_KIND_DEVICE) = {
    VOLT_PLUGIN_HEADER(VOLT_KIND_DEVICE),
    .name = "acpipower",
    .version = "0.1.0",
    .summary = "ACPI soft-off and reset registers",
    .instance_size = sizeof(struct acpipower),
    VOLT_PARAMS(params),
    VOLT_COUNTERS(counters),
    .init = acpipower_init,
    .reset = acpipower_reset,
    .get_ext = acpipower_get_ext,
};
