/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "cmdline.h"
#include "parts.h"
#include "small.h"
#include "text.h"

/* include/uapi/linux/module.h; kernels without CONFIG_MODULE_DECOMPRESS answer EINVAL. */
enum { MODULE_INIT_COMPRESSED_FILE = 4 };

static const char list_path[] = "/etc/volt/modules";

static bool ends_in(const char *text, const char *end)
{
	const size_t len = strlen(text), end_len = strlen(end);

	return len >= end_len && !strcmp(text + len - end_len, end);
}

static int open_module(const char *name, char *path, size_t size)
{
	const char *suffix = find_text(name, ".ko") ? "" : ".ko";
	struct utsname uts;
	int fd;

	if (strchr(name, '/')) {
		text_format(path, size, "%s", name);
		return open(path, O_RDONLY | O_CLOEXEC);
	}
	text_format(path, size, "/lib/modules/%s%s", name, suffix);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 && !uname(&uts)) {
		text_format(path, size, "/lib/modules/%s/%s%s", uts.release, name, suffix);
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (fd < 0) {
		text_format(path, size, "/modules/%s%s", name, suffix);
		fd = open(path, O_RDONLY | O_CLOEXEC);
	}
	return fd;
}

int module_load(const char *name, const char *params)
{
	char path[512];
	int fd = open_module(name, path, sizeof(path));
	int error = 0;

	if (fd < 0)
		return -errno;
	const int flags = ends_in(path, ".ko") ? 0 : MODULE_INIT_COMPRESSED_FILE;
	if (syscall(SYS_finit_module, fd, params, flags) && errno != EEXIST)
		error = -errno;
	close(fd);
	return error;
}

static void load(const char *name, const char *params)
{
	int error = module_load(name, params);

	if (error)
		complain("cannot load module %s: %s", name, strerror(-error));
}

/* A line: NAME [PARAMETERS]; # begins a comment. */
static void load_line(char *line)
{
	line[strcspn(line, "#\r")] = '\0';
	line += strspn(line, " \t");
	char *params = line + strcspn(line, " \t");
	if (params == line)
		return;
	if (*params) {
		*params++ = '\0';
		params += strspn(params, " \t");
	}
	load(line, params);
}

static void load_file(const char *path)
{
	static char text[8192];

	if (read_file(path, text, sizeof(text)) <= 0)
		return;
	for (char *line = text; line;) {
		char *end = strchr(line, '\n');
		if (end)
			*end++ = '\0';
		load_line(line);
		line = end;
	}
}

static bool is_device(const char *name)
{
	return name[0] != '.';
}

/* Of drivers for devices that few guests have: `device` says 0x001b for virtio's number 27. */
static void load_for_devices(void)
{
	static const char devices[] = "/sys/bus/virtio/devices";
	char path[300], id[16], **names;
	const int count = names_read(devices, is_device, strcmp, &names);

	for (int i = 0; i < count; i++) {
		text_format(path, sizeof(path), "%s/%s/device", devices, names[i]);
		if (read_file(path, id, sizeof(id)) <= 0)
			continue;
		id[strcspn(id, "\n")] = '\0';
		text_format(path, sizeof(path), "virtio-%s", id);
		modules_load_for(path);
	}
}

void modules_load(const char *list)
{
	char name[256];

	load_file(list_path);
	while (cmdline_next_item(&list, name, sizeof(name)))
		load(name, "");
	load_for_devices();
}

void modules_load_for(const char *type)
{
	char path[300];

	text_format(path, sizeof(path), "%s-%s", list_path, type);
	load_file(path);
}
