/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include "tools/kernel/record.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/kernel/say.h"

#define JSON_STYLE \
	(JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED | JSON_C_TO_STRING_NOSLASHESCAPE)

#define FORMAT   1
#define META_MAX 65536u
#define SHORT    8u /* digits of the hash in a name */

/* ------------------------------------------------------------------- the name */

/* Words that the makers of kernels leave in "Linux version ...". */
static const struct {
	const char *word, *name;
} makers[] = {
    {"debian", "debian"},
    {"Debian", "debian"},
    {"ubuntu", "ubuntu"},
    {"Ubuntu", "ubuntu"},
    {"fedoraproject", "fedora"},
    {"redhat", "redhat"},
    {"Red Hat", "redhat"},
    {"suse", "suse"},
    {"SUSE", "suse"},
    {"archlinux", "arch"},
    {"lpine", "alpine"},
    {"amazon", "amazon"},
    {"volt@volt", "volt"},
};

static const char *maker_of(const struct intake *in)
{
	/* Who built it stands in the first pair of brackets; the compiler's maker follows. */
	const char *open = strchr(in->banner, '(');
	char who[128];

	if (!open)
		return in->release[0] != '\0' ? "linux" : NULL;
	snprintf(who, sizeof(who), "%.*s", (int)strcspn(open + 1, ")"), open + 1);
	for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++)
		if (strstr(who, makers[i].word))
			return makers[i].name;
	return "linux";
}

/* Letters, digits and what stands between them in versions; the rest becomes a dash. */
static void clean(char *text)
{
	for (char *c = text; *c != '\0'; c++)
		if (!isalnum((unsigned char)*c) && !strchr("._+~-", *c))
			*c = '-';
	while (text[0] == '.' || text[0] == '-')
		memmove(text, text + 1, strlen(text));
}

static void make_name(char name[STORE_NAME_MAX], const struct intake *in, const char *prefix,
    const char *hash, unsigned digits)
{
	const char *maker = prefix ? prefix : maker_of(in);
	char start[96];

	if (in->release[0] != '\0')
		snprintf(start, sizeof(start), "%.30s-%.60s", maker, in->release);
	else
		snprintf(start, sizeof(start), "%.80s", maker ? maker : in->source);
	clean(start);
	snprintf(name, STORE_NAME_MAX, "%s-%.*s", start[0] != '\0' ? start : "kernel", (int)digits,
	    hash);
}

/* ---------------------------------------------------------------------- writing */

static void add_text(struct json_object *o, const char *key, const char *text)
{
	if (text && text[0] != '\0')
		json_object_object_add(o, key, json_object_new_string(text));
}

static void add_number(struct json_object *o, const char *key, uint64_t number)
{
	json_object_object_add(o, key, json_object_new_int64((int64_t)number));
}

static int write_meta(struct intake *in, const struct record *r)
{
	struct json_object *o = json_object_new_object();

	add_number(o, "format", FORMAT);
	add_text(o, "name", r->name);
	add_text(o, "version", r->version);
	add_text(o, "banner", r->banner);
	add_text(o, "source", r->source);
	add_text(o, "config", r->config);
	add_text(o, "compression", r->compression);
	add_text(o, "manifest", r->manifest);
	add_number(o, "size", r->size);
	add_number(o, "files", r->files);
	add_number(o, "modules", r->modules);
	const char *text = json_object_to_json_string_ext(o, JSON_STYLE);
	int err = text ? stage_put(&in->stage, RECORD_META, text)
		       : log_error(ENOMEM, "no memory for %s", RECORD_META);
	json_object_put(o);
	return err;
}

void record_fill(struct record *r, const struct intake *in)
{
	*r = (struct record){
	    .size = in->stage.total, .files = in->stage.count, .modules = in->modules};
	snprintf(r->version, sizeof(r->version), "%s", in->release);
	snprintf(r->banner, sizeof(r->banner), "%s", in->banner);
	snprintf(r->source, sizeof(r->source), "%s", in->source);
	snprintf(r->config, sizeof(r->config), "%s", in->config ? in->config : "");
	snprintf(
	    r->compression, sizeof(r->compression), "%s", in->compression ? in->compression : "");
}

/* Returns 1 if the store has the same files already. Others whose hash begins alike: -EEXIST. */
static int compare(const struct record *r, const struct intake *in)
{
	struct record there;
	int err = record_read(&there, in->stage.folder, r->name);

	if (err)
		return err;
	return strcmp(there.manifest, r->manifest) == 0 ? 1 : -EEXIST;
}

static int publish(struct record *r, struct intake *in)
{
	int err = write_meta(in, r);

	if (err)
		return err;
	err = stage_publish(&in->stage, r->name);
	return err == -EEXIST ? compare(r, in) : err;
}

int record_publish(struct record *r, struct intake *in, const char *prefix)
{
	record_fill(r, in);
	char *manifest = stage_manifest(&in->stage, r->manifest);
	if (!manifest)
		return log_error(ENOMEM, "no memory for %s", RECORD_MANIFEST);
	int err = stage_put(&in->stage, RECORD_MANIFEST, manifest);
	free(manifest);
	if (err)
		return err;
	make_name(r->name, in, prefix, r->manifest, SHORT);
	err = publish(r, in);
	if (err != -EEXIST)
		return err;
	/* Two kernels in four thousand million are alike in so much of their hash. */
	unlinkat(in->stage.fd, RECORD_META, 0);
	make_name(r->name, in, prefix, r->manifest, 2 * SHORT);
	err = publish(r, in);
	return err == -EEXIST ? log_error(EEXIST, "%s: is another kernel", r->name) : err;
}

/* ---------------------------------------------------------------------- reading */

static void get_text(struct json_object *o, const char *key, char *text, size_t size)
{
	struct json_object *value;

	text[0] = '\0';
	if (json_object_object_get_ex(o, key, &value) &&
	    json_object_is_type(value, json_type_string))
		snprintf(text, size, "%s", json_object_get_string(value));
	say_printable(text);
}

static uint64_t get_number(struct json_object *o, const char *key)
{
	struct json_object *value;
	int64_t number = 0;

	if (json_object_object_get_ex(o, key, &value) && json_object_is_type(value, json_type_int))
		number = json_object_get_int64(value);
	return number > 0 ? (uint64_t)number : 0;
}

static int parse(struct record *r, const char *path, const char *text)
{
	struct json_object *o = json_tokener_parse(text);

	if (!o || !json_object_is_type(o, json_type_object) || get_number(o, "format") != FORMAT) {
		json_object_put(o);
		return log_error(EINVAL, "%s: is damaged, or of another volt-kernel", path);
	}
	*r = (struct record){.size = get_number(o, "size"),
	    .files = (uint32_t)get_number(o, "files"),
	    .modules = (uint32_t)get_number(o, "modules")};
	get_text(o, "version", r->version, sizeof(r->version));
	get_text(o, "banner", r->banner, sizeof(r->banner));
	get_text(o, "source", r->source, sizeof(r->source));
	get_text(o, "config", r->config, sizeof(r->config));
	get_text(o, "compression", r->compression, sizeof(r->compression));
	get_text(o, "manifest", r->manifest, sizeof(r->manifest));
	json_object_put(o);
	return 0;
}

/* A text file in a kernel's folder, to be freed; NULL: it cannot, which is logged. */
static char *read_text(const char *path, uint64_t limit)
{
	size_t size;
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOFOLLOW);
	char *text = fd >= 0 ? (char *)image_read(fd, limit, &size) : NULL;

	if (!text)
		log_error(errno, "%s: %s", path,
		    errno == ENOENT ? "is not there, so this folder was not imported; volt-kernel "
				      "remove takes it away"
				    : strerror(errno));
	else
		text[size] = '\0';
	if (fd >= 0)
		close(fd);
	return text;
}

int record_read(struct record *r, const char *folder, const char *name)
{
	char path[PATH_MAX + STORE_NAME_MAX + 32];

	snprintf(path, sizeof(path), "%s/%s/" RECORD_META, folder, name);
	char *text = read_text(path, META_MAX);
	if (!text)
		return -ENOENT;
	const int err = parse(r, path, text);
	free(text);
	if (err)
		return err;
	snprintf(r->name, sizeof(r->name), "%s", name);
	return 0;
}

static int is_name(const struct dirent *e)
{
	return store_may_name(e->d_name) && strlen(e->d_name) < STORE_NAME_MAX &&
	       (e->d_type == DT_DIR || e->d_type == DT_UNKNOWN);
}

char **record_names(const char *folder)
{
	struct dirent **found = NULL;
	int n = scandir(folder, &found, is_name, alphasort);

	if (n < 0 && errno != ENOENT) {
		log_error(errno, "%s: %s", folder, strerror(errno));
		return NULL;
	}
	if (n < 0)
		n = 0;
	char **names = calloc((size_t)n + 1, sizeof(*names));
	if (!names)
		log_error(ENOMEM, "no memory for %d names", n);
	for (int i = 0; i < n; i++) {
		if (names)
			names[i] = strdup(found[i]->d_name);
		free(found[i]);
	}
	free(found);
	return names;
}

void record_free_names(char **names)
{
	for (size_t i = 0; names && names[i]; i++)
		free(names[i]);
	free(names);
}

int record_find(const char *folder, const char *word, char name[STORE_NAME_MAX])
{
	char why[PATH_MAX + 512];
	int err = store_find(folder, word, name, why, sizeof(why));

	return err ? log_error(-err, "%s: %s", word, why) : 0;
}
