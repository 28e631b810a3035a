/* config_text.c: makes a configuration file's text fit for libconfuse 3.3.
 *
 * One small scanner serves both functions. It splits text the way libconfuse's
 * own does: strings in either quote, ${VARIABLES}, three kinds of comment,
 * `{ } ( ) = += ,` and words of everything else. */
#include "app/config_text.h"

#include <ctype.h>
#include <string.h>

enum token { END, WORD, OPEN, CLOSE, LEFT, RIGHT, ASSIGN, COMMA, COMMENT, OPEN_STRING, OPEN_COMMENT, BAD_ESCAPE, BAD_SIGN, BAD_BYTE };

struct scan {
	const char *at, *end;      /* what is left */
	unsigned line;             /* of at */

	const char *from;          /* the last token: its text, quotes included… */
	size_t len;
	unsigned from_line;        /* …and the line on which it begins */
};

static const char blanks[] = " \t\r\n\f\v";
static const char enders[] = " \t\r\n\f\v#\"'={}(),*+"; /* what ends a word */

static bool at(const struct scan *s, const char *what)
{
	size_t n = strlen(what);

	return (size_t)(s->end - s->at) >= n && memcmp(s->at, what, n) == 0;
}

static void step(struct scan *s, size_t n)
{
	for (; n; n--)
		s->line += *s->at++ == '\n';
}

/* ${NAME} is one piece, whatever is between the braces. */
static bool variable(struct scan *s)
{
	const char *close = at(s, "${") ? memchr(s->at, '}', (size_t)(s->end - s->at)) : NULL;

	if (close)
		step(s, (size_t)(close - s->at) + 1);
	return close != NULL;
}

/* A backslash and a number is one byte. One that is more makes libconfuse give
 * up with its scanner inside the string; control characters mean mischief. */
static bool bad_escape(const struct scan *s)
{
	static const char digits[] = "0123456789abcdef";
	bool hex = at(s, "\\x");
	unsigned base = hex ? 16 : 8, value = 0, n = 0, most = hex ? 2 : 3;
	const char *p = s->at + 1 + hex;

	if (*s->at != '\\')
		return false;
	for (; p < s->end && isxdigit((unsigned char)*p) && (hex ? n < most : isdigit((unsigned char)*p)); p++, n++) {
		unsigned digit = (unsigned)(strchr(digits, tolower((unsigned char)*p)) - digits);

		value = digit < base && n < most ? value * base + digit : 256;
	}
	return (n || hex) && (value < ' ' || value == 0x7f || value > 255);
}

static enum token string(struct scan *s)
{
	char quote = *s->at;

	for (step(s, 1); s->at < s->end && *s->at != quote;) {
		if (quote == '"' && bad_escape(s))
			return BAD_ESCAPE;
		if (quote == '"' && variable(s))
			continue;
		step(s, *s->at == '\\' && s->end - s->at > 1 ? 2 : 1);
	}
	if (s->at == s->end)
		return OPEN_STRING;
	step(s, 1);
	return WORD;
}

static enum token line_comment(struct scan *s)
{
	while (s->at < s->end && *s->at != '\n')
		step(s, 1);
	return COMMENT;
}

static enum token block_comment(struct scan *s)
{
	for (step(s, 2); s->at < s->end; step(s, 1)) {
		if (at(s, "*/")) {
			step(s, 2);
			return COMMENT;
		}
	}
	return OPEN_COMMENT;
}

static enum token word(struct scan *s)
{
	while (s->at < s->end && !strchr(enders, *s->at))
		step(s, 1);
	return WORD;
}

static enum token piece(struct scan *s)
{
	static const char signs[] = "{}()=,";
	static const enum token tokens[] = {OPEN, CLOSE, LEFT, RIGHT, ASSIGN, COMMA};
	const char *sign = strchr(signs, *s->at);
	unsigned char c = (unsigned char)*s->at;

	if (at(s, "+=")) {
		step(s, 2);
		return ASSIGN;
	}
	if (c == '*' || c == '+' || c < ' ' || c == 0x7f) {
		step(s, 1);
		return c == '*' || c == '+' ? BAD_SIGN : BAD_BYTE;
	}
	if (sign) {
		step(s, 1);
		return tokens[sign - signs];
	}
	if (c == '"' || c == '\'')
		return string(s);
	if (c == '#' || at(s, "//"))
		return line_comment(s);
	if (at(s, "/*"))
		return block_comment(s);
	return variable(s) ? WORD : word(s);
}

static enum token next(struct scan *s)
{
	enum token t;

	while (s->at < s->end && *s->at && strchr(blanks, *s->at))
		step(s, 1);
	s->from = s->at;
	s->from_line = s->line;
	s->len = 0;
	if (s->at == s->end)
		return END;
	t = piece(s);
	s->len = (size_t)(s->at - s->from);
	return t;
}

/* ---- cleaning ---- */

#define MAX_DEPTH 16

struct nest {
	unsigned opened[MAX_DEPTH]; /* lines */
	size_t n;
};

static bool broken(struct scan *s, unsigned *line, struct buf *why, const char *what)
{
	*line = s->from_line;
	buf_adds(why, what);
	return false;
}

/* Between the parentheses of a call: strings and commas in turn. */
static bool call(enum token before, enum token t)
{
	switch (before) {
	case LEFT:
	case COMMA: return t == WORD;
	default: return t == COMMA || t == RIGHT;
	}
}

static const char *const wrong[] = {
	[OPEN_STRING] = "the string that begins here is never closed",
	[OPEN_COMMENT] = "the comment that begins here is never closed",
	[BAD_ESCAPE] = "`\\` and a number stand for one byte, octal up to \\377 or \\x and hexadecimal, that can be printed",
	[BAD_SIGN] = "`*` and `+` must be within quotes",
	[BAD_BYTE] = "a control character does not belong here",
};

/* "2 s": a number, a blank, and a word on the same line that begins no statement. */
static bool parted(const struct scan *s, const struct scan *number)
{
	struct scan ahead = *s;
	enum token t = next(&ahead);

	if (number->from_line != s->from_line || strspn(number->from, "0123456789.") != number->len)
		return false;
	if (t == WORD) /* a section and its title? */
		t = next(&ahead) == OPEN ? OPEN : END;
	return t != ASSIGN && t != OPEN && t != LEFT;
}

static bool sound(struct scan *s, enum token t, enum token before, bool *calling, struct nest *nest, unsigned *line,
	struct buf *why)
{
	if (*calling && !call(before, t))
		return broken(s, line, why, "a call is written name(\"text\")");
	*calling = t == LEFT || (*calling && t != RIGHT);
	if (t >= OPEN_STRING)
		return broken(s, line, why, wrong[t]);
	switch (t) {
	case OPEN:
		if (nest->n == MAX_DEPTH)
			return broken(s, line, why, "nested too deeply");
		nest->opened[nest->n++] = s->from_line;
		return true;
	case CLOSE:
		if (!nest->n)
			return broken(s, line, why, "`}` without a `{` before it");
		nest->n--;
		return true;
	default: return true;
	}
}

static void keep(struct scan *s, enum token t, enum token before, enum token twice_before, struct buf *out)
{
	if (t == CLOSE && before == OPEN && twice_before == ASSIGN)
		buf_adds(out, "\"\"");
	if (t == COMMENT)
		for (size_t i = 0; i < s->len; i++)
			buf_addc(out, s->from[i] == '\n' ? '\n' : ' ');
	else
		buf_add(out, s->from, s->len);
}

bool config_text_clean(const char *text, size_t len, struct buf *out, unsigned *line, struct buf *why)
{
	struct scan s = {.at = text, .end = text + len, .line = 1}, last = s;
	enum token t, before = END, twice_before = END;
	struct nest nest = {.n = 0};
	const char *seen = text;
	bool calling = false;

	for (; (t = next(&s)) != END; seen = s.at) {
		buf_add(out, seen, (size_t)(s.from - seen));
		if (t != COMMENT && !sound(&s, t, before, &calling, &nest, line, why))
			return false;
		if (t == WORD && before == WORD && twice_before == ASSIGN && parted(&s, &last)) {
			buf_addf(why, "a number and its unit are one word: %.*s%.*s", (int)last.len, last.from, (int)s.len, s.from);
			*line = s.from_line;
			return false;
		}
		keep(&s, t, before, twice_before, out);
		if (t != COMMENT) {
			last = s;
			twice_before = before;
			before = t;
		}
	}
	buf_add(out, seen, (size_t)(s.at - seen));
	if (nest.n) {
		s.from_line = nest.opened[nest.n - 1];
		return broken(&s, line, why, "the `{` on this line is never closed");
	}
	if (calling)
		return broken(&s, line, why, "a call that is never closed");
	return true;
}

/* ---- blanking a statement ---- */

static bool is_named(const struct scan *s, const char *name)
{
	size_t quote = s->len > 1 && strchr("\"'", *s->from) ? 1 : 0;
	size_t n = strlen(name);

	return s->len - 2 * quote == n && memcmp(s->from + quote, name, n) == 0;
}

/* s stands behind what opens; goes behind what closes it. */
static void skip_to(struct scan *s, enum token opens, enum token closes)
{
	enum token t;

	for (size_t depth = 1; depth && (t = next(s)) != END;)
		depth += (size_t)(t == opens) - (size_t)(t == closes);
}

/* s stands behind the name; goes to the end of its statement. */
static void skip_statement(struct scan *s)
{
	struct scan ahead = *s;
	enum token t = next(&ahead);

	if (t == ASSIGN || t == WORD) { /* a value, or a title */
		*s = ahead;
		t = next(&ahead);
	}
	if (t == WORD || t == OPEN || t == LEFT)
		*s = ahead;
	if (t == OPEN)
		skip_to(s, OPEN, CLOSE);
	if (t == LEFT)
		skip_to(s, LEFT, RIGHT);
}

static bool begins_statement(const struct scan *s, enum token before)
{
	struct scan ahead = *s;
	enum token t = next(&ahead);

	return before != ASSIGN && before != COMMA && t != COMMA && t != CLOSE && t != RIGHT;
}

bool config_text_blank(char *text, unsigned line, const char *name)
{
	struct scan s = {.at = text, .end = text + strlen(text), .line = 1};
	enum token t, before = END;

	for (; (t = next(&s)) != END && s.from_line <= line; before = t) {
		char *from = text + (s.from - text);

		if (t != WORD || s.from_line != line || !is_named(&s, name) || !begins_statement(&s, before))
			continue;
		skip_statement(&s);
		for (; from < s.at; from++)
			if (*from != '\n')
				*from = ' ';
		return true;
	}
	return false;
}
