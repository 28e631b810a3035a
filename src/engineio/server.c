/* server.c: which request is whose, and who is refused why. SOCKETIO.md's order of
 * checks: transport, origin, session, method, allow_request, protocol. */
#include "base/json.h"
#include "base/xmalloc.h"
#include "base/limits.h"
#include "base/log.h"
#include "engineio/engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

void eio_options_init(struct eio_options *o)
{
	*o = (struct eio_options){
		.path = "/engine.io",
		.add_trailing_slash = true,
		.ping_interval_ms = 25000,
		.ping_timeout_ms = 20000,
		.upgrade_timeout_ms = 10000,
		.max_payload = LIMIT_MAX_PAYLOAD,
		.transports = EIO_POLLING | EIO_WEBSOCKET,
		.allow_upgrades = true,
		.http_compression = true,
		.http_compression_bytes = 1024,
		.deflate_bytes = 1024,
		.queue_low_bytes = LIMIT_QUEUE_LOW_BYTES,
		.queue_max_bytes = LIMIT_QUEUE_BYTES,
		.queues_max_bytes = LIMIT_QUEUES_BYTES,
		.max_sessions = LIMIT_SESSIONS,
		.cors.max_age_s = -1,
		.cookie.max_age_s = -1,
	};
}

/* --- life --- */

static char *full_path(const struct eio_options *o)
{
	size_t n = strlen(o->path);

	while (n && o->path[n - 1] == '/')
		n--;
	return xasprintf("%.*s%s", (int)n, o->path, o->add_trailing_slash ? "/" : "");
}

struct eio_server *eio_server_new(struct loop *l, const struct eio_options *o, const struct eio_handlers *h)
{
	struct eio_server *srv = xzalloc(sizeof *srv);

	srv->loop = l;
	srv->o = *o;
	srv->h = *h;
	srv->path = full_path(o);
	if (!wslay_works()) {
		log_warn("websocket is off: libwslay is not on this host, and the program's own copy cannot be loaded");
		srv->o.transports &= ~(unsigned)EIO_WEBSOCKET;
	}
	srv->refs = 1;
	map_init(&srv->sessions);
	map_init(&srv->addresses);
	list_init(&srv->dirty);
	list_init(&srv->sockets);
	return srv;
}

struct eio_server *eio_server_ref(struct eio_server *srv)
{
	srv->refs++;
	return srv;
}

void eio_server_unref(struct eio_server *srv)
{
	if (!srv || --srv->refs)
		return;
	map_release(&srv->sessions);
	map_release(&srv->addresses);
	ws_reader_free(srv);
	free(srv->path);
	free(srv);
}

static void unref_later(void *srv)
{
	eio_server_unref(srv);
}

void eio_server_close(struct eio_server *srv)
{
	struct map_iter it = map_begin(&srv->sessions);

	srv->closed = true;
	for (struct map_entry *e; (e = map_next(&it));)
		session_end(e->value, EIO_FORCED_CLOSE, "server closed");
	ws_close_all(srv);
}

void eio_server_free(struct eio_server *srv)
{
	if (!srv)
		return;
	eio_server_close(srv);
	/* Who holds it still may ask it for something: what is its owner's may be gone by then. */
	srv->h = (struct eio_handlers){0};
	srv->on_packet = NULL;
	eio_options_init(&srv->o);
	loop_defer(srv->loop, unref_later, srv);
}

const struct eio_options *eio_server_options(const struct eio_server *srv)
{
	return &srv->o;
}

size_t eio_server_clients(const struct eio_server *srv)
{
	return srv->nopen;
}

const struct eio_counters *eio_server_counters(const struct eio_server *srv)
{
	return &srv->counters;
}

void eio_server_on_packet(struct eio_server *srv, eio_packet_fn *fn)
{
	srv->on_packet = fn;
}

size_t eio_server_queued(const struct eio_server *srv)
{
	return srv->queued;
}

void eio_server_each(struct eio_server *srv, void (*fn)(void *user, struct eio_session *s), void *user)
{
	struct map_iter it = map_begin(&srv->sessions);

	for (struct map_entry *e; (e = map_next(&it));) {
		struct eio_session *s = e->value;

		if (s->state == SESSION_OPEN)
			fn(user, s);
	}
}

/* --- the end of the turn --- */

static void flush_all(void *arg)
{
	struct eio_server *srv = arg;
	struct link now;

	srv->flush_due = false;
	list_take_all(&now, &srv->dirty);
	while (!list_empty(&now)) { /* whoever is told of one may end any other */
		struct eio_session *s = list_item(now.next, struct eio_session, dirty);

		list_remove(&s->dirty);
		session_flush(s);
	}
	eio_server_unref(srv);
}

void server_mark_dirty(struct eio_server *srv, struct eio_session *s)
{
	if (!list_linked(&s->dirty))
		list_push(&srv->dirty, &s->dirty);
	if (srv->flush_due)
		return;
	srv->flush_due = true;
	srv->refs++;
	loop_defer(srv->loop, flush_all, srv);
}

void server_forget(struct eio_server *srv, struct eio_session *s)
{
	map_del(&srv->sessions, s->sid, RANDOM_ID_LEN);
}

/* --- answers --- */

void server_common_headers(struct eio_server *srv, struct eio_exchange *ex, struct eio_headers *h, bool initial)
{
	cors_apply(&srv->o.cors, ex->request, h);
	if (initial && srv->o.initial_headers)
		srv->o.initial_headers(srv->o.user, h, ex->request);
	if (srv->o.headers)
		srv->o.headers(srv->o.user, h, ex->request);
}

void exchange_reply(struct eio_exchange *ex, int status, const char *type, char *take_body, size_t len, struct eio_headers *h,
                    bool compress)
{
	struct eio_reply r = {
		.status = status,
		.type = type,
		.body = take_body,
		.len = len,
		.headers = &h->list,
		.compress = compress && ex->server->o.http_compression,
		.compress_bytes = ex->server->o.http_compression_bytes,
		.close = ex->too_big,
	};

	ex->answered = true;
	ex->server->counters.bytes_out += len;
	ex->ops->reply(ex, &r);
	headers_release(h);
}

static const char *const messages[] = {
	[EIO_UNKNOWN_TRANSPORT] = "Transport unknown",
	[EIO_UNKNOWN_SID] = "Session ID unknown",
	[EIO_BAD_HANDSHAKE_METHOD] = "Bad handshake method",
	[EIO_BAD_REQUEST] = "Bad request",
	[EIO_FORBIDDEN] = "Forbidden",
	[EIO_UNSUPPORTED_PROTOCOL_VERSION] = "Unsupported protocol version",
};

static void note_refusal(struct eio_exchange *ex, enum eio_error_code code, const char *context)
{
	struct eio_server *srv = ex->server;

	srv->counters.refused++;
	if (srv->h.on_refused)
		srv->h.on_refused(srv->h.user, &(struct eio_refusal){ex->request, code, messages[code], context});
}

static void refuse_upgrade(struct eio_exchange *ex, const char *message)
{
	struct eio_headers h = {0};

	cors_apply(&ex->server->o.cors, ex->request, &h);
	eio_headers_add(&h, "Connection", "close");
	exchange_reply(ex, 400, "text/html", xstrdup(message), strlen(message), &h, false);
}

void exchange_refuse(struct eio_exchange *ex, enum eio_error_code code, const char *message, const char *context)
{
	struct eio_server *srv = ex->server;
	struct eio_headers h = {0};
	struct buf body;
	char *text;
	size_t len;

	if (!message)
		message = messages[code];
	note_refusal(ex, code, context);
	if (ex->request->upgrade) {
		refuse_upgrade(ex, message);
		return;
	}
	buf_init(&body, SIZE_MAX / 2);
	buf_addf(&body, "{\"code\":%d,\"message\":", code);
	json_add_str(&body, message);
	buf_addc(&body, '}');
	server_common_headers(srv, ex, &h, false);
	text = buf_take(&body, &len);
	exchange_reply(ex, code == EIO_FORBIDDEN ? 403 : 400, "application/json", text, len, &h, false);
}

/* Refuses with a context of one member, or none if there is no value, as in Node. */
static void refuse_for(struct eio_exchange *ex, enum eio_error_code code, const char *name, const char *value)
{
	struct buf context;

	buf_init(&context, SIZE_MAX / 2);
	buf_addc(&context, '{');
	if (value) {
		buf_addf(&context, "\"%s\":", name);
		json_add_str(&context, value);
	}
	buf_addc(&context, '}');
	exchange_refuse(ex, code, NULL, context.data);
	buf_release(&context);
}

/* Not for what the request is, but for how things stand. */
static void refuse_busy(struct eio_exchange *ex, const char *message)
{
	struct eio_headers h = {0};
	struct buf text;
	char *body;
	size_t len;

	buf_init(&text, SIZE_MAX / 2);
	buf_addf(&text, "{\"message\":\"%s\"}", message);
	note_refusal(ex, EIO_FORBIDDEN, text.data);
	buf_reset(&text);
	buf_addf(&text, "{\"code\":%d,\"message\":\"%s\"}", EIO_FORBIDDEN, message);
	body = buf_take(&text, &len);
	cors_apply(&ex->server->o.cors, ex->request, &h);
	eio_headers_add(&h, "Retry-After", "5");
	exchange_reply(ex, 503, "application/json", body, len, &h, false);
}

/* --- a request comes in --- */

bool eio_server_serves(const struct eio_server *srv, const char *target)
{
	return strncmp(target, srv->path, strlen(srv->path)) == 0;
}

static int transport_of(const char *name)
{
	if (!name)
		return 0;
	return strcmp(name, "polling") == 0 ? EIO_POLLING : strcmp(name, "websocket") == 0 ? EIO_WEBSOCKET : 0;
}

/* An origin has neither control characters nor white space (RFC 6454 6.1). */
static bool origin_is_good(const char *s)
{
	for (; s && *s; s++)
		if ((unsigned char)*s <= 0x20 || *s == 0x7f)
			return false;
	return true;
}

static int protocol_of(const struct eio_request *r)
{
	const char *eio = eio_request_query(r, "EIO");

	return eio && strcmp(eio, "4") == 0 ? 4 : 3;
}

static bool websocket_key_is_good(const struct eio_request *r)
{
	const char *key = eio_request_header(r, "sec-websocket-key");
	const char *version = eio_request_header(r, "sec-websocket-version");

	return key && strlen(key) == 24 && strcmp(key + 22, "==") == 0 && version && strcmp(version, "13") == 0 &&
	       strcmp(r->method, "GET") == 0;
}

static void refuse_websocket_version(struct eio_exchange *ex)
{
	struct eio_headers h = {0};

	eio_headers_add(&h, "Connection", "close");
	eio_headers_add(&h, "Sec-WebSocket-Version", "13");
	exchange_reply(ex, 400, "text/html", xstrdup("Bad Request"), 11, &h, false);
}

/* What is agreed on compression; NULL: there is none. */
static const char *extensions(const struct eio_exchange *ex)
{
	return ex->server->o.per_message_deflate ? deflate_answer(eio_request_header(ex->request, "sec-websocket-extensions")) : NULL;
}

/* Of the subprotocols that a client offers the first is taken, as Node's ws does: a browser that offered some ends a
 * connection for which none was taken. */
static void agree_on_subprotocol(const struct eio_request *r, struct eio_headers *h)
{
	static const char token[] = "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";
	const char *offers = eio_request_header(r, "sec-websocket-protocol");
	size_t n = offers ? strspn(offers, token) : 0;
	char *first;

	if (!n)
		return;
	first = xstrndup(offers, n);
	eio_headers_add(h, "Sec-WebSocket-Protocol", first);
	free(first);
}

/* 101, for a new session or an upgrade; the rest follows in eio_exchange_upgraded(). */
static void switch_protocols(struct eio_exchange *ex)
{
	struct eio_server *srv = ex->server;
	struct eio_headers h = {0};
	char accept[29];

	if (!websocket_key_is_good(ex->request)) {
		refuse_websocket_version(ex);
		return;
	}
	ws_accept_key(eio_request_header(ex->request, "sec-websocket-key"), accept);
	eio_headers_add(&h, "Upgrade", "websocket");
	eio_headers_add(&h, "Sec-WebSocket-Accept", accept);
	if (extensions(ex))
		eio_headers_add(&h, "Sec-WebSocket-Extensions", extensions(ex));
	agree_on_subprotocol(ex->request, &h);
	server_common_headers(srv, ex, &h, !eio_request_query(ex->request, "sid"));
	ex->ops->upgrade(ex, &h.list);
	headers_release(&h);
}

static bool is_full(const struct eio_server *srv, const char *remote)
{
	size_t most = srv->o.max_sessions_per_address;

	return srv->nopen >= srv->o.max_sessions ||
	       (most && (uintptr_t)map_get(&srv->addresses, remote, strlen(remote)) >= most);
}

static const char going_down[] = "The server is shutting down";

/* All checks are passed: a new session. */
static void handshake(struct eio_exchange *ex)
{
	struct eio_server *srv = ex->server;
	int protocol = protocol_of(ex->request);

	if (protocol == 3 && !srv->o.allow_eio3) {
		exchange_refuse(ex, EIO_UNSUPPORTED_PROTOCOL_VERSION, NULL, "{\"protocol\":3}");
	} else if (srv->closed) { /* while allow_request thought */
		refuse_busy(ex, going_down);
	} else if (is_full(srv, ex->request->remote)) {
		refuse_busy(ex, "Too many sessions");
	} else if (ex->request->upgrade) {
		switch_protocols(ex);
	} else {
		polling_handshake(session_new(srv, ex->request, protocol), ex);
	}
}

/* --- allow_request, now or later --- */

struct eio_verdict {
	struct eio_exchange *ex;        /* NULL once the client has left */
	struct eio_server *server;
};

static struct eio_exchange *verdict_end(struct eio_verdict *v)
{
	struct eio_exchange *ex = v->ex;

	if (ex)
		ex->verdict = NULL;
	loop_defer(v->server->loop, unref_later, v->server);
	free(v);
	return ex;
}

void eio_verdict_allow(struct eio_verdict *v)
{
	struct eio_exchange *ex = verdict_end(v);

	if (ex)
		handshake(ex);
}

void eio_verdict_deny(struct eio_verdict *v, const char *message)
{
	struct eio_exchange *ex = verdict_end(v);
	struct buf context;

	if (!ex)
		return;
	buf_init(&context, SIZE_MAX / 2);
	buf_adds(&context, "{\"message\":");
	json_add_str(&context, message);
	buf_addc(&context, '}');
	exchange_refuse(ex, EIO_FORBIDDEN, message, context.data);
	buf_release(&context);
}

static void ask(struct eio_exchange *ex)
{
	struct eio_server *srv = ex->server;

	if (!srv->o.allow_request) {
		handshake(ex);
		return;
	}
	ex->verdict = xzalloc(sizeof *ex->verdict);
	*ex->verdict = (struct eio_verdict){ex, srv};
	srv->refs++;
	srv->o.allow_request(srv->o.user, ex->request, ex->verdict);
}

/* --- the checks in their order --- */

/* A WebSocket is reached by an upgrade and by nothing else, polling by none. */
static bool fits(const struct eio_request *r, int transport)
{
	return r->upgrade == (transport == EIO_WEBSOCKET);
}

static void begin_without_sid(struct eio_exchange *ex, int transport)
{
	if (strcmp(ex->request->method, "GET") != 0)
		refuse_for(ex, EIO_BAD_HANDSHAKE_METHOD, "method", ex->request->method);
	else if (!fits(ex->request, transport))
		refuse_for(ex, EIO_BAD_REQUEST, "name", "TRANSPORT_HANDSHAKE_ERROR");
	else
		ask(ex);
}

static void refuse_transport_mismatch(struct eio_exchange *ex, const char *asked, const char *present)
{
	struct buf context;

	buf_init(&context, SIZE_MAX / 2);
	buf_adds(&context, "{\"name\":\"TRANSPORT_MISMATCH\",\"transport\":");
	json_add_str(&context, asked);
	buf_addf(&context, ",\"previousTransport\":\"%s\"}", present);
	exchange_refuse(ex, EIO_BAD_REQUEST, NULL, context.data);
	buf_release(&context);
}

static void refuse_protocol_mismatch(struct eio_exchange *ex, int asked, int present)
{
	char context[96];

	snprintf(context, sizeof context, "{\"name\":\"PROTOCOL_MISMATCH\",\"protocol\":%d,\"previousProtocol\":%d}", asked, present);
	exchange_refuse(ex, EIO_BAD_REQUEST, NULL, context);
}

static void begin_with_sid(struct eio_exchange *ex, int transport, const char *sid)
{
	struct eio_session *s = map_get(&ex->server->sessions, sid, strlen(sid));
	const char *asked = eio_request_query(ex->request, "transport");

	if (!s)
		refuse_for(ex, EIO_UNKNOWN_SID, "sid", sid);
	else if (!ex->request->upgrade && strcmp(eio_session_transport(s), asked) != 0)
		refuse_transport_mismatch(ex, asked, eio_session_transport(s));
	else if (!fits(ex->request, transport))
		refuse_for(ex, EIO_BAD_REQUEST, "name", "TRANSPORT_HANDSHAKE_ERROR");
	else if (protocol_of(ex->request) != s->protocol)
		refuse_protocol_mismatch(ex, protocol_of(ex->request), s->protocol);
	else if (ex->request->upgrade)
		switch_protocols(ex);
	else
		polling_begin(s, ex);
}

static bool is_preflight(const struct eio_exchange *ex)
{
	return ex->server->o.cors.on && strcmp(ex->request->method, "OPTIONS") == 0;
}

static void answer_preflight(struct eio_exchange *ex)
{
	struct eio_headers h = {0};

	cors_apply(&ex->server->o.cors, ex->request, &h);
	cors_preflight(&ex->server->o.cors, ex->request, &h);
	exchange_reply(ex, 204, NULL, NULL, 0, &h, false);
}

void eio_exchange_begin(struct eio_server *srv, struct eio_exchange *ex)
{
	const char *name = eio_request_query(ex->request, "transport");
	const char *sid = eio_request_query(ex->request, "sid");
	int transport = transport_of(name);

	ex->server = srv;
	buf_init(&ex->body, srv->o.max_payload);
	if (srv->closed)
		refuse_busy(ex, going_down);
	else if (is_preflight(ex))
		answer_preflight(ex);
	else if (!(transport & (int)srv->o.transports))
		refuse_for(ex, EIO_UNKNOWN_TRANSPORT, "transport", name);
	else if (!origin_is_good(eio_request_header(ex->request, "origin")))
		refuse_for(ex, EIO_BAD_REQUEST, "name", "INVALID_ORIGIN");
	else if (sid && *sid)
		begin_with_sid(ex, transport, sid);
	else
		begin_without_sid(ex, transport);
}

void eio_exchange_body(struct eio_exchange *ex, const char *data, size_t n)
{
	if (ex->answered || !ex->is_post)
		return;
	ex->server->counters.bytes_in += n;
	buf_add(&ex->body, data, n);
	if (ex->body.full)
		ex->too_big = true;
}

void eio_exchange_end(struct eio_exchange *ex)
{
	if (!ex->answered && ex->is_post && ex->session)
		polling_post(ex->session, ex);
	buf_release(&ex->body);
}

void eio_exchange_gone(struct eio_exchange *ex)
{
	struct eio_session *s = ex->session;

	if (ex->verdict)
		ex->verdict->ex = NULL;
	ex->verdict = NULL;
	if (ex->server)
		buf_release(&ex->body);
	ex->session = NULL;
	if (!s)
		return;
	if (s->get == ex)
		s->get = NULL;
	if (s->post == ex)
		s->post = NULL;
	if (!ex->answered) /* a poll that was dropped, or half a POST */
		session_end(s, EIO_TRANSPORT_ERROR, ex->is_post ? "data request connection closed prematurely"
		                                               : "poll connection closed prematurely");
}

void eio_exchange_upgraded(struct eio_exchange *ex, int take_fd, const void *early, size_t n)
{
	const char *sid = eio_request_query(ex->request, "sid");
	struct eio_server *srv = ex->server;

	ex->answered = true;
	if (srv->closed) /* since the 101 */
		close(take_fd);
	else if (sid && *sid)
		ws_probe(srv, map_get(&srv->sessions, sid, strlen(sid)), take_fd, extensions(ex) != NULL, early, n);
	else
		ws_open(srv, session_new(srv, ex->request, protocol_of(ex->request)), take_fd, extensions(ex) != NULL, early, n);
}
