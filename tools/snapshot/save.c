/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "tools/ctl/connection.h"
#include "tools/ctl/vms.h"
#include "tools/snapshot/snapshot.h"

#define BYTES_MAX (1u << 20) /* that one line announces */
/* For the devices to come to rest: a busy host may not run a vCPU's thread for more than a second,
 * and Linux takes 20 of them for a lockup. */
#define LIMIT_MS "10000"

/* What comes is a guest's that may have taken its volt over: no number is believed. */
struct receiver {
	const struct snap_options *o;
	struct new_folder folder;
	struct connection connection;
	uint64_t ram; /* bytes of the guest's memory */
	struct ranges ranges;
	struct snapshot_record record;
	size_t record_size; /* bytes of `record` that are there */
	uint64_t left;      /* bytes of the record that are to come */
	uint8_t *state;
	size_t state_size;
	bool ended;
	uint64_t written; /* bytes of memory */
	uint8_t buffer[BYTES_MAX];
};

/* ------------------------------------------------------------------- records */

static int begin_record(struct receiver *r)
{
	const struct snapshot_record *record = &r->record;
	const bool memory = record->kind == SNAPSHOT_RECORD_MEMORY ||
			    (record->kind == SNAPSHOT_RECORD_ZERO && r->o->diff);

	if (r->ended)
		return -EPROTO;
	if (memory) {
		if (record->offset > r->ram || record->length > r->ram - record->offset ||
		    record->length == 0 || (record->offset | record->length) % SNAPSHOT_PAGE != 0)
			return -EPROTO;
		r->left = record->kind == SNAPSHOT_RECORD_MEMORY ? record->length : 0;
		return ranges_add(&r->ranges, record->offset, record->length);
	}
	if (record->kind == SNAPSHOT_RECORD_STATE) {
		if (r->state || record->length == 0 || record->length > SNAPSHOT_BYTES_MAX)
			return -EPROTO;
		r->left = record->length;
		r->state = malloc(record->length);
		return r->state ? 0 : -ENOMEM;
	}
	r->ended = record->kind == SNAPSHOT_RECORD_END && record->length == 0;
	return r->ended ? 0 : -EPROTO;
}

static int take_payload(struct receiver *r, const uint8_t *bytes, size_t n)
{
	const uint64_t done = r->record.length - r->left;

	r->left -= n;
	if (r->record.kind == SNAPSHOT_RECORD_STATE) {
		memcpy(r->state + done, bytes, n);
		r->state_size += n;
		return 0;
	}
	r->written += n;
	return file_put(r->folder.memory, bytes, n, r->record.offset + done);
}

static int take(struct receiver *r, const uint8_t *bytes, size_t n)
{
	int err = 0;

	while (n > 0 && !err) {
		size_t part;

		if (r->left > 0) {
			part = n < r->left ? n : (size_t)r->left;
			err = take_payload(r, bytes, part);
		} else {
			const size_t wanted = sizeof(r->record) - r->record_size;

			part = n < wanted ? n : wanted;
			memcpy((uint8_t *)&r->record + r->record_size, bytes, part);
			r->record_size += part;
			if (r->record_size == sizeof(r->record)) {
				r->record_size = 0;
				err = begin_record(r);
			}
		}
		bytes += part;
		n -= part;
	}
	return err;
}

/* ---------------------------------------------------------------- the connection */

static int unreached(const struct receiver *r, int err)
{
	const char *hint = err == -ENOENT || err == -ECONNREFUSED
			       ? "; is a VM of that name, or with that control socket, running?"
			       : "";

	return snap_say(SNAP_UNREACHED, "%s: cannot reach the VM: %s%s", r->o->words[0],
	    err == -EPROTO ? "it does not answer as a volt does" : strerror(-err), hint);
}

static const char *text_of(struct json_object *o, const char *name)
{
	struct json_object *member = NULL;

	return json_object_object_get_ex(o, name, &member) ? json_object_get_string(member) : "";
}

static int take_bytes(struct receiver *r, struct json_object *message)
{
	struct json_object *params = NULL, *size = NULL;

	json_object_object_get_ex(message, "params", &params);
	if (!params || !json_object_object_get_ex(params, "size", &size))
		return -EPROTO;
	const int64_t n = json_object_get_int64(size);
	if (n < 1 || n > BYTES_MAX)
		return -EPROTO;
	int err = connection_read_bytes(&r->connection, r->buffer, (size_t)n);
	return err ? err : take(r, r->buffer, (size_t)n);
}

/* Reads to the answer; *result is the caller's to put. The code, whose reason is printed. */
/* Takes the memory that comes in front of the answer. */
static int read_answer(struct receiver *r, struct json_object **message)
{
	for (;;) {
		int err = connection_read(&r->connection, message);

		if (err)
			return err;
		if (strcmp(text_of(*message, "method"), "bytes") != 0)
			return 0;
		err = take_bytes(r, *message);
		json_object_put(*message);
		*message = NULL;
		if (err)
			return err;
	}
}

static int call(
    struct receiver *r, const char *method, struct json_object *params, struct json_object **answer)
{
	struct json_object *message = NULL, *error = NULL;
	int err = connection_send(&r->connection, method, params);

	json_object_put(params);
	*answer = NULL;
	err = err ? err : read_answer(r, &message);
	if (err) {
		json_object_put(message);
		return err == -ENOSPC || err == -EIO || err == -EDQUOT
			   ? snap_say(SNAP_OUTPUT, "%s: cannot write the memory: %s",
				 r->o->words[1], strerror(-err))
			   : unreached(r, err);
	}
	if (json_object_object_get_ex(message, "error", &error)) {
		snap_say(SNAP_FAILED, "%s: %s", r->o->words[0], text_of(error, "message"));
		json_object_put(message);
		return SNAP_FAILED;
	}
	*answer = message;
	return SNAP_DONE;
}

static int call_plain(struct receiver *r, const char *method)
{
	struct json_object *answer;
	const int code = call(r, method, NULL, &answer);

	json_object_put(answer);
	return code;
}

static int ask_size(struct receiver *r)
{
	struct json_object *answer, *result = NULL, *memory = NULL;
	const int code = call(r, "vm.status", NULL, &answer);

	if (code != SNAP_DONE)
		return code;
	if (json_object_object_get_ex(answer, "result", &result) &&
	    json_object_object_get_ex(result, "memory", &memory))
		r->ram = (uint64_t)json_object_get_int64(memory);
	json_object_put(answer);
	if (r->ram == 0 || r->ram > 1ull << 40)
		return unreached(r, -EPROTO);
	return ftruncate(r->folder.memory, (off_t)r->ram) == 0
		   ? SNAP_DONE
		   : snap_say(SNAP_OUTPUT, "%s: cannot make a file of the guest's memory: %s",
			 r->o->words[1], strerror(errno));
}

static int receive(struct receiver *r)
{
	struct json_object *params = json_object_new_object(), *answer;

	/* As text: a value is what a user would type. */
	json_object_object_add(params, "diff", json_object_new_string(r->o->diff ? "on" : "off"));
	json_object_object_add(params, "limit-ms", json_object_new_string(LIMIT_MS));
	json_object_object_add(
	    params, "stay-paused", json_object_new_string(r->o->stop ? "on" : "off"));
	const int code = call(r, "vm.save", params, &answer);
	json_object_put(answer);
	if (code == SNAP_DONE && (!r->ended || !r->state || r->state_size == 0))
		return unreached(r, -EPROTO);
	return code;
}

/* ------------------------------------------------------------------ the files */

static void describe(const struct receiver *r, char *text, size_t size)
{
	struct utsname host = {.release = "?"};
	char when[32] = "?";
	const time_t now = time(NULL);
	struct tm utc;

	uname(&host);
	if (gmtime_r(&now, &utc))
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &utc);
	snprintf(text, size, "time=%s\nhost-kernel=%s\n%s%.400s%s", when, host.release,
	    r->o->note ? "note=" : "", r->o->note ? r->o->note : "", r->o->note ? "\n" : "");
}

static int write_files(struct receiver *r)
{
	const uint8_t none[16] = {0};
	struct snapshot from;
	char why[128], meta[1024];
	uint8_t *bytes = NULL;
	size_t n = 0;

	if (!snapshot_read(&from, r->state, r->state_size, why, sizeof(why)) || from.ram != r->ram)
		return unreached(r, -EPROTO);
	describe(r, meta, sizeof(meta));
	const int err =
	    state_rewrite(&from, &r->ranges, r->o->diff ? SNAPSHOT_RAM_DIFF : SNAPSHOT_RAM_FULL,
		r->o->diff ? from.uuid : none, meta, &bytes, &n);
	const int code = err ? snap_say(SNAP_FAILED, "%s: cannot be put together: %s",
				   r->o->words[1], strerror(-err))
			     : folder_finish(&r->folder, bytes, n);
	free(bytes);
	return code;
}

/* The VM stays paused until its snapshot is safe: then it ends, or else it goes on. */
static int save(struct receiver *r)
{
	int code = ask_size(r);

	if (code != SNAP_DONE)
		return code;
	code = receive(r);
	if (code != SNAP_DONE)
		return code;
	code = write_files(r);
	if (r->o->stop) {
		const int ended = call_plain(r, code == SNAP_DONE ? "vm.end" : "vm.resume");

		code = code == SNAP_DONE ? ended : code;
	}
	if (code == SNAP_DONE && !r->o->quiet)
		printf("%s: %llu MiB of %llu MiB of memory\n", r->o->words[1],
		    (unsigned long long)((r->written + (1 << 19)) >> 20),
		    (unsigned long long)(r->ram >> 20));
	return code;
}

/* As `volt ctl` does: a name is looked up first, then it is a path. */
static int reach(struct connection *c, const struct snap_options *o)
{
	struct vm v;

	if (strchr(o->words[0], '/') || vm_open(&v, o->words[0]))
		return connection_open(c, o->words[0], o->timeout);
	const int err = connection_open(c, vm_text(&v, "socket"), o->timeout);
	vm_close(&v);
	return err;
}

int verb_save(const struct snap_options *o)
{
	static struct receiver r;

	if (!o->words[0] || !o->words[1] || o->words[2])
		return snap_say(
		    SNAP_USAGE, "save: give the VM's name or socket, and a name for the folder");
	if (o->note && strchr(o->note, '\n'))
		return snap_say(SNAP_USAGE, "--note: must be one line");
	r.o = o;
	int code = folder_begin(&r.folder, o->words[1]);
	if (code != SNAP_DONE)
		return code;
	const int err = reach(&r.connection, o);
	code = err ? unreached(&r, err) : save(&r);
	if (code != SNAP_DONE)
		folder_drop(&r.folder);
	if (!err)
		connection_close(&r.connection);
	free(r.state);
	free(r.ranges.list);
	return code;
}
