/* socket.c: one client in one namespace. */
#include "base/clock.h"
#include "base/limits.h"
#include "base/xmalloc.h"
#include "socketio/sio.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

const char *socket_id(const struct sio_socket *s)
{
	return s->long_id ? s->long_id : s->id;
}

/* --- life --- */

static void set_id(struct sio_socket *s)
{
	const char *sid = eio_session_id(s->client->session);

	if (eio_session_protocol(s->client->session) == 4)
		random_id(s->id);
	else if (strcmp(s->nsp->name, "/") == 0)
		memcpy(s->id, sid, sizeof s->id);
	else
		s->long_id = xasprintf("%s#%s", s->nsp->name, sid);
}

struct sio_socket *socket_new(struct sio_namespace *nsp, struct sio_client *c, struct slice auth)
{
	struct sio_socket *s = xzalloc(sizeof *s);
	struct eio_request *r = eio_session_request(c->session);

	s->refs = 1;
	s->nsp = namespace_ref(nsp);
	s->client = c;
	c->refs++;
	c->nsockets++;
	list_init(&s->rooms);
	list_init(&s->acks);
	set_id(s);
	if (nsp->recovery) {
		char pid[RANDOM_ID_LEN + 1];

		random_id(pid);
		s->pid = xstrdup(pid);
	}
	s->auth = slice_is(auth, "{}") ? NULL : xstrndup(auth.p, auth.n);
	s->request = r ? eio_request_ref(r) : NULL;
	s->issued_ms = clock_wall_ms();
	s->tokens = 2.0 * nsp->server->o.events_per_second;
	s->tokens_ms = loop_now_ms(nsp->server->loop);
	list_push(&c->sockets, &s->in_client);
	list_push(&nsp->pending, &s->in_pending);
	return s;
}

struct sio_socket *sio_socket_ref(struct sio_socket *s)
{
	s->refs++;
	return s;
}

void sio_socket_unref(struct sio_socket *s)
{
	if (!s || --s->refs)
		return;
	if (s->handlers)
		handlers_release(s->handlers);
	free(s->handlers);
	eio_request_unref(s->request);
	client_unref(s->client);
	namespace_unref(s->nsp);
	free(s->long_id);
	free(s->pid);
	free(s->auth);
	free(s->data);
	free(s);
}

static void unref_later(void *s)
{
	sio_socket_unref(s);
}

/* Nobody finds it any more; its memory goes at the end of the turn. */
static void let_go(struct sio_socket *s)
{
	list_remove(&s->in_client);
	list_remove(&s->in_pending);
	s->client->nsockets--;
	if (s->nsp->server->closing)
		socket_end_acks(s);
	else
		socket_drop_acks(s);
	loop_defer(s->nsp->server->loop, unref_later, s);
}

static void send_refusal(struct sio_socket *s, const char *message, const char *data)
{
	struct buf b;

	buf_init(&b, UINT32_MAX / 2);
	if (eio_session_protocol(s->client->session) == 3) {
		if (data)
			buf_adds(&b, data);
		else
			json_add_str(&b, message);
	} else {
		buf_adds(&b, "{\"message\":");
		json_add_str(&b, message);
		if (data)
			buf_addf(&b, ",\"data\":%s", data);
		buf_addc(&b, '}');
	}
	client_send(s->client, PACKET_CONNECT_ERROR, s->nsp->name, slice_of(b.data, b.len));
	buf_release(&b);
}

void socket_refused(struct sio_socket *s, const char *message, const char *data)
{
	if (message)
		send_refusal(s, message, data);
	if (s->recovered) /* what it came back to waits for another try */
		recovery_keep(s->nsp->recovery, s);
	list_remove(&s->in_pending);
	adapter_leave_all(s); /* what its middlewares joined */
	let_go(s);
	namespace_maybe_remove(s->nsp);
}

static void tell_connection(struct sio_socket *s)
{
	struct handlers *h = &s->nsp->handlers;
	struct handlers_walk w = handlers_begin(h, ON_CONNECTION);

	for (struct handler *e; s->connected && (e = handlers_next(h, &w));)
		((sio_socket_fn *)e->fn)(e->user, s);
	handlers_end(h);
}

static void send_welcome(struct sio_socket *s)
{
	struct buf b;

	buf_init(&b, 256);
	if (eio_session_protocol(s->client->session) == 4) {
		buf_addf(&b, "{\"sid\":\"%s\"", socket_id(s));
		if (s->pid)
			buf_addf(&b, ",\"pid\":\"%s\"", s->pid);
		buf_addc(&b, '}');
	}
	client_send(s->client, PACKET_CONNECT, s->nsp->name, slice_of(b.data, b.len));
	buf_release(&b);
}

/* Each that is told on the way may end the socket, or its connection: then nobody else hears of it. */
void socket_enter(struct sio_socket *s)
{
	struct recovery *r = s->nsp->recovery;

	s->connected = s->entered = true;
	s->entered_turn = loop_turns(s->nsp->server->loop);
	list_remove(&s->in_pending);
	map_set(&s->nsp->sockets, socket_id(s), strlen(socket_id(s)), s);
	loop_timer_clear(s->nsp->server->loop, &s->client->timer);
	if (r)
		recovery_enter(r, s);
	sio_socket_ref(s);
	adapter_join(s, socket_id(s));
	if (r && !s->recovered)
		s->since = recovery_position(r);
	else if (r && s->connected)
		recovery_replay(r, s);
	if (s->connected)
		send_welcome(s);
	if (s->connected)
		WATCH(s->nsp->server, connected, s);
	tell_connection(s);
	sio_socket_unref(s);
}

static void tell_leave(struct sio_socket *s, enum handler_kind kind, const char *reason, const char *description)
{
	struct handlers *lists[] = {&s->nsp->handlers, s->handlers};

	for (size_t i = 0; i < 2; i++) {
		struct handlers_walk w;

		if (!lists[i])
			continue;
		w = handlers_begin(lists[i], kind);
		for (struct handler *e; (e = handlers_next(lists[i], &w));)
			((sio_leave_fn *)e->fn)(e->user, s, reason, description);
		handlers_end(lists[i]);
	}
}

void socket_leave(struct sio_socket *s, const char *reason, const char *description)
{
	struct sio_namespace *nsp = s->nsp;

	if (!s->connected || s->leaving)
		return;
	s->leaving = true;
	tell_leave(s, ON_DISCONNECTING, reason, description);
	if (nsp->recovery && recovery_reason(reason))
		recovery_keep(nsp->recovery, s);
	s->connected = false;
	if (nsp->recovery)
		recovery_leave(nsp->recovery, s);
	adapter_leave_all(s);
	map_del(&nsp->sockets, socket_id(s), strlen(socket_id(s)));
	let_go(s);
	WATCH(nsp->server, disconnected, s, reason);
	tell_leave(s, ON_DISCONNECT, reason, description);
	namespace_maybe_remove(nsp);
}

/* Asked anew for each: a handler may have ended others than its own. */
static struct sio_socket *first_connected(const struct sio_client *c)
{
	list_each(&c->sockets, l, after) {
		struct sio_socket *s = list_item(l, struct sio_socket, in_client);

		if (s->connected && !s->leaving)
			return s;
	}
	return NULL;
}

void sio_socket_disconnect(struct sio_socket *s, bool close)
{
	struct sio_client *c = s->client;

	if (!s->connected)
		return;
	if (!close) {
		if (s->leaving)
			return;
		client_send(c, PACKET_DISCONNECT, s->nsp->name, slice_of("", 0));
		socket_leave(s, "server namespace disconnect", NULL);
		return;
	}
	c->refs++;
	for (struct sio_socket *other; (other = first_connected(c));)
		sio_socket_disconnect(other, false);
	client_close(c, true);
	client_unref(c);
}

/* --- what comes in --- */

struct sio_ack *sio_ack_ref(struct sio_ack *ack)
{
	if (ack)
		ack->refs++;
	return ack;
}

void sio_ack_unref(struct sio_ack *ack)
{
	if (!ack || --ack->refs)
		return;
	if (ack->free) {
		ack->free(ack);
		return;
	}
	sio_socket_unref(ack->socket);
	free(ack);
}

void sio_ack_send(struct sio_ack *ack, struct sio_args args)
{
	struct frames f;

	if (!ack || ack->sent)
		return;
	ack->sent = true;
	if (ack->send) {
		ack->send(ack, args);
		return;
	}
	if (!ack->socket->connected)
		return;
	frames_ack(&f, ack->socket->nsp, ack->id, args);
	frames_send(&f, ack->socket, 0);
	frames_release(&f);
}

void socket_tell_error(struct sio_socket *s, const char *error)
{
	struct handlers *lists[] = {&s->nsp->handlers, s->handlers};

	for (size_t i = 0; i < 2; i++) {
		struct handlers_walk w;

		if (!lists[i])
			continue;
		w = handlers_begin(lists[i], ON_ERROR);
		for (struct handler *e; (e = handlers_next(lists[i], &w));)
			((sio_error_fn *)e->fn)(e->user, s, error);
		handlers_end(lists[i]);
	}
}

static bool too_fast(struct sio_socket *s)
{
	uint32_t rate = s->nsp->server->o.events_per_second;
	int64_t now = loop_now_ms(s->nsp->server->loop);

	if (!rate)
		return false;
	s->tokens += (double)(now - s->tokens_ms) * rate / 1000;
	s->tokens_ms = now;
	if (s->tokens > 2.0 * rate)
		s->tokens = 2.0 * rate;
	if (s->tokens < 1)
		return true;
	s->tokens--;
	return false;
}

void socket_packet(struct sio_socket *s, const struct sio_packet *p, struct sio_args args)
{
	sio_socket_ref(s);
	if (p->type == PACKET_DISCONNECT)
		socket_leave(s, "client namespace disconnect", NULL);
	else if (too_fast(s))
		sio_socket_disconnect(s, true);
	else if (p->type == PACKET_ACK && p->has_id)
		socket_ack_came(s, p->id, args);
	else if (p->type == PACKET_EVENT && p->name.n)
		socket_deliver(s, p, args);
	sio_socket_unref(s);
}

/* --- what goes out --- */

const char *sio_reserved(const char *event_name)
{
	static _Thread_local char text[64];

	if (!packet_name_is_reserved(event_name, strlen(event_name)))
		return NULL;
	snprintf(text, sizeof text, "\"%s\" is a reserved event name", event_name);
	return text;
}

void socket_tell_outgoing(struct sio_socket *s, const char *name, struct sio_args args)
{
	struct handlers *lists[] = {&s->nsp->handlers, s->handlers};

	WATCH(s->nsp->server, event, s, name, args, true);
	for (size_t i = 0; i < 2; i++) {
		struct handlers_walk w;

		if (!handlers_count(lists[i], ON_OUTGOING, NULL))
			continue;
		w = handlers_begin(lists[i], ON_OUTGOING);
		for (struct handler *e; (e = handlers_next(lists[i], &w));)
			((sio_outgoing_fn *)e->fn)(e->user, s, name, args);
		handlers_end(lists[i]);
	}
}

static int emit(struct sio_socket *s, unsigned flags, const char *name, struct sio_args args, const uint64_t *id)
{
	const char *offset = NULL;
	struct frames f;

	socket_tell_outgoing(s, name, args);
	if (s->nsp->recovery && !id && !(flags & (SIO_VOLATILE | SIO_TRANSIENT | SIO_COALESCE)) && s->pid)
		offset = recovery_note(s->nsp->recovery, NULL, socket_id(s), name, args);
	frames_event(&f, s->nsp, name, args, id, offset);
	if ((flags & SIO_COALESCE) && !id)
		frames_coalesce(&f, s->nsp, name);
	frames_send(&f, s, flags);
	frames_release(&f);
	return 0;
}

/* In the middlewares it may already be spoken to: that is sent then and there. */
static bool can_hear(const struct sio_socket *s)
{
	return s->client->session && socket_is_here(s);
}

int sio_socket_emit_flags(struct sio_socket *s, unsigned flags, const char *name, struct sio_args args)
{
	if (packet_name_is_reserved(name, strlen(name)))
		return -EINVAL;
	return can_hear(s) ? emit(s, flags, name, args, NULL) : -ENOTCONN;
}

int sio_socket_emit(struct sio_socket *s, const char *name, struct sio_args args)
{
	return sio_socket_emit_flags(s, 0, name, args);
}

int sio_socket_emit_ack(struct sio_socket *s, unsigned flags, uint32_t timeout_ms, const char *name, struct sio_args args,
                        sio_answer_fn *fn, void *user)
{
	struct owed_ack *owed;
	uint64_t id;

	if (packet_name_is_reserved(name, strlen(name)))
		return -EINVAL;
	if (!can_hear(s))
		return -ENOTCONN;
	id = s->nsp->next_id++;
	owed = socket_owe(s, id, timeout_ms);
	owed->fn = fn;
	owed->user = user;
	return emit(s, flags, name, args, &id);
}

/* --- rooms --- */

void sio_socket_join(struct sio_socket *s, const char *room)
{
	adapter_join(s, room);
}

void sio_socket_leave(struct sio_socket *s, const char *room)
{
	adapter_leave(s, room);
}

/* --- registration --- */

static void add(struct sio_socket *s, enum handler_kind kind, const char *name, void (*fn)(void), void *user, bool once, bool first)
{
	if (!s->handlers)
		s->handlers = xzalloc(sizeof *s->handlers);
	handlers_add(s->handlers,
	             (struct handler){.kind = kind, .event = (char *)(uintptr_t)name, .fn = fn, .user = user, .once = once}, first);
}

static void del(struct sio_socket *s, enum handler_kind kind, const char *name, void (*fn)(void))
{
	if (s->handlers)
		handlers_remove(s->handlers, kind, name, fn);
}

void sio_socket_on(struct sio_socket *s, const char *name, sio_event_fn *fn, void *user)
{
	add(s, ON_EVENT, name, (void (*)(void))fn, user, false, false);
}

void sio_socket_once(struct sio_socket *s, const char *name, sio_event_fn *fn, void *user)
{
	add(s, ON_EVENT, name, (void (*)(void))fn, user, true, false);
}

void sio_socket_off(struct sio_socket *s, const char *name, sio_event_fn *fn)
{
	del(s, ON_EVENT, name, (void (*)(void))fn);
}

void sio_socket_on_any(struct sio_socket *s, sio_any_fn *fn, void *user)
{
	add(s, ON_ANY, NULL, (void (*)(void))fn, user, false, false);
}

void sio_socket_prepend_any(struct sio_socket *s, sio_any_fn *fn, void *user)
{
	add(s, ON_ANY, NULL, (void (*)(void))fn, user, false, true);
}

void sio_socket_off_any(struct sio_socket *s, sio_any_fn *fn)
{
	del(s, ON_ANY, NULL, (void (*)(void))fn);
}

void sio_socket_on_any_outgoing(struct sio_socket *s, sio_outgoing_fn *fn, void *user)
{
	add(s, ON_OUTGOING, NULL, (void (*)(void))fn, user, false, false);
}

void sio_socket_prepend_any_outgoing(struct sio_socket *s, sio_outgoing_fn *fn, void *user)
{
	add(s, ON_OUTGOING, NULL, (void (*)(void))fn, user, false, true);
}

void sio_socket_off_any_outgoing(struct sio_socket *s, sio_outgoing_fn *fn)
{
	del(s, ON_OUTGOING, NULL, (void (*)(void))fn);
}

size_t sio_socket_listeners(const struct sio_socket *s, const char *name)
{
	return handlers_count(s->handlers, ON_EVENT, name);
}

size_t sio_socket_listeners_any(const struct sio_socket *s)
{
	return handlers_count(s->handlers, ON_ANY, NULL);
}

size_t sio_socket_listeners_any_outgoing(const struct sio_socket *s)
{
	return handlers_count(s->handlers, ON_OUTGOING, NULL);
}

void sio_socket_use(struct sio_socket *s, sio_packet_fn *fn, void *user)
{
	add(s, ON_PACKET, NULL, (void (*)(void))fn, user, false, false);
}

void sio_socket_use_later(struct sio_socket *s, sio_packet_later_fn *fn, void *user)
{
	add(s, ON_PACKET_LATER, NULL, (void (*)(void))fn, user, false, false);
}

void sio_socket_on_error(struct sio_socket *s, sio_error_fn *fn, void *user)
{
	add(s, ON_ERROR, NULL, (void (*)(void))fn, user, false, false);
}

void sio_socket_on_disconnecting(struct sio_socket *s, sio_leave_fn *fn, void *user)
{
	add(s, ON_DISCONNECTING, NULL, (void (*)(void))fn, user, false, false);
}

void sio_socket_on_disconnect(struct sio_socket *s, sio_leave_fn *fn, void *user)
{
	add(s, ON_DISCONNECT, NULL, (void (*)(void))fn, user, false, false);
}

/* --- what is known of it --- */

const char *sio_socket_id(const struct sio_socket *s)
{
	return socket_id(s);
}

struct sio_namespace *sio_socket_namespace(const struct sio_socket *s)
{
	return s->nsp;
}

struct eio_session *sio_socket_conn(const struct sio_socket *s)
{
	return s->client->session;
}

bool sio_socket_connected(const struct sio_socket *s)
{
	return s->connected;
}

bool sio_socket_recovered(const struct sio_socket *s)
{
	return s->recovered;
}

struct slice sio_socket_data(const struct sio_socket *s)
{
	return slice_str(s->data ? s->data : "{}");
}

void sio_socket_set_data(struct sio_socket *s, struct slice json)
{
	char *copy = xstrndup(json.p, json.n);

	free(s->data);
	s->data = copy;
	WATCH(s->nsp->server, changed, s, SIO_CHANGED_DATA);
}

void *sio_socket_user(const struct sio_socket *s)
{
	return s->user;
}

void sio_socket_set_user(struct sio_socket *s, void *user)
{
	s->user = user;
}

size_t sio_socket_queued(const struct sio_socket *s)
{
	return s->client->session ? eio_session_queued(s->client->session) : 0;
}

uint64_t sio_socket_dropped(const struct sio_socket *s)
{
	return s->dropped;
}

struct sio_handshake sio_socket_handshake(const struct sio_socket *s)
{
	return (struct sio_handshake){
		.request = s->request,
		.issued_ms = s->issued_ms,
		.xdomain = s->request && eio_request_header(s->request, "origin"),
		.auth = slice_str(s->auth ? s->auth : "{}"),
	};
}

static void add_pairs(struct buf *out, const struct eio_pair *pairs, size_t n)
{
	buf_addc(out, '{');
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_addc(out, ',');
		json_add_str(out, pairs[i].name);
		buf_addc(out, ':');
		json_add_str(out, pairs[i].value);
	}
	buf_addc(out, '}');
}

void sio_socket_handshake_json(const struct sio_socket *s, bool auth, struct buf *out)
{
	struct sio_handshake h = sio_socket_handshake(s);
	time_t seconds = (time_t)(h.issued_ms / 1000);
	char stamp[80];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(stamp, sizeof stamp, "%a %b %d %Y %H:%M:%S GMT+0000 (Coordinated Universal Time)", &tm);
	buf_adds(out, "{\"headers\":");
	add_pairs(out, h.request ? h.request->headers : NULL, h.request ? h.request->nheaders : 0);
	buf_addf(out, ",\"time\":\"%s\",\"address\":", stamp);
	json_add_str(out, h.request ? h.request->remote : NULL);
	buf_addf(out, ",\"xdomain\":%s,\"secure\":%s,\"issued\":%lld,\"url\":", h.xdomain ? "true" : "false",
	         h.request && h.request->secure ? "true" : "false", (long long)h.issued_ms);
	json_add_str(out, h.request ? h.request->target : NULL);
	buf_adds(out, ",\"query\":");
	add_pairs(out, h.request ? h.request->query : NULL, h.request ? h.request->nquery : 0);
	if (auth) {
		buf_adds(out, ",\"auth\":");
		json_add_slice(out, h.auth);
	}
	buf_addc(out, '}');
}

static void add_room(void *out, const char *room)
{
	struct buf *b = out;

	if (b->data[b->len - 1] != '[')
		buf_addc(b, ',');
	json_add_str(b, room);
}

void socket_add_view(void *list, struct sio_socket *s)
{
	struct buf *out = list;

	if (out->data[out->len - 1] != '[')
		buf_addc(out, ',');
	buf_adds(out, "{\"id\":");
	json_add_str(out, socket_id(s));
	buf_adds(out, ",\"handshake\":");
	sio_socket_handshake_json(s, true, out);
	buf_adds(out, ",\"rooms\":[");
	sio_socket_each_room(s, add_room, out);
	buf_adds(out, "],\"data\":");
	json_add_slice(out, sio_socket_data(s));
	buf_addc(out, '}');
}
