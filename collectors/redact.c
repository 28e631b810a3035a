/* redact.c: command lines without the secrets in their arguments.
 *
 * An argument is looked at word by word, because "sh -c" and programs that
 * rewrite their title put many into one. A word may hold a secret (a URL's
 * password, NAME=value), be one (known kinds of tokens), or announce one:
 * then what follows is hidden, to the end of the argument where it is one
 * argument's business, to the end of the word inside of a longer text. */
#include "collectors/redact.h"

#include "collectors/text.h"

#include <ctype.h>
#include <fnmatch.h>
#include <string.h>

static const char mask[] = "***";

/* Parts of names that make their value a secret, wherever they stand in the name; … */
static const char *const secret_parts[] = {
	"passw", "passphrase", "secret", "token", "apikey", "api-key", "api_key", "api.key", "accesskey", "access-key",
	"access_key", "accountkey", "account-key", "account_key", "privatekey", "private-key", "private_key", "credential",
	"authorization", "signature", "cookie",
};
/* … words that do so when they are a whole part of it, as in MYSQL_PWD and dbPass; … */
static const char *const secret_words[] = { "pass", "pwd", "pw", "auth", "creds" };
/* … and ends of names that tell where the secret is, not what it is. */
static const char *const harmless_ends[] = {
	"file", "path", "dir", "stdin", "prompt", "tokens", "url", "type", "method", "length", "-fd", "-jar",
};

/* How some programs are told a secret by a letter: -pSECRET or -p SECRET. */
static const struct {
	const char *program;   /* a glob of its name */
	char letter;
	bool separate;         /* the secret may be an argument of its own */
} letters[] = {
	{ "mysql*", 'p', false },  { "mariadb*", 'p', false }, { "mycli", 'p', false },   { "xtrabackup", 'p', false },
	{ "sshpass", 'p', true },  { "mongo*", 'p', true },    { "redis-cli", 'a', true }, { "ldap*", 'w', true },
	{ "zip", 'P', true },      { "unzip", 'P', true },     { "7z*", 'p', false },     { "sqlcmd", 'P', true },
	{ "bcp", 'P', true },      { "ipmitool", 'P', true },  { "valkey-cli", 'a', true },
	{ "login", 'p', true },    { "useradd", 'p', true },   { "usermod", 'p', true }, /* docker login, az login */
	{ "mosquitto_*", 'P', true },
};

/* Options of which the part after a colon (user:password) or '%' is a secret. */
static const char *const user_options[] = { "-u", "-U", "--user", "--proxy-user" };

/* How tokens start that are known by their look. */
static const char *const token_starts[] = {
	"ghp_", "gho_", "ghs_", "ghu_", "ghr_", "github_pat_", "glpat-", "xoxb-", "xoxp-", "xoxa-", "hvs.", "sk_live_",
	"rk_live_", "sk-", "eyJ",
};
#define TOKEN_LEAST 20

#define COUNT(list) (sizeof(list) / sizeof *(list))

enum pending { NOTHING, REST_OF_USER, SECRET };
struct state {
	char *out;
	size_t len, size;
	enum pending arg;      /* what the next argument is */
	enum pending word;     /* what the next word of this argument is */
	unsigned programs;     /* bits: rows of letters[] whose program was named */
};

static void put(struct state *s, const char *p, size_t n)
{
	for (size_t i = 0; i < n && s->len + 1 < s->size; i++)
		s->out[s->len++] = p[i];
}

static void put_mask(struct state *s)
{
	put(s, mask, sizeof mask - 1);
}

static bool blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n';
}

static bool quote(char c)
{
	return c == '"' || c == '\'';
}

static bool name_char(char c)
{
	return isalnum((unsigned char)c) || c == '_' || c == '-' || c == '.';
}

/* --- is that the name of a secret? --- */

static bool ends_with(const char *name, const char *end)
{
	size_t n = strlen(name), e = strlen(end);

	return n >= e && !strcmp(name + n - e, end);
}

static bool has_word(const char *name, const char *word)
{
	size_t len = strlen(word);

	for (const char *at = name; (at = strstr(at, word)); at++)
		if ((at == name || !isalnum((unsigned char)at[-1])) && !isalnum((unsigned char)at[len]))
			return true;
	return false;
}

static bool names_secret(const char *p, const char *end)
{
	char name[256];
	size_t len = 0;

	if (end - p >= (ptrdiff_t)sizeof name / 2)
		p = end - sizeof name / 2 + 1;
	for (const char *c = p; c < end; c++) {
		if (c > p && isupper((unsigned char)*c) && islower((unsigned char)c[-1]))
			name[len++] = '-'; /* dbPass is db-pass */
		name[len++] = (char)tolower((unsigned char)*c);
	}
	name[len] = '\0';
	for (size_t i = 0; i < COUNT(harmless_ends); i++)
		if (ends_with(name, harmless_ends[i]))
			return false;
	for (size_t i = 0; i < COUNT(secret_parts); i++)
		if (strstr(name, secret_parts[i]))
			return true;
	for (size_t i = 0; i < COUNT(secret_words); i++)
		if (has_word(name, secret_words[i]))
			return true;
	return false;
}

/* --- what a word may hold --- */

struct range {
	const char *from, *to;
};

/* ghp_16C7e42F292c6912E7710c838347Ae178B4a */
static bool is_token(const char *p, const char *end, struct range *r)
{
	for (size_t i = 0; i < COUNT(token_starts); i++) {
		size_t len = strlen(token_starts[i]);

		if (end - p >= TOKEN_LEAST && !memcmp(p, token_starts[i], len)) {
			*r = (struct range){ p, end };
			return true;
		}
	}
	return false;
}

/* redis://user:secret@host/0, and https://token@host */
static bool in_url(const char *p, const char *end, struct range *r)
{
	const char *host = memmem(p, (size_t)(end - p), "://", 3), *at = NULL, *colon;

	if (!host)
		return false;
	host += 3;
	for (const char *c = host; c < end && !memchr("/?#", *c, 3); c++)
		if (*c == '@')
			at = c;
	if (!at || at == host)
		return false;
	colon = memchr(host, ':', (size_t)(at - host));
	if (!colon && at - host < TOKEN_LEAST)
		return false;
	*r = (struct range){ colon ? colon + 1 : host, at };
	return r->from < r->to;
}

/* The value that begins at p: of a whole argument, or of one word of a text. */
static const char *value_end(const char *p, const char *end, const char *arg_end, bool whole)
{
	if (whole)
		return arg_end;
	if (p < arg_end && quote(*p)) {
		const char *closing = memchr(p + 1, *p, (size_t)(arg_end - p - 1));

		return closing ? closing + 1 : arg_end;
	}
	while (p < end && !quote(*p) && !memchr(";&,", *p, 3))
		p++;
	return p;
}

/* --password=secret, PGPASSWORD=secret, ?token=secret&x=1 */
static bool assigned(const char *p, const char *end, const char *arg, const char *arg_end, struct range *r)
{
	for (const char *eq = p; (eq = memchr(eq, '=', (size_t)(end - eq))); eq++) {
		const char *name = eq;

		while (name > p && name_char(name[-1]))
			name--;
		if (eq + 1 == arg_end || !names_secret(name, eq))
			continue;
		*r = (struct range){ eq + 1, value_end(eq + 1, end, arg_end, name == arg) };
		return r->from < r->to;
	}
	return false;
}

/* "a \"secret\"", or all of that once more escaped, as in a shell's quotes. */
static const char *json_end(const char *p, const char *end, const char *arg_end)
{
	bool escaped = p < arg_end && *p == '\\';
	const char *open = p + escaped;

	if (open == arg_end || !quote(*open))
		return value_end(p, end, arg_end, false);
	for (const char *c = open + 1; c < arg_end; c++) {
		if (*c == *open)
			return c + 1;
		if (*c == '\\' && !escaped && c + 1 < arg_end)
			c++;
	}
	return arg_end;
}

/* {"password":"secret"}: the name of a member of JSON, whose value is all that belongs to it. */
static bool member(const char *p, const char *end, const char *arg_end, struct range *r)
{
	for (const char *colon = p; (colon = memchr(colon, ':', (size_t)(end - colon))); colon++) {
		const char *name = colon - 1, *name_end;

		if (colon == p || !quote(colon[-1]))
			continue;
		if (name > p && name[-1] == '\\')
			name--;
		for (name_end = name; name > p && name_char(name[-1]);)
			name--;
		if (!names_secret(name, name_end))
			continue;
		r->from = colon + 1;
		while (r->from < arg_end && blank(*r->from))
			r->from++;
		r->to = json_end(r->from, r->from > end ? arg_end : end, arg_end);
		return r->from < r->to;
	}
	return false;
}

/* Authorization: Bearer secret; pass:secret. All that follows belongs to it. */
static bool headed(const char *p, const char *end, const char *arg_end, char opened, struct range *r)
{
	for (const char *colon = p; (colon = memchr(colon, ':', (size_t)(end - colon))); colon++) {
		const char *name = colon, *closing;

		while (name > p && name_char(name[-1]))
			name--;
		if ((colon + 1 < end && colon[1] == '/') || !names_secret(name, colon))
			continue;
		r->from = colon + 1;
		while (r->from < arg_end && blank(*r->from))
			r->from++;
		closing = opened ? memchr(r->from, opened, (size_t)(arg_end - r->from)) : NULL;
		r->to = closing ? closing : arg_end;
		return r->from < r->to;
	}
	return false;
}

/* user:secret after -u, user%secret after -U; but 1000:1000 is a user and a group. */
static bool after_user(const char *p, const char *end, struct range *r)
{
	const char *mark = p;
	bool numbers = true;

	while (mark < end && *mark != ':' && *mark != '%')
		mark++;
	if (mark == end)
		return false;
	for (const char *c = p; c < end; c++)
		numbers = numbers && (c == mark || isdigit((unsigned char)*c));
	*r = (struct range){ mark + 1, end };
	return !numbers && r->from < r->to;
}

/* --- what a word announces --- */

static void note_program(struct state *s, const char *p, const char *end)
{
	const char *slash = memrchr(p, '/', (size_t)(end - p));
	char name[64];

	if (slash)
		p = slash + 1;
	if (end - p >= (ptrdiff_t)sizeof name)
		return;
	memcpy(name, p, (size_t)(end - p));
	name[end - p] = '\0';
	for (size_t i = 0; i < COUNT(letters); i++)
		if (!fnmatch(letters[i].program, name, 0))
			s->programs |= 1u << i;
}

/* Is this -p or -pSECRET of a program that was named? */
static bool is_letter(const struct state *s, const char *p, const char *end, bool *separate)
{
	bool any = false;

	if (end - p < 2 || *p != '-')
		return false;
	for (size_t i = 0; i < COUNT(letters); i++)
		if (s->programs & 1u << i && letters[i].letter == p[1]) {
			any = true;
			*separate = letters[i].separate;
		}
	return any;
}

static bool is_user_option(const char *p, const char *end)
{
	for (size_t i = 0; i < COUNT(user_options); i++)
		if ((size_t)(end - p) == strlen(user_options[i]) && !memcmp(p, user_options[i], (size_t)(end - p)))
			return true;
	return false;
}

static enum pending announces(const struct state *s, const char *p, const char *end)
{
	const char *name = p;
	bool separate = false;

	if (is_user_option(p, end))
		return REST_OF_USER;
	if (end - p == 2 && is_letter(s, p, end, &separate) && separate)
		return SECRET;
	if ((end - p == 6 && !strncasecmp(p, "bearer", 6)))
		return SECRET;
	while (name < end && *name == '-')
		name++;
	for (const char *c = name; c < end; c++)
		if (!name_char(*c))
			return NOTHING;
	return name > p && name < end && names_secret(name, end) ? SECRET : NOTHING;
}

static void take_first(bool found, const struct range *r, bool *any, struct range *first)
{
	if (found && (!*any || r->from < first->from))
		*first = *r;
	*any = *any || found;
}

/* The first secret in the word; the rest of the word is looked at again after it. */
static bool holds_secret(
	const struct state *s, const char *p, const char *end, const char *arg, const char *arg_end, char opened,
	struct range *first)
{
	bool separate, any = false;
	struct range r = { 0 };

	if (is_letter(s, p, end, &separate) && end - p > 2) {
		*first = (struct range){ p + 2, end };
		return true;
	}
	if (end - p > 2 && is_user_option(p, p + 2) && p[1] != '-')
		take_first(after_user(p + 2, end, &r), &r, &any, first);
	take_first(is_token(p, end, &r), &r, &any, first);
	take_first(member(p, end, arg_end, &r), &r, &any, first);
	take_first(headed(p, end, arg_end, opened, &r), &r, &any, first);
	take_first(assigned(p, end, arg, arg_end, &r), &r, &any, first);
	take_first(in_url(p, end, &r), &r, &any, first);
	return any;
}

/* --user=name:secret is told as --user name:secret is. */
static bool user_assigned(const char *p, const char *end, struct range *r)
{
	const char *eq = memchr(p, '=', (size_t)(end - p));

	return eq && is_user_option(p, eq) && after_user(eq + 1, end, r);
}

/* --- the walk --- */

/* One word, or what is left of it after a secret; returns where to go on. */
static const char *word(struct state *s, const char *p, const char *arg, const char *arg_end)
{
	enum pending now = s->word;
	const char *end;
	char opened = 0;
	struct range r;

	s->word = NOTHING;
	if (quote(*p)) {
		opened = *p++;
		put(s, &opened, 1);
	}
	if (now == SECRET && opened) {
		end = memchr(p, opened, (size_t)(arg_end - p));
		put_mask(s);
		return end ? end : arg_end;
	}
	for (end = p; end < arg_end && !blank(*end);)
		end++;
	if (now == SECRET) {
		put_mask(s);
		return end;
	}
	if (now == REST_OF_USER ? after_user(p, end, &r) :
	    user_assigned(p, end, &r) || holds_secret(s, p, end, arg, arg_end, opened, &r)) {
		put(s, p, (size_t)(r.from - p));
		put_mask(s);
		return r.to;
	}
	put(s, p, (size_t)(end - p));
	note_program(s, p, end);
	if (end < arg_end)
		s->word = announces(s, p, end);
	else
		s->arg = announces(s, p, end);
	return end;
}

static void argument(struct state *s, const char *arg, const char *end)
{
	enum pending now = s->arg;
	const char *p = arg;

	s->arg = s->word = NOTHING;
	/* "--password --verbose" asks for the password: what follows is none. */
	if (now == SECRET && !(end - arg > 1 && !memcmp(arg, "--", 2))) {
		put_mask(s);
		return;
	}
	s->word = now == REST_OF_USER ? now : NOTHING;
	while (p < end)
		if (blank(*p))
			put(s, p++, 1);
		else
			p = word(s, p, arg, end);
}

size_t redact_command(const char *args, size_t len, char *out, size_t size)
{
	char raw[1024];
	struct state s = { .out = raw, .size = size * 2 < sizeof raw ? size * 2 : sizeof raw };
	struct text shown;

	while (len && !args[len - 1])
		len--;
	for (size_t at = 0; at < len && s.len + 1 < s.size;) {
		size_t n = strnlen(args + at, len - at);

		if (at)
			put(&s, " ", 1);
		argument(&s, args + at, args + at + n);
		at += n + 1;
	}
	shown = text_of(raw, s.len);
	return text_clean(&shown, out, size);
}
