/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * fake_irq - the lines that a device drives, and the far side of an irqchip plugin.
 */
#include <errno.h>

#include "fake_internal.h"

/* Handles are not GSIs: a plugin that mixes them up must not pass by luck. */
#define LINE_BASE 0x100u

#define TRIGGER_LEVEL (1u << 15) /* of an MSI's data: its EOI is wanted */

/* From the top down, but for those that devices of a PC have by custom. */
static uint32_t free_line(const struct fake_host *f)
{
	for (uint32_t gsi = FAKE_IRQ_MAX; gsi-- > 5;)
		if (!f->lines[gsi].claimed && gsi != 8 && gsi != 12)
			return gsi;
	return VOLT_ANY;
}

int fake_add_irq(const struct volt_host *h, uint32_t gsi, uint32_t flags, uint32_t *line)
{
	int err;
	struct fake_host *f = fake_wire_call(h, "add_irq", &err);

	if (err)
		return err;
	if ((gsi >= FAKE_IRQ_MAX && gsi != VOLT_ANY) || flags > VOLT_IRQ_LEVEL)
		return fake_refuse(f, "add_irq", -EINVAL);
	if (gsi == VOLT_ANY)
		gsi = free_line(f);
	if (gsi == VOLT_ANY)
		return fake_refuse(f, "add_irq", -ENOSPC);
	if (f->lines[gsi].claimed)
		return fake_refuse(f, "add_irq", -EBUSY);
	f->lines[gsi].claimed = true;
	f->lines[gsi].flags = flags;
	if (flags == VOLT_IRQ_EDGE)
		fake_open_irq_fd(f, gsi);
	*line = LINE_BASE + gsi;
	return 0;
}

void fake_set_irq(const struct volt_host *h, uint32_t line, bool level)
{
	struct fake_host *f = fake_of(h, "set_irq");

	if (line < LINE_BASE || line >= LINE_BASE + FAKE_IRQ_MAX ||
	    !f->lines[line - LINE_BASE].claimed)
		fake_die(f, "set_irq: line %u is not its own (handles come from add_irq)", line);
	struct fake_line *l = &f->lines[line - LINE_BASE];

	if (level && !l->level)
		l->rises++;
	l->level = level;
}

uint32_t fake_irq_number(const struct volt_host *h, uint32_t line)
{
	const struct fake_host *f = fake_of(h, "irq_number");

	if (line < LINE_BASE || line >= LINE_BASE + FAKE_IRQ_MAX ||
	    !f->lines[line - LINE_BASE].claimed)
		return VOLT_ANY;
	return line - LINE_BASE;
}

void fake_pulse(const struct volt_host *h, uint32_t line)
{
	struct fake_host *f = fake_of(h, "pulse");

	if (line < LINE_BASE || line >= LINE_BASE + FAKE_IRQ_MAX ||
	    !f->lines[line - LINE_BASE].claimed)
		fake_die(f, "pulse: line %u is not its own (handles come from add_irq)", line);
	struct fake_line *l = &f->lines[line - LINE_BASE];

	if (l->flags != VOLT_IRQ_EDGE)
		fake_die(f, "pulse: line %u is a level", line);
	if (f->state != FAKE_RUNNING)
		return;
	l->rises++;
	l->level = false;
}

static const struct fake_line *line_at(const struct fake_host *f, uint32_t gsi)
{
	if (gsi >= FAKE_IRQ_MAX)
		fake_die(f, "the test asks about GSI %u; the last is %u", gsi, FAKE_IRQ_MAX - 1);
	return &f->lines[gsi];
}

bool fake_irq_level(const struct fake_host *f, uint32_t gsi)
{
	return line_at(f, gsi)->level;
}

unsigned fake_irq_rises(const struct fake_host *f, uint32_t gsi)
{
	return line_at(f, gsi)->rises;
}

bool fake_irq_claimed(const struct fake_host *f, uint32_t gsi, uint32_t *flags)
{
	const struct fake_line *l = line_at(f, gsi);

	if (flags && l->claimed)
		*flags = l->flags;
	return l->claimed;
}

/* --------------------------------------------------------------- irqchip */

void fake_find_irqchip(struct fake_host *f)
{
	const struct volt_irqchip *chip =
	    f->plugin->get_ext ? f->plugin->get_ext(VOLT_EXT_IRQCHIP) : NULL;
	struct volt_irqchip_info *info = &f->irqchip_info;

	if (!chip)
		return;
	if (chip->size < sizeof(*chip) || !chip->info || !chip->set_line || !chip->eoi)
		fake_die(f, VOLT_EXT_IRQCHIP ": a slot is missing");
	f->irqchip = chip;
	info->size = sizeof(*info);
	fake_enter(f, "info");
	chip->info(f->self, info);
	if (info->size > sizeof(*info) || !info->pins || info->pins > FAKE_IRQ_MAX ||
	    info->gsi_base)
		fake_die(f, "info: %u pins from GSI %u; must be 1 to %u from 0", info->pins,
		    info->gsi_base, FAKE_IRQ_MAX);
	fake_leave(f);
}

static struct fake_pin *pin_at(struct fake_host *f, uint32_t pin, const char *what)
{
	uint32_t pins = f->irqchip ? f->irqchip_info.pins : FAKE_IRQ_MAX;

	if (pin >= pins)
		fake_die(f, "%s: pin %u of %u", what, pin, pins);
	return &f->pins[pin];
}

static void irqroute_route(const struct volt_host *h, uint32_t pin, uint64_t address, uint32_t data)
{
	struct fake_host *f = fake_of(h, "route");
	struct fake_pin *p = pin_at(f, pin, "route");

	p->routed = true;
	p->address = address;
	p->data = data;
	if (data & TRIGGER_LEVEL)
		f->eoi_wanted[data & 0xff] = true;
}

static void irqroute_fire(const struct volt_host *h, uint32_t pin)
{
	struct fake_host *f = fake_of(h, "fire");
	struct fake_pin *p = pin_at(f, pin, "fire");

	if (!p->routed)
		fake_die(f, "fire: pin %u has no route", pin);
	p->fires++;
}

const struct volt_irqroute fake_irqroute = {
    .size = sizeof(fake_irqroute),
    .route = irqroute_route,
    .fire = irqroute_fire,
};

unsigned fake_pin_count(const struct fake_host *f)
{
	return f->irqchip ? f->irqchip_info.pins : 0;
}

static void need_irqchip(const struct fake_host *f, const char *what)
{
	fake_must_run(f, what);
	if (!f->irqchip)
		fake_die(f, "the test calls %s, but the plugin offers no " VOLT_EXT_IRQCHIP, what);
}

void fake_set_line(struct fake_host *f, uint32_t pin, bool level)
{
	need_irqchip(f, "fake_set_line");
	struct fake_pin *p = pin_at(f, pin, "fake_set_line");

	if (p->level == level)
		return;
	p->level = level;
	fake_enter(f, "set_line");
	f->irqchip->set_line(f->self, pin, level);
	fake_leave(f);
}

/* Like a vCPU, whose EOI stays in the kernel unless a route asked for it. */
void fake_eoi(struct fake_host *f, uint8_t vector)
{
	need_irqchip(f, "fake_eoi");
	if (!f->eoi_wanted[vector])
		return;
	fake_enter(f, "eoi");
	f->irqchip->eoi(f->self, vector);
	fake_leave(f);
}

unsigned fake_fires(const struct fake_host *f, uint32_t pin)
{
	return pin < FAKE_IRQ_MAX ? f->pins[pin].fires : 0;
}

bool fake_route(const struct fake_host *f, uint32_t pin, uint64_t *address, uint32_t *data)
{
	if (pin >= FAKE_IRQ_MAX || !f->pins[pin].routed)
		return false;
	if (address)
		*address = f->pins[pin].address;
	if (data)
		*data = f->pins[pin].data;
	return true;
}
