/* SPDX-License-Identifier: GPL-2.0-only */
#include <stdlib.h>
#include <string.h>

#include "dais.h"

void print_json(struct json_object *o)
{
	puts(json_object_to_json_string_ext(o, JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED |
					       JSON_C_TO_STRING_NOSLASHESCAPE));
	json_object_put(o);
}

/* How many bytes the UTF-8 character at s has; 0: it is none (RFC 3629, section 4). */
static size_t utf8(const unsigned char *s)
{
	size_t i, n = s[0] < 0x80 ? 1 : s[0] < 0xc2 ? 0 : s[0] < 0xe0 ? 2 : s[0] < 0xf0 ? 3 : s[0] < 0xf5 ? 4 : 0;

	for (i = 1; i < n; i++)
		if ((s[i] & 0xc0) != 0x80)
			return 0;
	if ((s[0] == 0xe0 && s[1] < 0xa0) || (s[0] == 0xed && s[1] > 0x9f) || (s[0] == 0xf0 && s[1] < 0x90) ||
	    (s[0] == 0xf4 && s[1] > 0x8f))
		return 0;
	return n;
}

/* JSON is UTF-8 (RFC 8259, section 8.1); names of guests, CPUs and files need not be. */
static struct json_object *text_object(const char *value)
{
	char *text = strdup(value), *at;
	struct json_object *o;
	size_t n;

	if (!text)
		abort(); /* a few bytes: nothing sensible is left to do */
	for (at = text; *at; at += n ? n : 1) {
		n = utf8((const unsigned char *)at);
		if (!n)
			*at = '?';
	}
	o = json_object_new_string(text);
	free(text);
	return o;
}

void json_add(struct json_object *o, const char *key, const char *value)
{
	json_object_object_add(o, key, text_object(value));
}

void json_write(FILE *to, const char *value)
{
	struct json_object *o = text_object(value);

	fputs(json_object_to_json_string_ext(o, JSON_C_TO_STRING_NOSLASHESCAPE), to);
	json_object_put(o);
}

void json_add_number(struct json_object *o, const char *key, uint64_t value)
{
	json_object_object_add(o, key, json_object_new_uint64(value));
}

void json_add_bool(struct json_object *o, const char *key, bool value)
{
	json_object_object_add(o, key, json_object_new_boolean(value));
}
