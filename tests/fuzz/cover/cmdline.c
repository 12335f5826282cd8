/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */

/* The kernel's command line: as volt makes it, and as volt-init and its shell read it. */
#include "cover.h"

#include "core/vm/cmdline.h"
#include "volt-init/cmdline.h"
#include "volt-init/parse.h"

static const char *lookup(const char *name)
{
	return name[0] == 'A' ? "a value" : NULL;
}

static void make(const char *text)
{
	const char *rest = strchr(text, '\n');
	char *head = text_of((const uint8_t *)text, rest ? (size_t)(rest - text) : 0);
	char line[512];

	if (cmdline_make(line, sizeof(line), rest ? rest : text, head, " dev=1")) {
		must(strlen(line) < sizeof(line), "longer than its room");
		must(cmdline_has(line, "dev=1") || strstr(line, "dev=1"),
		    "a device's words are gone");
	}
	cmdline_find(text, "console=ttyS0");
	free(head);
}

static void read_back(const char *text)
{
	char value[64];
	struct cmdline_port port = {.value = 7};
	const char *list = text;

	if (cmdline_get(text, "volt.run", value, sizeof(value)))
		must(strlen(value) < sizeof(value), "longer than its room");
	cmdline_is_last(text, "rw", "ro");
	while (cmdline_next_item(&list, value, sizeof(value)))
		must(value[0] != '\0', "an empty item");
	cmdline_port(text, &port);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct pipeline pipeline;
	char *text = text_of(data, size);

	make(text);
	read_back(text);
	for (const char *line = text; *line != '\0';) {
		const char *before = line;

		if (parse_pipeline(&line, &pipeline, lookup) || line == before)
			break;
		must(pipeline.count <= PARSE_COMMANDS, "more commands than there is room for");
	}
	parse_check(text, &pipeline);
	free(text);
	return 0;
}
