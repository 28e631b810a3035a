/* config_kinds.c: the sorts of value that a key may have: how text becomes a field of struct config and back. */
#include "app/config_keys.h"

#include "app/config_value.h"
#include "base/xmalloc.h"
#include "loop/redis_url.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* ---- numbers ---- */

typedef void print_number(uint64_t n, struct buf *out);

static void bounds(const struct key *k, print_number *print, struct buf *out)
{
	print(k->min, out);
	buf_adds(out, " to ");
	print(k->max, out);
}

/* Behind what is wrong with a number: what is right. */
static bool out_of_bounds(const struct key *k, print_number *print, struct buf *why)
{
	buf_adds(why, " (");
	bounds(k, print, why);
	buf_addc(why, ')');
	return false;
}

static bool in_bounds(const struct key *k, uint64_t n, const char *text, print_number *print, struct buf *why)
{
	if (n >= k->min && n <= k->max)
		return true;
	buf_addf(why, "%s is too %s", text, n < k->min ? "small" : "large");
	return out_of_bounds(k, print, why);
}

static void count_print(uint64_t n, struct buf *out)
{
	buf_addu(out, n);
}

static bool ms_set(const struct key *k, void *field, const char *text, struct buf *why)
{
	uint64_t n = 0;

	if (!duration_parse(text, &n, why))
		return out_of_bounds(k, duration_print, why);
	if (!in_bounds(k, n, text, duration_print, why))
		return false;
	*(uint32_t *)field = (uint32_t)n;
	return true;
}

static bool ms_print(const struct key *k, const void *field, size_t i, struct buf *out)
{
	(void)k;
	if (!i)
		duration_print(*(const uint32_t *)field, out);
	return !i;
}

static void ms_allowed(const struct key *k, struct buf *out)
{
	bounds(k, duration_print, out);
}

/* Bounds are in ms, the field in seconds. */
static bool s_set(const struct key *k, void *field, const char *text, struct buf *why)
{
	uint64_t n = 0;

	if (!duration_parse(text, &n, why))
		return out_of_bounds(k, duration_print, why);
	if (!in_bounds(k, n, text, duration_print, why))
		return false;
	if (n % 1000) {
		buf_addf(why, "\"%s\" is finer than a second", text);
		return false;
	}
	*(uint32_t *)field = (uint32_t)(n / 1000);
	return true;
}

static bool s_print(const struct key *k, const void *field, size_t i, struct buf *out)
{
	(void)k;
	if (!i)
		duration_print(*(const uint32_t *)field * UINT64_C(1000), out);
	return !i;
}

static bool bytes_set(const struct key *k, void *field, const char *text, struct buf *why)
{
	uint64_t n = 0;

	if (!size_parse(text, &n, why))
		return out_of_bounds(k, size_print, why);
	if (!in_bounds(k, n, text, size_print, why))
		return false;
	*(uint64_t *)field = n;
	return true;
}

static bool bytes_print(const struct key *k, const void *field, size_t i, struct buf *out)
{
	(void)k;
	if (!i)
		size_print(*(const uint64_t *)field, out);
	return !i;
}

static void bytes_allowed(const struct key *k, struct buf *out)
{
	bounds(k, size_print, out);
}

static bool number_set(const struct key *k, void *field, const char *text, struct buf *why)
{
	uint64_t n = 0;

	if (!count_parse(text, &n, why))
		return out_of_bounds(k, count_print, why);
	if (!in_bounds(k, n, text, count_print, why))
		return false;
	*(uint32_t *)field = (uint32_t)n;
	return true;
}

static bool number_print(const struct key *k, const void *field, size_t i, struct buf *out)
{
	(void)k;
	if (!i)
		buf_addu(out, *(const uint32_t *)field);
	return !i;
}

static void number_allowed(const struct key *k, struct buf *out)
{
	bounds(k, count_print, out);
}

const struct kind kind_ms = {.set = ms_set, .print = ms_print, .allowed = ms_allowed};
const struct kind kind_s = {.set = s_set, .print = s_print, .allowed = ms_allowed};
const struct kind kind_size = {.set = bytes_set, .print = bytes_print, .allowed = bytes_allowed};
const struct kind kind_count = {.set = number_set, .print = number_print, .allowed = number_allowed};

/* ---- words ---- */

static bool flag_set(const struct key *k, void *field, const char *text, struct buf *why)
{
	(void)k;
	return bool_parse(text, field, why);
}

static bool flag_print(const struct key *k, const void *field, size_t i, struct buf *out)
{
	(void)k;
	if (!i)
		buf_adds(out, *(const bool *)field ? "true" : "false");
	return !i;
}

static void flag_allowed(const struct key *k, struct buf *out)
{
	(void)k;
	buf_adds(out, "true or false");
}

static void words_allowed(const struct key *k, struct buf *out)
{
	for (const char *const *w = k->words; *w; w++)
		buf_addf(out, "%s%s", w == k->words ? "" : w[1] ? ", " : " or ", *w);
}

static bool which(const struct key *k, const char *text, unsigned *out, struct buf *why)
{
	struct nearest near;

	nearest_init(&near, text);
	for (unsigned i = 0; k->words[i]; i++) {
		nearest_try(&near, k->words[i]);
		if (strcmp(text, k->words[i]) == 0) {
			*out = i;
			return true;
		}
	}
	buf_addf(why, "\"%s\" is none of ", text);
	words_allowed(k, why);
	if (near.best)
		buf_addf(why, ". Did you mean \"%s\"?", near.best);
	return false;
}

/* Enumerations are as wide as an unsigned int for gcc and clang alike, unless they are packed. */
static_assert(sizeof(enum role) == sizeof(unsigned) && sizeof(enum log_level) == sizeof(unsigned), "enum is not an int");

static bool word_set(const struct key *k, void *field, const char *text, struct buf *why)
{
	unsigned i;

	if (!which(k, text, &i, why))
		return false;
	memcpy(field, &i, sizeof i);
	return true;
}

static bool word_print(const struct key *k, const void *field, size_t i, struct buf *out)
{
	unsigned value;

	memcpy(&value, field, sizeof value);
	if (!i)
		buf_adds(out, k->words[value]);
	return !i;
}

/* A set of words: bit i is word i. */
static bool bit_set(const struct key *k, void *field, const char *text, struct buf *why)
{
	unsigned i;

	if (!which(k, text, &i, why))
		return false;
	*(uint32_t *)field |= UINT32_C(1) << i;
	return true;
}

static bool bit_print(const struct key *k, const void *field, size_t i, struct buf *out)
{
	uint32_t bits = *(const uint32_t *)field;

	for (unsigned w = 0; k->words[w]; w++) {
		if (bits >> w & 1 && !i--) {
			buf_adds(out, k->words[w]);
			return true;
		}
	}
	return false;
}

static void bits_clear(void *field)
{
	*(uint32_t *)field = 0;
}

const struct kind kind_bool = {.set = flag_set, .print = flag_print, .allowed = flag_allowed};
const struct kind kind_word = {.set = word_set, .print = word_print, .allowed = words_allowed};
const struct kind kind_words = {
	.list = true, .quoted = true, .set = bit_set, .print = bit_print, .clear = bits_clear, .allowed = words_allowed,
};

/* ---- text and lists of it ---- */

static bool text_set(const struct key *k, void *field, const char *text, struct buf *why)
{
	char **at = field;

	if (strlen(text) < k->min || strlen(text) > k->max) {
		buf_adds(why, *text ? "is too long" : "must not be empty");
		return false;
	}
	free(*at);
	*at = *text ? xstrdup(text) : NULL;
	return true;
}

static bool text_print(const struct key *k, const void *field, size_t i, struct buf *out)
{
	const char *text = *(char *const *)field;

	(void)k;
	if (!i && text)
		buf_adds(out, text);
	return !i;
}

static bool web_address_set(const struct key *k, void *field, const char *text, struct buf *why)
{
	char *address = NULL;
	bool good = !*text || web_address_parse(text, &address, why);

	good = good && text_set(k, field, address ? address : "", why);
	free(address);
	return good;
}

static void web_address_allowed(const struct key *k, struct buf *out)
{
	(void)k;
	buf_adds(out, "\"https://host[:port][/path/]\"");
}

static void text_clear(void *field)
{
	char **at = field;

	free(*at);
	*at = NULL;
}

static bool redis_set(const struct key *k, void *field, const char *text, struct buf *why)
{
	const char *wrong = "";
	struct redis_url url;

	if (*text && !redis_url_parse(text, &url, &wrong)) {
		buf_addf(why, "is no address of a Redis: %s", wrong); /* not what it is: it may hold a password */
		return false;
	}
	if (*text)
		redis_url_release(&url);
	return text_set(k, field, text, why);
}

/* "redis://…@host:6379/1": what stands before an @ is a password. */
static bool redis_print(const struct key *k, const void *field, size_t i, struct buf *out)
{
	const char *text = *(char *const *)field, *begin, *at;

	(void)k;
	if (i || !text)
		return !i;
	begin = strstr(text, "://") + 3;
	at = memrchr(begin, '@', strcspn(begin, "/"));
	if (at)
		buf_addf(out, "%.*s…%s", (int)(begin - text), text, at);
	else
		buf_adds(out, text);
	return true;
}

static void redis_allowed(const struct key *k, struct buf *out)
{
	(void)k;
	buf_adds(out, "\"redis://[[user]:password@]host[:port][/database]\" or \"unix://…/path/to/socket[?db=database]\"");
}

static void path_allowed(const struct key *k, struct buf *out)
{
	(void)k;
	buf_adds(out, "an absolute path");
}

static bool room(const struct key *k, size_t n, struct buf *why)
{
	if (n < k->max)
		return true;
	buf_addf(why, "has more than %u items", (unsigned)k->max);
	return false;
}

static bool strings_add(const struct key *k, struct config_strings *list, char *take_text, struct buf *why)
{
	if (!room(k, list->n, why)) {
		free(take_text);
		return false;
	}
	list->at = xreallocarray(list->at, list->n + 1, sizeof *list->at);
	list->at[list->n++] = take_text;
	return true;
}

static bool host_set(const struct key *k, void *field, const char *text, struct buf *why)
{
	char *host;

	return host_parse(text, &host, why) && strings_add(k, field, host, why);
}

static bool origin_set(const struct key *k, void *field, const char *text, struct buf *why)
{
	char *origin;

	return origin_parse(text, &origin, why) && strings_add(k, field, origin, why);
}

static bool strings_print(const struct key *k, const void *field, size_t i, struct buf *out)
{
	const struct config_strings *list = field;

	(void)k;
	if (i < list->n)
		buf_adds(out, list->at[i]);
	return i < list->n;
}

static void strings_clear(void *field)
{
	struct config_strings *list = field;

	for (size_t i = 0; i < list->n; i++)
		free(list->at[i]);
	free(list->at);
	*list = (struct config_strings){.n = 0};
}

static void hosts_allowed(const struct key *k, struct buf *out)
{
	(void)k;
	buf_adds(out, "names or addresses, without a port");
}

static void origins_allowed(const struct key *k, struct buf *out)
{
	(void)k;
	buf_adds(out, "\"https://host[:port]\" or \"*\"");
}

static bool addr_add(const struct key *k, struct config_addrs *list, const struct config_addr *a, struct buf *why)
{
	if (!room(k, list->n, why))
		return false;
	for (size_t i = 0; i < list->n; i++) {
		if (a->port && strcmp(list->at[i].text, a->text) == 0) {
			buf_addf(why, "%s is there twice", a->text);
			return false;
		}
	}
	list->at = xreallocarray(list->at, list->n + 1, sizeof *list->at);
	list->at[list->n++] = *a;
	return true;
}

static bool addr_set(const struct key *k, void *field, const char *text, struct buf *why)
{
	struct config_addr a;

	if (!addr_parse(text, &a, why))
		return false;
	if (addr_add(k, field, &a, why))
		return true;
	addr_release(&a);
	return false;
}

static bool addr_print(const struct key *k, const void *field, size_t i, struct buf *out)
{
	const struct config_addrs *list = field;

	(void)k;
	if (i < list->n)
		buf_adds(out, list->at[i].text);
	return i < list->n;
}

static void addrs_clear(void *field)
{
	struct config_addrs *list = field;

	for (size_t i = 0; i < list->n; i++)
		addr_release(&list->at[i]);
	free(list->at);
	*list = (struct config_addrs){.n = 0};
}

static void addrs_allowed(const struct key *k, struct buf *out)
{
	(void)k;
	buf_adds(out, "\"ADDRESS:PORT\", IPv6 as \"[ADDRESS]:PORT\"");
}

const struct kind kind_path = {
	.path = true, .quoted = true, .set = text_set, .print = text_print, .clear = text_clear, .allowed = path_allowed,
};
const struct kind kind_web_address = {
	.quoted = true, .set = web_address_set, .print = text_print, .clear = text_clear, .allowed = web_address_allowed,
};
const struct kind kind_redis = {
	.quoted = true, .secret = true, .set = redis_set, .print = redis_print, .clear = text_clear, .allowed = redis_allowed,
};
const struct kind kind_hosts = {
	.list = true, .quoted = true, .set = host_set, .print = strings_print, .clear = strings_clear,
	.allowed = hosts_allowed,
};
const struct kind kind_origins = {
	.list = true, .quoted = true, .set = origin_set, .print = strings_print, .clear = strings_clear,
	.allowed = origins_allowed,
};
const struct kind kind_addrs = {
	.list = true, .quoted = true, .set = addr_set, .print = addr_print, .clear = addrs_clear,
	.allowed = addrs_allowed,
};
