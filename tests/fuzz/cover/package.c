/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* The reader of kernel packages: the first byte chooses payload, configuration, bzImage or .deb. */
#include "cover.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/boot/kernel.h"
#include "tools/kernel/config.h"
#include "tools/kernel/image.h"
#include "tools/kernel/package.h"
#include "tools/kernel/say.h"
#include "tools/kernel/test_kit.h"
#include "tools/kernel/unpack.h"

#define ROOM (1u << 20)

static uint64_t poured;

static int pour(void *arg, const void *bytes, size_t size)
{
	if (size > ROOM - poured)
		return -EFBIG;
	poured += size;
	return 0;
}

static void payload(const uint8_t *data, size_t size)
{
	char why[512] = "";

	poured = 0;
	int err = unpack_payload(data, size, pour, NULL, why, sizeof(why));
	must(err <= 0 && (!err || why[0] != '\0'), "a payload was refused without a reason");
	poured = 0;
	unpack_stream(data, size, pour, NULL, why, sizeof(why));
}

static void configuration(const uint8_t *data, size_t size)
{
	char why[256], banner[256], release[64];
	struct config config;
	size_t n = 0;

	image_find_banner(data, size, banner, sizeof(banner), release, sizeof(release));
	char *text = config_find(data, size, &n, why, sizeof(why));
	if (!text)
		text = text_of(data, n = size);
	if (config_parse(&config, text, n) != 0)
		return;
	config_value(&config, "A");
	config_finish(&config);
}

static int file_of(const uint8_t *data, size_t size)
{
	int fd = memfd_create("file", MFD_CLOEXEC);

	must(fd >= 0 && write(fd, data, size) == (ssize_t)size, "no file");
	return fd;
}

static void bzimage(const uint8_t *data, size_t size)
{
	static struct kernel_image image;
	struct bzimage_facts facts;
	int fd = file_of(data, size);

	if (kernel_open(&image, fd, "KERNEL") == 0 && bzimage_read_facts(&image, &facts) == 0)
		must(facts.payload_offset <= size &&
			 facts.payload_size <= size - facts.payload_offset,
		    "a payload outside its file");
	close(fd);
}

static void package(const uint8_t *data, size_t size)
{
	static struct stage stage;
	struct package found;
	int fd = file_of(data, size);

	must(stage_init(&stage, kit_path("store")) == 0, "no stage");
	stage.limits.total = stage.limits.inspected = ROOM;
	if (package_unpack(&found, &stage, fd, "PACKAGE") == 0)
		must(stage_find(&stage, "kernel") != NULL, "taken without a kernel");
	stage_finish(&stage);
	must(kit_count(kit_path("store")) == 1 && kit_count(kit_path("")) == 1,
	    "something lies outside of the stage");
	close(fd);
}

static void end(void)
{
	kit_end(NULL);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[])(const uint8_t *data, size_t size) = {
	    payload, configuration, bzimage, package};
	static bool ready;

	if (!ready) {
		kit_start(NULL);
		atexit(end);
		ready = true;
	}
	if (size > 0)
		readers[data[0] & 3](data + 1, size - 1);
	return 0;
}
