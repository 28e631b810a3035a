/* session.c: one client, whatever transport it is on: its queue, its heartbeat, its end. */
#include "base/xmalloc.h"
#include "base/limits.h"
#include "base/log.h"
#include "engineio/engine.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/* What a queued frame costs beside its bytes: floods of tiny ones count too. */
#define FRAME_COST 64

const char *eio_reason_text(enum eio_reason why)
{
	static const char *const texts[] = {
		[EIO_PING_TIMEOUT] = "ping timeout",       [EIO_PARSE_ERROR] = "parse error",
		[EIO_TRANSPORT_ERROR] = "transport error", [EIO_TRANSPORT_CLOSE] = "transport close",
		[EIO_FORCED_CLOSE] = "forced close",
	};

	return texts[why];
}

/* --- how many of each address --- */

static void count_address(struct eio_session *s, intptr_t change)
{
	struct map *m = &s->server->addresses;
	const char *a = s->request->remote;
	size_t n = strlen(a);
	intptr_t now = (intptr_t)map_get(m, a, n) + change;

	if (now)
		map_set(m, a, n, (void *)now);
	else
		map_del(m, a, n);
}

/* --- birth --- */

static_assert(EIO_ID_LEN == RANDOM_ID_LEN, "one length of ids");

static void choose_id(struct eio_session *s, struct eio_request *r)
{
	static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
	struct eio_server *srv = s->server;

	if (srv->o.generate_id) {
		srv->o.generate_id(srv->o.user, r, s->sid);
		s->sid[EIO_ID_LEN] = '\0';
		if (strspn(s->sid, letters) == EIO_ID_LEN && !map_get(&srv->sessions, s->sid, EIO_ID_LEN))
			return;
		log_error("engineio: generate_id gave an id that is taken or is none; a random one stands in");
	}
	random_id(s->sid);
}

struct eio_session *session_new(struct eio_server *srv, struct eio_request *r, int protocol)
{
	struct eio_session *s = xzalloc(sizeof *s);

	s->server = srv;
	s->protocol = (uint8_t)protocol;
	s->request = eio_request_ref(r);
	s->base64 = eio_request_query(r, "b64") != NULL;
	choose_id(s, r);
	map_set(&srv->sessions, s->sid, RANDOM_ID_LEN, s);
	if (srv->o.max_sessions_per_address)
		count_address(s, 1);
	srv->nopen++;
	srv->counters.opened++;
	srv->refs++;
	return s;
}

/* --- who listens to every packet --- */

/* False: whoever was told has ended the session. */
static bool tell_packet(struct eio_session *s, char type, const char *data, size_t n, bool binary, bool sent)
{
	if (s->server->on_packet)
		s->server->on_packet(s, type, data, n, binary, sent);
	return s->state == SESSION_OPEN;
}

/* --- heartbeat --- */

static void on_timer(struct loop_timer *t);

static void arm(struct eio_session *s, int64_t wait_ms)
{
	loop_timer_set(s->server->loop, &s->timer, wait_ms, on_timer);
}

static void wait_for_next_ping(struct eio_session *s)
{
	s->awaits_pong = false;
	if (s->protocol == 4)
		arm(s, s->server->o.ping_interval_ms);
	else /* protocol 3: the client pings */
		arm(s, (int64_t)s->server->o.ping_interval_ms + s->server->o.ping_timeout_ms);
}

static void on_timer(struct loop_timer *t)
{
	struct eio_session *s = list_item(t, struct eio_session, timer);

	if (s->state == SESSION_CLOSING) {
		session_end(s, EIO_FORCED_CLOSE, "nobody fetched the last answer");
	} else if (s->protocol == 3 || s->awaits_pong) {
		session_end(s, EIO_PING_TIMEOUT, NULL);
	} else if (tell_packet(s, '2', "", 0, false, true)) {
		s->awaits_pong = true;
		s->pong_extended = false;
		session_push(s, frame_packet('2'));
		arm(s, s->server->o.ping_timeout_ms);
	}
}

void session_alive(struct eio_session *s)
{
	if (!s->awaits_pong || s->pong_extended)
		return;
	s->pong_extended = true;
	arm(s, s->server->o.ping_timeout_ms);
}

static void send_handshake(struct eio_session *s)
{
	const struct eio_options *o = &s->server->o;
	bool upgrades = !s->ws && o->allow_upgrades && (o->transports & EIO_WEBSOCKET);
	struct buf b;

	buf_init(&b, 512);
	buf_addf(&b, "0{\"sid\":\"%s\",\"upgrades\":[%s],\"pingInterval\":%u,\"pingTimeout\":%u,\"maxPayload\":%zu}", s->sid,
	         upgrades ? "\"websocket\"" : "", o->ping_interval_ms, o->ping_timeout_ms, o->max_payload);
	session_push(s, frame_make(b.data, b.len, 1, false));
	buf_release(&b);
}

void session_open(struct eio_session *s)
{
	send_handshake(s);
	session_flush(s); /* the open packet travels alone */
	if (s->state != SESSION_OPEN)
		return;
	wait_for_next_ping(s);
	if (s->server->h.on_open)
		s->server->h.on_open(s->server->h.user, s);
}

/* --- the queue --- */

static size_t cost(const struct eio_frame *f)
{
	return f->len + FRAME_COST;
}

static void count_queued(struct eio_session *s, ptrdiff_t change)
{
	s->q_bytes = (size_t)((ptrdiff_t)s->q_bytes + change);
	s->server->queued = (size_t)((ptrdiff_t)s->server->queued + change);
}

static void grow(struct eio_session *s)
{
	uint32_t cap = s->q_cap ? s->q_cap * 2 : 4;
	struct eio_frame **q = xreallocarray(NULL, cap, sizeof *q);

	for (uint32_t i = 0; i < s->q_len; i++)
		q[i] = s->queue[(s->q_first + i) & (s->q_cap - 1)];
	free(s->queue);
	s->queue = q;
	s->q_cap = cap;
	s->q_first = 0;
}

void session_push(struct eio_session *s, struct eio_frame *take_f)
{
	if (s->q_len == s->q_cap)
		grow(s);
	s->queue[(s->q_first + s->q_len++) & (s->q_cap - 1)] = take_f;
	count_queued(s, (ptrdiff_t)cost(take_f));
	server_mark_dirty(s->server, s);
}

struct eio_frame **session_slot(struct eio_session *s, uint32_t i)
{
	assert(i < s->q_len);
	return &s->queue[(s->q_first + i) & (s->q_cap - 1)];
}

void session_pop(struct eio_session *s)
{
	struct eio_frame *f = *session_slot(s, 0);

	s->q_first = (s->q_first + 1) & (s->q_cap - 1);
	s->q_len--;
	count_queued(s, -(ptrdiff_t)cost(f));
	eio_frame_unref(f);
	if (!s->q_len && s->q_cap > 4) { /* an idle client keeps no long queue */
		free(s->queue);
		s->queue = NULL;
		s->q_cap = s->q_first = 0;
	}
}

void session_swap_front(struct eio_session *s, struct eio_frame *take_f)
{
	struct eio_frame **slot = session_slot(s, 0);

	count_queued(s, (ptrdiff_t)cost(take_f) - (ptrdiff_t)cost(*slot));
	eio_frame_unref(*slot);
	*slot = take_f;
}

bool eio_session_writable(const struct eio_session *s)
{
	if (s->state != SESSION_OPEN || s->overflow || s->q_bytes > s->server->o.queue_low_bytes)
		return false;
	return s->ws ? !ws_blocked(s->ws) : s->get != NULL;
}

/* For this client, or, where it is one of the slow ones, for all together. */
static bool is_too_much(const struct eio_session *s, size_t more)
{
	const struct eio_options *o = &s->server->o;

	return s->q_bytes + more > o->queue_max_bytes ||
	       (s->q_bytes > o->queue_low_bytes && s->server->queued + more > o->queues_max_bytes);
}

/* What waits may be this turn's own work alone, which the kernel would take now. A single packet may be as large as it likes. */
static bool has_room(struct eio_session *s, size_t more)
{
	if (is_too_much(s, more) && s->ws)
		ws_relieve(s->ws);
	return !s->q_bytes || !is_too_much(s, more);
}

void session_push_answer(struct eio_session *s, struct eio_frame *take_f)
{
	if (has_room(s, cost(take_f))) {
		session_push(s, take_f);
		return;
	}
	eio_frame_unref(take_f);
	s->overflow = true;
	server_mark_dirty(s->server, s);
}

/* There is never more than one; but what has begun to leave has to leave whole. */
static bool find_older(struct eio_session *s, uint64_t key, uint32_t *at)
{
	uint32_t begun = s->ws && ws_begun(s->ws);

	for (*at = s->q_len; key && (*at)-- > begun;)
		if ((*session_slot(s, *at))->key == key)
			return true;
	return false;
}

bool eio_session_has_room(struct eio_session *s, size_t bytes, size_t frames, const struct eio_frame *newest)
{
	size_t more = bytes + frames * FRAME_COST, former;
	bool open = s->state == SESSION_OPEN && !s->overflow, has = open && has_room(s, more);
	uint32_t at;

	if (open && !has && newest && find_older(s, newest->key, &at)) {
		former = cost(*session_slot(s, at));
		has = s->q_bytes == former || !is_too_much(s, more - former); /* a sum that is right where the difference wraps */
	}
	s->server->counters.dropped += !has;
	return has;
}

static void drop_older(struct eio_session *s, uint64_t key)
{
	struct eio_frame *f;
	uint32_t at;

	if (!find_older(s, key, &at))
		return;
	f = *session_slot(s, at);
	for (; at + 1 < s->q_len; at++)
		*session_slot(s, at) = *session_slot(s, at + 1);
	s->q_len--;
	count_queued(s, -(ptrdiff_t)cost(f));
	s->server->counters.coalesced++;
	eio_frame_unref(f);
}

bool eio_session_send(struct eio_session *s, struct eio_frame *f, unsigned flags)
{
	if (s->state != SESSION_OPEN || s->overflow)
		return false;
	if ((flags & EIO_VOLATILE) && !eio_session_writable(s)) {
		s->server->counters.dropped++;
		return false;
	}
	if (flags & EIO_COALESCE)
		drop_older(s, f->key);
	if (!has_room(s, cost(f))) {
		s->overflow = true;
		server_mark_dirty(s->server, s);
		return false;
	}
	if (flags & EIO_UNCOMPRESSED)
		f->plain = true;
	if (s->server->on_packet && !tell_packet(s, '4', (char *)frame_payload(f) + !f->binary, f->len - !f->binary, f->binary, true))
		return false;
	s->server->counters.messages_out++;
	session_push(s, eio_frame_ref(f));
	return true;
}

void session_drained(struct eio_session *s)
{
	if (s->state == SESSION_CLOSING)
		session_end(s, EIO_FORCED_CLOSE, NULL);
	else if (s->state == SESSION_OPEN && s->server->h.on_drain)
		s->server->h.on_drain(s);
}

void session_flush(struct eio_session *s)
{
	if (s->state == SESSION_CLOSED)
		return;
	if (s->overflow) {
		s->server->counters.too_slow++;
		session_end(s, EIO_TRANSPORT_ERROR, "too slow: more waits for this client than may");
	} else if (s->ws) {
		ws_flush(s->ws);
	} else {
		polling_flush(s);
	}
}

/* --- what comes in --- */

static void message(struct eio_session *s, const char *data, size_t n, bool binary)
{
	s->server->counters.messages_in++;
	s->server->h.on_message(s, data, n, binary);
}

void session_binary(struct eio_session *s, const char *data, size_t n)
{
	if (s->state != SESSION_OPEN || !tell_packet(s, '4', data, n, true, false))
		return;
	session_alive(s);
	message(s, data, n, true);
}

static void client_ping(struct eio_session *s, const char *data, size_t n)
{
	struct buf pong;

	if (s->protocol == 4) {
		session_end(s, EIO_TRANSPORT_ERROR, "invalid heartbeat direction");
		return;
	}
	if (!tell_packet(s, '3', data, n, false, true))
		return;
	buf_init(&pong, n + 1);
	buf_addc(&pong, '3');
	buf_add(&pong, data, n);
	session_push_answer(s, frame_make(pong.data, pong.len, 1, false));
	buf_release(&pong);
	wait_for_next_ping(s);
}

void session_packet(struct eio_session *s, char type, const char *data, size_t n)
{
	if (s->state == SESSION_CLOSING && type == '1') /* it will not come for the last answer */
		session_end(s, EIO_FORCED_CLOSE, "the client closed too");
	if (s->state != SESSION_OPEN || !tell_packet(s, type, data, n, false, false))
		return;
	if (type != '3')
		session_alive(s);
	switch (type) {
	case '1':
		session_end(s, EIO_TRANSPORT_CLOSE, "the client closed");
		break;
	case '2':
		client_ping(s, data, n);
		break;
	case '3':
		if (s->protocol == 3)
			session_end(s, EIO_TRANSPORT_ERROR, "invalid heartbeat direction");
		else if (s->awaits_pong)
			wait_for_next_ping(s);
		break;
	case '4':
		message(s, data, n, false);
		break;
	default: /* 0, 5 and 6 mean nothing here and harm nobody */
		break;
	}
}

/* --- the upgrade --- */

void session_switch(struct eio_session *s)
{
	s->ws = s->probe;
	s->probe = NULL;
	polling_drop(s, '6');
	if (s->state == SESSION_CLOSED) /* by who was asked for the answer's headers */
		return;
	if (s->state == SESSION_CLOSING && !s->q_len) { /* it was closed while the client changed over */
		session_end(s, EIO_FORCED_CLOSE, NULL);
		return;
	}
	server_mark_dirty(s->server, s);
	if (s->server->h.on_upgrade)
		s->server->h.on_upgrade(s);
}

/* --- the end --- */

static void session_free(void *arg)
{
	struct eio_session *s = arg;

	eio_server_unref(s->server);
	free(s);
}

static void empty_queue(struct eio_session *s)
{
	while (s->q_len)
		session_pop(s);
	free(s->queue);
	s->queue = NULL;
	s->q_cap = 0;
}

void session_end(struct eio_session *s, enum eio_reason why, const char *description)
{
	struct eio_server *srv = s->server;

	if (s->state == SESSION_CLOSED)
		return;
	s->state = SESSION_CLOSED;
	loop_timer_clear(srv->loop, &s->timer);
	list_remove(&s->dirty);
	server_forget(srv, s);
	if (srv->o.max_sessions_per_address && s->request)
		count_address(s, -1);
	srv->nopen--;
	srv->counters.closed++;
	polling_drop(s, why == EIO_TRANSPORT_CLOSE ? '6' : '1');
	if (s->ws)
		ws_end(s->ws, 0);
	if (s->probe)
		ws_end(s->probe, 0);
	s->ws = s->probe = NULL;
	empty_queue(s);
	if (srv->h.on_close)
		srv->h.on_close(s, why, description);
	eio_request_unref(s->request);
	s->request = NULL;
	loop_defer(srv->loop, session_free, s); /* callers up the stack still hold s */
}

void eio_session_close(struct eio_session *s, bool discard)
{
	if (s->state != SESSION_OPEN)
		return;
	if (discard) {
		session_end(s, EIO_FORCED_CLOSE, NULL);
		return;
	}
	session_flush(s);
	if (s->state != SESSION_OPEN)
		return;
	if (s->ws ? !s->q_len : polling_close(s)) {
		session_end(s, EIO_FORCED_CLOSE, NULL);
		return;
	}
	s->state = SESSION_CLOSING;
	arm(s, LIMIT_CLOSING_MS);
}

void eio_session_fail(struct eio_session *s, enum eio_reason why, const char *description)
{
	session_end(s, why, description);
}

/* --- what is known of it --- */

void eio_session_set_user(struct eio_session *s, void *user)
{
	s->user = user;
}

void *eio_session_user(const struct eio_session *s)
{
	return s->user;
}

const char *eio_session_id(const struct eio_session *s)
{
	return s->sid;
}

int eio_session_protocol(const struct eio_session *s)
{
	return s->protocol;
}

const char *eio_session_transport(const struct eio_session *s)
{
	return s->ws ? "websocket" : "polling";
}

struct eio_request *eio_session_request(const struct eio_session *s)
{
	return s->request;
}

struct eio_request *eio_session_carrier(const struct eio_session *s)
{
	return s->carrier;
}

void eio_session_drop_request(struct eio_session *s)
{
	if (s->server->o.max_sessions_per_address && s->request)
		count_address(s, -1); /* its address is not known any longer */
	eio_request_unref(s->request);
	s->request = NULL;
}

size_t eio_session_queued(const struct eio_session *s)
{
	return s->q_bytes;
}

bool eio_session_is_open(const struct eio_session *s)
{
	return s->state == SESSION_OPEN;
}

struct eio_server *eio_session_server(const struct eio_session *s)
{
	return s->server;
}
