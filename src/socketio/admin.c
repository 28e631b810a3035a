/* admin.c: the Admin UI's protocol: who may look, what is shown, what can be done. */
#include "socketio/admin.h"

#include "base/clock.h"
#include "base/xmalloc.h"
#include "socketio/sio.h"

#include <crypt.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define STATS_MS 2000           /* the page calls a server unhealthy after 10 s of silence */
#define SAMPLE_MS 1000
#define SESSION_BYTES 8         /* of randomness in the name of a session */
#define MAX_CHECKS 16           /* passwords that wait to be checked: more are refused */
#define MAX_PASSWORD 256        /* bcrypt looks at 72 */

struct sio_admin {
	struct sio_server *io;
	struct sio_namespace *nsp;
	struct sio_admin_options o;
	char *username, *password_hash, *server_id, hostname[256];
	struct sio_watcher watcher;
	struct map sessions;           /* their names, oldest first */
	struct link checks;            /* struct check; the first one's thread runs */
	size_t nchecks;
	struct loop_timer timer;       /* every SAMPLE_MS */
	bool second_half;              /* every other sample is followed by the statistics */
	struct buf aggregated;         /* JSON objects since the last ones, joined by commas */
	struct eio_counters seen;
	uint64_t closed[EIO_FORCED_CLOSE + 1]; /* since the last sample, by reason */
	size_t shown;                  /* sockets that the page knows */
	double tokens;
	int64_t tokens_ms, started_ms;
	unsigned refs;                 /* itself and what is deferred */
};

void sio_admin_options_init(struct sio_admin_options *o)
{
	*o = (struct sio_admin_options){
		.namespace_name = "/admin",
		.max_sessions = 1000,
		.max_sockets = 1000,
		.details_per_second = 500,
		.max_event_bytes = 65536,
	};
}

static void unref(struct sio_admin *a)
{
	if (--a->refs)
		return;
	map_release(&a->sessions);
	buf_release(&a->aggregated);
	free(a->username);
	free(a->password_hash);
	free(a->server_id);
	free(a);
}

/* --- what is told --- */

static bool is_watched(const struct sio_admin *a)
{
	return map_len(&a->nsp->sockets) != 0;
}

static void tell(struct sio_admin *a, const char *event, const struct buf *args)
{
	sio_emit(sio_all(a->nsp), event, sio_json_slice(slice_of(args->data, args->len)));
}

/* One detail more, if the page can take it this second. */
static bool may_tell(struct sio_admin *a)
{
	int64_t now = loop_now_ms(a->io->loop);
	double most = a->o.details_per_second;

	if (!is_watched(a))
		return false;
	a->tokens += (double)(now - a->tokens_ms) * most / 1000;
	a->tokens_ms = now;
	if (a->tokens > most)
		a->tokens = most;
	if (a->tokens < 1)
		return false;
	a->tokens--;
	return true;
}

/* ,"2026-01-01T00:00:00.000Z" */
static void add_date(struct buf *b)
{
	int64_t ms = clock_wall_ms();
	time_t seconds = (time_t)(ms / 1000);
	char text[40];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%S", &tm);
	buf_addf(b, ",\"%s.%03dZ\"", text, (int)(ms % 1000));
}

static void add_nsp_and_id(struct buf *b, const struct sio_socket *s)
{
	json_add_str(b, s->nsp->name);
	buf_addc(b, ',');
	json_add_str(b, socket_id(s));
}

static void add_room(void *out, const char *room)
{
	struct buf *b = out;

	if (b->data[b->len - 1] != '[')
		buf_addc(b, ',');
	json_add_str(b, room);
}

/* The handshake without what is secret in it, and with the address behind the proxies. */
static void add_handshake(struct buf *b, const struct sio_socket *s)
{
	const char *address = NULL;
	struct slice key, value;
	struct json_walk w;
	struct buf whole;

	if (s->request) {
		address = eio_request_header(s->request, "cf-connecting-ip");
		if (!address)
			address = eio_request_header(s->request, "x-forwarded-for");
	}
	buf_init(&whole, SIZE_MAX / 2);
	sio_socket_handshake_json(s, false, &whole);
	buf_addc(b, '{');
	for (w = json_walk(slice_of(whole.data, whole.len)); json_next_member(&w, &key, &value);) {
		if (b->data[b->len - 1] != '{')
			buf_addc(b, ',');
		json_add_slice(b, key);
		buf_addc(b, ':');
		if (address && json_string_is(key, "address"))
			json_add_str(b, address);
		else
			json_add_slice(b, value);
	}
	buf_addc(b, '}');
	buf_release(&whole);
}

/* Of the session's id only the first half is shown: who knows all of it can take the session over. */
#define SHOWN_ID_BYTES 12

static void add_socket(struct buf *b, const struct sio_socket *s)
{
	const struct eio_session *conn = s->client->session;

	buf_adds(b, "{\"id\":");
	json_add_str(b, socket_id(s));
	if (conn)
		buf_addf(b, ",\"clientId\":\"%.*s\",\"transport\":\"%s\"", SHOWN_ID_BYTES, eio_session_id(conn), eio_session_transport(conn));
	buf_adds(b, ",\"nsp\":");
	json_add_str(b, s->nsp->name);
	buf_adds(b, ",\"data\":");
	json_add_slice(b, sio_socket_data(s));
	buf_adds(b, ",\"handshake\":");
	add_handshake(b, s);
	buf_adds(b, ",\"rooms\":[");
	sio_socket_each_room(s, add_room, b);
	buf_adds(b, "]}");
}

/* --- the life of the sockets --- */

/* Is it one of those that the page has a place for? */
static bool show(struct sio_admin *a, struct sio_socket *s)
{
	if (!s->shown && s->connected && a->shown < a->o.max_sockets) {
		s->shown = true;
		a->shown++;
	}
	return s->shown;
}

static void on_connected(void *admin, struct sio_socket *s)
{
	struct sio_admin *a = admin;
	struct buf b;

	if (!show(a, s) || !is_watched(a))
		return;
	buf_init(&b, SIZE_MAX / 2);
	add_socket(&b, s);
	add_date(&b);
	tell(a, "socket_connected", &b);
	buf_release(&b);
}

static void on_disconnected(void *admin, struct sio_socket *s, const char *reason)
{
	struct sio_admin *a = admin;
	struct buf b;

	if (!s->shown)
		return;
	s->shown = false;
	a->shown--;
	if (!is_watched(a))
		return;
	buf_init(&b, SIZE_MAX / 2);
	add_nsp_and_id(&b, s);
	buf_addc(&b, ',');
	json_add_str(&b, reason);
	add_date(&b);
	tell(a, "socket_disconnected", &b);
	buf_release(&b);
}

static void on_changed(void *admin, struct sio_socket *s, enum sio_change what)
{
	struct sio_admin *a = admin;
	struct buf b;

	if (!s->shown || !s->client->session || !may_tell(a))
		return;
	buf_init(&b, SIZE_MAX / 2);
	buf_adds(&b, "{\"id\":");
	json_add_str(&b, socket_id(s));
	buf_adds(&b, ",\"nsp\":");
	json_add_str(&b, s->nsp->name);
	if (what == SIO_CHANGED_TRANSPORT) {
		buf_addf(&b, ",\"transport\":\"%s\"}", eio_session_transport(s->client->session));
	} else {
		buf_adds(&b, ",\"data\":");
		json_add_slice(&b, sio_socket_data(s));
		buf_addc(&b, '}');
	}
	tell(a, "socket_updated", &b);
	buf_release(&b);
}

/* --- rooms --- */

/* Told at the end of the turn, when the page has heard that the socket is gone. */
struct left {
	struct sio_admin *admin;
	struct buf args;
};

static void tell_left(void *arg)
{
	struct left *l = arg;

	if (l->admin->io)
		tell(l->admin, "room_left", &l->args);
	unref(l->admin);
	buf_release(&l->args);
	free(l);
}

static void on_room(void *admin, struct sio_socket *s, const char *room, bool joined)
{
	struct sio_admin *a = admin;
	struct left *l;
	struct buf b;

	if ((s->connected && !show(a, s)) || !may_tell(a))
		return;
	buf_init(&b, SIZE_MAX / 2);
	json_add_str(&b, s->nsp->name);
	buf_addc(&b, ',');
	json_add_str(&b, room);
	buf_addc(&b, ',');
	json_add_str(&b, socket_id(s));
	add_date(&b);
	if (joined) {
		tell(a, "room_joined", &b);
		buf_release(&b);
		return;
	}
	l = xmalloc(sizeof *l);
	*l = (struct left){a, b};
	a->refs++;
	loop_defer(a->io->loop, tell_left, l);
}

/* --- events --- */

static size_t bytes_of(struct sio_args args)
{
	size_t n = args.json.n;

	for (size_t i = 0; i < args.nblobs; i++)
		n += args.blobs[i].n;
	return n;
}

static void on_event(void *admin, struct sio_socket *s, const char *event, struct sio_args args, bool sent)
{
	struct sio_admin *a = admin;
	struct buf b;

	if (s->nsp == a->nsp || !s->shown || !may_tell(a))
		return;
	buf_init(&b, SIZE_MAX / 2);
	add_nsp_and_id(&b, s);
	buf_adds(&b, ",[");
	json_add_str(&b, event);
	if (bytes_of(args) > a->o.max_event_bytes) {
		buf_addf(&b, ",\"(%zu bytes)\"", bytes_of(args));
		args.nblobs = 0;
	} else if (args.json.n) {
		buf_addc(&b, ',');
		json_add_slice(&b, args.json);
	}
	buf_addc(&b, ']');
	add_date(&b);
	sio_emit(sio_all(a->nsp), sent ? "event_sent" : "event_received", (struct sio_args){slice_of(b.data, b.len), args.blobs, args.nblobs});
	buf_release(&b);
}

/* --- statistics --- */

static void on_closed(void *admin, enum eio_reason why)
{
	((struct sio_admin *)admin)->closed[why]++;
}

static void add_sum(struct sio_admin *a, const char *type, const char *reason, uint64_t count)
{
	if (!count)
		return;
	buf_addf(&a->aggregated, "%s{\"timestamp\":%lld,\"type\":\"%s\"", a->aggregated.len ? "," : "",
	         (long long)(clock_wall_ms() / 1000 * 1000), type);
	if (reason)
		buf_addf(&a->aggregated, ",\"subType\":\"%s\"", reason);
	buf_addf(&a->aggregated, ",\"count\":%llu}", (unsigned long long)count);
}

static void take_sample(struct sio_admin *a)
{
	const struct eio_counters *now = eio_server_counters(a->io->engine);

	add_sum(a, "rawConnection", NULL, now->opened - a->seen.opened);
	for (size_t i = 0; i <= EIO_FORCED_CLOSE; i++)
		add_sum(a, "rawDisconnection", eio_reason_text((enum eio_reason)i), a->closed[i]);
	add_sum(a, "packetsIn", NULL, now->messages_in - a->seen.messages_in);
	add_sum(a, "packetsOut", NULL, now->messages_out - a->seen.messages_out);
	add_sum(a, "bytesIn", NULL, now->bytes_in - a->seen.bytes_in);
	add_sum(a, "bytesOut", NULL, now->bytes_out - a->seen.bytes_out);
	memset(a->closed, 0, sizeof a->closed);
	a->seen = *now;
}

static void count_polling(void *n, struct eio_session *s)
{
	*(size_t *)n += strcmp(eio_session_transport(s), "polling") == 0;
}

static void add_namespace(void *out, struct sio_namespace *nsp)
{
	struct buf *b = out;

	buf_adds(b, b->data[b->len - 1] == '[' ? "{\"name\":" : ",{\"name\":");
	json_add_str(b, nsp->name);
	buf_addf(b, ",\"socketsCount\":%zu}", map_len(&nsp->sockets));
}

static void tell_stats(struct sio_admin *a)
{
	size_t polling = 0;
	struct buf b;

	eio_server_each(a->io->engine, count_polling, &polling);
	buf_init(&b, SIZE_MAX / 2);
	buf_adds(&b, "{\"serverId\":");
	json_add_str(&b, a->server_id);
	buf_adds(&b, ",\"hostname\":");
	json_add_str(&b, a->hostname);
	buf_addf(&b, ",\"pid\":%d,\"uptime\":%.3f,\"clientsCount\":%zu,\"pollingClientsCount\":%zu,\"aggregatedEvents\":[%s],\"namespaces\":[",
	         (int)getpid(), (double)(clock_mono_ms() - a->started_ms) / 1000, eio_server_clients(a->io->engine), polling,
	         a->aggregated.data);
	sio_each_namespace(a->io, add_namespace, &b);
	buf_adds(&b, "]}");
	tell(a, "server_stats", &b);
	buf_release(&b);
}

static void on_timer(struct loop_timer *t)
{
	struct sio_admin *a = list_item(t, struct sio_admin, timer);

	loop_timer_set(a->io->loop, t, SAMPLE_MS, on_timer);
	take_sample(a);
	a->second_half = !a->second_half;
	if (a->second_half)
		return;
	if (is_watched(a))
		tell_stats(a);
	buf_reset(&a->aggregated);
}

/* --- what an administrator does --- */

/* The arguments of a command, all of them checked: what does not fit means nothing. */
struct order {
	struct sio_namespace *nsp;
	struct buf first, filter;
	struct sio_operator op;
};

static bool text_at(struct sio_args args, size_t i, struct buf *out)
{
	return sio_args_string(args, i, out) && !memchr(out->data, '\0', out->len);
}

/* (namespace, …, filter): the filter, a room or an id, is the argument at that place; absent, null or empty: everyone. */
static bool order_read(struct order *o, struct sio_admin *a, struct sio_args args, size_t filter_at)
{
	struct slice filter;
	struct buf name;

	buf_init(&name, SIZE_MAX / 2);
	buf_init(&o->first, SIZE_MAX / 2);
	buf_init(&o->filter, SIZE_MAX / 2);
	o->nsp = text_at(args, 0, &name) ? map_get(&a->io->namespaces, name.data, name.len) : NULL;
	buf_release(&name);
	if (!o->nsp)
		return false;
	o->op = sio_all(o->nsp);
	if (!sio_args_at(args, filter_at, &filter) || json_type(filter) == JSON_IS_NULL)
		return true;
	if (!text_at(args, filter_at, &o->filter))
		return false;
	if (o->filter.len)
		o->op = sio_to(o->op, o->filter.data);
	return true;
}

static void order_release(struct order *o)
{
	buf_release(&o->first);
	buf_release(&o->filter);
}

/* emit (namespace, filter, event, args…) */
static void on_emit(void *admin, struct sio_socket *s, struct sio_args args, struct sio_ack *ack)
{
	struct slice rest;
	struct order o;

	(void)s;
	(void)ack;
	if (order_read(&o, admin, args, 1) && text_at(args, 2, &o.first)) {
		const char *end = args.json.p + args.json.n;
		struct sio_args inner = args;

		inner.json = sio_args_at(args, 3, &rest) ? slice_of(rest.p, (size_t)(end - rest.p)) : slice_of("", 0);
		sio_emit(o.op, o.first.data, inner);
	}
	order_release(&o);
}

static void with_room(struct sio_admin *a, struct sio_args args, void (*fn)(struct sio_operator, const char *const *, size_t))
{
	struct order o;

	if (order_read(&o, a, args, 2) && text_at(args, 1, &o.first))
		fn(o.op, (const char *const[]){o.first.data}, 1);
	order_release(&o);
}

/* join, leave (namespace, room, filter) */
static void on_join(void *admin, struct sio_socket *s, struct sio_args args, struct sio_ack *ack)
{
	(void)s;
	(void)ack;
	with_room(admin, args, sio_sockets_join);
}

static void on_leave(void *admin, struct sio_socket *s, struct sio_args args, struct sio_ack *ack)
{
	(void)s;
	(void)ack;
	with_room(admin, args, sio_sockets_leave);
}

/* _disconnect (namespace, close, filter) */
static void on_disconnect(void *admin, struct sio_socket *s, struct sio_args args, struct sio_ack *ack)
{
	struct slice close;
	struct order o;

	(void)s;
	(void)ack;
	if (order_read(&o, admin, args, 2) && sio_args_at(args, 1, &close))
		sio_disconnect_sockets(o.op, json_type(close) == JSON_IS_TRUE);
	order_release(&o);
}

static const struct {
	const char *event;
	sio_event_fn *handle;
	const char *features;          /* that the page is told of */
} orders[] = {
	{"emit", on_emit, "\"EMIT\","},
	{"join", on_join, "\"JOIN\",\"MJOIN\","},
	{"leave", on_leave, "\"LEAVE\",\"MLEAVE\","},
	{"_disconnect", on_disconnect, "\"DISCONNECT\",\"MDISCONNECT\","},
};

/* --- someone looks --- */

struct listing {
	struct sio_admin *a;
	struct buf b;
};

static void list_socket(void *user, struct sio_socket *s)
{
	struct listing *l = user;

	if (!show(l->a, s))
		return;
	if (l->b.len > 1)
		buf_addc(&l->b, ',');
	add_socket(&l->b, s);
}

static void list_namespace(void *user, struct sio_namespace *nsp)
{
	sio_each_socket(nsp, list_socket, user);
}

static void on_connection(void *admin, struct sio_socket *s)
{
	struct listing l = {.a = admin};
	struct sio_admin *a = admin;
	struct buf config;

	buf_init(&config, 512);
	buf_adds(&config, "{\"supportedFeatures\":[");
	for (size_t i = 0; !a->o.read_only && i < sizeof orders / sizeof *orders; i++)
		buf_adds(&config, orders[i].features);
	buf_adds(&config, a->o.mode == SIO_ADMIN_DEVELOPMENT ? "\"AGGREGATED_EVENTS\",\"ALL_EVENTS\"]}" : "\"AGGREGATED_EVENTS\"]}");
	sio_socket_emit(s, "config", sio_json_slice(slice_of(config.data, config.len)));
	buf_release(&config);
	if (a->o.mode != SIO_ADMIN_DEVELOPMENT)
		return;
	buf_init(&l.b, SIZE_MAX / 2);
	buf_addc(&l.b, '[');
	sio_each_namespace(a->io, list_namespace, &l);
	buf_addc(&l.b, ']');
	sio_socket_emit(s, "all_sockets", sio_json_slice(slice_of(l.b.data, l.b.len)));
	buf_release(&l.b);
}

/* --- who may look --- */

/* A password that is checked on a thread of its own. */
struct check {
	struct link link;
	struct sio_admin *admin;       /* NULL: nobody waits for the result */
	struct sio_next *next;
	struct sio_socket *socket;     /* one reference */
	struct loop *loop;
	pthread_t thread;
	bool running, name_fits, fits;
	char *hash;
	char password[MAX_PASSWORD];
};

static bool same_text(const char *a, const char *b) /* in a time that does not tell where they differ */
{
	size_t n = strlen(a), m = strlen(b);
	unsigned differs = n != m;

	for (size_t i = 0; i < n && m; i++)
		differs |= (unsigned)(a[i] ^ b[i % m]);
	return !differs;
}

static void check_free(struct check *c)
{
	explicit_bzero(c->password, sizeof c->password);
	sio_socket_unref(c->socket);
	free(c->hash);
	free(c);
}

static void start_first(struct sio_admin *a);

static void let_in(struct sio_admin *a, struct check *c)
{
	unsigned char bytes[SESSION_BYTES];
	char name[2 * SESSION_BYTES + 3];

	random_bytes(bytes, sizeof bytes);
	name[0] = '"';
	for (size_t i = 0; i < SESSION_BYTES; i++)
		snprintf(name + 1 + 2 * i, 3, "%02x", bytes[i]);
	while (map_len(&a->sessions) >= a->o.max_sessions) {
		struct map_iter it = map_begin(&a->sessions);
		struct map_entry *oldest = map_next(&it);

		map_del(&a->sessions, oldest->key, oldest->len);
		map_end(&it);
	}
	map_set(&a->sessions, name + 1, 2 * SESSION_BYTES, a);
	name[sizeof name - 2] = '"';
	name[sizeof name - 1] = '\0';
	sio_socket_emit(c->socket, "session", sio_json(name));
	sio_next(c->next);
}

static void conclude(struct check *c)
{
	struct sio_admin *a = c->admin;

	list_remove(&c->link);
	a->nchecks--;
	if (c->name_fits && c->fits)
		let_in(a, c);
	else
		sio_refuse(c->next, "invalid credentials", NULL);
}

static void on_checked(void *arg)
{
	struct check *c = arg;
	struct sio_admin *a = c->admin;

	if (a) {
		pthread_join(c->thread, NULL);
		conclude(c);
		start_first(a);
	}
	check_free(c);
}

static void *run_check(void *arg)
{
	struct crypt_data *data = xzalloc(sizeof *data);
	struct check *c = arg;
	const char *hash = crypt_r(c->password, c->hash, data);

	c->fits = hash && same_text(hash, c->hash);
	explicit_bzero(data, sizeof *data);
	free(data);
	loop_post(c->loop, on_checked, c);
	return NULL;
}

static void start_first(struct sio_admin *a)
{
	while (!list_empty(&a->checks)) {
		struct check *c = list_item(a->checks.next, struct check, link);

		if (pthread_create(&c->thread, NULL, run_check, c) == 0) {
			c->running = true;
			return;
		}
		conclude(c); /* without a thread nobody comes in */
		check_free(c);
	}
}

static void ask_password(struct sio_admin *a, struct sio_socket *s, struct sio_next *next, struct slice username, struct slice password)
{
	struct check *c = xzalloc(sizeof *c);
	struct buf text;

	c->admin = a;
	c->loop = a->io->loop;
	c->next = next;
	c->socket = sio_socket_ref(s);
	c->hash = xstrdup(a->password_hash);
	buf_init(&text, SIZE_MAX / 2);
	json_unquote(&text, username);
	c->name_fits = strlen(text.data) == text.len && same_text(text.data, a->username);
	buf_reset(&text);
	json_unquote(&text, password);
	c->name_fits = c->name_fits && text.len < sizeof c->password && !memchr(text.data, '\0', text.len);
	snprintf(c->password, sizeof c->password, "%s", text.data);
	explicit_bzero(text.data, text.len);
	buf_release(&text);
	list_push(&a->checks, &c->link);
	if (a->nchecks++ == 0)
		start_first(a);
}

static bool has_session(const struct sio_admin *a, struct slice auth)
{
	struct slice id;

	return json_get(auth, "sessionId", &id) && json_type(id) == JSON_IS_STRING && map_get(&a->sessions, id.p + 1, id.n - 2);
}

static void guard(void *admin, struct sio_socket *s, struct sio_next *next)
{
	struct slice auth = sio_socket_handshake(s).auth, username, password;
	struct sio_admin *a = admin;

	if (has_session(a, auth))
		sio_next(next);
	else if (a->nchecks >= MAX_CHECKS)
		sio_refuse(next, "too many logins at once", NULL);
	else if (json_get(auth, "username", &username) && json_type(username) == JSON_IS_STRING && json_get(auth, "password", &password) &&
	         json_type(password) == JSON_IS_STRING)
		ask_password(a, s, next, username, password);
	else
		sio_refuse(next, "invalid credentials", NULL);
}

/* --- life --- */

static bool is_bcrypt(const char *hash)
{
	return hash && strncmp(hash, "$2", 2) == 0 && strlen(hash) == 60 && crypt_checksalt(hash) != CRYPT_SALT_INVALID;
}

static void equip(struct sio_admin *a)
{
	if (a->username)
		sio_use(a->nsp, guard, a);
	sio_on_connection(a->nsp, on_connection, a);
	for (size_t i = 0; !a->o.read_only && i < sizeof orders / sizeof *orders; i++)
		sio_on(a->nsp, orders[i].event, orders[i].handle, a);
	a->watcher = (struct sio_watcher){.user = a, .closed = on_closed};
	if (a->o.mode == SIO_ADMIN_DEVELOPMENT)
		a->watcher = (struct sio_watcher){
			.user = a,
			.connected = on_connected,
			.disconnected = on_disconnected,
			.changed = on_changed,
			.room = on_room,
			.event = on_event,
			.closed = on_closed,
		};
	a->io->watcher = &a->watcher;
}

struct sio_admin *sio_admin_new(struct sio_server *io, const struct sio_admin_options *o)
{
	struct sio_admin *a;

	if (io->watcher || (o->username && !is_bcrypt(o->password_hash)))
		return NULL;
	a = xzalloc(sizeof *a);
	a->io = io;
	a->o = *o;
	a->refs = 1;
	a->nsp = sio_of(io, o->namespace_name);
	a->username = o->username ? xstrdup(o->username) : NULL;
	a->password_hash = o->username ? xstrdup(o->password_hash) : NULL;
	gethostname(a->hostname, sizeof a->hostname - 1);
	a->server_id = xstrdup(o->server_id ? o->server_id : a->hostname);
	a->started_ms = clock_mono_ms();
	a->tokens = o->details_per_second;
	a->tokens_ms = loop_now_ms(io->loop);
	a->seen = *eio_server_counters(io->engine);
	map_init(&a->sessions);
	list_init(&a->checks);
	buf_init(&a->aggregated, SIZE_MAX / 2);
	equip(a);
	loop_timer_set(io->loop, &a->timer, SAMPLE_MS, on_timer);
	return a;
}

void sio_admin_free(struct sio_admin *a)
{
	if (!a)
		return;
	a->io->watcher = NULL;
	loop_timer_clear(a->io->loop, &a->timer);
	list_each(&a->checks, l, after) {
		struct check *c = list_item(l, struct check, link);

		c->fits = false;
		if (c->running)
			pthread_join(c->thread, NULL);
		c->fits = false;
		conclude(c);
		c->admin = NULL;
		if (!c->running) /* else its post is on the way, and frees it */
			check_free(c);
	}
	a->io = NULL;
	unref(a);
}
