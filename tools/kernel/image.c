/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/kernel/image.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/boot/elf.h"
#include "core/boot/kernel.h"
#include "tools/kernel/say.h"

/* No kernel is as large; a hostile one may say that its .bss is, and would have it cleared. */
#define ROOM (1ull << 30)
#define MIB  (1ull << 20)

static const struct {
	enum boot_choice choice;
	const char *name;
} choices[IMAGE_PROTOCOLS] = {
    {BOOT_LINUX, "linux"},
    {BOOT_PVH, "pvh"},
    {BOOT_MULTIBOOT, "multiboot"},
};

/* The reason without the file's name, which everyone who asks knows. */
static void trim(char *why, const char *name)
{
	size_t len = strlen(name);

	if (strncmp(why, name, len) == 0 && strncmp(why + len, ": ", 2) == 0)
		memmove(why, why + len + 2, strlen(why + len + 2) + 1);
}

static int try_one(const struct kernel_image *file, enum boot_choice choice, struct memory *memory,
    struct image_protocol *p, char *why, size_t why_size)
{
	const struct kernel_protocol *protocol = NULL;
	struct kernel_info info;

	struct say_room before = say_capture((struct say_room){why, why_size});
	int err = kernel_try(file, choice, memory, &info, &protocol);
	say_capture(before);
	trim(why, file->file.name);
	if (err)
		return err;
	p->name = protocol->name;
	p->entry = info.entry;
	p->start = info.load_address;
	p->end = info.end;
	return 0;
}

/* volt takes any ELF64 file by Linux's entry if nothing else fits, but does not offer it. */
static void drop_guess(const struct kernel_image *file, struct image *image)
{
	struct image_protocol *linux64 = &image->protocols[0];

	if (!linux64->name || linux64->preferred || !elf_is_64(file) || vmlinux_is_linux(file))
		return;
	linux64->name = NULL;
	snprintf(linux64->why, sizeof(linux64->why), "not linked as Linux is");
}

static enum image_kind kind_of(const struct kernel_image *file)
{
	if (elf_has_magic(file))
		return IMAGE_ELF;
	return bzimage_has_magic(file) ? IMAGE_BZIMAGE : IMAGE_OTHER;
}

static int try_all(const struct kernel_image *file, struct memory *memory, struct image *image,
    char *why, size_t why_size)
{
	struct image_protocol picked = {0};
	int err = try_one(file, BOOT_AUTO, memory, &picked, why, why_size);

	for (unsigned i = 0; i < IMAGE_PROTOCOLS; i++) {
		struct image_protocol *p = &image->protocols[i];

		p->choice = choices[i].name;
		try_one(file, choices[i].choice, memory, p, p->why, sizeof(p->why));
		p->preferred = !err && p->name == picked.name;
	}
	if (err)
		return err;
	image->kind = kind_of(file);
	image->memory_min = (picked.end + MIB - 1) / MIB * MIB;
	drop_guess(file, image);
	return 0;
}

static int open_image(struct kernel_image *file, struct memory *memory, int fd, const char *name)
{
	const int err = kernel_open(file, fd, name);

	return err ? err : memory_init(memory, ROOM, false);
}

int image_look(struct image *image, int fd, const char *name, char *why, size_t why_size)
{
	static struct kernel_image file;
	struct memory memory = {0};

	*image = (struct image){.kind = IMAGE_NONE};
	struct say_room before = say_capture((struct say_room){why, why_size});
	int err = open_image(&file, &memory, fd, name);
	say_capture(before);
	trim(why, name);
	if (err)
		return err;
	image->size = file.file.size;
	err = try_all(&file, &memory, image, why, why_size);
	memory_finish(&memory);
	return err;
}

/* ------------------------------------------------------------------- version */

/* Linux has the text twice: once whole, once to be filled in, without a build number. */
static bool is_whole(const char *text, size_t len)
{
	for (size_t i = 0; i + 2 < len; i++)
		if (text[i] == ' ' && text[i + 1] == '#' && isdigit((unsigned char)text[i + 2]))
			return true;
	return false;
}

void image_find_banner(const uint8_t *bytes, size_t size, char *banner, size_t room, char *release,
    size_t release_room)
{
	static const char start[] = "Linux version ";
	const uint8_t *at = bytes, *end = bytes + size;

	banner[0] = release[0] = '\0';
	while ((at = memmem(at, (size_t)(end - at), start, sizeof(start) - 1))) {
		size_t len = 0, left = (size_t)(end - at);
		const char *text = (const char *)at;

		while (len < left && len < room - 1 && text[len] >= ' ' && text[len] <= '~')
			len++;
		at += sizeof(start) - 1;
		if (len <= sizeof(start) - 1 || !isdigit(*at))
			continue;
		if (banner[0] != '\0' && !is_whole(text, len))
			continue;
		snprintf(banner, room, "%.*s", (int)len, text);
		size_t word = strcspn(banner + sizeof(start) - 1, " ");
		snprintf(release, release_room, "%.*s", (int)word, banner + sizeof(start) - 1);
		if (is_whole(text, len))
			return;
	}
}

uint8_t *image_read(int fd, uint64_t limit, size_t *size)
{
	struct stat st;

	if (fstat(fd, &st) != 0)
		return NULL;
	if (st.st_size < 0 || (uint64_t)st.st_size > limit) {
		errno = EFBIG;
		return NULL;
	}
	uint8_t *bytes = malloc((size_t)st.st_size + 1);
	size_t got = 0;
	while (bytes && got < (size_t)st.st_size) {
		ssize_t n = pread(fd, bytes + got, (size_t)st.st_size - got, (off_t)got);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0) {
			errno = n < 0 ? errno : EIO; /* it shrank */
			free(bytes);
			return NULL;
		}
		got += (size_t)n;
	}
	*size = got;
	return bytes;
}
