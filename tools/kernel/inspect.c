/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* inspect: what a kernel is and what of volt it can use. */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/kernel/commands.h"
#include "tools/kernel/feature.h"
#include "tools/kernel/interrupt.h"
#include "tools/kernel/record.h"
#include "tools/kernel/say.h"

#define JSON_STYLE \
	(JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE)

typedef unsigned long long ull; /* for %llx */

struct subject {
	struct record record;
	const char *name; /* in the store, or the file's */
	bool stored;
	struct image images[2]; /* vmlinux or kernel, then bzImage */
	const char *image_names[2];
	unsigned image_count;
	struct config config;
	bool has_config;
};

/* ---------------------------------------------------------------------- looking */

static int look_at_images(struct subject *s, int folder)
{
	static char why[512];

	for (size_t i = 0; store_images[i] && s->image_count < 2; i++) {
		int fd =
		    openat(folder, store_images[i], O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);

		if (fd < 0 && errno == ENOENT)
			continue;
		if (fd < 0)
			return log_error(
			    errno, "%s: its %s: %s", s->name, store_images[i], strerror(errno));
		int err =
		    image_look(&s->images[s->image_count], fd, store_images[i], why, sizeof(why));
		close(fd);
		if (err)
			return log_error(
			    -err, "%s: its %s is refused: %s", s->name, store_images[i], why);
		s->image_names[s->image_count++] = store_images[i];
	}
	return s->image_count > 0 ? 0 : log_error(ENOENT, "%s: has no kernel in it", s->name);
}

static int look_at_config(struct subject *s, int folder)
{
	size_t size;
	int fd = openat(folder, "config", O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);

	if (fd < 0 && errno == ENOENT)
		return 0;
	if (fd < 0)
		return log_error(errno, "%s: its configuration: %s", s->name, strerror(errno));
	char *text = (char *)image_read(fd, CONFIG_SIZE_MAX, &size);
	int err = !text ? -errno : config_parse(&s->config, text, size);
	close(fd);
	if (err == -ENOEXEC)
		log_warn("%s: the embedded configuration cannot be read", s->name);
	else if (err)
		return log_error(-err, "%s: its configuration: %s", s->name, strerror(-err));
	s->has_config = err == 0;
	return 0;
}

static int look(struct subject *s, int folder)
{
	int err = look_at_images(s, folder);

	return err ? err : look_at_config(s, folder);
}

/* ---------------------------------------------------------------------- as text */

static void print_line(const char *key, const char *value)
{
	if (value[0] != '\0')
		printf("  %-13s  %s\n", key, value);
}

static void print_images(const struct subject *s)
{
	for (unsigned i = 0; i < s->image_count; i++) {
		const struct image *image = &s->images[i];

		printf(
		    "\n%s, %s; needs --memory %lluM at least, its initrd and its own use apart\n",
		    s->image_names[i], say_size(image->size), (ull)image->memory_min >> 20);
		for (unsigned k = 0; k < IMAGE_PROTOCOLS; k++) {
			const struct image_protocol *p = &image->protocols[k];

			if (!p->name)
				printf("  %-9s  no   %s\n", p->choice, p->why);
			else
				printf("  %-9s  %s  at 0x%llx to 0x%llx, entered at 0x%llx\n",
				    p->choice, p->preferred ? "auto" : "yes ", (ull)p->start,
				    (ull)p->end - 1, (ull)p->entry);
		}
	}
}

static const char *const needs[] = {
    [FEATURE_NEEDED] = "needed", [FEATURE_WANTED] = "wanted", [FEATURE_EXTRA] = "extra"};

static void print_feature(const struct feature *f, const struct feature_state *state)
{
	char options[256];

	if (state->value == CONFIG_YES) {
		printf("  %-24s  %s\n", f->name, f->gives);
		return;
	}
	feature_spell(state->lacking, options, sizeof(options));
	printf("  %-24s  %s; %s%s (%s)\n", f->name, f->gives,
	    state->value == CONFIG_MODULE ? "from the initrd: a module by " : "needs ", options,
	    needs[f->need]);
}

static void print_features(const struct subject *s)
{
	static const char *const titles[] = {[CONFIG_YES] = "can use",
	    [CONFIG_MODULE] = "can use with a module",
	    [CONFIG_NO] = "lacks"};

	if (!s->has_config) {
		printf("\nno configuration: not in the kernel (CONFIG_IKCONFIG) and not beside it; "
		       "give one by --config\n");
		return;
	}
	for (int value = CONFIG_YES; value >= CONFIG_NO; value--) {
		bool titled = false;

		for (unsigned i = 0; i < feature_count; i++) {
			struct feature_state state = feature_look(&feature_table[i], &s->config);

			if ((int)state.value != value)
				continue;
			if (!titled)
				printf("\n%s\n", titles[value]);
			titled = true;
			print_feature(&feature_table[i], &state);
		}
	}
}

static void print_text(const struct subject *s)
{
	const struct record *r = &s->record;

	printf("%s\n", s->name);
	print_line("version", r->version);
	print_line("banner", r->banner);
	if (s->stored)
		print_line("from", r->source);
	print_line("compression", r->compression);
	print_line("configuration", r->config);
	printf("  %-13s  %s in %u files, %u of them modules\n", "size", say_size(r->size), r->files,
	    r->modules);
	print_images(s);
	print_features(s);
}

/* ---------------------------------------------------------------------- as JSON */

static void put(struct json_object *o, const char *key, const char *text)
{
	json_object_object_add(o, key, text ? json_object_new_string(text) : NULL);
}

static void put_number(struct json_object *o, const char *key, uint64_t number)
{
	json_object_object_add(o, key, json_object_new_int64((int64_t)number));
}

static struct json_object *protocol_json(const struct image_protocol *p)
{
	struct json_object *o = json_object_new_object();

	put(o, "boot", p->choice);
	json_object_object_add(o, "offered", json_object_new_boolean(p->name != NULL));
	json_object_object_add(o, "auto", json_object_new_boolean(p->preferred));
	if (!p->name) {
		put(o, "reason", p->why);
		return o;
	}
	put(o, "name", p->name);
	put_number(o, "entry", p->entry);
	put_number(o, "start", p->start);
	put_number(o, "end", p->end);
	return o;
}

static struct json_object *images_json(const struct subject *s)
{
	struct json_object *list = json_object_new_array();

	for (unsigned i = 0; i < s->image_count; i++) {
		struct json_object *o = json_object_new_object();
		struct json_object *protocols = json_object_new_array();

		put(o, "file", s->image_names[i]);
		put_number(o, "size", s->images[i].size);
		put_number(o, "memory_min", s->images[i].memory_min);
		for (unsigned k = 0; k < IMAGE_PROTOCOLS; k++)
			json_object_array_add(protocols, protocol_json(&s->images[i].protocols[k]));
		json_object_object_add(o, "protocols", protocols);
		json_object_array_add(list, o);
	}
	return list;
}

static struct json_object *feature_json(const struct subject *s)
{
	static const char *const states[] = {
	    [CONFIG_YES] = "yes", [CONFIG_MODULE] = "module", [CONFIG_NO] = "no"};
	struct json_object *list = json_object_new_array();
	char options[256];

	for (unsigned i = 0; i < feature_count; i++) {
		const struct feature *f = &feature_table[i];
		struct feature_state state = feature_look(f, &s->config);
		struct json_object *o = json_object_new_object();

		put(o, "feature", f->name);
		put(o, "gives", f->gives);
		put(o, "need", needs[f->need]);
		put(o, "state", states[state.value]);
		if (state.lacking)
			put(o, "option", feature_spell(state.lacking, options, sizeof(options)));
		json_object_array_add(list, o);
	}
	return list;
}

static void print_json(const struct subject *s)
{
	const struct record *r = &s->record;
	struct json_object *o = json_object_new_object();

	put(o, "name", s->name);
	put(o, "version", r->version);
	put(o, "banner", r->banner);
	put(o, "source", r->source);
	put(o, "compression", r->compression);
	put(o, "config", r->config);
	put_number(o, "size", r->size);
	put_number(o, "files", r->files);
	put_number(o, "modules", r->modules);
	json_object_object_add(o, "images", images_json(s));
	json_object_object_add(o, "features", s->has_config ? feature_json(s) : NULL);
	puts(json_object_to_json_string_ext(o, JSON_STYLE));
	json_object_put(o);
}

/* ------------------------------------------------------------------ the command */

static int inspect_stored(struct subject *s, const struct request *q)
{
	static char name[STORE_NAME_MAX];
	char path[PATH_MAX + STORE_NAME_MAX];

	if (record_find(q->store, q->args[0], name) != 0 ||
	    record_read(&s->record, q->store, name) != 0)
		return -ENOENT;
	s->name = name;
	s->stored = true;
	snprintf(path, sizeof(path), "%s/%s", q->store, name);
	int folder = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	if (folder < 0)
		return log_error(errno, "%s: %s", path, strerror(errno));
	int err = look(s, folder);
	close(folder);
	return err;
}

/* As if it were imported, into a folder of its own that is gone again afterwards. */
static int take_and_look(struct subject *s, const struct intake_request *request, struct intake *in)
{
	const int err = intake_take(in, request);

	if (err)
		return err;
	record_fill(&s->record, in);
	return look(s, in->stage.fd);
}

static int inspect_file(struct subject *s, const struct request *q, const char *folder)
{
	static struct intake in;
	const struct intake_request request = {
	    .path = q->args[0], .config = q->config, .folder = folder};
	s->name = q->args[0];
	const int err = take_and_look(s, &request, &in);
	intake_finish(&in);
	return err;
}

static int inspect_aside(struct subject *s, const struct request *q)
{
	char folder[PATH_MAX];

	interrupt_catch();
	int err = stage_make_temporary(folder);
	if (err)
		return err;
	err = inspect_file(s, q, folder);
	stage_remove(folder);
	return err;
}

int command_inspect(const struct request *q)
{
	static struct subject s;

	if (q->count != 1) {
		log_error(EINVAL, "inspect: name one kernel of the store, or one file");
		return SAY_USAGE;
	}
	/* A file goes before a name, as it does for volt. */
	bool file = access(q->args[0], F_OK) == 0 || !store_may_name(q->args[0]);
	if (!file && q->config) {
		log_error(EINVAL,
		    "inspect: --config goes with a file: a kernel of the store has its own");
		return SAY_USAGE;
	}
	if ((file ? inspect_aside(&s, q) : inspect_stored(&s, q)) != 0)
		return SAY_FAILED;
	if (q->json)
		print_json(&s);
	else
		print_text(&s);
	config_finish(&s.config);
	return SAY_GOOD;
}
