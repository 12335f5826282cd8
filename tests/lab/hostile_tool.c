/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * hostile_tool mmio|pci SEED ROUNDS - a driver in user space that attacks a virtio disk.
 *
 * It finds the registers in /dev/mem or in the resource of the PCI function, and guest physical
 * addresses of its pages in /proc/self/pagemap. After each attack it resets the device, and an
 * honest read must be answered with the first bytes of the disk, which are BYTE. What a device may
 * not write after a reset holds a pattern.
 */
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

#define PAGE  4096u
#define PAGES 24u /* the ring, the answers, the headers; then data */
#define DATA  3u
#define RING  16u
#define BYTE  0x35
#define LATER 0x5a

#define MMIO_AT   0xd0000000 /* where volt puts the first device: docs/plugins.md, Places */
#define MMIO_SIZE 0x1000u

#define NEXT     1u
#define WRITE    2u
#define INDIRECT 4u

#define NEEDS_RESET 0x40u
#define F_FLUSH     (1u << 9)
#define F_INDIRECT  (1u << 28)

struct desc {
	uint64_t addr;
	uint32_t len;
	uint16_t flags, next;
};

struct header {
	uint32_t type, reserved;
	uint64_t sector;
};

static uint8_t *memory; /* PAGES of it, each somewhere */
static uint64_t pages[PAGES];
static struct desc *table;
static volatile uint16_t *avail, *used;
static struct header *header;
static volatile uint8_t *status;

static volatile uint8_t *registers; /* MMIO's, or BAR 0 */
static uint64_t registers_at;
static uint32_t common, notify, bar_bytes;
static bool is_pci;
static unsigned cases;
static uint64_t random_state;

static _Noreturn void wrong(const char *what)
{
	printf("hostile: case %u: %s: %s\n", cases, what, strerror(errno));
	printf("hostile: avail %u used %u status %x\n", avail ? avail[1] : 0, used ? used[1] : 0,
	    status ? *status : 0);
	exit(1);
}

static uint64_t rnd(uint64_t below)
{
	random_state = random_state * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (random_state >> 33) % below;
}

static void pause_ms(unsigned n)
{
	nanosleep(&(struct timespec){.tv_nsec = n * 1000000L}, NULL);
}

/* ---------------------------------------------------------------------- registers */

static void set(uint32_t at, unsigned bytes, uint32_t value)
{
	volatile uint8_t *p = registers + at;

	if (bytes == 1)
		*p = (uint8_t)value;
	else if (bytes == 2)
		*(volatile uint16_t *)(volatile void *)p = (uint16_t)value;
	else
		*(volatile uint32_t *)(volatile void *)p = value;
}

static uint32_t get32(uint32_t at)
{
	return *(volatile uint32_t *)(volatile void *)(registers + at);
}

static void set_wide(uint32_t mmio, uint32_t pci, uint64_t value)
{
	const uint32_t at = is_pci ? common + pci : mmio;

	set(at, 4, (uint32_t)value);
	set(at + 4, 4, (uint32_t)(value >> 32));
}

static void set_status(uint8_t value)
{
	if (is_pci)
		set(common + 0x14, 1, value);
	else
		set(0x70, 4, value);
}

static uint8_t get_status(void)
{
	return is_pci ? registers[common + 0x14] : (uint8_t)get32(0x70);
}

static void set_features(unsigned half, uint32_t bits)
{
	set(is_pci ? common + 0x08 : 0x24, 4, half);
	set(is_pci ? common + 0x0c : 0x20, 4, bits);
}

static void kick(uint32_t queue)
{
	set(is_pci ? notify : 0x50, is_pci ? 2 : 4, queue);
}

static void set_queue(uint64_t desc, uint64_t driver, uint64_t device, uint16_t size)
{
	set(is_pci ? common + 0x16 : 0x30, is_pci ? 2 : 4, 0);
	set(is_pci ? common + 0x18 : 0x38, is_pci ? 2 : 4, size);
	set_wide(0x80, 0x20, desc);
	set_wide(0x90, 0x28, driver);
	set_wide(0xa0, 0x30, device);
	set(is_pci ? common + 0x1c : 0x44, is_pci ? 2 : 4, 1);
}

/* -------------------------------------------------------------------- the driver */

static void reset(void)
{
	set_status(0);
	for (unsigned i = 0; get_status() != 0; i++) {
		if (i == 5000)
			wrong("a reset does not end");
		pause_ms(1);
	}
}

static void set_up(void)
{
	reset();
	memset(memory, 0, (size_t)DATA * PAGE);
	set_status(3);
	set_features(0, F_FLUSH | F_INDIRECT);
	set_features(1, 1);
	set_status(11);
	set_queue(pages[0], pages[0] + 1024, pages[1], RING);
	set_status(15);
}

static void put(unsigned i, uint64_t addr, uint32_t len, unsigned flags, unsigned next)
{
	table[i] = (struct desc){addr, len, (uint16_t)flags, (uint16_t)next};
}

static void show(unsigned head)
{
	avail[2 + avail[1] % RING] = (uint16_t)head;
	__sync_synchronize();
	avail[1]++;
	__sync_synchronize();
}

/* Descriptors 0 to 2. */
static void put_request(uint32_t type, uint64_t sector, uint64_t data, uint32_t len, bool writable)
{
	*header = (struct header){.type = type, .sector = sector};
	*status = 0xff;
	put(0, pages[2], sizeof(*header), NEXT, 1);
	put(1, data, len, NEXT | (writable ? WRITE : 0), 2);
	put(2, pages[2] + 64, 1, WRITE, 0);
}

static bool is_answered(unsigned ms)
{
	const uint16_t want = avail[1];

	for (unsigned i = 0; used[1] != want; i++) {
		if (i == ms)
			return false;
		pause_ms(1);
	}
	return true;
}

static void be_served(void)
{
	const uint16_t before = used[1];

	put_request(0, 0, pages[DATA], PAGE, true);
	memset(memory + (size_t)DATA * PAGE, LATER, PAGE);
	show(0);
	kick(0);
	if (!is_answered(20000))
		wrong("an honest request is not answered");
	if (used[1] != (uint16_t)(before + 1) || *status != 0)
		wrong("an honest request failed");
	for (unsigned i = 0; i < PAGE; i++)
		if (memory[(size_t)DATA * PAGE + i] != BYTE)
			wrong("an honest request brought other bytes");
}

static void recover(void)
{
	set_up();
	be_served();
	cases++;
}

/* ------------------------------------------------------------------- the attacks */

/* Chain 0 of the table breaks the queue, and the device tells so. */
static void breaks(void)
{
	const uint16_t before = used[1];

	show(0);
	kick(0);
	for (unsigned i = 0; !(get_status() & NEEDS_RESET); i++) {
		if (i == 20000)
			wrong("a broken queue is not told");
		pause_ms(1);
	}
	if (used[1] != before)
		wrong("a broken chain was answered");
	recover();
}

static void is_refused(uint32_t type, uint64_t sector, uint32_t len, bool writable, uint8_t how)
{
	put_request(type, sector, pages[DATA], len, writable);
	show(0);
	kick(0);
	if (!is_answered(20000) || *status != how)
		wrong("a bad request is not refused");
	recover();
}

static void attack_rings(void)
{
	show(0xffff);
	breaks();
	put(0, pages[DATA], PAGE, NEXT, RING);
	breaks();
	put(0, pages[DATA], 0, NEXT, 0);
	breaks();
	avail[1] = (uint16_t)(avail[1] + 1000);
	breaks();
	put(0, pages[2], 16, NEXT | WRITE, 1);
	put(1, pages[DATA], PAGE, 0, 0);
	breaks();
}

static void attack_addresses(void)
{
	static const uint64_t places[] = {
	    UINT64_C(1) << 60, ~UINT64_C(0) - 511, 0xfee00000, 0xfec00000, 0xc0000000};

	for (unsigned i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		put_request(0, 0, places[i], 1024, true);
		breaks();
		put_request(1, 0, places[i], 1024, false);
		breaks();
		put(0, places[i], 32, INDIRECT, 0);
		breaks();
	}
	put_request(0, 0, registers_at, 1024, true);
	breaks();
	put_request(0, 0, pages[DATA], UINT32_MAX, true);
	breaks();
	put_request(0, 0, pages[DATA], 1u << 31, true);
	breaks();
}

static void attack_indirect(void)
{
	struct desc *inner = (struct desc *)(void *)(memory + (size_t)2 * PAGE + 512);

	put(0, pages[2] + 512, 24, INDIRECT, 0);
	breaks();
	put(0, pages[2] + 512, 0, INDIRECT, 0);
	breaks();
	put(0, pages[2] + 512, 16 * (RING + 1), INDIRECT, 0);
	breaks();
	inner[0] = (struct desc){pages[2] + 512, 16, INDIRECT, 0};
	put(0, pages[2] + 512, 16, INDIRECT, 0);
	breaks();
	inner[0] = (struct desc){pages[DATA], 16, NEXT, 0};
	put(0, pages[2] + 512, 16, INDIRECT, 0);
	breaks();
}

static void attack_requests(void)
{
	is_refused(0, UINT64_MAX, PAGE, true, 1);
	is_refused(1, UINT64_MAX / 512, PAGE, false, 1);
	is_refused(1, 1 << 20, PAGE, false, 1);
	is_refused(0, 0, 513, true, 1);
	is_refused(0x80000000, 0, PAGE, true, 2);
	is_refused(11, 0, 17, false, 2);
}

/* After DRIVER_OK what was written is what runs. */
static void attack_registers(void)
{
	set_queue(0, ~UINT64_C(0), 0xfee00000, 3);
	set_features(0, UINT32_MAX);
	set_features(77, UINT32_MAX);
	for (unsigned i = 0; i < 64; i++)
		kick((uint32_t)rnd(70000));
	for (uint32_t at = 0x100; !is_pci && at < 0x180; at += 4)
		set(at, 4, UINT32_MAX);
	be_served();
	recover();
}

/* The device writes over its own table and rings. */
static void attack_by_data(void)
{
	for (unsigned i = 0; i < 3; i++) {
		put_request(0, 0, pages[i], PAGE, true);
		show(0);
		kick(0);
		pause_ms(2);
		recover();
	}
}

static void check_later(void)
{
	for (size_t i = (size_t)DATA * PAGE; i < (size_t)PAGES * PAGE; i++)
		if (memory[i] != LATER)
			wrong("memory was written after a reset");
}

/* What was in flight is done or dropped when the reset ends, and writes nothing any more. */
static void reset_in_flight(void)
{
	const unsigned rounds = 60;

	for (unsigned round = 0; round < rounds; round++) {
		set_up();
		put_request(0, 0, pages[DATA], PAGE, true);
		for (unsigned i = 4; i < RING; i++) {
			put(i, pages[2], sizeof(*header), NEXT, 3);
			put(3, pages[DATA + i], PAGE, NEXT | WRITE, 2);
		}
		for (unsigned i = 0; i < 8; i++)
			show(4 + (i + round) % (RING - 4));
		kick(0);
		if (round % 2)
			usleep((unsigned)rnd(200));
		reset();
		memset(memory + (size_t)DATA * PAGE, LATER, (size_t)(PAGES - DATA) * PAGE);
		usleep(500);
		check_later();
	}
	recover();
}

/* Inside of an own page, or past the end of memory: what is between is the kernel's. */
static void put_at_random(void)
{
	const unsigned i = (unsigned)rnd(RING), flags = (unsigned)rnd(8),
		       next = (unsigned)rnd(RING + 2);
	const uint64_t off = rnd(PAGE);

	if (rnd(4))
		put(i, pages[rnd(PAGES)] + off, (uint32_t)rnd(PAGE + 1 - off), flags, next);
	else if (rnd(2))
		put(i, pages[rnd(PAGES)] + off, (1u << 31) + (uint32_t)rnd(1u << 31), flags, next);
	else
		put(i, 0xc0000000 + rnd(1u << 30), (uint32_t)rnd(UINT32_MAX), flags, next);
}

static void act_at_random(void)
{
	switch (rnd(6)) {
	case 0:
		put_at_random();
		break;
	case 1:
		show((unsigned)rnd(RING + 2));
		break;
	case 2:
		kick((uint32_t)rnd(3));
		break;
	case 3:
		*header = (struct header){(uint32_t)rnd(16), 0, rnd(64)};
		break;
	case 4:
		set(4 * (uint32_t)rnd(bar_bytes / 4), 4, (uint32_t)rnd(UINT32_MAX));
		break;
	default:
		avail[rnd(RING + 3)] = (uint16_t)rnd(65536);
	}
}

/* A random header may be a write: the first sectors are not its. */
static void attack_at_random(unsigned rounds)
{
	for (unsigned round = 0; round < rounds; round++) {
		for (unsigned i = (unsigned)rnd(40); i; i--)
			act_at_random();
		reset();
		set_up();
		put_request(1, 0, pages[DATA], PAGE, false);
		memset(memory + (size_t)DATA * PAGE, BYTE, PAGE);
		show(0);
		kick(0);
		if (!is_answered(20000) || *status != 0)
			wrong("an honest write is not answered");
		recover();
	}
}

/* ------------------------------------------------------------------------ set-up */

static void find_pages(void)
{
	const int map = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);

	memory = mmap(NULL, (size_t)PAGES * PAGE, PROT_READ | PROT_WRITE,
	    MAP_PRIVATE | MAP_ANONYMOUS | MAP_LOCKED | MAP_POPULATE, -1, 0);
	if (map < 0 || memory == MAP_FAILED)
		wrong("memory");
	memset(memory, 1, (size_t)PAGES * PAGE);
	for (unsigned i = 0; i < PAGES; i++) {
		uint64_t entry = 0;
		const uint64_t at = ((uintptr_t)memory / PAGE + i) * sizeof(entry);

		if (pread(map, &entry, sizeof(entry), (off_t)at) != sizeof(entry) || !(entry >> 63))
			wrong("pagemap");
		pages[i] = (entry & ((UINT64_C(1) << 55) - 1)) * PAGE;
	}
	close(map);
	table = (void *)memory;
	avail = (void *)(memory + 1024);
	used = (void *)(memory + PAGE);
	header = (void *)(memory + (size_t)2 * PAGE);
	status = memory + (size_t)2 * PAGE + 64;
}

static void map_registers(const char *path, off_t at, size_t size)
{
	const int fd = open(path, O_RDWR | O_SYNC | O_CLOEXEC);

	registers =
	    fd < 0 ? MAP_FAILED : mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, at);
	if (registers == MAP_FAILED)
		wrong(path);
	bar_bytes = (uint32_t)size;
}

/* virtio 1.2, 4.1.4: the common structure and the first doorbell. */
static void find_function(void)
{
	uint8_t config[256];
	char path[128];
	glob_t found;

	if (glob("/sys/bus/pci/devices/*/config", 0, NULL, &found))
		wrong("no PCI");
	for (size_t i = 0; i < found.gl_pathc; i++) {
		const int fd = open(found.gl_pathv[i], O_RDWR | O_CLOEXEC);
		const uint16_t command = 6;

		if (pread(fd, config, sizeof(config), 0) != sizeof(config) ||
		    memcmp(config, "\xf4\x1a\x42\x10", 4) != 0) {
			close(fd);
			continue;
		}
		if (pwrite(fd, &command, 2, 4) != 2)
			wrong("the command register");
		for (unsigned at = config[0x34]; at; at = config[at + 1]) {
			if (config[at] != 9)
				continue;
			if (config[at + 3] == 1)
				memcpy(&common, config + at + 8, 4);
			if (config[at + 3] == 2)
				memcpy(&notify, config + at + 8, 4);
		}
		memcpy(&registers_at, config + 0x10, 4);
		registers_at &= ~UINT64_C(15);
		snprintf(path, sizeof(path), "%.*sresource0",
		    (int)(strlen(found.gl_pathv[i]) - strlen("config")), found.gl_pathv[i]);
		map_registers(path, 0, 0x4000);
		return;
	}
	wrong("no disk on the bus");
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (argc != 4)
		return 2;
	is_pci = strcmp(argv[1], "pci") == 0;
	random_state = strtoull(argv[2], NULL, 0);
	find_pages();
	registers_at = MMIO_AT;
	if (is_pci)
		find_function();
	else
		map_registers("/dev/mem", MMIO_AT, MMIO_SIZE);
	recover();
	attack_rings();
	attack_addresses();
	attack_indirect();
	attack_requests();
	attack_registers();
	attack_by_data();
	reset_in_flight();
	attack_at_random((unsigned)strtoul(argv[3], NULL, 0));
	printf("hostile: %u cases, all served after\n", cases);
	return 0;
}
