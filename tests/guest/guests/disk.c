/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * A driver of a block device (virtio 1.2, 5.2) that loses no request: reads, writes and flushes at
 * random, 1 to 32 of them in flight, with and without event index. It kicks and is interrupted
 * only as 2.7.7 and 2.7.10 of the specification allow, and verifies each block that it reads. A
 * request that does not come back ends it, after all that is known of its queue.
 *
 *   soak-mmio COUNT SEED EVENTS ADDRESS LINE
 *   soak-pci COUNT SEED EVENTS
 *
 * For counting there are reads alone, DEPTH at a time with one kick and one interrupt: at random
 * places, or one behind the other.
 *
 *   batch-mmio COUNT DEPTH EVENTS ADDRESS LINE
 *   batch-pci COUNT DEPTH EVENTS
 *   run-mmio COUNT DEPTH EVENTS ADDRESS LINE
 *   run-pci COUNT DEPTH EVENTS
 *
 * Numbers are hexadecimal; EVENTS is 1 with event index.
 */
#include "guest.h"
#include "virtio_bus.h"

#define RING   128u
#define SLOTS  32u
#define BYTES  4096u /* of a request, and of a block */
#define SECTOR 512u
#define BLOCKS 16u /* of a slot, of which nobody else writes any */

#define T_IN    0u
#define T_OUT   1u
#define T_FLUSH 4u

#define F_FLUSH     (1u << 9)
#define F_EVENT_IDX (1u << 29)

static struct virtio_desc table[RING] __attribute__((aligned(16)));
static volatile uint16_t avail[2 + RING + 1] __attribute__((aligned(2)));
static volatile uint32_t used[1 + 2 * RING + 1] __attribute__((aligned(4)));

static struct slot {
	struct {
		uint32_t type, reserved;
		uint64_t sector;
	} head;
	volatile uint8_t status;
	bool flies;
	uint32_t block;         /* of its own */
	uint32_t stamp[BLOCKS]; /* how each of its sectors begins; 0: as the disk was made */
} slots[SLOTS];
static uint32_t data[SLOTS][BYTES / 4] __attribute__((aligned(4096)));

static uint32_t flying, shown, seen; /* requests: in flight, given to the device, taken back */
static bool events, reads,
    in_a_row; /* with event index; there are reads alone; of adjacent blocks */
static uint32_t random_state;

static uint32_t rnd(uint32_t below)
{
	random_state = random_state * 1103515245u + 12345u;
	return (random_state >> 8) % below;
}

/* ---------------------------------------------------------------------- the limit */

static void put_pair(const char *name, uint32_t value)
{
	put(name);
	put_hex(value);
}

static void dump(void)
{
	put_pair("\nshown ", shown);
	put_pair(" seen ", seen);
	put_pair(" flying ", flying);
	put_pair("\navail flags ", avail[0]);
	put_pair(" index ", avail[1]);
	put_pair(" used_event ", avail[2 + RING]);
	put_pair("\nused flags ", used[0] & 0xffff);
	put_pair(" index ", used[0] >> 16);
	put_pair(" avail_event ", used[1 + 2 * RING] & 0xffff);
	put_pair("\nstatus ", bus_status());
	put_pair(" pending ", bus_pending());
	put_pair(" taken ", bus_taken);
	put("\nslots:");
	for (unsigned i = 0; i < SLOTS; i++)
		if (slots[i].flies)
			put_pair(" ", i);
	put("\n");
}

static _Noreturn void lost(const char *why)
{
	dump();
	fail(why);
}

/* ----------------------------------------------------------------------- requests */

static void prepare(unsigned i)
{
	struct slot *s = &slots[i];
	const uint16_t at = (uint16_t)(3 * i);
	const uint32_t kind = reads ? 15 : rnd(16);

	s->block = rnd(BLOCKS);
	s->head.type = kind == 0 ? T_FLUSH : kind < 8 ? T_OUT : T_IN;
	s->head.sector = kind == 0 ? 0 : (uint64_t)(i * BLOCKS + s->block) * (BYTES / SECTOR);
	if (in_a_row)
		s->head.sector = (uint64_t)(shown % (SLOTS * BLOCKS)) * (BYTES / SECTOR);
	s->status = 0xff;
	s->flies = true;
	if (s->head.type == T_OUT)
		s->stamp[s->block] = random_state | 1;
	for (unsigned n = 0; n < BYTES / 4; n += SECTOR / 4)
		data[i][n] = s->head.type == T_OUT ? s->stamp[s->block] : ~0u;
	table[at] = (struct virtio_desc){address_of(&s->head), sizeof(s->head), DESC_NEXT, at + 1};
	table[at + 1] = (struct virtio_desc){address_of(data[i]), BYTES,
	    DESC_NEXT | (s->head.type == T_IN ? DESC_WRITE : 0), at + 2};
	table[at + 2] = (struct virtio_desc){address_of(&s->status), 1, DESC_WRITE, 0};
	if (s->head.type == T_FLUSH)
		table[at].next = at + 2;
}

/* So many of the free slots, with at most one kick: virtio 2.7.10. */
static void show(uint32_t want)
{
	const uint16_t before = (uint16_t)shown;

	for (unsigned i = 0; i < SLOTS && want; i++) {
		if (slots[i].flies)
			continue;
		prepare(i);
		avail[2 + shown % RING] = (uint16_t)(3 * i);
		shown++;
		flying++;
		want--;
	}
	__asm__ volatile("" : : : "memory");
	avail[1] = (uint16_t)shown;
	__asm__ volatile("mfence" : : : "memory");
	const uint16_t event = (uint16_t)used[1 + 2 * RING];

	if (events ? (uint16_t)(shown - event - 1) < (uint16_t)(shown - before) : !(used[0] & 1))
		bus_kick();
}

static void take(unsigned i)
{
	struct slot *s = &slots[i];

	if (i >= SLOTS || !s->flies)
		lost("a request came back that is not in flight");
	if (s->status != 0)
		lost("a request failed");
	if (s->head.type == T_IN)
		for (unsigned n = 0; n < BYTES / 4; n += SECTOR / 4)
			if (data[i][n] != s->stamp[s->block])
				lost("a block holds something else");
	s->flies = false;
	flying--;
}

static void take_all(void)
{
	for (; (uint16_t)(used[0] >> 16) != (uint16_t)seen; seen++)
		take(used[1 + 2 * (seen % RING)] / 3);
}

/* A flush on a busy machine takes long. */
static bool wait_long(void)
{
	for (unsigned i = 0; i < 5; i++)
		if (wait_for(&bus_taken))
			return true;
	return false;
}

static uint16_t given(void)
{
	return (uint16_t)((used[0] >> 16) - seen);
}

/* With event index the interrupt is that of the last of so many; without, of any. One of a request
 * that was taken before it came is lawful, and nothing is lost by it. */
static void await(uint32_t want)
{
	want = events ? want : 1;
	avail[2 + RING] = (uint16_t)(seen + want - 1);
	avail[0] = 0;
	do {
		bus_taken = 0;
		__asm__ volatile("mfence" : : : "memory");
		if (given() < want && !wait_long())
			lost("no interrupt came");
	} while (given() == 0);
	avail[0] = !events; /* none until it is asked for */
	avail[2 + RING] = (uint16_t)(seen - 1);
	take_all();
}

static _Noreturn void end(void)
{
	put_pair("requests ", seen);
	put_pair(" kicks ", bus_kicks);
	put_pair(" interrupts ", bus_interrupts);
	finish(0);
}

static _Noreturn void soak(struct virtio_device *d, uint32_t count)
{
	random_state = number(2);
	bus_start(d);
	while (shown < count || flying) {
		const uint32_t some = 1 + rnd(SLOTS), left = count - shown;

		if (left && (flying == 0 || rnd(2)))
			show(some < left ? some : left);
		if (flying && rnd(4))
			await(1 + rnd(flying));
		else
			take_all();
	}
	end();
}

static _Noreturn void batch(struct virtio_device *d, uint32_t count)
{
	const uint32_t depth = number(2);

	check(depth > 0 && depth <= SLOTS && count % depth == 0, "a depth of 1 to 32 that divides");
	reads = true;
	bus_start(d);
	while (shown < count) {
		bus_taken = 0;
		avail[2 + RING] = (uint16_t)(seen + depth - 1);
		show(depth);
		while (flying) {
			if (!wait_long())
				lost("no interrupt came");
			bus_taken = 0;
			take_all();
		}
	}
	end();
}

static struct virtio_device device = {
    .id = 2, .features = F_FLUSH, .size = RING, .table = table, .avail = avail, .used = used};

static void choose_events(void)
{
	events = number(3);
	if (events)
		device.features |= F_EVENT_IDX;
}

static void use_mmio(void)
{
	choose_events();
	bus_use_mmio(number(4), number(5));
}

static void use_pci(void)
{
	choose_events();
	bus_use_pci(&device, 0);
}

static void soak_mmio(void)
{
	use_mmio();
	soak(&device, number(1));
}

static void soak_pci(void)
{
	use_pci();
	soak(&device, number(1));
}

static void batch_mmio(void)
{
	use_mmio();
	batch(&device, number(1));
}

static void batch_pci(void)
{
	use_pci();
	batch(&device, number(1));
}

static void run_mmio(void)
{
	in_a_row = true;
	batch_mmio();
}

static void run_pci(void)
{
	in_a_row = true;
	batch_pci();
}

const struct guest_case guest_cases[] = {{"soak-mmio", soak_mmio}, {"soak-pci", soak_pci},
    {"batch-mmio", batch_mmio}, {"batch-pci", batch_pci}, {"run-mmio", run_mmio},
    {"run-pci", run_pci}, {NULL, NULL}};
