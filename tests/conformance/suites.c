/* suites.c: the servers that the official suites expect.
 *
 *   engine, engine3  bare Engine.IO 4 and 3: every message comes back as it is
 *   engine-client    what engine.io-client's own tests talk to
 *   client           what socket.io-client's own tests talk to */
#include "base/json.h"
#include "base/list.h"
#include "base/xmalloc.h"
#include "engineio/exchange.h"
#include "server.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

/* --- engine, engine3 --- */

static void send_message(struct eio_session *s, const char *data, size_t n, bool binary)
{
	struct eio_frame *f = eio_frame_of(data, n, binary);

	eio_session_send(s, f, 0);
	eio_frame_unref(f);
}

static struct eio_server *echo(struct loop *l, bool eio3)
{
	struct eio_handlers h = {.on_message = send_message};
	struct eio_options o;

	eio_options_init(&o);
	o.ping_interval_ms = 300;
	o.ping_timeout_ms = 200;
	o.max_payload = 1000000;
	o.cors.on = o.cors.any_origin = true;
	o.allow_eio3 = eio3;
	return eio_server_new(l, &o, &h);
}

static struct eio_server *engine(struct loop *l)
{
	return echo(l, false);
}

static struct eio_server *engine3(struct loop *l)
{
	return echo(l, true);
}

/* --- engine-client --- */

static void greet(void *user, struct eio_session *s)
{
	(void)user;
	send_message(s, "hi", 2, false);
}

static bool is(const char *data, size_t n, const char *text)
{
	return slice_is(slice_of(data, n), text);
}

static void send_headers(struct eio_session *s)
{
	const struct eio_request *r = eio_session_carrier(s);
	struct buf b;

	if (!r)
		return;

	buf_init(&b, SIZE_MAX / 2);
	buf_addc(&b, '{');
	for (size_t i = 0; i < r->nheaders; i++) {
		buf_adds(&b, i ? "," : "");
		json_add_str(&b, r->headers[i].name);
		buf_addc(&b, ':');
		json_add_str(&b, r->headers[i].value);
	}
	buf_addc(&b, '}');
	send_message(s, b.data, b.len, false);
	buf_release(&b);
}

static void on_client_message(struct eio_session *s, const char *data, size_t n, bool binary)
{
	static const char evening[] = "пойду спать всем спокойной ночи";

	if (is(data, n, "give binary"))
		send_message(s, "\0\1\2\3\4", 5, true);
	else if (is(data, n, "give utf8"))
		send_message(s, evening, sizeof evening - 1, false);
	else if (is(data, n, "sendHeaders"))
		send_headers(s);
	else
		send_message(s, data, n, binary);
}

static void ask_for_deny(void *user, struct eio_request *r, struct eio_verdict *v)
{
	(void)user;
	if (eio_request_query(r, "deny"))
		eio_verdict_deny(v, NULL);
	else
		eio_verdict_allow(v);
}

static void four_cookies(void *user, struct eio_headers *h, struct eio_request *r)
{
	time_t now = time(NULL);
	char cookie[64];
	struct tm tm;

	(void)user;
	(void)r;
	eio_headers_add(h, "set-cookie", "1=1; Max-Age=86400");
	eio_headers_add(h, "set-cookie", "2=2; Path=/; HttpOnly; Secure; SameSite=Strict");
	eio_headers_add(h, "set-cookie", "3=3; Max-Age=0");
	gmtime_r(&now, &tm);
	strftime(cookie, sizeof cookie, "4=4; Expires=%a, %d %b %Y %H:%M:%S GMT", &tm);
	eio_headers_add(h, "set-cookie", cookie);
}

static struct eio_server *engine_client(struct loop *l)
{
	struct eio_handlers h = {.on_open = greet, .on_message = on_client_message};
	struct eio_options o;

	eio_options_init(&o);
	o.ping_interval_ms = 500;
	o.max_payload = 100;
	o.allow_request = ask_for_deny;
	o.initial_headers = four_cookies;
	return eio_server_new(l, &o, &h);
}

/* --- client: answers that only say that what came was right --- */

static void on_hi(void *user, struct sio_socket *s, struct sio_args args, struct sio_ack *ack)
{
	(void)user;
	(void)args;
	(void)ack;
	sio_socket_emit(s, "hi", sio_none());
}

static void on_echo_first(void *user, struct sio_socket *s, struct sio_args args, struct sio_ack *ack)
{
	struct slice first;

	(void)user;
	(void)s;
	if (sio_args_at(args, 0, &first))
		args.json = first;
	sio_ack_send(ack, args);
}

static void on_ack_answer(void *user, const char *error, struct sio_args args)
{
	struct sio_socket *s = user;
	struct slice b, test;
	double a;

	if (!error && sio_args_number(args, 0, &a) && a == 5 && sio_args_at(args, 1, &b) && json_type(b) == JSON_IS_OBJECT &&
	    json_get(b, "test", &test) && json_type(test) != JSON_IS_FALSE)
		sio_socket_emit(s, "got it", sio_none());
}

static void on_ack(void *user, struct sio_socket *s, struct sio_args args, struct sio_ack *ack)
{
	(void)user;
	(void)args;
	(void)ack;
	sio_socket_emit_ack(s, 0, 0, "ack", sio_none(), on_ack_answer, s);
}

static void date_text(struct buf *b, const char *format)
{
	time_t now = time(NULL);
	char text[80];
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(text, sizeof text, format, &tm);
	buf_adds(b, text);
}

static void on_date(void *event, struct sio_socket *s, struct sio_args args, struct sio_ack *ack)
{
	static const char plain[] = "\"%Y-%m-%dT%H:%M:%S.000Z\"", inside[] = "{\"date\":\"%Y-%m-%dT%H:%M:%S.000Z\"}";
	struct buf b;

	(void)args;
	buf_init(&b, 256);
	date_text(&b, event && strcmp(event, "takeDateObj") == 0 ? inside : plain);
	if (event)
		sio_socket_emit(s, event, sio_json_slice(slice_of(b.data, b.len)));
	else
		sio_ack_send(ack, sio_json_slice(slice_of(b.data, b.len)));
	buf_release(&b);
}

static void on_utf8(void *user, struct sio_socket *s, struct sio_args args, struct sio_ack *ack)
{
	static const char *const texts[] = {"\"てすと\"", "\"Я Б Г Д Ж Й\"", "\"Ä ä Ü ü ß\"", "\"utf8 — string\"", "\"utf8 — string\""};

	(void)user;
	(void)args;
	(void)ack;
	for (size_t i = 0; i < sizeof texts / sizeof *texts; i++)
		sio_socket_emit(s, "takeUtf8", sio_json(texts[i]));
}

static void on_false(void *user, struct sio_socket *s, struct sio_args args, struct sio_ack *ack)
{
	(void)user;
	(void)args;
	(void)ack;
	sio_socket_emit(s, "false", sio_json("false"));
}

static void on_give_binary(void *event, struct sio_socket *s, struct sio_args args, struct sio_ack *ack)
{
	struct sio_builder b;

	(void)args;
	(void)ack;
	sio_builder_init(&b);
	sio_add_binary(&b, "asdfasdf", 8);
	sio_socket_emit(s, event, sio_built(&b));
	sio_builder_release(&b);
}

static void on_plain(void *event, struct sio_socket *s, struct sio_args args, struct sio_ack *ack)
{
	(void)args;
	(void)ack;
	sio_socket_emit(s, event, sio_none());
}

static void on_binary(void *event, struct sio_socket *s, struct sio_args args, struct sio_ack *ack)
{
	struct sio_blob blob;

	(void)ack;
	if (sio_args_binary(args, 0, &blob))
		sio_socket_emit(s, event, sio_none());
}

/* {hello: "lol", message: binary, goodbye: "gotcha"} */
static void on_mixed(void *event, struct sio_socket *s, struct sio_args args, struct sio_ack *ack)
{
	struct slice o, hello, message, goodbye;
	struct sio_blob blob;

	(void)ack;
	if (!sio_args_at(args, 0, &o) || json_type(o) != JSON_IS_OBJECT || !json_get(o, "hello", &hello) || !json_get(o, "message", &message) ||
	    !json_get(o, "goodbye", &goodbye) || !json_string_is(hello, "lol") || !json_string_is(goodbye, "gotcha"))
		return;
	args.json = message;
	if (sio_args_binary(args, 0, &blob))
		sio_socket_emit(s, event, sio_none());
}

static void on_handshake(void *user, struct sio_socket *s, struct sio_args args, struct sio_ack *ack)
{
	struct buf b;

	(void)user;
	(void)args;
	buf_init(&b, SIZE_MAX / 2);
	sio_socket_handshake_json(s, true, &b);
	sio_ack_send(ack, sio_json_slice(slice_of(b.data, b.len)));
	buf_release(&b);
}

static void on_id(void *user, struct sio_socket *s, struct sio_args args, struct sio_ack *ack)
{
	struct sio_builder b;

	(void)user;
	(void)args;
	sio_builder_init(&b);
	sio_add_string(&b, sio_socket_id(s));
	sio_ack_send(ack, sio_built(&b));
	sio_builder_release(&b);
}

static const struct {
	const char *event;
	sio_event_fn *handle;
	const char *answer;    /* the event that is sent back */
} client_events[] = {
	{"hi", on_hi, NULL},
	{"echo", on_echo_first, NULL},
	{"ack", on_ack, NULL},
	{"getAckDate", on_date, NULL},
	{"getDate", on_date, "takeDate"},
	{"getDateObj", on_date, "takeDateObj"},
	{"getUtf8", on_utf8, NULL},
	{"false", on_false, NULL},
	{"doge", on_give_binary, "doge"},
	{"getbin", on_give_binary, "takebin"},
	{"buffa", on_binary, "buffack"},
	{"jsonbuff", on_mixed, "jsonbuff-ack"},
	{"abuff2", on_plain, "abuff2-ack"},
	{"blob", on_binary, "back"},
	{"jsonblob", on_mixed, "jsonblob-ack"},
	{"blob3", on_binary, "blob3-ack"},
	{"getHandshake", on_handshake, NULL},
	{"getId", on_id, NULL},
};

/* --- client: its namespaces, and a server that takes 10 ms to let someone in --- */

struct waiting {
	struct loop_timer timer;
	struct link link;
	struct eio_verdict *verdict;
};
struct slow {
	struct loop *loop;
	struct link waiting;
};

static void admit(struct loop_timer *t)
{
	struct waiting *w = list_item(t, struct waiting, timer);

	list_remove(&w->link);
	eio_verdict_allow(w->verdict);
	free(w);
}

static void ask_slowly(void *user, struct eio_request *r, struct eio_verdict *v)
{
	struct waiting *w = xzalloc(sizeof *w);
	struct slow *slow = user;

	(void)r;
	w->verdict = v;
	list_push(&slow->waiting, &w->link);
	loop_timer_set(slow->loop, &w->timer, 10, admit);
}

static void release_slow(void *state)
{
	struct slow *slow = state;

	list_each(&slow->waiting, l, after) {
		struct waiting *w = list_item(l, struct waiting, link);

		loop_timer_clear(slow->loop, &w->timer);
		admit(&w->timer);
	}
}

/* Filled in by the set-up: a program has one suite. */
static struct slow slow;

static void client_options(struct sio_options *o, struct http_options *h)
{
	(void)h;
	o->engine.ping_interval_ms = 2000;
	o->engine.allow_request = ask_slowly;
	o->engine.user = &slow;
	o->recovery_ms = 120000;
}

static void refuse_fail(void *user, struct sio_socket *s, struct sio_next *next)
{
	const char *fail = eio_request_query(sio_socket_handshake(s).request, "fail");

	(void)user;
	if (fail && *fail)
		sio_refuse(next, "Auth failed (main namespace)", NULL);
	else
		sio_next(next);
}

static void refuse_all(void *user, struct sio_socket *s, struct sio_next *next)
{
	(void)user;
	(void)s;
	sio_refuse(next, "Auth failed (custom namespace)", NULL);
}

static void emit_handshake(void *user, struct sio_socket *s)
{
	struct buf b;

	(void)user;
	buf_init(&b, SIZE_MAX / 2);
	sio_socket_handshake_json(s, true, &b);
	sio_socket_emit(s, "handshake", sio_json_slice(slice_of(b.data, b.len)));
	buf_release(&b);
}

static void client_setup(struct fixture *f)
{
	static const char *const quiet[] = {"/timeout_socket", "/valid", "/asd"};
	struct sio_namespace *main = sio_of(f->io, "/");

	slow.loop = f->loop;
	list_init(&slow.waiting);
	f->state = &slow;
	f->release = release_slow;
	for (size_t i = 0; i < sizeof quiet / sizeof *quiet; i++)
		sio_of(f->io, quiet[i]);
	sio_on(sio_of(f->io, "/foo"), "getId", on_id, NULL);
	sio_on_connection(sio_of(f->io, "/abc"), emit_handshake, NULL);
	sio_use(sio_of(f->io, "/no"), refuse_all, NULL);
	sio_use(main, refuse_fail, NULL);
	for (size_t i = 0; i < sizeof client_events / sizeof *client_events; i++)
		sio_on(main, client_events[i].event, client_events[i].handle, (void *)(uintptr_t)client_events[i].answer);
}

/* --- by name --- */

static const struct plan suites[] = {
	{.name = "engine", .engine = engine},
	{.name = "engine3", .engine = engine3},
	{.name = "engine-client", .engine = engine_client},
	{.name = "client", .options = client_options, .setup = client_setup},
};

const struct plan *suite_plan(const char *name)
{
	for (size_t i = 0; i < sizeof suites / sizeof *suites; i++)
		if (strcmp(name, suites[i].name) == 0)
			return &suites[i];
	return NULL;
}
