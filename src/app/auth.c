/* auth.c: who asks, and what they may. */
#include "app/auth.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/map.h"
#include "base/random.h"
#include "base/xmalloc.h"
#include "db/db.h"

#include <nettle/memops.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COOKIE "vedette_session"
#define SESSION_MS ((int64_t)30 * 24 * 3600 * 1000)
#define MAX_TOKEN 200

struct token {
	struct identity who;
	unsigned char hash[SHA256_DIGEST_SIZE];
};
struct session {
	struct identity who;
	int64_t ends_ms;
};
struct auth {
	struct token *tokens;
	size_t ntokens;
	struct map sessions;           /* by cookie, oldest first */
	double tries;                  /* sign-ins that may fail: a bucket that fills up again */
	int64_t tries_ms;
};

static const struct identity nobody = {ROLE_NONE, "nobody"};

static struct identity anonymous(const struct app *app)
{
	struct identity who = {app->config->anonymous, "anonymous"};

	return who;
}

/* --- tokens --- */

static void begin_tokens(void *user)
{
	((struct auth *)user)->ntokens = 0;
}

static void add_token(void *user, const char *name, const char *role, const unsigned char hash[32])
{
	struct auth *a = user;
	struct token *t;

	a->tokens = xreallocarray(a->tokens, a->ntokens + 1, sizeof *a->tokens);
	t = &a->tokens[a->ntokens++];
	t->who.role = strcmp(role, role_name(ROLE_OPERATOR)) == 0 ? ROLE_OPERATOR : ROLE_VIEWER;
	snprintf(t->who.name, sizeof t->who.name, "%s", name);
	memcpy(t->hash, hash, sizeof t->hash);
}

static const struct identity *of_token(const struct auth *a, const char *text, size_t n)
{
	unsigned char hash[SHA256_DIGEST_SIZE];
	struct sha256_ctx sha;

	if (!n || n > MAX_TOKEN)
		return NULL;
	sha256_init(&sha);
	sha256_update(&sha, n, (const uint8_t *)text);
	sha256_digest(&sha, sizeof hash, hash);
	for (size_t i = 0; i < a->ntokens; i++)
		if (memeql_sec(a->tokens[i].hash, hash, sizeof hash))
			return &a->tokens[i].who;
	return NULL;
}

/* --- sessions --- */

/* The value of our cookie in a Cookie header (RFC 6265 5.4). */
static struct slice cookie_of(const char *header)
{
	size_t len = strlen(COOKIE);

	while (header && *header) {
		size_t n;

		header += strspn(header, "; ");
		n = strcspn(header, ";");
		if (n > len && strncmp(header, COOKIE, len) == 0 && header[len] == '=')
			return slice_of(header + len + 1, n - len - 1);
		header += n;
	}
	return slice_of(NULL, 0);
}

static struct session *session_of(const struct auth *a, const struct eio_request *r)
{
	struct slice cookie = cookie_of(eio_request_header(r, "cookie"));
	struct session *s = cookie.n ? map_get(&a->sessions, cookie.p, cookie.n) : NULL;

	return s && s->ends_ms > clock_wall_ms() ? s : NULL;
}

static void drop_session(struct auth *a, struct slice cookie)
{
	if (cookie.n)
		free(map_del(&a->sessions, cookie.p, cookie.n));
}

static void make_room(struct auth *a)
{
	struct map_iter it = map_begin(&a->sessions);
	struct map_entry *oldest = map_next(&it);

	if (!oldest)
		return;
	map_end(&it);
	if (map_len(&a->sessions) >= LIMIT_BROWSER_SESSIONS)
		free(map_del(&a->sessions, oldest->key, oldest->len));
}

/* --- who --- */

struct identity auth_of_request(struct app *app, const struct eio_request *r)
{
	const char *header = eio_request_header(r, "authorization");
	const struct session *s = session_of(app->auth, r);
	const struct identity *who;

	if (header && strncasecmp(header, "Bearer ", 7) == 0) {
		who = of_token(app->auth, header + 7, strlen(header + 7));
		return who ? *who : nobody;
	}
	return s ? s->who : anonymous(app);
}

struct identity auth_of_socket(struct app *app, const struct sio_socket *s)
{
	struct sio_handshake h = sio_socket_handshake(s);
	const struct identity *who;
	struct slice token;
	struct buf text;

	if (!json_get(h.auth, "token", &token) || json_type(token) == JSON_NULL)
		return h.request ? auth_of_request(app, h.request) : anonymous(app);
	if (json_type(token) != JSON_STRING)
		return nobody;
	buf_init(&text, MAX_TOKEN);
	json_unquote(&text, token);
	who = text.full ? NULL : of_token(app->auth, text.data, text.len);
	buf_release(&text);
	return who ? *who : nobody;
}

bool auth_same_origin(const struct eio_request *r)
{
	const char *site = eio_request_header(r, "sec-fetch-site"), *origin = eio_request_header(r, "origin");
	const char *host = eio_request_header(r, "host"), *authority = origin ? strstr(origin, "://") : NULL;

	if (eio_request_header(r, "authorization"))
		return true; /* no browser adds that by itself */
	if (site)
		return strcmp(site, "same-origin") == 0 || strcmp(site, "none") == 0;
	return !origin || (authority && host && strcasecmp(authority + 3, host) == 0);
}

/* --- signing in and out --- */

static void reply_identity(struct http_request *r, const struct identity *who)
{
	struct buf b;

	buf_init(&b, 400);
	buf_adds(&b, "{\"status\":\"ok\",\"name\":");
	json_add_str(&b, who->name);
	buf_addf(&b, ",\"role\":\"%s\"}\n", role_name(who->role));
	http_add_header(r, "Cache-Control", "no-store");
	http_reply_buf(r, 200, "application/json; charset=utf-8", &b);
}

void auth_session_get(void *app, struct http_request *r)
{
	struct identity who = auth_of_request(app, http_head(r));

	reply_identity(r, &who);
}

/* Ten wrong ones, then one every six seconds: guessing a token of 256 bits was hopeless before. */
static bool may_try(struct auth *a)
{
	int64_t now = clock_mono_ms();

	a->tries += (double)(now - a->tries_ms) / 6000;
	a->tries_ms = now;
	if (a->tries > 10)
		a->tries = 10;
	return a->tries >= 1;
}

static void set_cookie(struct http_request *r, const char *value, long max_age_s)
{
	char line[200];

	snprintf(line, sizeof line, COOKIE "=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%ld", value, max_age_s);
	http_add_header(r, "Set-Cookie", line);
}

static void sign_in(struct app *app, struct http_request *r, const struct identity *who)
{
	struct session *s = xzalloc(sizeof *s);
	char first[RANDOM_ID_LEN + 1], second[RANDOM_ID_LEN + 1], cookie[2 * RANDOM_ID_LEN + 1];

	make_room(app->auth);
	random_id(first);
	random_id(second);
	snprintf(cookie, sizeof cookie, "%s%s", first, second);
	*s = (struct session){*who, clock_wall_ms() + SESSION_MS};
	map_set(&app->auth->sessions, cookie, strlen(cookie), s);
	set_cookie(r, cookie, SESSION_MS / 1000);
	reply_identity(r, who);
}

void auth_session_post(void *user, struct http_request *r)
{
	struct app *app = user;
	const struct identity *who = NULL;
	struct slice body, token;
	struct buf text;

	body.p = http_body(r, &body.n);
	if (!auth_same_origin(http_head(r))) {
		http_error(r, 403, "sign in from the dashboard's own page");
		return;
	}
	if (!json_valid(body, 10) || json_type(body) != JSON_OBJECT || !json_get(body, "token", &token) || json_type(token) != JSON_STRING) {
		http_error(r, 400, "the body must be {\"token\": \"vdt_…\"}");
		return;
	}
	if (!may_try(app->auth)) {
		http_add_header(r, "Retry-After", "6");
		http_error(r, 429, "too many wrong tokens: wait a moment");
		return;
	}
	buf_init(&text, MAX_TOKEN);
	json_unquote(&text, token);
	if (!text.full)
		who = of_token(app->auth, text.data, text.len);
	buf_release(&text);
	if (who) {
		sign_in(app, r, who);
	} else {
		app->auth->tries--;
		http_error(r, 401, "no such token; `vedette token add` makes one");
	}
}

void auth_session_delete(void *user, struct http_request *r)
{
	struct app *app = user;
	struct identity who = anonymous(app);

	if (!auth_same_origin(http_head(r))) {
		http_error(r, 403, "sign out from the dashboard's own page");
		return;
	}
	drop_session(app->auth, cookie_of(http_header(r, "cookie")));
	set_cookie(r, "", 0);
	reply_identity(r, &who);
}

/* --- life --- */

struct auth *auth_new(struct app *app)
{
	struct auth *a = xzalloc(sizeof *a);

	map_init(&a->sessions);
	a->tries = 10;
	a->tries_ms = clock_mono_ms();
	if (app->db)
		db_on_tokens(app->db, begin_tokens, add_token, a);
	return a;
}

void auth_free(struct auth *a)
{
	struct map_iter it;

	if (!a)
		return;
	it = map_begin(&a->sessions);
	for (struct map_entry *e; (e = map_next(&it));)
		free(e->value);
	map_release(&a->sessions);
	free(a->tokens);
	free(a);
}
