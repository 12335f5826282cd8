/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/image/image.h"
#include "tools/run/tool.h"

static struct tool_result result;

static int fail(const char *what, const char *tool, int err)
{
	if (err == -ENOENT)
		return image_say(IMAGE_FAILED, "%s needs %s, which is not installed", what, tool);
	return image_say(IMAGE_FAILED, "%s: %s: %s", what, tool, tool_reason(&result, err));
}

/* ------------------------------------------------------------------------ which it is */

static bool has_member(const char *file, const char *member)
{
	char dotted[64];
	const char *words[] = {"tar", "-tf", file, member, NULL};

	if (tool_run(&result, words, false) == 0)
		return true;
	snprintf(dotted, sizeof(dotted), "./%s", member);
	words[3] = dotted;
	return tool_run(&result, words, false) == 0;
}

/* POSIX ustar, or a compression that tar knows. */
static bool is_archive(const char *file)
{
	static const struct {
		size_t at, size;
		const char *magic;
	} kinds[] = {{257, 5, "ustar"}, {0, 2, "\x1f\x8b"},
	    {0, 6,
		"\xfd"
		"7zXZ"},
	    {0, 4, "\x28\xb5\x2f\xfd"}, {0, 3, "BZh"}};
	char head[512] = {0};
	const int fd = open(file, O_RDONLY | O_CLOEXEC | O_NONBLOCK);

	if (fd < 0)
		return false;
	const ssize_t n = read(fd, head, sizeof(head));
	close(fd);
	for (size_t i = 0; n > 0 && i < sizeof(kinds) / sizeof(kinds[0]); i++)
		if (memcmp(head + kinds[i].at, kinds[i].magic, kinds[i].size) == 0)
			return true;
	return false;
}

enum unpack_kind unpack_look(const char *file)
{
	if (!is_archive(file))
		return UNPACK_RAW;
	if (has_member(file, "oci-layout"))
		return UNPACK_OCI;
	return has_member(file, "manifest.json") ? UNPACK_DOCKER : UNPACK_ARCHIVE;
}

/* ------------------------------------------------------------------------- an archive */

int unpack_archive(const char *file, const struct place *p, struct image_tree *t)
{
	snprintf(t->path, sizeof(t->path), "%s/tree", p->path);
	t->state[0] = '\0';
	if (geteuid() != 0)
		snprintf(t->state, sizeof(t->state), "%s/owners", p->path);
	if (mkdir(t->path, 0755) != 0)
		return image_say(IMAGE_FAILED, "%s: %s", t->path, strerror(errno));
	/* A running kernel makes the devices. */
	const char *const words[] = {"fakeroot", "-s", t->state, "--", "tar", "-xpf", file, "-C",
	    t->path, "--exclude=./dev/*", "--exclude=dev/*", NULL};
	const int err = tool_run(&result, t->state[0] ? words : words + 4, false);
	return err ? fail(file, t->state[0] ? "fakeroot or tar" : "tar", err) : IMAGE_DONE;
}

/* ---------------------------------------------------------------------------- Debian */

int unpack_debian(const struct image_request *r, const struct place *p, struct image_tree *t)
{
	char archive[PATH_MAX], include[4096];

	snprintf(archive, sizeof(archive), "%s/root.tar", p->path);
	snprintf(include, sizeof(include), "--include=%s%siproute2,ca-certificates",
	    r->include ? r->include : "", r->include ? "," : "");
	const char *const words[] = {"mmdebstrap", "--variant=minbase", include,
	    "--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*",
	    "--customize-hook=chroot \"$1\" passwd --quiet --delete root", r->debian, archive,
	    NULL};
	image_progress(r->words[0], "mmdebstrap makes the root, which takes some minutes");
	const int err = tool_run(&result, words, true);
	if (err)
		return fail(r->words[0], "mmdebstrap", err);
	return unpack_archive(archive, p, t);
}

/* ------------------------------------------------------------------------------- OCI */

/* skopeo makes a folder of whichever archive it is, and umoci unpacks the layers of that. */
int unpack_oci(const char *file, const char *kind, const struct place *p, struct image_tree *t)
{
	char from[PATH_MAX + 32], layout[PATH_MAX + 16], image[PATH_MAX + 16], bundle[PATH_MAX];

	snprintf(from, sizeof(from), "%s:%s", kind, file);
	snprintf(layout, sizeof(layout), "oci:%s/oci:image", p->path);
	snprintf(image, sizeof(image), "%s/oci:image", p->path);
	snprintf(bundle, sizeof(bundle), "%s/bundle", p->path);
	const char *const copy[] = {
	    "skopeo", "copy", "--quiet", "--insecure-policy", from, layout, NULL};
	int err = tool_run(&result, copy, false);
	if (err)
		return fail(file, "skopeo", err);
	const char *const rootless[] = {
	    "umoci", "unpack", "--rootless", "--image", image, bundle, NULL};
	const char *const as_root[] = {"umoci", "unpack", "--image", image, bundle, NULL};
	err = tool_run(&result, geteuid() == 0 ? as_root : rootless, false);
	if (err)
		return fail(file, "umoci", err);
	snprintf(t->path, sizeof(t->path), "%s/bundle/rootfs", p->path);
	t->state[0] = '\0';
	return IMAGE_DONE;
}
