/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: The Volt authors */
#include "parse.h"

#include <string.h>

struct parser {
	const char *at;
	struct pipeline *p;
	parse_lookup lookup;
	const char *error;
	bool word_seen; /* the word exists although it may be empty, as "" does */
};

static bool is_name(char c, bool first)
{
	return c == '_' || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (!first && c >= '0' && c <= '9');
}

static bool ends_word(char c)
{
	return !c || strchr(" \t\r\n;&|<>", c);
}

static void put(struct parser *s, char c)
{
	if (s->p->text_len + 1 < PARSE_TEXT)
		s->p->text[s->p->text_len++] = c;
	else
		s->error = "line too long";
}

static void expand(struct parser *s, const char *name, size_t len)
{
	char key[64];

	if (len >= sizeof(key)) {
		s->error = "variable name too long";
		return;
	}
	memcpy(key, name, len);
	key[len] = '\0';
	const char *value = s->lookup(key);
	for (; value && *value; value++) {
		put(s, *value);
		s->word_seen = true;
	}
}

static void dollar(struct parser *s)
{
	const char *name = ++s->at;
	const bool braces = *name == '{';

	if (braces)
		name = ++s->at;
	if (*s->at == '?' || *s->at == '$')
		s->at++;
	else
		while (is_name(*s->at, s->at == name))
			s->at++;
	const size_t len = (size_t)(s->at - name);
	if (braces && (!len || *s->at != '}')) {
		s->error = "bad ${name}";
		return;
	}
	if (braces)
		s->at++;
	if (len) {
		expand(s, name, len);
		return;
	}
	put(s, '$');
	s->word_seen = true;
}

static void double_quoted(struct parser *s)
{
	for (s->at++; *s->at && *s->at != '"' && !s->error;) {
		if (*s->at == '$') {
			dollar(s);
			continue;
		}
		if (*s->at == '\\' && s->at[1] && strchr("\"\\$`", s->at[1]))
			s->at++;
		put(s, *s->at++);
	}
	if (*s->at == '"')
		s->at++;
	else if (!s->error)
		s->error = "unfinished \"";
}

static void single_quoted(struct parser *s)
{
	for (s->at++; *s->at && *s->at != '\''; s->at++)
		put(s, *s->at);
	if (*s->at)
		s->at++;
	else
		s->error = "unfinished '";
}

/* The word at the cursor, or NULL if it expanded to nothing. */
static char *word(struct parser *s)
{
	char *start = s->p->text + s->p->text_len;

	s->word_seen = false;
	while (!ends_word(*s->at) && !s->error) {
		if (*s->at == '$') {
			dollar(s);
			continue;
		}
		s->word_seen = true;
		if (*s->at == '\'') {
			single_quoted(s);
		} else if (*s->at == '"') {
			double_quoted(s);
		} else {
			if (*s->at == '\\' && s->at[1])
				s->at++;
			put(s, *s->at++);
		}
	}
	if (!s->word_seen)
		return NULL;
	put(s, '\0');
	return start;
}

static void skip_blanks(struct parser *s)
{
	while (*s->at && strchr(" \t\r\n", *s->at))
		s->at++;
	if (*s->at == '#')
		s->at += strlen(s->at);
}

static void redirect(struct parser *s, struct command *c)
{
	const char kind = *s->at == '2' ? '2' : *s->at;

	s->at += kind == '2' ? 2 : 1;
	if (kind == '>' && *s->at == '>') {
		c->append = true;
		s->at++;
	} else if (kind == '>') {
		c->append = false;
	}
	skip_blanks(s);
	const char *target = ends_word(*s->at) ? NULL : word(s);
	if (!target && !s->error)
		s->error = "a file name is missing after < or >";
	*(kind == '<' ? &c->in : kind == '>' ? &c->out : &c->err) = target;
}

static bool at_redirect(const struct parser *s)
{
	return *s->at == '<' || *s->at == '>' || (s->at[0] == '2' && s->at[1] == '>');
}

static void add_word(struct parser *s, char *text)
{
	/* The last slots are kept for the NULLs that end each argv. */
	if (s->p->word_count >= PARSE_WORDS)
		s->error = "too many words";
	else
		s->p->words[s->p->word_count++] = text;
}

/* Anything at all, even a word that expanded to nothing, makes it a command. */
static bool command(struct parser *s, struct command *c)
{
	const size_t first = s->p->word_count;
	bool any = false;

	*c = (struct command){0};
	for (skip_blanks(s); !s->error && *s->at && !strchr(";&|", *s->at); skip_blanks(s)) {
		any = true;
		if (at_redirect(s)) {
			redirect(s, c);
			continue;
		}
		char *text = word(s);
		if (text && !s->error)
			add_word(s, text);
	}
	c->argv = s->p->words + first;
	c->argc = (int)(s->p->word_count - first);
	s->p->words[s->p->word_count++] = NULL;
	return any;
}

static enum parse_join join(struct parser *s)
{
	if (!*s->at)
		return JOIN_END;
	if (*s->at == ';') {
		s->at++;
		return JOIN_ALWAYS;
	}
	const bool both = s->at[0] == s->at[1];
	const enum parse_join kind = *s->at == '&' ? JOIN_AND : JOIN_OR;
	if (!both)
		s->error = "there are no background jobs: use ;, && or ||";
	s->at += both ? 2 : 1;
	return kind;
}

static void commands(struct parser *s)
{
	struct pipeline *p = s->p;

	for (;;) {
		if (p->count == PARSE_COMMANDS) {
			s->error = "too many commands in a pipeline";
			return;
		}
		const bool any = command(s, &p->commands[p->count]);
		const bool more = s->at[0] == '|' && s->at[1] != '|';
		if (any)
			p->count++;
		else if (p->count || more)
			s->error = "a command is missing beside |";
		if (s->error || !more)
			return;
		s->at++;
	}
}

const char *parse_pipeline(const char **line, struct pipeline *p, parse_lookup lookup)
{
	struct parser s = {.at = *line, .p = p, .lookup = lookup};

	p->count = 0;
	p->word_count = p->text_len = 0;
	commands(&s);
	p->join = s.error ? JOIN_END : join(&s);
	skip_blanks(&s);
	if (!s.error && p->join >= JOIN_AND && (!p->count || ends_word(*s.at)) && !at_redirect(&s))
		s.error = "a command is missing beside && or ||";
	*line = s.at;
	return s.error;
}

static const char *no_variables(const char *name)
{
	return NULL;
}

const char *parse_check(const char *line, struct pipeline *scratch)
{
	do {
		const char *error = parse_pipeline(&line, scratch, no_variables);
		if (error)
			return error;
	} while (scratch->join != JOIN_END);
	return NULL;
}
