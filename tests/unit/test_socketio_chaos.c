/* test_socketio_chaos.c: a handler may do anything, and here each does: every function that the application is called
 * with calls others of the API at random, down to the end of the server, while clients come, speak, hang up and come back.
 * What must hold: nothing freed is touched (the sanitizers and valgrind watch), nothing leaks, and who waits for an answer
 * is told once.
 *
 * CHAOS_SEED=n begins with that seed, CHAOS_RUNS=n makes so many of them. */
#include "check.h"

#include "base/xmalloc.h"
#include "engineio/exchange.h"
#include "socketio/adapter_redis.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define RUNS 25
#define STEPS 1000
#define CLIENTS 10
#define HELD 12
#define DEPTH 4

static struct loop *l;
static struct sio_server *io;          /* NULL once it is freed */
static struct eio_server *engine;      /* held */
static unsigned depth;
static size_t asked, heard;

/* --- chance --- */

static uint64_t dice;

static unsigned roll(unsigned n)
{
	dice ^= dice << 13;
	dice ^= dice >> 7;
	dice ^= dice << 17;
	return (unsigned)(dice >> 33) % n;
}

#define PICK(a) ((a)[roll(ROWS(a))])

static const char *const rooms[] = {"r1", "r2", "r3"};
static const char *const names[] = {"/", "/a", "/d1", "/d2"};

/* --- what the application holds on to --- */

static struct sio_socket *sockets[HELD];
static struct sio_ack *acks[HELD];
static struct sio_next *thinking[HELD];
static struct sio_packet_next *pondered[HELD];
static struct sio_match *matched[HELD];

static void act(struct sio_socket *s);

static void give_back(void *s)
{
	sio_socket_unref(s);
}

/* The former one is given back when nobody up the stack speaks of it any more. */
static void hold_socket(struct sio_socket *s)
{
	struct sio_socket **at = &PICK(sockets);

	loop_defer(l, give_back, *at);
	*at = sio_socket_ref(s);
}

static void hold_ack(struct sio_ack *ack)
{
	struct sio_ack **at = &PICK(acks);

	sio_ack_ref(ack);
	sio_ack_unref(*at);
	*at = ack;
}

static void answer_middleware(struct sio_next **at)
{
	struct sio_next *next = *at;

	*at = NULL;
	if (next && roll(4))
		sio_next(next);
	else if (next)
		sio_refuse(next, "no", roll(2) ? "{\"a\":1}" : NULL);
}

static void answer_packet(struct sio_packet_next **at)
{
	struct sio_packet_next *next = *at;

	*at = NULL;
	if (next && roll(4))
		sio_packet_pass(next);
	else if (next)
		sio_packet_refuse(next, "by chance");
}

static void answer_match(struct sio_match **at)
{
	struct sio_match *m = *at;

	*at = NULL;
	if (m)
		sio_match_answer(m, roll(4));
}

/* --- the application: whatever it is told of, it acts --- */

static void take(void *found, struct sio_socket *s)
{
	struct sio_socket **out = found;

	if (!*out || !roll(3))
		*out = s;
}

static struct sio_namespace *some_namespace(void)
{
	return sio_of(io, PICK(names));
}

/* One that is connected, or held, or none. */
static struct sio_socket *some_socket(struct sio_socket *s)
{
	struct sio_socket *other = NULL;

	if (s && roll(2))
		return s;
	if (!roll(4))
		return PICK(sockets);
	sio_each_socket(some_namespace(), take, &other);
	return other;
}

static struct sio_operator some_operator(const struct sio_socket *s)
{
	struct sio_operator op = s && roll(2) ? sio_broadcast(s) : sio_all(some_namespace());

	if (roll(2))
		op = sio_to(op, PICK(rooms));
	if (!roll(3))
		op = sio_except(op, PICK(rooms));
	if (!roll(4))
		op = sio_volatile(op);
	if (!roll(4))
		op = sio_transient(op);
	if (!roll(4))
		op = sio_coalesce(op);
	if (!roll(4))
		op = sio_local(sio_compress(op, false));
	return sio_timeout(op, roll(5));
}

static void on_answer(void *user, const char *error, struct sio_args args)
{
	(void)error;
	(void)args;
	free(user); /* told twice, it would be freed twice; never, it would leak */
	heard++;
	act(NULL);
}

static void on_views(void *user, const char *error, struct slice views)
{
	(void)views;
	on_answer(user, error, sio_none());
}

static void on_event(void *user, struct sio_socket *s, struct sio_args args, struct sio_ack *ack)
{
	(void)user;
	act(s);
	if (roll(2))
		sio_ack_send(ack, args);
	else
		hold_ack(ack);
	act(s);
}

static void on_server_event(void *user, struct sio_namespace *nsp, struct sio_args args, struct sio_ack *ack)
{
	(void)nsp;
	on_event(user, NULL, args, ack);
}

static void on_any(void *user, struct sio_socket *s, const char *event, struct sio_args args, struct sio_ack *ack)
{
	(void)user;
	(void)event;
	(void)args;
	(void)ack;
	act(s);
}

static void on_outgoing(void *user, struct sio_socket *s, const char *event, struct sio_args args)
{
	(void)user;
	(void)event;
	(void)args;
	act(s);
}

static bool on_packet_in(void *user, struct sio_socket *s, const char *event, struct sio_args *args, const char **error)
{
	(void)user;
	(void)event;
	*error = "by chance";
	act(s);
	if (!roll(4))
		*args = sio_json("\"other\"");
	return roll(8);
}

static void on_packet_thought(void *user, struct sio_socket *s, const char *event, struct sio_args args, struct sio_packet_next *next)
{
	struct sio_packet_next **at = &PICK(pondered);

	(void)user;
	(void)event;
	(void)args;
	act(s);
	if (!*at && roll(2))
		*at = next;
	else
		answer_packet(&next);
}

static void on_error(void *user, struct sio_socket *s, const char *error)
{
	(void)user;
	(void)error;
	act(s);
}

static void on_leave(void *user, struct sio_socket *s, const char *reason, const char *description)
{
	(void)user;
	(void)reason;
	(void)description;
	act(s);
}

static void on_socket(void *user, struct sio_socket *s)
{
	(void)user;
	act(s);
}

static void on_middleware(void *user, struct sio_socket *s, struct sio_next *next)
{
	struct sio_next **at = &PICK(thinking);

	(void)user;
	act(s);
	if (!*at && !roll(3))
		*at = next;
	else
		answer_middleware(&next);
}

static void on_room(void *user, enum sio_room_event what, const char *room, const char *id)
{
	(void)user;
	(void)what;
	(void)room;
	(void)id;
	act(NULL);
}

static void on_its_room(void *user, const char *room)
{
	(void)room;
	act(user);
}

static void on_each_room(void *user, const char *room, size_t members)
{
	(void)members;
	act(user);
	if (io && !roll(4))
		sio_sockets_leave(sio_all(sio_of(io, "/")), &room, 1);
}

static void on_namespace(void *user, struct sio_namespace *nsp)
{
	(void)user;
	(void)nsp;
	act(NULL);
}

static bool on_match(void *user, const char *name, struct slice auth)
{
	(void)user;
	(void)auth;
	act(NULL);
	return strncmp(name, "/d", 2) == 0;
}

static void on_match_thought(void *user, const char *name, struct slice auth, struct sio_match *m)
{
	struct sio_match **at = &PICK(matched);

	(void)user;
	(void)name;
	(void)auth;
	act(NULL);
	if (!*at && roll(2))
		*at = m;
	else
		answer_match(&m);
}

static void on_refused(void *user, const struct eio_refusal *r)
{
	(void)user;
	(void)r;
	act(NULL);
}

static void on_session(void *user, struct eio_session *s)
{
	(void)user;
	(void)s;
	act(NULL);
}

static void on_session_end(void *user, struct eio_session *s, enum eio_reason why, const char *description)
{
	(void)user;
	(void)s;
	(void)why;
	(void)description;
	act(NULL);
}

static void on_packet(void *user, struct eio_session *s, char type, const char *data, size_t n, bool binary, bool sent)
{
	(void)user;
	(void)s;
	(void)type;
	(void)data;
	(void)n;
	(void)binary;
	(void)sent;
	if (!roll(4))
		act(NULL);
}

static void on_request(void *user, struct eio_request *r, struct eio_verdict *v)
{
	(void)user;
	(void)r;
	act(NULL);
	if (roll(8))
		eio_verdict_allow(v);
	else
		eio_verdict_deny(v, "by chance");
}

static void on_headers(void *user, struct eio_headers *h, struct eio_request *r)
{
	(void)user;
	(void)r;
	eio_headers_add(h, "X-Chaos", "yes");
	if (!roll(4))
		act(NULL);
}

/* --- what it does --- */

static void ask(struct sio_socket *s)
{
	void *token = xmalloc(1);
	int err;

	asked++;
	if (s && roll(2))
		err = sio_socket_emit_ack(s, 0, 1 + roll(5), "q", sio_none(), on_answer, token);
	else if (roll(2))
		err = sio_emit_ack(some_operator(s), "q", sio_none(), on_answer, token);
	else
		err = sio_fetch_views(some_operator(s), on_views, token);
	if (err) {
		free(token);
		asked--;
	}
}

static void say(struct sio_socket *s)
{
	struct sio_builder b;

	sio_builder_init(&b);
	sio_add_string(&b, "word");
	if (roll(2))
		sio_add_binary(&b, "\1\2\3", 3);
	if (s && roll(2))
		sio_socket_emit_flags(s, roll(16), "ev", sio_built(&b));
	else
		sio_emit(some_operator(s), "ev", sio_built(&b));
	sio_builder_release(&b);
}

static void end(struct sio_socket *s)
{
	struct eio_session *session = s ? sio_socket_conn(s) : NULL;

	switch (roll(6)) {
	case 0:
		if (s)
			sio_socket_disconnect(s, roll(2));
		break;
	case 1:
		if (session)
			eio_session_close(session, roll(2));
		break;
	case 2:
		if (session)
			eio_session_fail(session, EIO_PARSE_ERROR, "chaos");
		break;
	case 3:
		sio_disconnect_sockets(some_operator(s), roll(2));
		break;
	case 4:
		if (session)
			eio_session_drop_request(session);
		break;
	default:
		if (!roll(12)) {
			struct sio_server *ending = io;

			io = NULL;
			sio_server_free(ending);
		}
	}
}

static void change_rooms(struct sio_socket *s)
{
	const char *some[] = {PICK(rooms), PICK(rooms)};

	switch (roll(6)) {
	case 0:
		sio_sockets_join(some_operator(s), some, 2);
		break;
	case 1:
		sio_sockets_leave(some_operator(s), some, 2);
		break;
	case 2:
		sio_each_room(some_namespace(), on_each_room, s);
		break;
	case 3:
		if (s)
			sio_socket_each_room(s, on_its_room, s);
		break;
	case 4:
		if (s)
			sio_socket_leave(s, some[0]);
		break;
	default:
		if (s)
			sio_socket_join(s, some[0]);
	}
}

static void register_more(struct sio_socket *s)
{
	switch (roll(13)) {
	case 0:
		sio_socket_on(s, "ev", on_event, NULL);
		break;
	case 1:
		sio_socket_once(s, "ev", on_event, NULL);
		break;
	case 2:
		sio_socket_off(s, "ev", roll(2) ? on_event : NULL);
		break;
	case 3:
		(roll(2) ? sio_socket_on_any : sio_socket_prepend_any)(s, on_any, NULL);
		break;
	case 4:
		sio_socket_off_any(s, roll(2) ? on_any : NULL);
		break;
	case 5:
		(roll(2) ? sio_socket_on_any_outgoing : sio_socket_prepend_any_outgoing)(s, on_outgoing, NULL);
		break;
	case 6:
		sio_socket_off_any_outgoing(s, roll(2) ? on_outgoing : NULL);
		break;
	case 7:
		sio_socket_use(s, on_packet_in, NULL);
		break;
	case 8:
		sio_socket_on_error(s, on_error, NULL);
		break;
	case 9:
		sio_socket_on_disconnecting(s, on_leave, NULL);
		break;
	case 10:
		sio_socket_on_disconnect(s, on_leave, NULL);
		break;
	case 11:
		sio_socket_use_later(s, on_packet_thought, NULL);
		break;
	default:
		sio_socket_set_data(s, slice_str("{\"k\":[1]}"));
	}
}

static void walk(struct sio_socket *s)
{
	switch (roll(3)) {
	case 0:
		sio_each_socket(some_namespace(), on_socket, NULL);
		break;
	case 1:
		sio_fetch_sockets(some_operator(s), on_socket, NULL);
		break;
	default:
		sio_each_namespace(io, on_namespace, NULL);
	}
}

/* Something, mostly nothing. s may be gone, or NULL. */
static void act(struct sio_socket *s)
{
	if (!io || depth == DEPTH || !roll(3))
		return;
	depth++;
	s = some_socket(s);
	switch (roll(11)) {
	case 0:
		if (!roll(12))
			end(s);
		break;
	case 1:
		ask(s);
		break;
	case 2:
		say(s);
		break;
	case 3:
		change_rooms(s);
		break;
	case 4:
		if (s)
			register_more(s);
		break;
	case 5:
		walk(s);
		break;
	case 6:
		if (s)
			hold_socket(s);
		break;
	case 7:
		answer_middleware(&PICK(thinking));
		break;
	case 8:
		answer_packet(&PICK(pondered));
		break;
	case 9:
		answer_match(&PICK(matched));
		break;
	default:
		sio_ack_send(PICK(acks), sio_json("1"));
	}
	depth--;
}

/* --- clients --- */

struct poll {
	struct eio_exchange ex;
	int status;                    /* 0: not answered */
};
struct client {
	char sid[32], pid[32];
	struct poll *get;              /* waits */
	int fd;                        /* of a WebSocket; -1: none */
	unsigned joined;               /* namespaces that it has asked for */
	bool lost;                     /* its session is not there any more */
};

static void note_ids(struct client *c, const char *text)
{
	const char *pid = strstr(text, "\"pid\":\""), *sid = strstr(text, "0{\"sid\":\"");

	if (pid)
		snprintf(c->pid, sizeof c->pid, "%.20s", pid + 7);
	if (sid == text)
		snprintf(c->sid, sizeof c->sid, "%.20s", sid + 8);
}

static struct client *whose;           /* who makes the request that is under way */

static void on_reply(struct eio_exchange *ex, const struct eio_reply *r)
{
	((struct poll *)(void *)ex)->status = r->status;
	if (r->body && r->len && whose)
		note_ids(whose, r->body);
	free(r->body);
}

static void on_upgrade(struct eio_exchange *ex, const struct eio_header_list *h)
{
	(void)h;
	((struct poll *)(void *)ex)->status = 101;
}

static void on_abort(struct eio_exchange *ex)
{
	((struct poll *)(void *)ex)->status = -1;
}

static const struct eio_exchange_ops ops = {on_reply, on_upgrade, on_abort};

static void poll_end(struct poll *p)
{
	if (!p)
		return;
	if (whose && p->status == 400)
		whose->lost = true;
	eio_exchange_gone(&p->ex);
	eio_request_unref(p->ex.request);
	free(p);
}

static struct poll *send_request(struct client *c, const char *method, const char *transport, const char *body)
{
	static const struct eio_pair headers[] = {
		{"Upgrade", "websocket"}, {"Connection", "Upgrade"},
		{"Sec-WebSocket-Version", "13"}, {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
	};
	bool websocket = strcmp(transport, "websocket") == 0;
	struct poll *p = xzalloc(sizeof *p);
	char target[128];

	snprintf(target, sizeof target, "/socket.io/?EIO=%d&transport=%s%s%s", roll(12) ? 4 : 3, transport, *c->sid ? "&sid=" : "", c->sid);
	p->ex.ops = &ops;
	p->ex.request = eio_request_new(method, target, "127.0.0.1", false, headers, websocket ? ROWS(headers) : 0);
	whose = c;
	eio_exchange_begin(engine, &p->ex);
	if (body)
		eio_exchange_body(&p->ex, body, strlen(body));
	eio_exchange_end(&p->ex);
	return p;
}

static void hang_up(struct client *c)
{
	poll_end(c->get);
	if (c->fd >= 0)
		close(c->fd);
	c->get = NULL;
	c->fd = -1;
	c->joined = 0;
	c->lost = false;
	*c->sid = '\0'; /* its pid stays: it may be back */
}

/* A new session, or the upgrade of one. */
static void open_socket(struct client *c)
{
	struct poll *p = send_request(c, "GET", "websocket", NULL);
	int ends[2];

	if (p->status == 101) {
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
		if (!roll(4))
			loop_turn(l, 0);
		eio_exchange_upgraded(&p->ex, ends[1], NULL, 0);
		if (c->fd >= 0)
			close(c->fd);
		c->fd = ends[0];
	}
	poll_end(p);
}

static void put_frame(struct client *c, const char *text, bool binary)
{
	size_t n = strlen(text);
	unsigned char frame[160] = {binary ? 0x82 : 0x81, (unsigned char)(0x80 | n)}; /* a mask of zeros */

	assert_true(n < 126);
	memcpy(frame + 6, text, n);
	(void)!send(c->fd, frame, 6 + n, MSG_NOSIGNAL);
}

static void drain(struct client *c)
{
	char text[4096];
	ssize_t n = recv(c->fd, text, sizeof text - 1, MSG_DONTWAIT);

	for (ssize_t i = 0; i < n; i++)
		if (!text[i])
			text[i] = ' ';
	text[n > 0 ? n : 0] = '\0';
	note_ids(c, text);
	c->lost = n == 0;
}

static const char *const good[] = {
	"42[\"ev\",1]", "421[\"ev\"]", "42/a,7[\"ev\",{}]", "42/d1,[\"ev\"]", "42/d2,3[\"ev\"]", "430[1]", "431[\"a\"]", "432[]",
	"43/a,0[1]", "43/a,1[1]", "43/d1,0[1]", "3", "6",
};
static const char *const joining[] = {"40", "40/a,", "40/d1,", "40/d2,"};
static const char *const leaving[] = {"41", "41/a,", "41/d1,", "41/d2,", "42[\"connect\"]", "1", "2", "2probe", "5", "4x"};

static void speak(struct client *c)
{
	char text[96];

	snprintf(text, sizeof text, "%s", c->joined < 4 && roll(2) ? joining[c->joined++] : roll(20) ? PICK(good) : PICK(leaving));
	if (*c->pid && !c->joined)
		snprintf(text, sizeof text, "40{\"pid\":\"%s\",\"offset\":\"%u\"}", c->pid, roll(30));
	if (c->fd >= 0 && c->joined && !roll(8)) {
		put_frame(c, "451-[\"ev\",{\"_placeholder\":true,\"num\":0}]", false);
		put_frame(c, "bytes", true);
	} else if (c->fd >= 0) {
		put_frame(c, text, false);
	} else if (*c->sid) {
		poll_end(send_request(c, "POST", "polling", text));
	}
}

static void step(struct client *c)
{
	bool has_session = *c->sid || c->fd >= 0;

	if (c->get && c->get->status) {
		poll_end(c->get);
		c->get = NULL;
	}
	if (c->fd >= 0)
		drain(c);
	if (!has_session && roll(2)) {
		poll_end(send_request(c, "GET", "polling", NULL));
	} else if (!has_session || !roll(30)) {
		open_socket(c);
	} else if (c->lost || !roll(60)) {
		hang_up(c);
	} else if (c->fd < 0 && !c->get && roll(2)) {
		c->get = send_request(c, "GET", "polling", NULL);
	} else {
		speak(c);
	}
}

/* --- other servers, behind a Redis that is not there --- */

#define OPTS "\"opts\":{\"rooms\":[],\"except\":[\"r3\"],\"flags\":{\"timeout\":3}}"

static const char *const requests[] = {
	"{\"uid\":\"other1\",\"type\":2," OPTS ",\"rooms\":[\"r1\",\"r2\"]}",
	"{\"uid\":\"other1\",\"type\":3," OPTS ",\"rooms\":[\"r1\",\"r2\"]}",
	"{\"uid\":\"other1\",\"requestId\":\"a\",\"type\":1}",
	"{\"uid\":\"other1\",\"requestId\":\"a\",\"type\":5," OPTS "}",
	"{\"uid\":\"other1\",\"requestId\":\"a\",\"type\":6,\"data\":[\"ev\",1]}",
	"{\"uid\":\"other1\",\"requestId\":\"a\",\"type\":7,\"packet\":{\"type\":2,\"data\":[\"q\"],\"nsp\":\"/\"}," OPTS "}",
	"{\"uid\":\"other1\",\"requestId\":\"a\",\"type\":7,\"packet\":{\"type\":2,\"data\":[\"q\"],\"nsp\":\"/d1\"}," OPTS "}",
	"{\"uid\":\"other1\",\"type\":4," OPTS ",\"close\":true}",
};

static void other_speaks(void)
{
	struct sio_namespace *nsp = io ? some_namespace() : NULL;
	const char *request = requests[roll(roll(10) ? ROWS(requests) - 1 : ROWS(requests))]; /* the last is the end of most */

	if (nsp && nsp->peers)
		serve_request(nsp->peers, "c", 1, request, strlen(request));
}

static void join_cluster(void)
{
	struct sio_redis_options o;
	const char *why;

	sio_redis_options_init(&o);
	o.url = "unix:///nowhere/at/all";
	o.requests_timeout_ms = 2;
	assert_int_equal(sio_server_set_redis(io, &o, &why), 0);
}

/* --- a run --- */

static void equip(struct sio_namespace *nsp)
{
	sio_use(nsp, on_middleware, NULL);
	sio_use(nsp, on_middleware, NULL);
	sio_on_connection(nsp, on_socket, NULL);
	sio_on(nsp, "ev", on_event, NULL);
	sio_on_any(nsp, on_any, NULL);
	sio_on_server(nsp, "ev", on_server_event, NULL);
	sio_on_any_outgoing(nsp, on_outgoing, NULL);
	sio_use_packets_later(nsp, on_packet_thought, NULL);
	sio_use_packets(nsp, on_packet_in, NULL);
	sio_on_error(nsp, on_error, NULL);
	sio_on_disconnecting(nsp, on_leave, NULL);
	sio_on_disconnect(nsp, on_leave, NULL);
	sio_on_room(nsp, on_room, NULL);
}

static void begin(void)
{
	struct sio_options o;

	assert_int_equal(loop_new(&l), 0);
	sio_options_init(&o);
	o.parser = roll(8) ? SIO_PARSER_DEFAULT : SIO_PARSER_MSGPACK;
	o.cleanup_empty_child_namespaces = roll(2);
	o.recovery_ms = roll(2) ? 60000 : 0;
	o.recovery_skips_middlewares = roll(2);
	o.max_recovery_bytes = roll(2) ? 500 : 100000;
	o.max_pending_acks = roll(2) ? 3 : 1000;
	o.max_thinking_events = roll(2) ? 2 : 1000;
	o.overflow = roll(2) ? SIO_OVERFLOW_CLOSE : SIO_OVERFLOW_DROP;
	o.max_rooms_per_socket = 3 + roll(3);
	o.engine.allow_eio3 = roll(2);
	o.engine.per_message_deflate = roll(2);
	o.engine.deflate_bytes = 1;
	o.engine.max_sessions = 4 + roll(CLIENTS);
	o.engine.max_sessions_per_address = roll(2) ? 6 : 0;
	o.engine.queue_max_bytes = roll(4) ? 100000 : 600;
	o.engine.allow_request = on_request;
	o.engine.headers = o.engine.initial_headers = on_headers;
	io = sio_server_new(l, &o);
	engine = eio_server_ref(sio_engine(io));
	equip(sio_of(io, "/"));
	equip(sio_of(io, "/a"));
	equip(sio_of_match_later(io, on_match_thought, NULL));
	equip(sio_of_match(io, on_match, NULL));
	sio_on_new_namespace(io, on_namespace, NULL);
	sio_on_connection_error(io, on_refused, NULL);
	sio_on_engine(io, on_session, on_session_end, NULL);
	sio_on_conn(io, &(struct sio_conn_events){NULL, on_session, on_session, on_packet});
	if (roll(2))
		join_cluster();
}

static void finish(struct client *clients)
{
	struct sio_server *ending = io;

	io = NULL;
	sio_server_free(ending);
	for (size_t i = 0; i < CLIENTS; i++)
		hang_up(&clients[i]);
	loop_turn(l, 0);
	for (size_t i = 0; i < HELD; i++) {
		answer_middleware(&thinking[i]);
		answer_packet(&pondered[i]);
		answer_match(&matched[i]);
		sio_ack_send(acks[i], sio_json("1"));
		sio_ack_unref(acks[i]);
		acks[i] = NULL;
		if (sockets[i])
			sio_emit(sio_to(sio_broadcast(sockets[i]), "r1"), "late", sio_none());
	}
	loop_free(l);
	for (size_t i = 0; i < HELD; i++) {
		sio_socket_unref(sockets[i]);
		sockets[i] = NULL;
	}
	eio_server_unref(engine);
}

static void run(uint64_t seed)
{
	struct client clients[CLIENTS];

	dice = (seed + 1) * UINT64_C(0x9e3779b97f4a7c15);
	asked = heard = 0;
	for (size_t i = 0; i < CLIENTS; i++)
		clients[i] = (struct client){.fd = -1};
	begin();
	for (int i = 0; i < STEPS; i++) {
		if (!roll(20))
			other_speaks();
		step(&PICK(clients));
		loop_turn(l, 0);
	}
	finish(clients);
	CHECK(asked == heard, "seed %llu: %zu were told of %zu", (unsigned long long)seed, heard, asked);
}

static uint64_t number_of(const char *variable, uint64_t otherwise)
{
	const char *text = getenv(variable);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

static void handlers_do_anything(void **state)
{
	uint64_t first = number_of("CHAOS_SEED", 1), n = number_of("CHAOS_RUNS", RUNS);

	(void)state;
	for (uint64_t seed = first; seed < first + n; seed++) {
		print_message("seed %llu\n", (unsigned long long)seed); /* the last is the one that crashed */
		run(seed);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {cmocka_unit_test(handlers_do_anything)};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
