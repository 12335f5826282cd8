/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * What guests do: the probes of Linux's i8042, libps2, atkbd and psmouse, of SeaBIOS and
 * of the BSDs, step by step; then hostile ones (hardening I06, I07, I08). A driver here
 * never waits: an answer that is not there at the first look is a failure.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test_i8042.h"

#define CTR_KBDINT 0x01
#define CTR_AUXINT 0x02
#define CTR_KBDDIS 0x10
#define CTR_AUXDIS 0x20
#define CTR_XLATE  0x40

/* The longest that a guest can find waiting: the buffer, a byte that stepped back and
 * the two devices' queues. */
#define MOST_BYTES (1 + 1 + 32 + 32)

/* ------------------------------------------------- a driver like Linux's i8042 */

static void run_command(struct fake_host *f, uint8_t cmd, const uint8_t *in, unsigned n)
{
	assert_int_equal(fake_in(f, STATUS) & IBF, 0);
	fake_out(f, COMMAND, cmd);
	for (unsigned i = 0; i < n; i++) {
		assert_int_equal(fake_in(f, STATUS) & IBF, 0);
		fake_out(f, DATA, in[i]);
	}
}

static uint8_t get_ctr(struct fake_host *f)
{
	run_command(f, 0x20, NULL, 0);
	return take(f, 0);
}

static void set_ctr(struct fake_host *f, uint8_t ctr)
{
	run_command(f, 0x60, &ctr, 1);
}

/* True if what went out came back from the mouse's side. */
static bool loops_back(struct fake_host *f, uint8_t byte)
{
	run_command(f, 0xd3, &byte, 1);
	assert_int_equal(fake_in(f, STATUS) & OBF, OBF);
	bool aux = fake_in(f, STATUS) & AUXB;

	return fake_in(f, DATA) == byte && aux;
}

static bool toggles_aux(struct fake_host *f, bool on)
{
	run_command(f, on ? 0xa8 : 0xa7, NULL, 0);
	return !(get_ctr(f) & CTR_AUXDIS) == on;
}

/* ----------------------------------------- libps2: commands driven by interrupts */

struct port {
	struct fake_host *f;
	uint8_t side;
	uint32_t gsi;
	unsigned served; /* edges that the handler has seen */
};

/* One edge, one byte, as in the interrupt handler. */
static uint8_t on_interrupt(struct port *p)
{
	assert_true(fake_irq_rises(p->f, p->gsi) > p->served);
	p->served++;
	return take(p->f, p->side);
}

static void send(struct port *p, uint8_t byte)
{
	if (p->side == AUXB)
		run_command(p->f, 0xd4, &byte, 1);
	else
		fake_out(p->f, DATA, byte);
}

/* Sends n bytes, each of which must be acknowledged, and receives m. */
static void ps2_command(
    struct port *p, const uint8_t *bytes, unsigned n, uint8_t *answer, unsigned m)
{
	for (unsigned i = 0; i < n; i++) {
		send(p, bytes[i]);
		assert_int_equal(on_interrupt(p), 0xfa);
	}
	for (unsigned i = 0; i < m; i++)
		answer[i] = on_interrupt(p);
	assert_empty(p->f);
	assert_int_equal(fake_irq_rises(p->f, p->gsi), p->served);
}

static void ps2_1(struct port *p, uint8_t cmd, uint8_t *answer, unsigned m)
{
	ps2_command(p, &cmd, 1, answer, m);
}

static void ps2_2(struct port *p, uint8_t cmd, uint8_t parameter)
{
	ps2_command(p, (const uint8_t[]){cmd, parameter}, 2, NULL, 0);
}

static struct port open_port(struct fake_host *f, uint8_t side)
{
	struct port p = {f, side, side == AUXB ? AUX : KBD, 0};

	set_ctr(f, 0x47);
	p.served = fake_irq_rises(f, p.gsi);
	return p;
}

/* ------------------------------------------------------------------- Linux */

static void linux_finds_the_controller(void **state)
{
	assert_int_equal(drain(*state), 0); /* i8042_controller_check */

	run_command(*state, 0xaa, NULL, 0); /* i8042_controller_selftest */
	assert_int_equal(take(*state, 0), 0x55);

	uint8_t ctr = get_ctr(*state); /* i8042_controller_init */

	assert_int_equal(get_ctr(*state), ctr);
	assert_int_equal(ctr & CTR_XLATE, CTR_XLATE);
	assert_int_equal(fake_in(*state, STATUS) & LOCK, LOCK);
	ctr = (uint8_t)((ctr | CTR_KBDDIS) & ~CTR_KBDINT);
	set_ctr(*state, ctr);
	assert_int_equal(drain(*state), 0);
	assert_int_equal(get_ctr(*state), ctr);
}

static void linux_finds_the_aux_port(void **state)
{
	assert_true(loops_back(*state, 0x5a)); /* i8042_check_aux */
	assert_true(toggles_aux(*state, false));
	assert_true(toggles_aux(*state, true));

	set_ctr(*state, 0x46); /* i8042_enable_aux_port, then the interrupt's test */
	run_command(*state, 0xd3, (const uint8_t[]){0xa5}, 1);
	assert_true(fake_irq_level(*state, AUX));
	assert_int_equal(fake_irq_rises(*state, AUX), 1);
	assert_int_equal(take(*state, AUXB), 0xa5);

	set_ctr(*state, 0x74);
	assert_int_equal(get_ctr(*state), 0x74);
}

static void linux_finds_no_active_multiplexing(void **state)
{
	drain(*state); /* i8042_set_mux_mode(true) */
	assert_true(loops_back(*state, 0xf0));
	assert_true(loops_back(*state, 0x56));
	assert_true(loops_back(*state, 0xa4)); /* a multiplexer would tell its version */
	assert_empty(*state);
}

static void linux_sees_quickly_that_there_is_no_aux_port(void **state)
{
	struct fake_host *f = boot("aux=off");

	assert_false(loops_back(f, 0x5a));
	run_command(f, 0xa9, NULL, 0);
	uint8_t test = take(f, 0);

	/* What check_aux takes for "works all the same". */
	assert_true(test != 0x00 && test != 0xfa && test != 0xff);
	assert_true(toggles_aux(f, false));
	assert_false(toggles_aux(f, true));
	fake_host_destroy(f);
}

static void linux_atkbd_finds_a_keyboard(void **state)
{
	struct port p = open_port(*state, 0);
	uint8_t id[2];

	ps2_1(&p, 0xf5, NULL, 0);
	ps2_1(&p, 0xf2, id, 2); /* atkbd_probe: GETID */
	assert_int_equal(id[0], 0xab);
	assert_int_equal(id[1], 0x41); /* 83, translated */
	ps2_2(&p, 0xed, 0);            /* atkbd_reset_state: SETLEDS, SETREP */
	ps2_2(&p, 0xf3, 0);
	ps2_1(&p, 0xf4, NULL, 0); /* atkbd_activate */

	fake_attention(*state);
	static const uint8_t keys[] = {0x1d, 0x38, 0xe0, 0x53, 0xe0, 0xd3, 0xb8, 0x9d};

	for (unsigned i = 0; i < sizeof(keys); i++)
		assert_int_equal(on_interrupt(&p), keys[i]);
	ps2_2(&p, 0xed, 2);
}

static void linux_atkbd_resets_and_selects_set_3_untranslated(void **state)
{
	struct port p = open_port(*state, 0);
	uint8_t answer[2];

	set_ctr(*state, 0x07);
	ps2_1(&p, 0xff, answer, 1);
	assert_int_equal(answer[0], 0xaa);
	ps2_1(&p, 0xf2, answer, 2);
	assert_int_equal(answer[0] << 8 | answer[1], 0xab83);
	ps2_2(&p, 0xf0, 3);
	ps2_command(&p, (const uint8_t[]){0xf0, 0}, 2, answer, 1);
	assert_int_equal(answer[0], 3);
	ps2_1(&p, 0xf8, NULL, 0);
	ps2_1(&p, 0xf4, NULL, 0);
}

static void linux_psmouse_finds_a_standard_mouse(void **state)
{
	static const uint8_t intelli[] = {200, 100, 80}, explorer[] = {200, 200, 80};
	struct port p = open_port(*state, AUXB);
	uint8_t answer[3] = {0xa5, 0xa5, 0xa5};

	ps2_1(&p, 0xf2, answer, 1); /* psmouse_probe */
	assert_int_equal(answer[0], 0x00);
	ps2_1(&p, 0xf6, NULL, 0);

	ps2_1(&p, 0xf5, NULL, 0); /* psmouse_extensions: Synaptics' identify */
	for (unsigned i = 0; i < 4; i++)
		ps2_2(&p, 0xe8, 0);
	ps2_1(&p, 0xe9, answer, 3);
	assert_int_not_equal(answer[1], 0x47);

	ps2_1(&p, 0xff, answer, 2); /* psmouse_reset */
	assert_int_equal(answer[0], 0xaa);
	assert_int_equal(answer[1], 0x00);
	for (unsigned i = 0; i < 3; i++)
		ps2_2(&p, 0xf3, intelli[i]);
	ps2_1(&p, 0xf2, answer, 1);
	assert_int_equal(answer[0], 0x00);
	for (unsigned i = 0; i < 3; i++)
		ps2_2(&p, 0xf3, explorer[i]);
	ps2_1(&p, 0xf2, answer, 1);
	assert_int_equal(answer[0], 0x00);

	ps2_2(&p, 0xf3, 100); /* psmouse_initialize */
	ps2_2(&p, 0xe8, 3);
	ps2_1(&p, 0xe6, NULL, 0);
	ps2_1(&p, 0xf4, NULL, 0); /* psmouse_activate */
}

static void linux_trackpoint_probe_is_refused_at_once(void **state)
{
	struct port p = open_port(*state, AUXB);

	for (unsigned attempt = 0; attempt < 2; attempt++) {
		send(&p, 0xe1);
		assert_int_equal(on_interrupt(&p), 0xfe);
	}
	assert_empty(*state);
}

static void linux_reboots_through_the_keyboard_controller(void **state)
{
	assert_int_equal(fake_in(*state, STATUS) & IBF, 0); /* kb_wait */
	fake_out(*state, COMMAND, 0xfe);
	assert_int_equal(fake_asked(*state, VOLT_ASK_RESET, NULL, NULL), 1);
}

/* ------------------------------------------------------------------ others */

static void seabios_brings_up_the_keyboard(void **state)
{
	drain(*state);
	run_command(*state, 0xaa, NULL, 0);
	assert_int_equal(take(*state, 0), 0x55);
	run_command(*state, 0xab, NULL, 0);
	assert_int_equal(take(*state, 0), 0x00);
	set_ctr(*state, CTR_KBDDIS | CTR_AUXDIS);
	fake_out(*state, DATA, 0xff);
	assert_int_equal(take(*state, 0), 0xfa);
	assert_int_equal(take(*state, 0), 0xaa);
	fake_out(*state, DATA, 0xf5);
	assert_int_equal(take(*state, 0), 0xfa);
	fake_out(*state, DATA, 0xf0);
	assert_int_equal(take(*state, 0), 0xfa);
	fake_out(*state, DATA, 0x02);
	assert_int_equal(take(*state, 0), 0xfa);
	set_ctr(*state, 0x61);
	fake_out(*state, DATA, 0xf4);
	assert_int_equal(take(*state, 0), 0xfa);
}

static void freebsd_probes_both_ports(void **state)
{
	drain(*state);
	uint8_t ctr = get_ctr(*state);

	set_ctr(*state,
	    (uint8_t)((ctr & ~(CTR_KBDINT | CTR_AUXINT | CTR_XLATE)) | CTR_KBDDIS | CTR_AUXDIS));
	run_command(*state, 0xaa, NULL, 0);
	assert_int_equal(take(*state, 0), 0x55);
	run_command(*state, 0xab, NULL, 0);
	assert_int_equal(take(*state, 0), 0x00);
	run_command(*state, 0xa9, NULL, 0);
	assert_int_equal(take(*state, 0), 0x00);
	run_command(*state, 0xae, NULL, 0);
	fake_out(*state, DATA, 0xff); /* reset_kbd */
	assert_int_equal(take(*state, 0), 0xfa);
	assert_int_equal(take(*state, 0), 0xaa);
	run_command(*state, 0xa8, NULL, 0);
	run_command(*state, 0xd4, (const uint8_t[]){0xff}, 1); /* reset_aux_dev */
	assert_int_equal(take(*state, AUXB), 0xfa);
	assert_int_equal(take(*state, AUXB), 0xaa);
	assert_int_equal(take(*state, AUXB), 0x00);
	assert_empty(*state);
}

/* ----------------------------------------------------------------- hostile */

/* I06: every command with every data byte; of them all only 0xfe resets. */
static void every_command_with_every_byte_is_bounded(void **state)
{
	unsigned resets = 0;

	for (unsigned cmd = 0; cmd < 256; cmd++) {
		for (unsigned data = 0; data < 256; data++) {
			command_data(*state, (uint8_t)cmd, (uint8_t)data);
			resets += cmd == 0xfe;
			assert_int_equal(fake_in(*state, STATUS) & (IBF | 0x80), 0);
			assert_in_range(drain(*state), 0, MOST_BYTES);
		}
	}
	assert_int_equal(fake_asked(*state, VOLT_ASK_RESET, NULL, NULL), resets);
	assert_int_equal(resets, 256);
}

/* The same for the devices: every command byte, and every byte after it. */
static void every_device_command_with_every_byte_is_bounded(void **state)
{
	for (unsigned pair = 0; pair < 65536; pair++) {
		command_data(*state, 0xd4, (uint8_t)(pair >> 8));
		command_data(*state, 0xd4, (uint8_t)pair);
		fake_out(*state, DATA, (uint8_t)(pair >> 8));
		fake_out(*state, DATA, (uint8_t)pair);
		assert_in_range(drain(*state), 4, MOST_BYTES);
		command_data(*state, 0xd4, 0xff);
	}
	assert_int_equal(fake_asked(*state, VOLT_ASK_RESET, NULL, NULL), 0);
}

/* I07: nothing is ever read. */
static void a_storm_of_commands_is_bounded(void **state)
{
	command_data(*state, 0x60, 0x47);
	for (unsigned i = 0; i < 200000; i++) {
		command(*state, (uint8_t)(i % 0xf0));
		fake_out(*state, DATA, 0xf2);
	}
	command(*state, 0xae);
	command(*state, 0xa8);
	assert_in_range(drain(*state), 1, MOST_BYTES);
}

/* I08 */
static void ctrl_alt_del_in_a_flood_is_sent_or_dropped(void **state)
{
	const unsigned rounds = 20000;

	for (unsigned i = 0; i < rounds; i++) {
		fake_out(*state, DATA, (uint8_t)(0xed + i % 18));
		fake_attention(*state);
		if (i % 3 == 0)
			fake_in(*state, DATA);
	}
	assert_int_equal(
	    fake_counter(*state, "attention_sent") + fake_counter(*state, "attention_dropped"),
	    rounds);
	assert_in_range(drain(*state), 0, MOST_BYTES);
}

static uint32_t next_random(uint32_t *s)
{
	*s ^= *s << 13;
	*s ^= *s >> 17;
	*s ^= *s << 5;
	return *s;
}

/* The interrupt lines say what the status register says. */
static void assert_lines_match(struct fake_host *f)
{
	const uint8_t status = fake_in(f, STATUS);
	const bool full = status & OBF, aux = status & AUXB;

	assert_int_equal(status & (IBF | 0x80), 0);
	assert_int_equal(status & LOCK, LOCK);
	assert_false(fake_irq_level(f, KBD) && !(full && !aux));
	assert_false(fake_irq_level(f, AUX) && !(full && aux));
}

static void fuzz_step(struct fake_host *f, uint32_t r)
{
	const uint8_t byte = (uint8_t)(r >> 8);

	switch (r % 8) {
	case 0:
	case 1:
		fake_out(f, DATA, byte);
		break;
	case 2:
	case 3:
		command(f, byte);
		break;
	case 4:
		command_data(f, 0xd4, byte);
		break;
	case 5:
	case 6:
		fake_in(f, DATA);
		break;
	case 7:
		fake_attention(f);
		break;
	}
	assert_lines_match(f);
}

static uint32_t fuzz_seed(void)
{
	const char *text = getenv("VOLT_FUZZ_SEED");
	uint32_t seed = text ? (uint32_t)strtoul(text, NULL, 0) : 0x8042;

	print_message("fuzz seed 0x%x (VOLT_FUZZ_SEED)\n", seed);
	return seed ? seed : 1;
}

static void a_million_random_accesses_stay_bounded(void **state)
{
	uint32_t random = fuzz_seed();

	for (unsigned i = 1; i <= 1000000; i++) {
		fuzz_step(*state, next_random(&random));
		if (i % 1000)
			continue;
		command(*state, 0xae);
		command(*state, 0xa8);
		assert_in_range(drain(*state), 0, MOST_BYTES);
	}
	command(*state, 0xaa); /* still a controller */
	assert_int_equal(take(*state, 0), 0x55);
}

int run_guest_tests(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
	    T(linux_finds_the_controller),
	    T(linux_finds_the_aux_port),
	    T(linux_finds_no_active_multiplexing),
	    cmocka_unit_test(linux_sees_quickly_that_there_is_no_aux_port),
	    T(linux_atkbd_finds_a_keyboard),
	    T(linux_atkbd_resets_and_selects_set_3_untranslated),
	    T(linux_psmouse_finds_a_standard_mouse),
	    T(linux_trackpoint_probe_is_refused_at_once),
	    T(linux_reboots_through_the_keyboard_controller),
	    T(seabios_brings_up_the_keyboard),
	    T(freebsd_probes_both_ports),
	    T(every_command_with_every_byte_is_bounded),
	    T(every_device_command_with_every_byte_is_bounded),
	    T(a_storm_of_commands_is_bounded),
	    T(ctrl_alt_del_in_a_flood_is_sent_or_dropped),
	    T(a_million_random_accesses_stay_bounded),
	};
#undef T
	return cmocka_run_group_tests_name("i8042 guests", tests, NULL, NULL);
}
