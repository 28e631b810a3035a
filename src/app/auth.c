/* auth.c: who asks, and what they may.
 *
 * Each request is asked anew. Sockets are pushed to unasked, so when what they came with ends, they are looked through. */
#include "app/auth.h"

#include "base/clock.h"
#include "base/limits.h"
#include "base/list.h"
#include "base/log.h"
#include "base/map.h"
#include "base/random.h"
#include "base/xmalloc.h"
#include "db/db.h"

#include <assert.h>
#include <nettle/memops.h>
#include <nettle/sha2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define COOKIE "vedette_session"
#define SESSION_MS ((int64_t)30 * 24 * 3600 * 1000)
#define SWEEP_MS 60000
#define MAX_TOKEN 200

struct token {
	struct identity who;
	unsigned char hash[SHA256_DIGEST_SIZE];
};
struct session {
	struct identity who;
	unsigned char token[SHA256_DIGEST_SIZE]; /* ends with this one */
	int64_t ends_ms;
};
struct auth {
	struct app *app;
	struct sio_namespace *guarded[4];
	size_t nguarded;
	bool reviewing;                /* at the end of this turn */
	struct loop_timer sweep;
	struct token *tokens;
	size_t ntokens;
	bool told;                     /* which tokens there are */
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

/* --- those who may no longer --- */

static const struct token *token_of_hash(const struct auth *a, const unsigned char hash[SHA256_DIGEST_SIZE])
{
	for (size_t i = 0; i < a->ntokens; i++)
		if (memeql_sec(a->tokens[i].hash, hash, SHA256_DIGEST_SIZE))
			return &a->tokens[i];
	return NULL;
}

static bool drop_ended(struct auth *a)
{
	struct map_iter it = map_begin(&a->sessions);
	int64_t now = clock_wall_ms();
	bool any = false;

	for (struct map_entry *e; (e = map_next(&it));) {
		const struct session *s = e->value;

		if (s->ends_ms > now && token_of_hash(a, s->token))
			continue;
		free(map_del(&a->sessions, e->key, e->len));
		any = true;
	}
	return any;
}

struct review {
	struct app *app;
	size_t n;
};

static void review_socket(void *user, struct sio_socket *s)
{
	struct review *r = user;

	if (auth_of_socket(r->app, s).role >= ROLE_VIEWER)
		return;
	sio_socket_disconnect(s, false);
	r->n++;
}

static void review(void *user)
{
	struct auth *a = user;
	struct review r = {a->app, 0};

	a->reviewing = false;
	drop_ended(a);
	for (size_t i = 0; i < a->nguarded; i++)
		sio_each_socket(a->guarded[i], review_socket, &r);
	if (r.n)
		log_info("%zu clients were disconnected: what they came with is valid no more", r.n);
}

void auth_review(struct auth *a)
{
	if (!a->reviewing)
		loop_defer(a->app->loop, review, a);
	a->reviewing = true;
}

static void on_sweep(struct loop_timer *t)
{
	struct auth *a = list_item(t, struct auth, sweep);

	loop_timer_set(a->app->loop, t, SWEEP_MS, on_sweep);
	if (drop_ended(a))
		auth_review(a);
}

/* --- tokens --- */

static void begin_tokens(void *user)
{
	struct auth *a = user;

	a->ntokens = 0;
	a->told = true;
	auth_review(a); /* when all were told */
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

static const struct token *of_token(const struct auth *a, const char *text, size_t n)
{
	unsigned char hash[SHA256_DIGEST_SIZE];
	const struct token *t;
	struct sha256_ctx sha;

	if (!n || n > MAX_TOKEN)
		return NULL;
	sha256_init(&sha);
	sha256_update(&sha, n, (const uint8_t *)text);
	sha256_digest(&sha, sizeof hash, hash);
	t = token_of_hash(a, hash);
	if (t && a->app->db)
		db_token_used(a->app->db, t->who.name, clock_wall_ms());
	return t;
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
	struct session *s = cookie.n ? map_del(&a->sessions, cookie.p, cookie.n) : NULL;

	if (s)
		auth_review(a);
	free(s);
}

static void make_room(struct auth *a)
{
	struct map_iter it = map_begin(&a->sessions);
	struct map_entry *oldest = map_next(&it);

	if (!oldest)
		return;
	map_end(&it);
	if (map_len(&a->sessions) >= LIMIT_BROWSER_SESSIONS)
		drop_session(a, slice_of(oldest->key, oldest->len));
}

/* --- who --- */

/* The token of `Authorization: Bearer` (RFC 6750 2.1), or NULL. */
static const char *bearer(const struct eio_request *r)
{
	const char *header = eio_request_header(r, "authorization");

	return header && strncasecmp(header, "Bearer ", 7) == 0 ? header + 7 : NULL;
}

struct identity auth_of_request(struct app *app, const struct eio_request *r)
{
	const struct session *s = session_of(app->auth, r);
	const char *text = bearer(r);
	const struct token *t;

	if (text) {
		t = of_token(app->auth, text, strlen(text));
		return t ? t->who : nobody;
	}
	return s ? s->who : anonymous(app);
}

struct identity auth_of_socket(struct app *app, const struct sio_socket *s)
{
	struct sio_handshake h = sio_socket_handshake(s);
	const struct token *t;
	struct slice token;
	struct buf text;

	if (!json_get(h.auth, "token", &token) || json_type(token) == JSON_IS_NULL)
		return h.request ? auth_of_request(app, h.request) : anonymous(app);
	if (json_type(token) != JSON_IS_STRING)
		return nobody;
	buf_init(&text, MAX_TOKEN);
	json_unquote(&text, token);
	t = text.full ? NULL : of_token(app->auth, text.data, text.len);
	buf_release(&text);
	return t ? t->who : nobody;
}

static void let_in(void *app, struct sio_socket *s, struct sio_next *next)
{
	if (auth_of_socket(app, s).role >= ROLE_VIEWER)
		sio_next(next);
	else
		sio_refuse(next, "unauthorized", NULL);
}

void auth_guard(struct app *app, struct sio_namespace *nsp)
{
	struct auth *a = app->auth;

	assert(a->nguarded < sizeof a->guarded / sizeof *a->guarded);
	a->guarded[a->nguarded++] = nsp;
	sio_use(nsp, let_in, app);
}

bool auth_same_origin(const struct eio_request *r)
{
	const char *site = eio_request_header(r, "sec-fetch-site"), *origin = eio_request_header(r, "origin");
	const char *host = eio_request_header(r, "host"), *authority = origin ? strstr(origin, "://") : NULL;

	if (bearer(r))
		return true; /* no browser adds that by itself, as it does Basic */
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

/* Ten wrong ones are told so, then one every six seconds. The right one is not kept waiting, or whoever sends wrong ones would keep
 * everybody out; nor need it be, as nobody guesses 256 bits. */
static bool may_err(struct auth *a)
{
	int64_t now = clock_mono_ms();

	a->tries += (double)(now - a->tries_ms) / 6000;
	a->tries_ms = now;
	if (a->tries > 10)
		a->tries = 10;
	if (a->tries < 1)
		return false;
	a->tries--;
	return true;
}

static void set_cookie(struct http_request *r, const char *value, long max_age_s)
{
	char line[200];

	snprintf(line, sizeof line, COOKIE "=%s; Path=/; HttpOnly; SameSite=Strict; Max-Age=%ld", value, max_age_s);
	http_add_header(r, "Set-Cookie", line);
}

static void sign_in(struct app *app, struct http_request *r, const struct token *t)
{
	struct session *s = xzalloc(sizeof *s);
	char first[RANDOM_ID_LEN + 1], second[RANDOM_ID_LEN + 1], cookie[2 * RANDOM_ID_LEN + 1];

	make_room(app->auth);
	random_id(first);
	random_id(second);
	snprintf(cookie, sizeof cookie, "%s%s", first, second);
	s->who = t->who;
	memcpy(s->token, t->hash, sizeof s->token);
	s->ends_ms = clock_wall_ms() + SESSION_MS;
	map_set(&app->auth->sessions, cookie, strlen(cookie), s);
	set_cookie(r, cookie, SESSION_MS / 1000);
	reply_identity(r, &t->who);
}

void auth_session_post(void *user, struct http_request *r)
{
	struct app *app = user;
	const struct token *t = NULL;
	struct slice body, token;
	struct buf text;

	body.p = http_body(r, &body.n);
	if (!auth_same_origin(http_head(r))) {
		http_error(r, 403, "sign in from the dashboard's own page");
		return;
	}
	if (!json_valid(body, 10) || json_type(body) != JSON_IS_OBJECT || !json_get(body, "token", &token) || json_type(token) != JSON_IS_STRING) {
		http_error(r, 400, "the body must be {\"token\": \"vdt_…\"}");
		return;
	}
	buf_init(&text, MAX_TOKEN);
	json_unquote(&text, token);
	if (!text.full)
		t = of_token(app->auth, text.data, text.len);
	buf_release(&text);
	if (t) {
		sign_in(app, r, t);
	} else if (may_err(app->auth)) {
		http_error(r, 401, "no such token; `vedette token add` makes one");
	} else {
		http_add_header(r, "Retry-After", "6");
		http_error(r, 429, "too many wrong tokens: wait a moment");
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

	a->app = app;
	map_init(&a->sessions);
	loop_timer_set(app->loop, &a->sweep, SWEEP_MS, on_sweep);
	a->tries = 10;
	a->tries_ms = clock_mono_ms();
	if (app->db)
		db_on_tokens(app->db, begin_tokens, add_token, a);
	return a;
}

bool auth_await_tokens(struct auth *a, int most_ms)
{
	int64_t until = clock_mono_ms() + most_ms, now;

	while (!a->told && (now = clock_mono_ms()) < until && loop_turn(a->app->loop, (int)(until - now)))
		;
	return a->told;
}

void auth_stop(struct auth *a)
{
	a->nguarded = 0;
	a->reviewing = true; /* no more */
}

void auth_free(struct auth *a)
{
	struct map_iter it;

	if (!a)
		return;
	loop_timer_clear(a->app->loop, &a->sweep);
	it = map_begin(&a->sessions);
	for (struct map_entry *e; (e = map_next(&it));)
		free(e->value);
	map_release(&a->sessions);
	free(a->tokens);
	free(a);
}
