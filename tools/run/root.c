/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/*
 * root - the guest's disks: its root, of which a run changes a copy, and the folder it is given.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/run/disk.h"
#include "tools/run/image_store.h"
#include "tools/run/live.h"
#include "tools/run/machine.h"

#define SHARE_AT    "/mnt" /* every root has it, also one that nobody can write to */
#define SHARE_LABEL "volt-share"
#define ROOT_FREE   (1ull << 30)

/* Of the current folder, which nobody asked to have copied. */
static const struct disk_measure small = {.bytes = 256ull << 20, .files = 20000};
static const struct disk_measure whatever = {.bytes = 1ull << 42, .files = 1ull << 30};

static int fail(const char *option, const char *name, const char *why)
{
	return run_say("%s %s: %s", option, name, why);
}

/* ---------------------------------------------------------------------- the root */

/* What the run writes goes to a file of its own, so any number may share the image. */
static int use_image(struct machine *m, const char *path)
{
	const char *own = machine_text(m, "%s/root", m->place->path);
	const int fd = open(own, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);

	if (fd < 0)
		return fail("--image", path, strerror(errno));
	close(fd);
	machine_add(m, "--plugin");
	machine_add(m, machine_text(m, "virtio-blk,disk=%s,base=%s", machine_value(m, own),
			   machine_value(m, path)));
	machine_append(m, "root=/dev/vda rw");
	return 0;
}

static int use_folder(struct machine *m, const char *folder)
{
	const char *image = machine_text(m, "%s/root", m->place->path);
	const struct disk_plan plan = {.folder = folder, .image = image, .free_bytes = ROOT_FREE};
	struct disk_measure measure;
	char why[512];
	const int err = disk_measure(folder, &whatever, &measure);

	if (err)
		return fail("--root", folder, strerror(-err));
	if (disk_make(&plan, &measure, why, sizeof(why)) != 0)
		return fail("--root", folder, why);
	machine_add(m, "--plugin");
	machine_add(m, machine_text(m, "virtio-blk,disk=%s", machine_value(m, image)));
	machine_append(m, "root=/dev/vda rw");
	return 0;
}

static int check_folder(const char *option, const char *folder)
{
	struct stat st;

	if (stat(folder, &st) != 0)
		return fail(option, folder, strerror(errno));
	return S_ISDIR(st.st_mode) ? 0 : fail(option, folder, "is not a folder");
}

static int find_image(struct machine *m)
{
	const struct run_options *o = m->options;
	const char *word = o->image ? o->image : IMAGE_DEFAULT;
	char path[PATH_MAX];
	const int err = image_find(word, path, sizeof(path));

	if (!err)
		m->image = machine_text(m, "%s", path);
	if (!err || (!o->image && err == -ENOENT))
		return 0;
	return fail("--image", word,
	    err == -ENOENT ? "neither a file nor the name of an image; volt image list has those"
			   : strerror(-err));
}

int root_check(struct machine *m)
{
	const struct run_options *o = m->options;
	const int err = o->root ? check_folder("--root", o->root) : find_image(m);

	return err || o->no_share ? err : check_folder("--share", o->share ? o->share : ".");
}

int root_prepare(struct machine *m)
{
	if (m->options->root)
		return use_folder(m, m->options->root);
	return m->image ? use_image(m, m->image) : 0;
}

/* --------------------------------------------------------------------- the share */

static int use_share(struct machine *m, const char *folder, const struct disk_measure *most)
{
	const char *image = machine_text(m, "%s/share", m->place->path);
	const bool writable = m->options->writable;
	const struct disk_plan plan = {.folder = folder,
	    .image = image,
	    .label = SHARE_LABEL,
	    .free_bytes = writable ? ROOT_FREE : 0};
	struct disk_measure measure;
	char why[512] = "it has more than 256 MiB or 20000 files";
	int err = disk_measure(folder, most, &measure);

	if (err && err != -EFBIG)
		snprintf(why, sizeof(why), "%s", strerror(-err));
	err = err ? err : disk_make(&plan, &measure, why, sizeof(why));
	if (err && (m->options->share || writable))
		return fail("--share", folder, why);
	if (err) {
		run_say("the current folder is not shared: %s; --share . shares it, --no-share "
			"leaves out this line",
		    why);
		return 0;
	}
	machine_add(m, "--plugin");
	machine_add(m, machine_text(m, "virtio-blk,disk=%s,readonly=%s", machine_value(m, image),
			   writable ? "off" : "on"));
	machine_append(m, writable ? "volt.share=LABEL=" SHARE_LABEL "," SHARE_AT ",rw"
				   : "volt.share=LABEL=" SHARE_LABEL "," SHARE_AT);
	m->folder = SHARE_AT;
	return 0;
}

int share_prepare(struct machine *m)
{
	const struct run_options *o = m->options;

	if (o->no_share)
		return 0;
	const char *folder = o->share ? o->share : ".";
	const char *lack = live_lacks(m);
	if (lack && (o->share || o->writable))
		run_say("--share %s: is copied: %s", folder, lack);
	if (lack)
		return use_share(m, folder, o->share || o->writable ? &whatever : &small);
	live_add(m, folder, SHARE_AT);
	m->folder = SHARE_AT;
	m->live = true;
	return 0;
}
