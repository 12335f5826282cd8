/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* fuzz_import - what volt-kernel reads of untrusted files: payloads of every compression,
 * the facts of a bzImage, a configuration in a kernel, packages. */
#include "tests/fuzz/fuzz_kit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/boot/kernel.h"
#include "tools/kernel/config.h"
#include "tools/kernel/image.h"
#include "tools/kernel/package.h"
#include "tools/kernel/say.h"
#include "tools/kernel/test_kit.h"
#include "tools/kernel/unpack.h"

#define ROOM    (64u << 10) /* what may be unpacked */
#define SEEDS   6u
#define VERSION "6.1.0"

/* ------------------------------------------------------------------------- seeds */

static struct bytes payloads[SEEDS], with_config, package, bzimage;

static void make_seeds(void)
{
	static const char *const commands[SEEDS] = {"gzip -n", "bzip2 -1", "xz --format=lzma -0",
	    "xz --check=crc32 --lzma2=dict=4KiB", "lz4 -l -1", "zstd -q -1"};
	struct bytes kernel = kit_vmlinux(VERSION, NULL, 0);

	for (unsigned i = 0; i < SEEDS; i++)
		payloads[i] = kit_payload(commands[i], kernel);
	struct bytes text = {(uint8_t *)(uintptr_t) "CONFIG_A=y\nCONFIG_B=m\nC=\n", 25};
	struct bytes stream = kit_filter("gzip -n", text);
	struct bytes more = kit_bytes(16 + stream.size);
	memcpy(more.at, "IKCFG_ST", 8);
	memcpy(more.at + 8, stream.at, stream.size);
	memcpy(more.at + 8 + stream.size, "IKCFG_ED", 8);
	with_config = kit_vmlinux(VERSION, (char *)more.at, more.size);
	bzimage = kit_bzimage(payloads[0]);
	const struct member members[] = {
	    {"./boot/vmlinuz-" VERSION, 'f', text, NULL},
	    {"./lib/modules/" VERSION "/kernel/x.ko", 'f', text, NULL},
	    {"./lib/modules/" VERSION "/build", 'l', {0}, "/usr/src"},
	    {0},
	};
	package = kit_package_plain(members);
}

/* A copy with a few bytes of its first `head` corrupted, and cut short now and then. */
static struct bytes corrupt(struct bytes seed, size_t head)
{
	static uint8_t room[1 << 20];
	struct bytes b = {room, seed.size};

	if (seed.size > sizeof(room))
		abort();
	memcpy(room, seed.at, seed.size);
	if (head > seed.size)
		head = seed.size;
	for (uint64_t n = fuzz_below(4); n > 0; n--) {
		uint64_t size = 1ull << fuzz_below(4), value = 0, at = fuzz_below(head);

		if (size > seed.size - at)
			size = 1;
		memcpy(&value, room + at, size);
		value = fuzz_edge(value);
		memcpy(room + at, &value, size);
	}
	if (fuzz_below(8) == 0)
		b.size = fuzz_below(seed.size + 1);
	/* Its own allocation, so that a read behind its end is seen. */
	struct bytes exact = {malloc(b.size + 1), b.size};
	if (!exact.at)
		abort();
	memcpy(exact.at, room, b.size);
	exact.at = realloc(exact.at, b.size > 0 ? b.size : 1);
	return exact;
}

/* ------------------------------------------------------------------------ rounds */

static uint64_t poured;

static int pour(void *arg, const void *bytes, size_t size)
{
	if (size > ROOM - poured)
		return -EFBIG;
	poured += size;
	return 0;
}

static bool play_payload(void)
{
	char why[512] = "";
	struct bytes b = corrupt(payloads[fuzz_below(SEEDS)], fuzz_below(2) != 0 ? 64 : SIZE_MAX);

	poured = 0;
	int err = unpack_payload(b.at, b.size, pour, NULL, why, sizeof(why));
	if (err > 0 || poured > ROOM)
		fuzz_wrong("a payload came out larger than it may");
	if (err < 0 && why[0] == '\0')
		fuzz_wrong("a payload was refused without a reason");
	if (!err && !unpack_name(b.at, b.size))
		fuzz_wrong("a payload without a name was unpacked");
	free(b.at);
	return err == 0;
}

static bool play_config(void)
{
	struct bytes b = corrupt(with_config, SIZE_MAX);
	char why[256], banner[256], release[64];
	struct config config;
	size_t size = 0;

	image_find_banner(b.at, b.size, banner, sizeof(banner), release, sizeof(release));
	if (strlen(release) > strlen(banner))
		fuzz_wrong("a release longer than its banner");
	char *text = config_find(b.at, b.size, &size, why, sizeof(why));
	free(b.at);
	if (!text)
		return false;
	if (config_parse(&config, text, size) != 0)
		return false;
	config_value(&config, "A");
	config_finish(&config);
	return true;
}

static int read_facts(
    struct kernel_image *image, int fd, struct bzimage_facts *facts, uint64_t size)
{
	int err = kernel_open(image, fd, "KERNEL");

	if (err)
		return err;
	err = bzimage_read_facts(image, facts);
	if (err)
		return err;
	if (facts->payload_offset > size || facts->payload_size > size - facts->payload_offset)
		fuzz_wrong("a payload outside its file");
	if (strlen(facts->version) >= sizeof(facts->version))
		fuzz_wrong("a version without an end");
	return 0;
}

static bool play_bzimage(void)
{
	static struct kernel_image image;
	struct bzimage_facts facts;
	struct bytes b = corrupt(bzimage, 0x310);
	int fd = memfd_create("bzimage", MFD_CLOEXEC);

	if (write(fd, b.at, b.size) != (ssize_t)b.size)
		abort();
	const int err = read_facts(&image, fd, &facts, b.size);
	if (err ? kit_errors != 1 : kit_errors == 1)
		fuzz_wrong("not one line for a refusal");
	free(b.at);
	close(fd);
	return err == 0;
}

static bool play_package(void)
{
	static struct stage stage;
	struct package found;
	struct bytes b = corrupt(package, SIZE_MAX);
	int fd = memfd_create("package", MFD_CLOEXEC);

	if (write(fd, b.at, b.size) != (ssize_t)b.size ||
	    stage_init(&stage, kit_path("store")) != 0)
		abort();
	stage.limits.total = stage.limits.inspected = ROOM;
	int err = package_unpack(&found, &stage, fd, "PACKAGE");
	if (err > 0 || (err < 0 && kit_errors == 0))
		fuzz_wrong("refused without a line");
	if (!err && !stage_find(&stage, "kernel"))
		fuzz_wrong("accepted without a kernel");
	stage_finish(&stage);
	if (kit_count(kit_path("store")) != 1 || kit_count(kit_path("")) != 1)
		fuzz_wrong("something lies outside the stage");
	free(b.at);
	close(fd);
	return err == 0;
}

static bool play(void)
{
	switch (fuzz_below(16)) { /* packages take longest */
	case 0:
		return play_package();
	case 1:
	case 2:
		return play_config();
	case 3:
	case 4:
	case 5:
		return play_bzimage();
	default:
		return play_payload();
	}
}

int main(void)
{
	kit_start(NULL);
	make_seeds();
	unlink(kit_path("package"));
	int code = fuzz_main(play);
	kit_end(NULL);
	return code;
}
