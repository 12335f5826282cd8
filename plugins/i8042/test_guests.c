/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * What guests do: the probes of Linux's i8042, libps2, atkbd and psmouse, of SeaBIOS and
 * of the BSDs, step by step. A driver here never waits: an answer that is not there at
 * the first look is a failure.
 */
#include "test_i8042.h"

#define CTR_KBDINT 0x01
#define CTR_AUXINT 0x02
#define CTR_KBDDIS 0x10
#define CTR_AUXDIS 0x20
#define CTR_XLATE  0x40

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
	assert_int_equal(fake_requested(*state, VOLT_REQUEST_RESET, NULL, NULL), 1);
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
	};
#undef T
	return cmocka_run_group_tests_name("i8042 guests", tests, NULL, NULL);
}
