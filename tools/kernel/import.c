/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

#include <errno.h>
#include <stdio.h>

#include "tools/kernel/commands.h"
#include "tools/kernel/interrupt.h"
#include "tools/kernel/record.h"
#include "tools/kernel/say.h"

static void tell(const struct record *r, const struct intake *in, bool there)
{
	say_progress("%s %s: %s%s%s%s%s, %s in %u files", r->name,
	    there ? "was there already" : "is in the store", in->boots,
	    in->compression ? " unpacked from " : "", in->compression ? in->compression : "",
	    in->config ? ", configuration " : ", no configuration", in->config ? in->config : "",
	    say_size(r->size), r->files);
}

static int store(const struct request *q, const struct intake_request *request, struct intake *in,
    struct record *r)
{
	int err = intake_take(in, request);

	if (err)
		return err;
	err = record_publish(r, in, q->name);
	if (err < 0)
		return err;
	tell(r, in, err == 1);
	err = q->make_default ? default_set(q->store, r->name) : 0;
	if (err)
		return err;
	puts(r->name); /* for scripts */
	return 0;
}

int import_path(const struct request *q, const char *path)
{
	static struct intake in;
	const struct intake_request request = {
	    .path = path, .config = q->config, .folder = q->store};
	struct record r = {0};

	interrupt_catch();
	const int err = store(q, &request, &in, &r);
	intake_finish(&in);
	return err;
}

int command_import(const struct request *q)
{
	if (q->count == 0) {
		log_error(EINVAL, "import: name a kernel, a package or a folder; see --help");
		return SAY_USAGE;
	}
	if (q->count > 1 && (q->config || q->make_default)) {
		log_error(EINVAL, "import: --config and --default go with one kernel");
		return SAY_USAGE;
	}
	int code = SAY_GOOD;
	for (int i = 0; i < q->count; i++) /* what a signal leaves no time for is not done */
		if (interrupt_came() != 0 || import_path(q, q->args[i]) != 0)
			code = SAY_FAILED;
	return code;
}
