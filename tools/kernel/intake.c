/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/kernel/intake.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/boot/kernel.h"
#include "core/vm/store.h"
#include "tools/kernel/config.h"
#include "tools/kernel/package.h"
#include "tools/kernel/say.h"
#include "tools/kernel/unpack.h"

static int open_file(const char *path)
{
	struct stat st;
	/* Not blocking, so that a FIFO is refused and not waited for. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd < 0)
		return log_error(errno, "%s: cannot be opened: %s", path, strerror(errno));
	if (fstat(fd, &st) == 0 && (S_ISREG(st.st_mode) || S_ISDIR(st.st_mode)))
		return fd;
	close(fd);
	return log_error(EINVAL, "%s: is neither a regular file nor a folder", path);
}

/* ---------------------------------------------------------------- the kernel itself */

/* The kernel inside a bzImage, for the stage. A file of its own comes before it. */
static int store_payload(struct intake *in, const uint8_t *payload, size_t size)
{
	struct stage_writer w;
	char why[512] = "";

	if (!unpack_name(payload, size)) {
		log_warn("%s: its payload has none of the compressions that Linux has: stored "
			 "without a vmlinux",
		    in->source);
		return 0;
	}
	int err = stage_begin(&in->stage, &w, "vmlinux");
	if (err)
		return err;
	in->compression = unpack_name(payload, size);
	err = unpack_payload(payload, size, stage_write, &w, why, sizeof(why));
	if (err)
		log_error(-err, "%s: %s", in->source, why);
	return stage_end(&w, err);
}

static int unpack_bzimage(struct intake *in, int fd)
{
	static struct kernel_image file;
	struct bzimage_facts facts;
	int err = kernel_open(&file, fd, in->source);

	if (err)
		return err;
	err = bzimage_read_facts(&file, &facts);
	if (err)
		return err;
	size_t word = strcspn(facts.version, " ");
	snprintf(in->release, sizeof(in->release), "%.*s", (int)word, facts.version);
	if (stage_find(&in->stage, "vmlinux"))
		return 0;
	/* What is no Linux need not have a kernel inside: memory testers wear a bzImage's head. */
	if (facts.payload_size == 0)
		return 0;
	if (facts.payload_size > in->stage.limits.file)
		return log_error(EINVAL, "%s: the payload has %llu bytes", in->source,
		    (unsigned long long)facts.payload_size);
	uint8_t *payload = malloc(facts.payload_size);
	if (!payload)
		return log_error(ENOMEM, "%s: no memory for its payload", in->source);
	err = file_read(&file.file, facts.payload_offset, payload, facts.payload_size);
	err = err ? err : store_payload(in, payload, facts.payload_size);
	free(payload);
	return err;
}

/* One file that may be a kernel: it is said what it is, and it is stored under that name. */
static int take_kernel(struct intake *in, int fd, const char *name)
{
	static const char *const names[] = {
	    [IMAGE_ELF] = "vmlinux", [IMAGE_BZIMAGE] = "bzImage", [IMAGE_OTHER] = "kernel"};
	struct image image;
	char why[512];
	int err = image_look(&image, fd, name, why, sizeof(why));

	if (err)
		return log_error(-err, "%s: %s", name, why);
	if (lseek(fd, 0, SEEK_SET) != 0)
		return log_error(errno, "%s: %s", name, strerror(errno));
	err = stage_copy(&in->stage, names[image.kind], fd);
	return err || image.kind != IMAGE_BZIMAGE ? err : unpack_bzimage(in, fd);
}

/* A package's kernel lies on the stage already: it only gets its name. */
static int rename_kernel(struct intake *in, const char *name)
{
	const struct stage_file *found = stage_find(&in->stage, "kernel");
	struct stage_file *f = &in->stage.files[found - in->stage.files];
	char *copy = strdup(name);

	if (!copy || renameat(in->stage.fd, "kernel", in->stage.fd, name) != 0) {
		const int err = log_error(errno, "%s: %s", in->source, strerror(errno));

		free(copy);
		return err;
	}
	free(f->path);
	f->path = copy;
	return 0;
}

static int name_by_content(struct intake *in, int fd)
{
	struct image image;
	char why[512];
	int err = image_look(&image, fd, in->source, why, sizeof(why));

	if (err)
		return log_error(-err, "%s: its kernel is refused: %s", in->source, why);
	if (image.kind == IMAGE_OTHER)
		return 0;
	err = rename_kernel(in, image.kind == IMAGE_BZIMAGE ? "bzImage" : "vmlinux");
	if (err)
		return err;
	return image.kind == IMAGE_BZIMAGE ? unpack_bzimage(in, fd) : 0;
}

static int name_kernel(struct intake *in)
{
	const int fd = stage_open(&in->stage, "kernel");

	if (fd < 0)
		return log_error(errno, "%s: %s", in->source, strerror(errno));
	const int err = name_by_content(in, fd);
	close(fd);
	return err;
}

/* --------------------------------------------------------------------- what it is */

static const char *const images[] = {"vmlinux", "bzImage", "kernel"};

/* The files must be kernels that volt boots, and one of them is what it will boot. */
static int look(struct intake *in)
{
	char why[512];

	for (size_t i = 0; i < sizeof(images) / sizeof(images[0]); i++) {
		struct image image;

		if (!stage_find(&in->stage, images[i]))
			continue;
		int fd = stage_open(&in->stage, images[i]);
		if (fd < 0)
			return log_error(errno, "%s: %s", in->source, strerror(errno));
		int err = image_look(&image, fd, images[i], why, sizeof(why));
		close(fd);
		if (err)
			return log_error(
			    -err, "%s: its %s is refused: %s", in->source, images[i], why);
		if (in->boots)
			continue;
		in->boots = images[i];
		in->image = image;
	}
	return in->boots ? 0
			 : log_error(EINVAL,
			       "%s: there is no kernel in it: neither a vmlinux nor a bzImage",
			       in->source);
}

static int put_config(struct intake *in, char *text, size_t size)
{
	struct stage_writer w;
	/* One that is given goes before what a package or a folder brought. */
	int err = stage_drop(&in->stage, "config");

	if (err)
		return err;
	err = stage_begin(&in->stage, &w, "config");
	if (err)
		return err;
	err = stage_write(&w, text, size);
	if (err)
		log_error(-err, "%s: its configuration: %s", in->source, strerror(-err));
	return stage_end(&w, err);
}

/* Version and configuration that lie in the unpacked kernel itself. */
static int read_inside(struct intake *in)
{
	char why[256];
	size_t size, text_size;
	int fd = stage_open(&in->stage, in->boots);
	uint8_t *bytes = fd >= 0 ? image_read(fd, in->stage.limits.file, &size) : NULL;
	int err = !bytes ? -errno : 0;

	if (fd >= 0)
		close(fd);
	if (!bytes)
		return log_error(-err, "%s: cannot be read: %s", in->source, strerror(-err));
	char release[sizeof(in->release)];
	image_find_banner(bytes, size, in->banner, sizeof(in->banner), release, sizeof(release));
	if (release[0] != '\0')
		memcpy(in->release, release, sizeof(release));
	if (!stage_find(&in->stage, "config")) {
		char *text = config_find(bytes, size, &text_size, why, sizeof(why));

		if (text) {
			in->config = "embedded";
			err = put_config(in, text, text_size);
		} else if (why[0] != '\0') {
			log_warn("%s: the configuration inside %s", in->source, why);
		}
		free(text);
	}
	free(bytes);
	return err;
}

/* ------------------------------------------------------------ a configuration beside */

/* "# Linux/x86 6.1.0 Kernel Configuration" must fit a kernel that the file only lies near to. */
static bool is_of_kernel(const char *text, size_t size, const struct intake *in)
{
	char line[256], version[64];

	snprintf(line, sizeof(line), "%.*s", (int)(size < 200 ? size : 200), text);
	const char *at = strstr(line, "# Linux/x86 ");
	return at && sscanf(at, "# Linux/x86 %63[0-9.] Kernel", version) == 1 &&
	       (strstr(in->banner, version) || strstr(in->release, version));
}

static int take_config(struct intake *in, const char *path, const char *where, bool certain)
{
	size_t size;
	struct config config;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	char *text = fd >= 0 ? (char *)image_read(fd, CONFIG_SIZE_MAX, &size) : NULL;
	int err = !text ? -errno : 0;

	if (fd >= 0)
		close(fd);
	if (!text)
		return certain ? log_error(-err, "%s: %s", path, strerror(-err)) : 0;
	if (!certain && !is_of_kernel(text, size, in)) {
		free(text);
		return 0;
	}
	err = put_config(in, text, size);
	if (err) {
		free(text);
		return err;
	}
	in->config = where;
	if (config_parse(&config, text, size) != 0)
		return log_error(ENOEXEC, "%s: is not the configuration of a kernel", path);
	config_finish(&config);
	return 0;
}

/* config-VERSION for vmlinuz-VERSION; config or .config in the same folder, and .config three
 * above arch/x86/boot/bzImage. */
static int find_config(struct intake *in, const char *path)
{
	static const char *const near[] = {"config", ".config", "../../../.config"};
	const char *slash = strrchr(path, '/'), *dash = strchr(in->source, '-');
	int folder = slash ? (int)(slash - path) + 1 : 0;
	char other[PATH_MAX];

	if (dash && (size_t)snprintf(other, sizeof(other), "%.*sconfig%s", folder, path, dash) <
			sizeof(other)) {
		if (access(other, R_OK) == 0)
			return take_config(in, other, "adjacent", true);
		if (errno != ENOENT)
			log_warn("%s: cannot be read: %s", other, strerror(errno));
	}
	for (size_t i = 0; !in->config && i < sizeof(near) / sizeof(near[0]); i++) {
		if ((size_t)snprintf(other, sizeof(other), "%.*s%s", folder, path, near[i]) >=
		    sizeof(other))
			continue;
		int err = take_config(in, other, "adjacent", false);
		if (err)
			return err;
	}
	return 0;
}

/* ------------------------------------------------------------------------ all of it */

static int take_package(struct intake *in, int fd)
{
	struct package package;
	int err = package_unpack(&package, &in->stage, fd, in->source);

	if (err)
		return err;
	err = name_kernel(in);
	if (err)
		return err;
	in->modules = package.modules;
	if (stage_find(&in->stage, "config"))
		in->config = "package";
	if (package.left_out > 0)
		log_warn("%s: left out %u links and devices among the modules", in->source,
		    package.left_out);
	return 0;
}

/* One of a folder's files: a descriptor, -ENOENT if it has none such, or -errno, which is logged.
 */
static int open_part(const struct intake *in, int folder, const char *name)
{
	int fd = openat(folder, name, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	if (fd >= 0 || errno == ENOENT)
		return fd >= 0 ? fd : -ENOENT;
	return log_error(errno, "%s/%s: cannot be opened: %s", in->source, name, strerror(errno));
}

static int take_folder(struct intake *in, int folder)
{
	static const char *const more[] = {"config", "System.map"};
	int err = 0;

	for (size_t i = 0; !err && i < 2; i++) {
		int fd = open_part(in, folder, images[i]);

		if (fd == -ENOENT)
			continue;
		if (fd < 0)
			return fd;
		err = take_kernel(in, fd, images[i]);
		close(fd);
	}
	for (size_t i = 0; !err && i < sizeof(more) / sizeof(more[0]); i++) {
		int fd = open_part(in, folder, more[i]);

		if (fd == -ENOENT)
			continue;
		if (fd < 0)
			return fd;
		err = stage_copy(&in->stage, more[i], fd);
		close(fd);
	}
	if (err)
		return err;
	if (stage_find(&in->stage, "config"))
		in->config = "adjacent";
	return 0;
}

static void name_source(struct intake *in, const char *path)
{
	size_t end = strlen(path), start;

	while (end > 1 && path[end - 1] == '/')
		end--;
	for (start = end; start > 0 && path[start - 1] != '/';)
		start--;
	snprintf(in->source, sizeof(in->source), "%.*s", (int)(end - start), path + start);
	say_printable(in->source);
}

static int take(struct intake *in, const struct intake_request *request, int fd)
{
	struct stat st;
	bool package = package_has_magic(fd);
	int err = fstat(fd, &st) != 0 ? -errno : 0;

	if (err)
		return log_error(-err, "%s: %s", request->path, strerror(-err));
	if (S_ISDIR(st.st_mode))
		err = take_folder(in, fd);
	else if (package)
		err = take_package(in, fd);
	else
		err = take_kernel(in, fd, in->source);
	if (err)
		return err;
	err = look(in);
	if (err)
		return err;
	if (request->config)
		err = take_config(in, request->config, "given", true);
	if (err)
		return err;
	err = read_inside(in);
	if (err)
		return err;
	if (!in->config && S_ISREG(st.st_mode) && !package)
		return find_config(in, request->path);
	return 0;
}

int intake_take(struct intake *in, const struct intake_request *request)
{
	*in = (struct intake){.stage = {.fd = -1}};
	name_source(in, request->path);
	int fd = open_file(request->path);
	if (fd < 0)
		return fd;
	int err = stage_init(&in->stage, request->folder);
	err = err ? err : take(in, request, fd);
	close(fd);
	return err;
}

void intake_finish(struct intake *in)
{
	stage_finish(&in->stage);
}
