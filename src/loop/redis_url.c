/* redis_url.c: where a Redis is, as people write it. */
#include "loop/redis_url.h"

#include "base/xmalloc.h"

#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#define MOST_DATABASE 65535

/* --- pieces --- */

static int hex(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* To be freed. NULL: a % without two digits, or with those of NUL. */
static char *unescape(const char *p, size_t n)
{
	char *out = xmalloc(n + 1), *to = out;

	for (const char *end = p + n; p < end; p++) {
		*to = *p;
		if (*p == '%') {
			int high = end - p > 2 ? hex(p[1]) : -1, low = end - p > 2 ? hex(p[2]) : -1;

			if (high < 0 || low < 0 || high + low == 0) {
				free(out);
				return NULL;
			}
			*to = (char)(high << 4 | low);
			p += 2;
		}
		to++;
	}
	*to = '\0';
	return out;
}

static bool number(const char *p, size_t n, unsigned most, unsigned *out)
{
	unsigned v = 0;

	if (!n || n > 5)
		return false;
	for (size_t i = 0; i < n; i++) {
		if (p[i] < '0' || p[i] > '9')
			return false;
		v = v * 10 + (unsigned)(p[i] - '0');
	}
	*out = v;
	return v <= most;
}

/* [user]:password@, or password@ alone, which others take for a user's name: refused. */
static bool credentials(struct redis_url *u, const char *p, size_t n, const char **why)
{
	const char *colon = memchr(p, ':', n);

	if (!colon) {
		*why = "in front of @ stands [user]:password";
		return false;
	}
	if (colon > p)
		u->user = unescape(p, (size_t)(colon - p));
	u->password = unescape(colon + 1, (size_t)(p + n - colon - 1));
	if (u->password && *u->password && (u->user || colon == p))
		return true;
	*why = "the user or the password is empty, or has a % that starts no %XX";
	return false;
}

static bool place(struct redis_url *u, const char *p, size_t n, const char **why)
{
	const char *stop, *end = p + n;
	unsigned port = 6379;

	if (n && *p == '[') {
		stop = memchr(p++, ']', n);
		u->host = xstrndup(p, stop ? (size_t)(stop - p) : 0);
		stop = stop ? stop + 1 : end;
	} else {
		stop = memchr(p, ':', n);
		stop = stop ? stop : end;
		u->host = xstrndup(p, (size_t)(stop - p));
	}
	*why = "the host is missing";
	if (!*u->host)
		return false;
	*why = "the host has characters that no name or address has";
	if (strpbrk(u->host, " \t?#[]\\\"'"))
		return false;
	*why = "the port is a number from 1 to 65535";
	if (stop < end && (*stop != ':' || !number(stop + 1, (size_t)(end - stop - 1), 65535, &port) || !port))
		return false;
	u->port = (uint16_t)port;
	return true;
}

static bool database(struct redis_url *u, const char *p, const char **why)
{
	*why = "the database is a number from 0 to 65535";
	return !*p || number(p, strlen(p), MOST_DATABASE, &u->db);
}

/* --- both forms --- */

static bool tcp(struct redis_url *u, const char *p, const char **why)
{
	size_t n = strcspn(p, "/");
	const char *at = memrchr(p, '@', n);

	if (at && !credentials(u, p, (size_t)(at - p), why))
		return false;
	if (at) {
		n -= (size_t)(at + 1 - p);
		p = at + 1;
	}
	return place(u, p, n, why) && database(u, p[n] == '/' ? p + n + 1 : p + n, why);
}

static bool local(struct redis_url *u, const char *p, const char **why)
{
	const char *at = memrchr(p, '@', strcspn(p, "/")), *query;

	if (at && !credentials(u, p, (size_t)(at - p), why))
		return false;
	p = at ? at + 1 : p;
	query = strstr(p, "?db=");
	u->path = query ? xstrndup(p, (size_t)(query - p)) : xstrdup(p);
	*why = "the path of the socket is absolute";
	if (*u->path != '/')
		return false;
	*why = "the path of the socket is too long for the kernel";
	return strlen(u->path) < sizeof ((struct sockaddr_un *)0)->sun_path && database(u, query ? query + 4 : "", why);
}

static const struct {
	const char *start;
	bool (*parse)(struct redis_url *u, const char *rest, const char **why);
} forms[] = {
	{"redis://", tcp},
	{"unix://", local},
};

bool redis_url_parse(const char *text, struct redis_url *out, const char **why)
{
	struct redis_url u = {0};

	*why = strncmp(text, "rediss://", 9) == 0 ? "Redis over TLS is not spoken; let stunnel or a proxy on this host do it"
	                                          : "it starts with redis:// or unix://";
	for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
		size_t n = strlen(forms[i].start);

		if (strncmp(text, forms[i].start, n) != 0)
			continue;
		if (forms[i].parse(&u, text + n, why)) {
			*out = u;
			return true;
		}
		redis_url_release(&u);
		return false;
	}
	return false;
}

void redis_url_release(struct redis_url *u)
{
	free(u->host);
	free(u->path);
	free(u->user);
	free(u->password);
	*u = (struct redis_url){0};
}

void redis_url_show(const struct redis_url *u, struct buf *out)
{
	if (u->path)
		buf_addf(out, "unix://%s", u->path);
	else if (strchr(u->host, ':'))
		buf_addf(out, "redis://[%s]:%u", u->host, u->port);
	else
		buf_addf(out, "redis://%s:%u", u->host, u->port);
	if (u->db)
		buf_addf(out, u->path ? "?db=%u" : "/%u", u->db);
}
