/* json.h: JSON text (RFC 8259) that is validated once and then carried as it is.
 *
 * A slice is a piece of somebody's text. json_scan() is strict: UTF-8, escapes,
 * numbers, depth; what it let through can be walked without further checks, and
 * can be sent on to other clients without being encoded again: nothing is lost,
 * not a digit, not a NUL inside a string. Iterative: no depth ends the stack.
 * Pure, any thread. */
#ifndef BASE_JSON_H
#define BASE_JSON_H

#include "base/buf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct slice {
	const char *p;
	size_t n;
};

static inline struct slice slice_of(const char *p, size_t n)
{
	return (struct slice){p, n};
}
struct slice slice_str(const char *s);              /* of a C string; NULL gives an empty one */
bool slice_is(struct slice s, const char *text);    /* equal to a C string */

/* The end of the one JSON value that text starts with (white space before it is
 * skipped), or NULL if there is none or it nests deeper than max_depth. */
const char *json_scan(const char *text, const char *end, unsigned max_depth);
/* The whole of text is one valid value. */
bool json_valid(struct slice text, unsigned max_depth);

enum json_type { JSON_IS_NULL, JSON_IS_FALSE, JSON_IS_TRUE, JSON_IS_NUMBER, JSON_IS_STRING, JSON_IS_ARRAY, JSON_IS_OBJECT };

/* All that follows takes text which json_scan() let through. */
enum json_type json_type(struct slice value);

struct json_walk {
	const char *at, *end;
};
struct json_walk json_walk(struct slice array_or_object);
bool json_next(struct json_walk *w, struct slice *value);                          /* of an array */
bool json_next_member(struct json_walk *w, struct slice *key, struct slice *value); /* of an object; key is quoted */
size_t json_count(struct slice array);
bool json_at(struct slice array, size_t i, struct slice *value);
bool json_get(struct slice object, const char *key, struct slice *value); /* the last one wins, as in JSON.parse */

bool json_string_is(struct slice string, const char *text);
/* Appends the string's text as UTF-8; a lone surrogate becomes U+FFFD. */
void json_unquote(struct buf *out, struct slice string);
double json_number(struct slice number);

/* --- writing --- */
void json_add_string(struct buf *out, const char *s, size_t n); /* quoted; invalid UTF-8 becomes U+FFFD */
void json_add_str(struct buf *out, const char *s);              /* NULL gives null */
void json_add_number(struct buf *out, double v);                /* shortest text that reads back the same; null if not finite */
void json_add_short(struct buf *out, double v, int digits);     /* so many significant digits; null if not finite */
void json_add_slice(struct buf *out, struct slice s);

#endif
