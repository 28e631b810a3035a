/* text.h: a cursor over what the kernel wrote: lines, words, numbers.
 *
 * Pure, any thread. Nothing is copied and nothing needs to end in NUL: a text
 * is a range of bytes, and whatever is taken from its start makes it shorter.
 * A number that is missing, malformed or too big is "false", never 0, and
 * leaves the cursor where it was. */
#ifndef COLLECTORS_TEXT_H
#define COLLECTORS_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct text {
	const char *at, *end;
};

static inline struct text text_of(const char *p, size_t len)
{
	return (struct text){ p, p + len };
}

static inline size_t text_len(const struct text *t)
{
	return (size_t)(t->end - t->at);
}

static inline bool text_is(const struct text *t, const char *s)
{
	return text_len(t) == strlen(s) && !memcmp(t->at, s, text_len(t));
}

bool text_line(struct text *t, struct text *line);          /* without its newline; false at the end */
bool text_word(struct text *t, struct text *word);          /* up to the next blank; false when there is none */
bool text_until(struct text *t, char c, struct text *head); /* up to c, which is taken too; false when there is none */
bool text_skip(struct text *t, const char *prefix);         /* takes prefix; false when t does not start so */
bool text_u64(struct text *t, uint64_t *out);               /* blanks before it are skipped, here and below */
bool text_i64(struct text *t, int64_t *out);
bool text_f64(struct text *t, double *out);                 /* 12.34, with a point in every locale */

/* Up to n numbers into out; how many there were. */
size_t text_u64s(struct text *t, uint64_t *out, size_t n);

/* Copies t into out as valid UTF-8 that ends in NUL: bytes that belong to no
 * character become '?', so do control characters, and what does not fit is
 * cut between two characters. Returns the length. */
size_t text_clean(const struct text *t, char *out, size_t size);

/* The kernel writes blanks and backslashes in paths as \040 (mounts(5) in
 * proc(5)). Copies with these undone, cut to size; returns the length. */
size_t text_unescape(const struct text *t, char *out, size_t size);

#endif
