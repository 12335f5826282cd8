/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "vet_kit.h"

#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/base/log.h"

const char *kit_dir = ".";
uint32_t log_level = VOLT_LOG_INFO;
static char logged[1024];

void log_line(uint32_t level, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(logged, sizeof(logged), fmt, ap);
	va_end(ap);
}

/* In brackets, as log.h has a macro of that name for analyzers. */
int(log_error)(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(logged, sizeof(logged), fmt, ap);
	va_end(ap);
	return -err;
}

int log_host_error(int err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(logged, sizeof(logged), fmt, ap);
	va_end(ap);
	return -err;
}

const char *kit_logged(void)
{
	return logged;
}

void kit_forget(void)
{
	logged[0] = '\0';
}

static _Noreturn void give_up(const char *what)
{
	perror(what);
	abort();
}

uint8_t *kit_read(const char *path, size_t *size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	uint8_t *bytes;

	if (fd < 0 || fstat(fd, &st) != 0)
		give_up(path);
	bytes = malloc((size_t)st.st_size);
	if (!bytes || read(fd, bytes, (size_t)st.st_size) != st.st_size)
		give_up(path);
	close(fd);
	*size = (size_t)st.st_size;
	return bytes;
}

void kit_write(const char *path, const void *bytes, size_t size, unsigned mode)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);

	if (fd < 0 || write(fd, bytes, size) != (ssize_t)size || fchmod(fd, mode) != 0)
		give_up(path);
	close(fd);
}

const char *kit_path(const char *name)
{
	static char path[4096];

	snprintf(path, sizeof(path), "%s/%s.so", kit_dir, name);
	return path;
}

static Elf64_Phdr *phdrs(uint8_t *image)
{
	return (Elf64_Phdr *)(void *)(image + ((Elf64_Ehdr *)(void *)image)->e_phoff);
}

static unsigned phdr_count(const uint8_t *image)
{
	return ((const Elf64_Ehdr *)(const void *)image)->e_phnum;
}

Elf64_Phdr *kit_phdr(uint8_t *image, uint32_t type)
{
	for (unsigned i = 0; i < phdr_count(image); i++)
		if (phdrs(image)[i].p_type == type)
			return &phdrs(image)[i];
	give_up("kit_phdr");
}

void *kit_mapped(uint8_t *image, uint64_t vaddr)
{
	for (unsigned i = 0; i < phdr_count(image); i++) {
		const Elf64_Phdr *p = &phdrs(image)[i];

		if (p->p_type == PT_LOAD && vaddr >= p->p_vaddr && vaddr - p->p_vaddr < p->p_filesz)
			return image + p->p_offset + (vaddr - p->p_vaddr);
	}
	give_up("kit_mapped");
}

Elf64_Dyn *kit_dyn(uint8_t *image, int64_t tag)
{
	Elf64_Dyn *d = (Elf64_Dyn *)(void *)(image + kit_phdr(image, PT_DYNAMIC)->p_offset);

	while (d->d_tag != tag) {
		if (d->d_tag == DT_NULL)
			give_up("kit_dyn");
		d++;
	}
	return d;
}

Elf64_Sym *kit_symbol(uint8_t *image, const char *name)
{
	const char *strings = kit_mapped(image, kit_dyn(image, DT_STRTAB)->d_un.d_ptr);
	Elf64_Sym *s = kit_mapped(image, kit_dyn(image, DT_SYMTAB)->d_un.d_ptr);

	uint64_t size = kit_dyn(image, DT_STRSZ)->d_un.d_val;

	for (unsigned i = 1; s[i].st_name < size; i++)
		if (strcmp(strings + s[i].st_name, name) == 0)
			return &s[i];
	give_up("kit_symbol");
}
