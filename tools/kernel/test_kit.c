/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/kernel/test_kit.h"

#include <archive.h>
#include <archive_entry.h>
#include <asm/bootparam.h>
#include <dirent.h>
#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/kernel/say.h"
#include "tools/kernel/stage.h"

#define ROOMS    256
#define LOAD     0x1000000ull
#define MAP      0xffffffff80000000ull
#define SETUP    0x400u
#define CODE_MIN 0x400u

char kit_said[2048];
static char folder[64];
static void *rooms[ROOMS];
static unsigned room_count;

static void must(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	abort();
}

int kit_start(void **state)
{
	strcpy(folder, "/tmp/volt-kernel-test-XXXXXX");
	must(mkdtemp(folder) != NULL, "mkdtemp");
	kit_listen();
	return 0;
}

int kit_end(void **state)
{
	stage_remove(folder);
	while (room_count > 0)
		free(rooms[--room_count]);
	return 0;
}

const char *kit_path(const char *name)
{
	static char paths[8][PATH_MAX];
	static unsigned next;
	char *path = paths[next++ % 8];

	snprintf(path, PATH_MAX, "%s/%s", folder, name);
	return path;
}

struct bytes kit_bytes(size_t size)
{
	void *at = calloc(1, size + 1);

	must(at && room_count < ROOMS, "kit_bytes");
	rooms[room_count++] = at;
	return (struct bytes){at, size};
}

struct bytes kit_read(const char *path)
{
	struct stat st;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	must(fd >= 0 && fstat(fd, &st) == 0, path);
	struct bytes b = kit_bytes((size_t)st.st_size);
	must(read(fd, b.at, b.size) == (ssize_t)b.size, path);
	close(fd);
	return b;
}

const char *kit_write(const char *name, struct bytes b)
{
	const char *path = kit_path(name);
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);

	must(fd >= 0 && write(fd, b.at, b.size) == (ssize_t)b.size, path);
	close(fd);
	return path;
}

/* ------------------------------------------------------------------------ kernels */

struct bytes kit_vmlinux(const char *release, const char *more, size_t more_size)
{
	const size_t data = sizeof(Elf64_Ehdr) + sizeof(Elf64_Phdr);
	struct bytes b = kit_bytes(data + 4096 + more_size);
	Elf64_Ehdr head = {
	    .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB, EV_CURRENT},
	    .e_type = ET_EXEC,
	    .e_machine = EM_X86_64,
	    .e_version = EV_CURRENT,
	    .e_entry = LOAD + data,
	    .e_phoff = sizeof(head),
	    .e_ehsize = sizeof(head),
	    .e_phentsize = sizeof(Elf64_Phdr),
	    .e_phnum = 1,
	};
	Elf64_Phdr segment = {
	    .p_type = PT_LOAD,
	    .p_vaddr = MAP + LOAD,
	    .p_paddr = LOAD,
	    .p_filesz = b.size,
	    .p_memsz = b.size + 8192,
	};

	memcpy(b.at, &head, sizeof(head));
	memcpy(b.at + sizeof(head), &segment, sizeof(segment));
	/* As in a real one, the text to be filled in comes first. */
	snprintf((char *)b.at + data + 64, 512, "Linux version %s (me@here) # SMP\n", release);
	snprintf((char *)b.at + data + 700, 512,
	    "Linux version %s (debian-kernel@lists.debian.org) (gcc) #1 SMP Debian\n", release);
	/* Neither all alike nor all random, so that every compressor has something to do. */
	for (size_t i = 1400; i < 4096; i++)
		b.at[data + i] = (uint8_t)(i % 7 * (i / 100));
	if (more_size > 0)
		memcpy(b.at + data + 4096, more, more_size);
	return b;
}

struct bytes kit_bzimage(struct bytes payload)
{
	size_t code = (CODE_MIN + payload.size + 15) / 16 * 16;
	struct bytes b = kit_bytes(SETUP + code);
	struct setup_header h = {
	    .setup_sects = SETUP / 512 - 1,
	    .syssize = (__u32)(code / 16),
	    .boot_flag = 0xaa55,
	    .jump = 0x66eb, /* the header ends at 0x268 */
	    .header = 0x53726448,
	    .version = 0x020f,
	    .kernel_version = 0x100, /* at 0x300 */
	    .loadflags = LOADED_HIGH,
	    .initrd_addr_max = 0x7fffffff,
	    .kernel_alignment = 0x200000,
	    .relocatable_kernel = 1,
	    .xloadflags = XLF_KERNEL_64,
	    .cmdline_size = 2047,
	    .payload_offset = CODE_MIN,
	    .payload_length = (__u32)payload.size,
	    .pref_address = LOAD,
	    .init_size = (__u32)code + 0x100000,
	};

	memcpy(b.at + 0x1f1, &h, sizeof(h));
	strcpy((char *)b.at + 0x300, "5.5.5-in-header (x@y) #1");
	memcpy(b.at + SETUP + CODE_MIN, payload.at, payload.size);
	return b;
}

struct bytes kit_filter(const char *command, struct bytes in)
{
	char line[2 * PATH_MAX + 256];
	const char *from = kit_write("filter-in", in), *to = kit_path("filter-out");

	snprintf(line, sizeof(line), "%s <%s >%s", command, from, to);
	if (system(line) != 0) {
		fprintf(stderr, "%s failed: is it installed?\n", command);
		abort();
	}
	struct bytes out = kit_read(to);
	unlink(from);
	unlink(to);
	return out;
}

struct bytes kit_payload(const char *command, struct bytes kernel)
{
	struct bytes packed = kit_filter(command, kernel);
	uint32_t size = (uint32_t)kernel.size;

	if (strncmp(command, "gzip", 4) == 0)
		return packed;
	struct bytes b = kit_bytes(packed.size + sizeof(size));
	memcpy(b.at, packed.at, packed.size);
	memcpy(b.at + packed.size, &size, sizeof(size));
	return b;
}

/* ----------------------------------------------------------------------- packages */

static void put_member(struct archive *a, const struct member *m)
{
	struct archive_entry *entry = archive_entry_new();

	archive_entry_set_pathname(entry, m->path);
	archive_entry_set_mode(entry, 0644);
	archive_entry_set_filetype(entry, m->type == 'd'   ? AE_IFDIR
					  : m->type == 'l' ? AE_IFLNK
					  : m->type == 'c' ? AE_IFCHR
							   : AE_IFREG);
	if (m->type == 'l')
		archive_entry_set_symlink(entry, m->target);
	if (m->type == 'h')
		archive_entry_set_hardlink(entry, m->target);
	archive_entry_set_size(entry, m->type == 'f' ? (la_int64_t)m->bytes.size : 0);
	must(archive_write_header(a, entry) == ARCHIVE_OK, m->path);
	if (m->type == 'f')
		must(archive_write_data(a, m->bytes.at, m->bytes.size) == (la_ssize_t)m->bytes.size,
		    m->path);
	archive_entry_free(entry);
}

static struct bytes tar(const struct member *members, bool packed)
{
	const char *path = kit_path("data.tar");
	struct archive *a = archive_write_new();

	archive_write_set_format_gnutar(a);
	if (packed)
		archive_write_add_filter_xz(a);
	archive_write_set_bytes_per_block(a, 512);
	archive_write_set_bytes_in_last_block(a, 1);
	must(archive_write_open_filename(a, path) == ARCHIVE_OK, path);
	for (; members->path; members++)
		put_member(a, members);
	must(archive_write_close(a) == ARCHIVE_OK, path);
	archive_write_free(a);
	struct bytes b = kit_read(path);
	unlink(path);
	return b;
}

static struct bytes make_package(const struct member *members, bool packed)
{
	struct bytes version = {(uint8_t *)"2.0\n", 4}, data = tar(members, packed);
	const struct member parts[] = {
	    {"debian-binary", 'f', version, NULL},
	    {packed ? "control.tar.xz" : "control.tar", 'f', tar(&(struct member){0}, packed),
		NULL},
	    {packed ? "data.tar.xz" : "data.tar", 'f', data, NULL},
	};
	const char *path = kit_path("package");
	struct archive *a = archive_write_new();

	archive_write_set_format_ar_bsd(a);
	must(archive_write_open_filename(a, path) == ARCHIVE_OK, path);
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		put_member(a, &parts[i]);
	must(archive_write_close(a) == ARCHIVE_OK, path);
	archive_write_free(a);
	return kit_read(path);
}

struct bytes kit_package(const struct member *members)
{
	return make_package(members, true);
}

struct bytes kit_package_plain(const struct member *members)
{
	return make_package(members, false);
}

/* -------------------------------------------------------------------------- words */

void kit_listen(void)
{
	say_quiet = true;
	say_capture((struct say_room){kit_said, sizeof(kit_said)});
}

bool kit_was_said(const char *part)
{
	if (strstr(kit_said, part))
		return true;
	fprintf(stderr, "expected \"%s\" in \"%s\"\n", part, kit_said);
	return false;
}

unsigned kit_count(const char *path)
{
	DIR *d = opendir(path);
	unsigned n = 0;

	if (!d)
		return 0;
	while (readdir(d))
		n++;
	closedir(d);
	return n - 2;
}
