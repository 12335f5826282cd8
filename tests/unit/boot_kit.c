/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tests/unit/boot_kit.h" /* before cmocka.h, whose fail() is a macro */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "core/base/log.h"

char kit_message[1024];
unsigned kit_errors, kit_warnings;

/* Stand for core/base/log.c. */
uint32_t log_level = VOLT_LOG_ERROR;

int log_error(int err, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(kit_message, sizeof(kit_message), fmt, args);
	va_end(args);
	kit_errors++;
	return -err;
}

void log_line(uint32_t level, const char *fmt, ...)
{
	kit_warnings += level == VOLT_LOG_WARN;
}

static void must(bool good, const char *what)
{
	if (good)
		return;
	perror(what);
	abort();
}

void kit_init(struct kit *kit, uint64_t ram)
{
	memset(kit, 0, sizeof(*kit));
	kit_message[0] = '\0';
	kit_errors = kit_warnings = 0;
	must(memory_init(&kit->memory, ram, false) == 0, "memory_init");
	kit->firmware = (struct firmware){
	    .cpus = 1,
	    .irqchip_id = 1,
	    .irqchip_pins = 24,
	    .irqchip_base = 0xfec00000,
	};
}

void kit_finish(struct kit *kit)
{
	memory_finish(&kit->memory);
}

int kit_boot(struct kit *kit, int kernel_fd, int initrd_fd, const char *cmdline)
{
	kit->request = (struct boot_request){
	    .memory = &kit->memory,
	    .choice = kit->choice,
	    .files = kit->files,
	    .modules = kit->modules,
	    .module_count = kit->module_count,
	    .kernel_fd = kernel_fd,
	    .kernel_name = "KERNEL",
	    .initrd_fd = initrd_fd,
	    .initrd_name = "INITRD",
	    .cmdline = cmdline,
	    .firmware = &kit->firmware,
	};
	int err = boot_load(&kit->request, &kit->entry);
	close(kernel_fd);
	if (initrd_fd >= 0)
		close(initrd_fd);
	while (kit->module_count > 0)
		close(kit->modules[--kit->module_count].fd);
	return err;
}

const struct boot_params *kit_params(const struct kit *kit)
{
	return (const struct boot_params *)(kit->memory.host + kit->entry.rsi);
}

/* No period that an offset wrong by a page, a sector or a header would hide in. */
uint8_t kit_pattern(uint64_t i)
{
	return (uint8_t)(i * 167 + (i >> 8) * 59 + (i >> 16) * 31 + 1);
}

void kit_patch(int fd, uint64_t offset, const void *bytes, uint64_t len)
{
	must(pwrite(fd, bytes, len, (off_t)offset) == (ssize_t)len, "pwrite");
}

int kit_file(uint64_t size)
{
	static uint8_t bytes[1 << 16];
	static uint64_t made = UINT64_MAX; /* of which offset they are: fuzzers ask often */
	int fd = memfd_create("kit", MFD_CLOEXEC);

	must(fd >= 0, "memfd_create");
	for (uint64_t off = 0; off < size; off += sizeof(bytes)) {
		for (uint64_t i = 0; made != off && i < sizeof(bytes); i++)
			bytes[i] = kit_pattern(off + i);
		made = off;
		kit_patch(fd, off, bytes, size - off < sizeof(bytes) ? size - off : sizeof(bytes));
	}
	return fd;
}

bool kit_holds(const struct kit *kit, uint64_t gpa, uint64_t offset, uint64_t len)
{
	const uint8_t *at = memory_at(&kit->memory, gpa, len);

	for (uint64_t i = 0; at && i < len; i++)
		if (at[i] != kit_pattern(offset + i))
			return false;
	return at != NULL;
}

bool kit_is_zero(const struct kit *kit, uint64_t gpa, uint64_t len)
{
	const uint8_t *at = memory_at(&kit->memory, gpa, len);

	for (uint64_t i = 0; at && i < len; i++)
		if (at[i] != 0)
			return false;
	return at != NULL;
}

struct kit_elf kit_elf_default(void)
{
	struct kit_elf elf = {
	    .head =
		{
		    .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS64, ELFDATA2LSB,
			EV_CURRENT},
		    .e_type = ET_EXEC,
		    .e_machine = EM_X86_64,
		    .e_version = EV_CURRENT,
		    .e_entry = KIT_KERNEL + 0x100,
		    .e_phoff = sizeof(Elf64_Ehdr),
		    .e_ehsize = sizeof(Elf64_Ehdr),
		    .e_phentsize = sizeof(Elf64_Phdr),
		    .e_phnum = 2,
		},
	    .segments =
		{
		    {
			.p_type = PT_LOAD,
			.p_flags = PF_R | PF_X,
			.p_offset = 0x1000,
			.p_vaddr = 0xffffffff81000000,
			.p_paddr = KIT_KERNEL,
			.p_filesz = 0x3000,
			.p_memsz = 0x3000,
		    },
		    {
			.p_type = PT_LOAD,
			.p_flags = PF_R | PF_W,
			.p_offset = 0x4000,
			.p_vaddr = 0xffffffff81004000,
			.p_paddr = KIT_KERNEL + 0x4000,
			.p_filesz = 0x1000,
			.p_memsz = 0x4000,
		    },
		},
	    .file_size = 0x5000,
	};

	return elf;
}

int kit_elf_file(const struct kit_elf *elf)
{
	int fd = kit_file(elf->file_size);

	must(pwrite(fd, &elf->head, sizeof(elf->head), 0) == sizeof(elf->head), "pwrite");
	must(pwrite(fd, elf->segments, sizeof(elf->segments), sizeof(elf->head)) ==
		 sizeof(elf->segments),
	    "pwrite");
	must(ftruncate(fd, (off_t)elf->file_size) == 0, "ftruncate");
	return fd;
}

struct kit_elf32 kit_elf32_default(void)
{
	struct kit_elf32 elf = {
	    .head =
		{
		    .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, ELFCLASS32, ELFDATA2LSB,
			EV_CURRENT},
		    .e_type = ET_EXEC,
		    .e_machine = EM_386,
		    .e_version = EV_CURRENT,
		    .e_entry = KIT_KERNEL + 0x100,
		    .e_phoff = sizeof(Elf32_Ehdr),
		    .e_ehsize = sizeof(Elf32_Ehdr),
		    .e_phentsize = sizeof(Elf32_Phdr),
		    .e_phnum = 2,
		},
	    .segments =
		{
		    {
			.p_type = PT_LOAD,
			.p_flags = PF_R | PF_X,
			.p_offset = 0x1000,
			.p_vaddr = KIT_KERNEL,
			.p_paddr = KIT_KERNEL,
			.p_filesz = 0x3000,
			.p_memsz = 0x3000,
		    },
		    {
			.p_type = PT_LOAD,
			.p_flags = PF_R | PF_W,
			.p_offset = 0x4000,
			.p_vaddr = KIT_KERNEL + 0x4000,
			.p_paddr = KIT_KERNEL + 0x4000,
			.p_filesz = 0x1000,
			.p_memsz = 0x4000,
		    },
		},
	    .file_size = 0x5000,
	};

	return elf;
}

int kit_elf32_file(const struct kit_elf32 *elf)
{
	int fd = kit_file(elf->file_size);

	kit_patch(fd, 0, &elf->head, sizeof(elf->head));
	kit_patch(fd, sizeof(elf->head), elf->segments, sizeof(elf->segments));
	must(ftruncate(fd, (off_t)elf->file_size) == 0, "ftruncate");
	return fd;
}

struct kit_bzimage kit_bzimage_default(void)
{
	struct kit_bzimage bz = {
	    .header =
		{
		    .setup_sects = KIT_BZ_SETUP / 512 - 1,
		    .syssize = KIT_BZ_CODE / 16,
		    .boot_flag = 0xaa55,
		    .jump = 0xeb | (0x26c - 0x202) << 8,
		    .header = 0x53726448,
		    .version = 0x020f,
		    .loadflags = LOADED_HIGH,
		    .code32_start = 0x100000,
		    .initrd_addr_max = 0x7fffffff,
		    .kernel_alignment = 0x200000,
		    .relocatable_kernel = 1,
		    .min_alignment = 21,
		    .xloadflags = XLF_KERNEL_64 | XLF_CAN_BE_LOADED_ABOVE_4G,
		    .cmdline_size = 2047,
		    .payload_offset = 0x300,
		    .payload_length = 0x3000,
		    .pref_address = KIT_KERNEL,
		    .init_size = KIT_BZ_INIT,
		},
	    .file_size = KIT_BZ_SETUP + KIT_BZ_CODE,
	};

	return bz;
}

int kit_bzimage_file(const struct kit_bzimage *bz)
{
	int fd = kit_file(bz->file_size);

	must(pwrite(fd, &bz->header, sizeof(bz->header), 0x1f1) == sizeof(bz->header), "pwrite");
	must(ftruncate(fd, (off_t)bz->file_size) == 0, "ftruncate");
	return fd;
}

struct volt_acpi_device *kit_device(struct kit *kit, const char *hid)
{
	struct volt_acpi_device *d = &kit->firmware.devices[kit->firmware.device_count++];

	*d = (struct volt_acpi_device){.size = sizeof(*d), .hid = hid};
	return d;
}

void kit_resource(
    struct volt_acpi_device *d, uint32_t type, uint32_t flags, uint64_t base, uint64_t len)
{
	d->resources[d->resource_count++] =
	    (struct volt_resource){.type = type, .flags = flags, .base = base, .len = len};
}

void kit_write_tables(struct kit *kit)
{
	if (firmware_write(&kit->firmware, &kit->memory, &kit->rsdp) != 0)
		fail_msg("refused: %s", kit_message);
}

void kit_refuse_tables(struct kit *kit, int err, const char *reason)
{
	kit_errors = 0;
	assert_int_equal(firmware_write(&kit->firmware, &kit->memory, &kit->rsdp), -err);
	assert_int_equal(kit_errors, 1);
	if (!strstr(kit_message, reason))
		fail_msg("expected \"%s\" in \"%s\"", reason, kit_message);
}

uint64_t kit_number(const uint8_t *at, unsigned bytes)
{
	uint64_t value = 0;

	memcpy(&value, at, bytes);
	return value;
}

uint8_t kit_sum(const uint8_t *at, uint64_t len)
{
	uint8_t total = 0;

	while (len-- > 0)
		total = (uint8_t)(total + *at++);
	return total;
}

static const uint8_t *table_at(const struct kit *kit, uint64_t gpa)
{
	const uint8_t *t = memory_at(&kit->memory, gpa, 36);

	must(t != NULL, "a table outside RAM");
	must(memory_at(&kit->memory, gpa, kit_number(t + 4, 4)) != NULL, "a table's length");
	return t;
}

const uint8_t *kit_table(const struct kit *kit, const char *signature)
{
	const uint8_t *rsdp = memory_at(&kit->memory, kit->rsdp, 36);
	const uint8_t *xsdt = table_at(kit, kit_number(rsdp + 24, 8));
	uint64_t count = (kit_number(xsdt + 4, 4) - 36) / 8;

	if (strcmp(signature, "XSDT") == 0)
		return xsdt;
	if (strcmp(signature, "DSDT") == 0)
		return table_at(kit, kit_number(kit_table(kit, "FACP") + 140, 8));
	for (uint64_t i = 0; i < count; i++) {
		const uint8_t *t = table_at(kit, kit_number(xsdt + 36 + 8 * i, 8));

		if (memcmp(t, signature, 4) == 0)
			return t;
	}
	return NULL;
}
