/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <json-c/json.h>
#include <stdio.h>

#include "tools/doctor/findings.h"
#include "tools/doctor/host.h"

static void put_text(struct json_object *to, const char *key, const char *text)
{
	if (text[0] != '\0')
		json_object_object_add(to, key, json_object_new_string(text));
}

static void put_number(struct json_object *to, const char *key, uint64_t n)
{
	json_object_object_add(to, key, json_object_new_int64((int64_t)n));
}

static struct json_object *as_list(const struct findings *f)
{
	static const char *const names[] = {
	    [LEVEL_OK] = "ok", [LEVEL_WARNING] = "warning", [LEVEL_FAIL] = "fail"};
	struct json_object *list = json_object_new_array();

	for (unsigned i = 0; i < f->count; i++) {
		const struct finding *n = &f->list[i];
		struct json_object *o = json_object_new_object();

		put_text(o, "id", n->id);
		put_text(o, "level", names[n->level]);
		put_text(o, "found", n->found);
		put_text(o, "why", n->why);
		put_text(o, "mend", n->mend);
		json_object_array_add(list, o);
	}
	return list;
}

/* What was measured; nothing that was not. */
static struct json_object *figures(const struct host *h)
{
	struct json_object *o = json_object_new_object();

	if (h->guest.computed) {
		put_number(o, "exit_ns", h->guest.exit_ns);
		put_number(o, "vm_ns", h->guest.vm_ns);
		put_number(o, "instruction_ps", h->guest.loop_ps);
	}
	if (h->sealed.tried && h->sealed.status >= 0)
		put_number(o, "volt_ns", h->sealed.ns);
	if (h->seal.landlock > 0)
		put_number(o, "landlock_abi", (uint64_t)h->seal.landlock);
	return o;
}

bool findings_print_json(const struct findings *f, const struct host *h)
{
	struct json_object *o = json_object_new_object();
	bool runs = findings_count(f, LEVEL_FAIL) == 0;

	json_object_object_add(o, "runs_linux", json_object_new_boolean(runs));
	put_number(o, "fails", findings_count(f, LEVEL_FAIL));
	put_number(o, "warnings", findings_count(f, LEVEL_WARNING));
	json_object_object_add(o, "figures", figures(h));
	json_object_object_add(o, "findings", as_list(f));
	puts(json_object_to_json_string_ext(
	    o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
	return fflush(stdout) == 0 && !ferror(stdout);
}
