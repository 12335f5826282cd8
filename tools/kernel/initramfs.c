/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * initramfs: volt-init's archive, and behind it one with the modules of a kernel of the store.
 *
 *	/lib/modules/NAME.ko        what volt-init loads
 *	/etc/volt/modules           the names at the start, in order
 *	/etc/volt/modules-TYPE      those of a file system, once the root is seen to have it
 *	/etc/volt/modules-virtio-ID those of a device that few guests have, if it is there
 *
 * Linux unpacks archives that follow each other, each compressed or not.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/kernel/commands.h"
#include "tools/kernel/cpio.h"
#include "tools/kernel/image.h"
#include "tools/kernel/module.h"
#include "tools/kernel/record.h"
#include "tools/kernel/say.h"

#define BASE_SIZE_MAX (1u << 30)
#define TEXT_MAX      8192u /* volt-init reads no longer list */

/* For the devices that volt has, and the file systems of most roots and of
 * shared folders. A kernel that lacks one as a
 * module has it built in, or not at all: `inspect` tells which. */
static const char usual[] = "virtio_mmio,virtio_pci,virtio_blk,virtio_net,virtio_console,"
			    "virtio_rng,vmw_vsock_virtio_transport,af_packet,ext4,virtiofs";

/* Persistent memory, virtio 1.2, 5.19: with what these need, half a MB. The id is as sysfs has it.
 */
static const char pmem_id[] = "virtio-0x001b";
static const char *const pmem[] = {"virtio_pmem", "nd_pmem"};

struct work {
	struct module_tree tree;
	struct module_list start;
	struct cpio cpio;
	unsigned taken;
};

/* What volt-init reads, line by line. */
static void put_list(struct work *w, const char *path, const struct module_list *list)
{
	char text[TEXT_MAX];
	size_t len = 0;

	for (size_t i = 0; i < list->count; i++)
		len += (size_t)snprintf(
		    text + len, sizeof(text) - len, "%s\n", list->modules[i]->name);
	cpio_put_file(&w->cpio, path, text, len);
}

static void put_modules_of(struct work *w, const struct module_list *list)
{
	char path[MODULE_NAME_MAX + 32];

	for (size_t i = 0; i < list->count; i++) {
		struct module *m = list->modules[i];
		if (m->taken)
			continue;
		m->taken = true;
		w->taken++;
		snprintf(path, sizeof(path), "lib/modules/%s.ko", m->name);
		cpio_put_file(&w->cpio, path, m->bytes, m->size);
	}
}

/* One of the names: "virtio_net" or "ext4". `must`: somebody asked for it. */
static int take_module(struct work *w, const char *name, bool must)
{
	struct module_list own = {.count = 0};
	char type[MODULE_NAME_MAX], path[MODULE_NAME_MAX + 32];
	const int later = module_is_filesystem(&w->tree, name, type);
	const int err = later < 0 ? later : module_add(&w->tree, later ? &own : &w->start, name);

	if (err == -ENOENT && must)
		return log_error(
		    ENOENT, "initramfs: the kernel has no module %s; it may be built in", name);
	if (err)
		return err == -ENOENT ? 0 : err;
	if (!later)
		return 0;
	snprintf(path, sizeof(path), "etc/volt/modules-%s", type);
	put_list(w, path, &own);
	put_modules_of(w, &own);
	return 0;
}

static int take_modules(struct work *w, const char *names, bool must)
{
	char name[MODULE_NAME_MAX];

	for (; *names != '\0'; names += *names == ',') {
		const size_t len = strcspn(names, ",");
		if (len >= sizeof(name))
			return log_error(
			    EINVAL, "initramfs: %.*s: is not a module's name", (int)len, names);
		memcpy(name, names, len);
		name[len] = '\0';
		names += len;
		const int err = len > 0 ? take_module(w, name, must) : 0;
		if (err)
			return err;
	}
	return 0;
}

static int put_pmem(struct work *w)
{
	struct module_list own = {.count = 0};
	char path[64];
	int err = 0;

	for (size_t i = 0; !err && i < sizeof(pmem) / sizeof(pmem[0]); i++)
		err = module_add(&w->tree, &own, pmem[i]);
	if (err)
		return err == -ENOENT ? 0 : err;
	snprintf(path, sizeof(path), "etc/volt/modules-%s", pmem_id);
	put_list(w, path, &own);
	put_modules_of(w, &own);
	return 0;
}

static int put_modules(struct work *w, const struct request *q, FILE *out, uint64_t size)
{
	static const char *const folders[] = {"etc", "etc/volt", "lib", "lib/modules"};

	cpio_begin(&w->cpio, out, size);
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++)
		cpio_put_folder(&w->cpio, folders[i]);
	int err = take_modules(w, usual, false);
	if (err)
		return err;
	err = put_pmem(w);
	if (err)
		return err;
	if (q->modules)
		err = take_modules(w, q->modules, true);
	if (err)
		return err;
	put_list(w, "etc/volt/modules", &w->start);
	put_modules_of(w, &w->start);
	cpio_end(&w->cpio);
	return 0;
}

/* Beside the program as installed, in the build folder that has it, or where it was to be. */
static int open_base(const struct request *q, char *path, size_t size)
{
	static const char *const places[] = {
	    KERNEL_INITRAMFS_FROM_BIN, "../../volt-init/initramfs.cpio.gz", KERNEL_INITRAMFS};
	int fd = -1;

	if (q->base)
		snprintf(path, size, "%s", q->base);
	for (size_t i = 0; !q->base && fd < 0 && i < sizeof(places) / sizeof(places[0]); i++) {
		if (program_place(places[i], path, size) == 0)
			fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (q->base)
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd >= 0)
		return fd;
	return log_error(errno,
	    "initramfs: %s: cannot be opened: %s; --base names volt-init's archive", path,
	    strerror(errno));
}

static int put_base(const struct request *q, FILE *out, uint64_t *written)
{
	char path[PATH_MAX] = "";
	size_t size;
	const int fd = open_base(q, path, sizeof(path));

	if (fd < 0)
		return fd;
	uint8_t *bytes = image_read(fd, BASE_SIZE_MAX, &size);
	const int err = bytes ? 0 : errno;
	close(fd);
	if (!bytes)
		return log_error(err, "initramfs: %s: cannot be read: %s", path, strerror(err));
	fwrite(bytes, 1, size, out);
	free(bytes);
	*written = size;
	return 0;
}

static int write_archive(const struct request *q, const char *name, FILE *out)
{
	static struct work w;
	char folder[PATH_MAX + STORE_NAME_MAX + 16];
	uint64_t size = 0;
	int err = put_base(q, out, &size);

	if (err)
		return err;
	snprintf(folder, sizeof(folder), "%s/%s/modules", q->store, name);
	err = module_tree_read(&w.tree, folder);
	err = err ? err : put_modules(&w, q, out, size);
	module_tree_finish(&w.tree);
	if (err)
		return err;
	say_progress("%s: %u modules, %s", q->output, w.taken, say_size(w.cpio.size));
	return 0;
}

/* A file of that name is there whole, or as it was before. */
static int write_and_close(const struct request *q, const char *name, const char *part, FILE *out)
{
	const int err = write_archive(q, name, out);
	const bool lost = ferror(out) != 0;

	if (fclose(out) != 0 || lost)
		return err ? err
			   : log_error(EIO, "initramfs: %s: cannot be written: %s", part,
				 strerror(errno));
	if (err)
		return err;
	if (rename(part, q->output) != 0)
		return log_error(
		    errno, "initramfs: %s: cannot be written: %s", q->output, strerror(errno));
	return 0;
}

static int write_output(const struct request *q, const char *name)
{
	char part[PATH_MAX + 32];

	snprintf(part, sizeof(part), "%s.%d", q->output, (int)getpid());
	FILE *out = fopen(part, "wxe");
	if (!out)
		return log_error(
		    errno, "initramfs: %s: cannot be written: %s", part, strerror(errno));
	const int err = write_and_close(q, name, part, out);
	if (err)
		unlink(part);
	return err;
}

int command_initramfs(const struct request *q)
{
	char name[STORE_NAME_MAX];

	if (q->count != 1 || !q->output) {
		log_error(
		    EINVAL, "initramfs: name one kernel of the store, and a file by --output");
		return SAY_USAGE;
	}
	if (record_find(q->store, q->args[0], name) != 0 || write_output(q, name) != 0)
		return SAY_FAILED;
	puts(q->output);
	return SAY_GOOD;
}
