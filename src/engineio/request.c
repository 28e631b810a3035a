/* request.c: the request that opened a session, in one piece of memory. */
#include "base/limits.h"
#include "base/xmalloc.h"
#include "engineio/engine.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct eio_request *eio_request_ref(struct eio_request *r)
{
	r->refs++;
	return r;
}

void eio_request_unref(struct eio_request *r)
{
	if (r && !--r->refs)
		free(r);
}

const char *eio_request_header(const struct eio_request *r, const char *name)
{
	for (size_t i = 0; i < r->nheaders; i++)
		if (strcmp(r->headers[i].name, name) == 0)
			return r->headers[i].value;
	return NULL;
}

const char *eio_request_query(const struct eio_request *r, const char *name)
{
	for (size_t i = r->nquery; i-- > 0;)
		if (strcmp(r->query[i].name, name) == 0)
			return r->query[i].value;
	return NULL;
}

static int hex_of(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)tolower((unsigned char)c);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Percent-decodes n bytes to *to, and a NUL; a %00 is kept as it is written. */
static const char *put_decoded(char **to, const char *p, size_t n)
{
	char *start = *to, *o = start;

	for (size_t i = 0; i < n; i++) {
		int high = p[i] == '%' && i + 2 < n ? hex_of(p[i + 1]) : -1;
		int low = high >= 0 ? hex_of(p[i + 2]) : -1;

		if (low >= 0 && (high | low)) {
			*o++ = (char)(high << 4 | low);
			i += 2;
		} else {
			*o++ = p[i] == '+' ? ' ' : p[i];
		}
	}
	*o++ = '\0';
	*to = o;
	return start;
}

static const char *put(char **to, const char *s, bool lower)
{
	char *start = *to;

	do
		*(*to)++ = (char)(lower ? tolower((unsigned char)*s) : *s);
	while (*s++);
	return start;
}

/* White space behind a value is none of it (RFC 9110 5.5). */
static const char *put_value(char **to, const char *s)
{
	char *start = *to, *end;

	put(to, s, false);
	for (end = *to - 1; end > start && (end[-1] == ' ' || end[-1] == '\t'); end--)
		;
	*end = '\0';
	*to = end + 1;
	return start;
}

static size_t count_query(const char *q)
{
	size_t n = *q ? 1 : 0;

	for (; *q; q++)
		n += *q == '&';
	return n < LIMIT_HTTP_QUERY_ARGS ? n : LIMIT_HTTP_QUERY_ARGS;
}

static size_t put_query(struct eio_pair *pairs, size_t max, const char *q, char **to)
{
	size_t n = 0;

	while (*q && n < max) {
		size_t len = strcspn(q, "&");
		const char *eq = memchr(q, '=', len);
		size_t name_len = eq ? (size_t)(eq - q) : len;

		if (len) {
			pairs[n].name = put_decoded(to, q, name_len);
			pairs[n++].value = eq ? put_decoded(to, eq + 1, len - name_len - 1) : put(to, "", false);
		}
		q += len + (q[len] == '&');
	}
	return n;
}

static bool has_token(const char *list, const char *token)
{
	size_t n = strlen(token);

	while (*list) {
		list += strspn(list, " \t,");
		if (strncasecmp(list, token, n) == 0 && strchr(" \t,;", list[n]))
			return true;
		list += strcspn(list, ",");
	}
	return false;
}

/* A list may be told in several lines (RFC 9110 5.3). */
static bool lists(const struct eio_request *r, const char *name, const char *token)
{
	for (size_t i = 0; i < r->nheaders; i++)
		if (strcmp(r->headers[i].name, name) == 0 && has_token(r->headers[i].value, token))
			return true;
	return false;
}

struct eio_request *eio_request_new(const char *method, const char *target, const char *remote, bool secure,
                                    const struct eio_pair *headers, size_t nheaders)
{
	const char *query = strchr(target, '?');
	size_t nquery, bytes;
	struct eio_request *r;
	struct eio_pair *pairs;
	char *to;

	query = query ? query + 1 : "";
	nquery = count_query(query);
	bytes = strlen(method) + strlen(target) + strlen(remote) + strlen(query) + nquery * 2 + 4;
	for (size_t i = 0; i < nheaders; i++)
		bytes += strlen(headers[i].name) + strlen(headers[i].value) + 2;
	r = xmalloc(sizeof *r + (nheaders + nquery) * sizeof *pairs + bytes);
	pairs = (struct eio_pair *)(void *)(r + 1);
	to = (char *)(pairs + nheaders + nquery);
	*r = (struct eio_request){.refs = 1, .secure = secure, .headers = pairs, .nheaders = nheaders};
	for (size_t i = 0; i < nheaders; i++) {
		pairs[i].name = put(&to, headers[i].name, true);
		pairs[i].value = put_value(&to, headers[i].value);
	}
	r->query = pairs + nheaders;
	r->nquery = put_query(pairs + nheaders, nquery, query, &to);
	r->method = put(&to, method, false);
	r->target = put(&to, target, false);
	r->remote = put(&to, remote, false);
	r->upgrade = lists(r, "upgrade", "websocket") && lists(r, "connection", "upgrade");
	return r;
}

/* --- headers of an answer --- */

void eio_headers_add(struct eio_headers *h, const char *name, const char *value)
{
	if (strpbrk(name, "\r\n") || strpbrk(value, "\r\n"))
		return;
	if (h->list.n == h->cap) {
		h->cap = h->cap ? h->cap * 2 : 8;
		h->list.at = xreallocarray(h->list.at, h->cap, sizeof *h->list.at);
	}
	h->list.at[h->list.n++] = (struct eio_pair){xstrdup(name), xstrdup(value)};
}

void headers_release(struct eio_headers *h)
{
	for (size_t i = 0; i < h->list.n; i++) {
		free((char *)(uintptr_t)h->list.at[i].name);
		free((char *)(uintptr_t)h->list.at[i].value);
	}
	free(h->list.at);
	*h = (struct eio_headers){0};
}

struct eio_headers *eio_headers_new(void)
{
	return xzalloc(sizeof(struct eio_headers));
}

void eio_headers_free(struct eio_headers *h)
{
	if (!h)
		return;
	headers_release(h);
	free(h);
}

const struct eio_header_list *eio_headers_list(const struct eio_headers *h)
{
	return &h->list;
}
