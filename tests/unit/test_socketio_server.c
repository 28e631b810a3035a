/* test_socketio_server.c: a whole server, spoken to by long polling without a network: whom an operator means,
 * what recovery brings back, what limits do, what handlers may do. */
#include "check.h"

#include "engineio/exchange.h"
#include "http/http.h"
#include "socketio/adapter_redis.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static struct loop *l;
static struct sio_server *io;

/* --- a client --- */

struct answer {
	struct eio_exchange ex;
	int status;            /* 0: not answered */
	char *body;
	char headers[1000];    /* "name: value\n" of each */
};
struct client {
	char sid[32], id[32], pid[32];
	char got[4096];        /* all packets so far, each followed by a space */
};

static struct answer *answer_of(struct eio_exchange *ex)
{
	return (struct answer *)(void *)ex;
}

static void on_reply(struct eio_exchange *ex, const struct eio_reply *r)
{
	struct answer *a = answer_of(ex);
	size_t len = 0;

	a->status = r->status;
	a->body = r->body;
	for (size_t i = 0; r->headers && i < r->headers->n; i++)
		len += (size_t)snprintf(a->headers + len, sizeof a->headers - len, "%s: %s\n", r->headers->at[i].name, r->headers->at[i].value);
}

static void on_upgrade(struct eio_exchange *ex, const struct eio_header_list *h)
{
	(void)ex;
	(void)h;
	fail();
}

static void on_abort(struct eio_exchange *ex)
{
	answer_of(ex)->status = -1;
}

static const struct eio_exchange_ops ops = {on_reply, on_upgrade, on_abort};

/* One request, whole; for a GET that has to wait the answer's status stays 0. */
static void request(struct answer *a, const char *method, const char *sid, const char *body)
{
	char target[128];

	snprintf(target, sizeof target, "/socket.io/?EIO=4&transport=polling%s%s", *sid ? "&sid=" : "", sid);
	*a = (struct answer){.ex.ops = &ops};
	a->ex.request = eio_request_new(method, target, "127.0.0.1", false, NULL, 0);
	eio_exchange_begin(sio_engine(io), &a->ex);
	if (body)
		eio_exchange_body(&a->ex, body, strlen(body));
	eio_exchange_end(&a->ex);
	loop_turn(l, 0);
}

static void release(struct answer *a)
{
	if (!a->status)
		eio_exchange_gone(&a->ex);
	eio_request_unref(a->ex.request);
	free(a->body);
}

static void poll_once(struct client *c)
{
	struct answer a;

	request(&a, "GET", c->sid, NULL);
	assert_int_equal(a.status, 200);
	for (char *p = a.body; p && *p; p++)
		if (*p == '\x1e')
			*p = ' ';
	strncat(c->got, a.body, sizeof c->got - strlen(c->got) - 2);
	strcat(c->got, " ");
	release(&a);
}

static void post(struct client *c, const char *packets)
{
	struct answer a;

	request(&a, "POST", c->sid, packets);
	assert_int_equal(a.status, 200);
	release(&a);
}

static void copy_member(char out[32], const char *text, const char *key)
{
	char mark[16];
	const char *at;

	snprintf(mark, sizeof mark, "\"%s\":\"", key);
	at = strstr(text, mark);
	out[0] = '\0';
	if (at)
		snprintf(out, 32, "%.*s", (int)strcspn(at + strlen(mark), "\""), at + strlen(mark));
}

static void open_session(struct client *c)
{
	struct answer a;

	*c = (struct client){.got = ""};
	request(&a, "GET", "", NULL);
	assert_int_equal(a.status, 200);
	copy_member(c->sid, a.body, "sid");
	release(&a);
}

static void join(struct client *c, const char *connect)
{
	open_session(c);
	post(c, connect);
	poll_once(c);
	copy_member(c->id, strstr(c->got, "\"sid\""), "sid");
	copy_member(c->pid, c->got, "pid");
	c->got[0] = '\0';
}

static struct sio_socket *socket_of(const struct client *c)
{
	return sio_namespace_socket(sio_of(io, "/"), c->id);
}

/* Everything that waits for c, or nothing. */
static const char *take(struct client *c)
{
	c->got[0] = '\0';
	loop_turn(l, 0);
	if (eio_session_queued(sio_socket_conn(socket_of(c))))
		poll_once(c);
	return c->got;
}

static void start(void (*options)(struct sio_options *))
{
	struct sio_options o;

	assert_int_equal(loop_new(&l), 0);
	sio_options_init(&o);
	if (options)
		options(&o);
	io = sio_server_new(l, &o);
}

static void stop(void)
{
	sio_server_free(io);
	loop_free(l);
}

/* --- whom an operator means --- */

#define CLIENTS 4

/* Rooms: 0 in a; 1 in a and b; 2 in b; 3 in none. */
static void join_all(struct client c[CLIENTS])
{
	for (size_t i = 0; i < CLIENTS; i++)
		join(&c[i], "40");
	sio_socket_join(socket_of(&c[0]), "a");
	sio_socket_join(socket_of(&c[1]), "a");
	sio_socket_join(socket_of(&c[1]), "b");
	sio_socket_join(socket_of(&c[2]), "b");
}

static void collect(void *user, struct sio_socket *s)
{
	strcat(user, sio_socket_id(s));
}

static const struct {
	int sender;            /* -1: the namespace speaks */
	const char *to[3], *except[3];
	const char *whom;      /* in this order */
} selections[] = {
	{-1, {0}, {0}, "0123"},
	{-1, {"a"}, {0}, "01"},
	{-1, {"b", "a"}, {0}, "120"},
	{-1, {"a", "b"}, {0}, "012"},
	{-1, {"nobody"}, {0}, ""},
	{-1, {"nobody", "b"}, {0}, "12"},
	{-1, {0}, {"a"}, "23"},
	{-1, {"a"}, {"b"}, "0"},
	{-1, {"a", "b"}, {"a", "b"}, ""},
	{-1, {0}, {"nobody"}, "0123"},
	{1, {0}, {0}, "023"},
	{1, {"a"}, {0}, "0"},
	{1, {"b"}, {"a"}, "2"},
	{3, {"a"}, {0}, "01"},
};

static void operators_select(void **state)
{
	struct client c[CLIENTS];

	(void)state;
	start(NULL);
	join_all(c);
	for (size_t i = 0; i < ROWS(selections); i++) {
		struct sio_operator op = selections[i].sender < 0 ? sio_all(sio_of(io, "/")) : sio_broadcast(socket_of(&c[selections[i].sender]));
		char want[128] = "", got[128] = "";

		for (size_t k = 0; selections[i].to[k]; k++)
			op = sio_to(op, selections[i].to[k]);
		op = sio_except_list(op, selections[i].except, (size_t)(selections[i].except[0] != NULL) + (selections[i].except[1] != NULL));
		for (const char *p = selections[i].whom; *p; p++)
			strcat(want, c[*p - '0'].id);
		sio_fetch_sockets(op, collect, got);
		CHECK(strcmp(got, want) == 0, "%zu: %s instead of %s", i, got, want);
	}
	stop();
}

static void events_reach_whom_they_are_for(void **state)
{
	struct client c[CLIENTS];
	const char *const rooms[] = {"a", "b"};

	(void)state;
	start(NULL);
	join_all(c);
	sio_emit(sio_to_list(sio_all(sio_of(io, "/")), rooms, 2), "once", sio_json("1"));
	sio_emit(sio_to(sio_broadcast(socket_of(&c[0])), "a"), "other", sio_none());
	assert_string_equal(take(&c[0]), "42[\"once\",1] ");
	assert_string_equal(take(&c[1]), "42[\"once\",1] 42[\"other\"] ");
	assert_string_equal(take(&c[3]), "");
	assert_true(sio_emit(sio_all(sio_of(io, "/")), "disconnect", sio_none()) < 0);
	sio_sockets_leave(sio_to(sio_all(sio_of(io, "/")), "a"), rooms, 2);
	assert_false(sio_socket_in(socket_of(&c[1]), "b"));
	assert_true(sio_socket_in(socket_of(&c[2]), "b"));
	sio_disconnect_sockets(sio_except(sio_all(sio_of(io, "/")), c[3].id), false);
	assert_int_equal(sio_namespace_count(sio_of(io, "/")), 1);
	stop();
}

static void too_many_terms_mean_nobody(void **state)
{
	struct client c;
	struct sio_operator op;
	char got[64] = "";

	(void)state;
	start(NULL);
	join(&c, "40");
	op = sio_all(sio_of(io, "/"));
	for (int i = 0; i < SIO_OPERATOR_TERMS + 1; i++)
		op = sio_to(op, c.id);
	sio_fetch_sockets(op, collect, got);
	assert_string_equal(got, "");
	stop();
}

/* --- a cluster of one --- */

static char answers[128];

static void on_answers(void *user, const char *error, struct sio_args args)
{
	(void)user;
	snprintf(answers, sizeof answers, "%s: %.*s", error ? error : "fine", (int)args.json.n, args.json.p);
}

static void wait_for_answers(void)
{
	for (int i = 0; i < 500 && !answers[0]; i++)
		loop_turn(l, 10);
}

static char told[4096];

static void on_views(void *user, const char *error, struct slice sockets)
{
	(void)user;
	snprintf(told, sizeof told, "%s: %.*s", error ? error : "fine", (int)sockets.n, sockets.p);
}

static void on_never(void *user, const char *error, struct sio_args args)
{
	(void)user;
	(void)error;
	(void)args;
	fail();
}

static void a_server_that_is_alone(void **state)
{
	struct client c[CLIENTS];
	char want[64];

	(void)state;
	start(NULL);
	join_all(c);
	told[0] = '\0';
	assert_int_equal(sio_fetch_views(sio_to(sio_all(sio_of(io, "/")), c[1].id), on_views, NULL), 0);
	assert_string_equal(told, "");
	loop_turn(l, 0);
	snprintf(want, sizeof want, "fine: [{\"id\":\"%s\",\"handshake\":{", c[1].id);
	assert_memory_equal(told, want, strlen(want));
	assert_true(json_valid(slice_str(told + strlen("fine: ")), 10));
	sio_fetch_views(sio_to(sio_all(sio_of(io, "/")), "nobody"), on_views, NULL);
	loop_turn(l, 0);
	assert_string_equal(told, "fine: []");
	assert_int_equal(sio_fetch_views(sio_all(sio_of_regex(io, "^/x")), on_views, NULL), -ENOTSUP);
	assert_int_equal(sio_server_side_emit(sio_of(io, "/"), "ev", sio_none(), on_never, NULL), -ENOTSUP);
	assert_int_equal(sio_server_side_emit(sio_of(io, "/"), "connection", sio_none(), NULL, NULL), -EINVAL);
	assert_false(sio_server_cluster(io).up);
	stop();
}

/* Whatever was asked of the others is answered when the server goes, and not before it asks. */
static void a_server_without_its_redis(void **state)
{
	struct sio_redis_options o;
	struct client c[CLIENTS];
	const char *why = NULL;

	(void)state;
	start(NULL);
	sio_redis_options_init(&o);
	o.url = "redis://h:x";
	assert_int_equal(sio_server_set_redis(io, &o, &why), -EINVAL);
	assert_string_equal(why, "the port is a number from 1 to 65535");
	o.url = "unix:///nowhere/at/all";
	assert_int_equal(sio_server_set_redis(io, &o, &why), 0);
	assert_int_equal(sio_server_set_redis(io, &o, &why), -EALREADY);
	join_all(c);
	sio_emit(sio_all(sio_of(io, "/")), "ev", sio_none());
	assert_string_equal(take(&c[0]), "42[\"ev\"] ");
	told[0] = answers[0] = '\0';
	sio_fetch_views(sio_all(sio_of(io, "/")), on_views, NULL);
	assert_int_equal(sio_server_side_emit(sio_of(io, "/"), "ev", sio_none(), NULL, NULL), 0);
	assert_string_equal(told, "");
	for (int i = 0; i < 50 && !*told; i++)
		loop_turn(l, 10);
	assert_memory_equal(told, "Redis is not connected: [{", 26);
	assert_int_equal(sio_emit_ack(sio_to(sio_timeout(sio_all(sio_of(io, "/")), 5000), "nobody"), "ask", sio_none(), on_answers, NULL), 0);
	loop_turn(l, 0);
	assert_string_equal(answers, "Redis is not connected: ");
	assert_int_equal(sio_server_side_emit(sio_of(io, "/"), "ev", sio_none(), on_answers, NULL), 0);
	sio_fetch_views(sio_all(sio_of(io, "/")), on_views, NULL);
	stop();
	assert_string_equal(answers, "the server is shutting down: ");
	assert_memory_equal(told, "the server is shutting down: [{", 31);
}

/* --- acknowledgements of many --- */

static void broadcasts_are_acknowledged(void **state)
{
	struct client c[CLIENTS];

	(void)state;
	start(NULL);
	join_all(c);
	answers[0] = '\0';
	assert_int_equal(sio_emit_ack(sio_to(sio_timeout(sio_all(sio_of(io, "/")), 5000), "a"), "ask", sio_none(), on_answers, NULL), 0);
	assert_string_equal(take(&c[1]), "420[\"ask\"] ");
	post(&c[1], "430[{\"x\":1},2]");
	post(&c[1], "430[9]");
	assert_string_equal(answers, "");
	post(&c[0], "430[]");
	assert_string_equal(answers, "fine: {\"x\":1},null");
	sio_emit_ack(sio_to(sio_all(sio_of(io, "/")), "nobody"), "ask", sio_none(), on_answers, NULL);
	loop_turn(l, 0);
	assert_string_equal(answers, "fine: ");
	sio_emit_ack(sio_timeout(sio_all(sio_of(io, "/")), 5), "ask", sio_none(), on_answers, NULL);
	post(&c[2], "432[2]");
	for (int i = 0; i < 50 && strncmp(answers, "oper", 4) != 0; i++)
		loop_turn(l, 10);
	assert_string_equal(answers, "operation has timed out: 2");
	stop();
}

/* --- connection state recovery --- */

static void with_recovery(struct sio_options *o)
{
	o->recovery_ms = 60000;
}

static void with_little_recovery(struct sio_options *o)
{
	o->recovery_ms = 60000;
	o->max_recovery_bytes = 2000;
}

/* The connection breaks: its poll is dropped. */
static void lose(struct client *c)
{
	struct answer a;

	take(c);
	request(&a, "GET", c->sid, NULL);
	assert_int_equal(a.status, 0);
	release(&a);
	loop_turn(l, 0);
}

static void come_back(struct client *now, const struct client *before, const char *offset)
{
	char connect[128];

	snprintf(connect, sizeof connect, "40{\"pid\":\"%s\"%s%s%s}", before->pid, offset ? ",\"offset\":\"" : "", offset ? offset : "", offset ? "\"" : "");
	open_session(now);
	post(now, connect);
	poll_once(now);
	copy_member(now->id, strstr(now->got, "\"sid\""), "sid");
	copy_member(now->pid, now->got, "pid");
}

static void recovery_brings_back(void **state)
{
	struct sio_namespace *main;
	struct client c, again;

	(void)state;
	start(with_recovery);
	main = sio_of(io, "/");
	join(&c, "40");
	assert_int_equal(strlen(c.pid), 20);
	sio_socket_join(socket_of(&c), "room");
	sio_socket_set_data(socket_of(&c), slice_str("{\"a\":1}"));
	sio_emit(sio_all(main), "one", sio_json("1"));
	assert_string_equal(take(&c), "42[\"one\",1,\"1\"] ");
	lose(&c);
	assert_int_equal(sio_namespace_count(main), 0);
	sio_emit(sio_to(sio_all(main), "room"), "two", sio_json("2"));
	sio_emit(sio_to(sio_all(main), "elsewhere"), "three", sio_none());
	sio_emit(sio_except(sio_all(main), "room"), "four", sio_none());
	sio_emit(sio_volatile(sio_all(main)), "five", sio_none());
	sio_emit(sio_all(main), "six", sio_none());
	come_back(&again, &c, "1");
	assert_string_equal(again.id, c.id);
	assert_string_equal(again.pid, c.pid);
	assert_true(strncmp(again.got, "42[\"two\",2,\"2\"] 42[\"six\",\"5\"] 40{", 33) == 0);
	assert_true(sio_socket_recovered(socket_of(&again)));
	assert_true(sio_socket_in(socket_of(&again), "room"));
	assert_true(slice_is(sio_socket_data(socket_of(&again)), "{\"a\":1}"));
	stop();
}

static void recovery_without_an_offset(void **state)
{
	struct client c, again;

	(void)state;
	start(with_recovery);
	sio_emit(sio_all(sio_of(io, "/")), "before", sio_none());
	join(&c, "40");
	lose(&c);
	sio_emit(sio_all(sio_of(io, "/")), "missed", sio_none());
	come_back(&again, &c, NULL);
	assert_string_equal(again.id, c.id);
	assert_true(strncmp(again.got, "42[\"missed\",\"2\"] 40{", 20) == 0);
	stop();
}

static void a_session_that_is_not_known_to_be_dead_is_taken_over(void **state)
{
	struct client c, again;

	(void)state;
	start(with_recovery);
	join(&c, "40");
	come_back(&again, &c, NULL);
	assert_string_equal(again.id, c.id);
	assert_int_equal(sio_namespace_count(sio_of(io, "/")), 1);
	stop();
}

static void with_recovery_past_middlewares(struct sio_options *o)
{
	o->recovery_ms = 60000;
	o->recovery_skips_middlewares = false;
}

static struct sio_next *at_the_door;

static void let_wait(void *user, struct sio_socket *s, struct sio_next *next)
{
	(void)user;
	(void)s;
	at_the_door = next;
}

/* While a middleware thinks its connection breaks once more, or then it is refused: what it could come back to is still
 * there, as in Node. */
static void who_did_not_get_in_can_still_come_back(void **state)
{
	(void)state;
	for (int refused = 0; refused < 2; refused++) {
		struct client c, again, at_last;
		char connect[64];

		start(with_recovery_past_middlewares);
		join(&c, "40");
		sio_socket_join(socket_of(&c), "room");
		lose(&c);
		sio_emit(sio_to(sio_all(sio_of(io, "/")), "room"), "missed", sio_none());
		sio_use(sio_of(io, "/"), let_wait, NULL);
		open_session(&again);
		snprintf(connect, sizeof connect, "40{\"pid\":\"%s\"}", c.pid);
		post(&again, connect);
		if (refused)
			sio_refuse(at_the_door, "not now", NULL);
		post(&again, "1");
		if (!refused)
			sio_next(at_the_door);
		open_session(&at_last);
		post(&at_last, connect);
		sio_next(at_the_door);
		poll_once(&at_last);
		CHECK(strncmp(at_last.got, "42[\"missed\",\"1\"] 40{", 20) == 0 && strstr(at_last.got, c.id), "%d: %s", refused, at_last.got);
		stop();
	}
}

static void recovery_declines(void **state)
{
	static const char *const connects[] = {
		"40{\"pid\":\"unknown-unknown-1234\",\"offset\":\"0\"}", "40{\"pid\":5,\"offset\":\"0\"}", "40{\"pid\":null}", "40{\"offset\":\"0\"}",
		"40{\"pid\":[\"a\"],\"offset\":{}}",
	};
	static const char *const offsets[] = {"x", "", "99999", "-1", "1x", "99999999999999999999999999"};
	struct client c, again;

	(void)state;
	start(with_recovery);
	for (size_t i = 0; i < ROWS(connects); i++) {
		join(&c, connects[i]);
		CHECK(socket_of(&c) && !sio_socket_recovered(socket_of(&c)), "%s", connects[i]);
	}
	for (size_t i = 0; i < ROWS(offsets); i++) {
		join(&c, "40");
		lose(&c);
		come_back(&again, &c, offsets[i]);
		CHECK(strcmp(again.id, c.id) != 0 && !sio_socket_recovered(socket_of(&again)), "offset %s", offsets[i]);
	}
	join(&c, "40");
	post(&c, "41"); /* it left by itself */
	come_back(&again, &c, "0");
	assert_string_not_equal(again.id, c.id);
	stop();
}

static void recovery_forgets_what_is_too_much(void **state)
{
	struct client c, again;

	(void)state;
	start(with_little_recovery);
	join(&c, "40");
	lose(&c);
	for (int i = 0; i < 100; i++)
		sio_emit(sio_all(sio_of(io, "/")), "much", sio_json("\"0123456789012345678901234567890123456789\""));
	come_back(&again, &c, "0");
	assert_string_not_equal(again.id, c.id);
	stop();
}

/* Told of a packet that is sent, says so much that what is being replayed would be forgotten. */
static void say_more(void *user, struct eio_session *s, char type, const char *data, size_t n, bool binary, bool sent)
{
	static bool saying;

	(void)user;
	(void)s;
	(void)type;
	(void)data;
	(void)binary;
	if (saying || !sent || !n)
		return;
	saying = true;
	for (int i = 0; i < 20; i++)
		sio_emit(sio_to(sio_all(sio_of(io, "/")), "nobody"), "more", sio_json("\"0123456789012345678901234567890123456789\""));
	saying = false;
}

static void what_is_said_during_a_replay_disturbs_it_not(void **state)
{
	struct client c, again;

	(void)state;
	start(with_little_recovery);
	join(&c, "40");
	lose(&c);
	for (int i = 0; i < 3; i++)
		sio_emit(sio_all(sio_of(io, "/")), "missed", sio_none());
	sio_on_conn(io, &(struct sio_conn_events){.packet = say_more});
	come_back(&again, &c, "0");
	assert_string_equal(again.id, c.id);
	assert_true(strncmp(again.got, "42[\"missed\",\"1\"] 42[\"missed\",\"2\"] 42[\"missed\",\"3\"] 40{", 54) == 0);
	stop();
}

/* --- limits --- */

static void with_limits(struct sio_options *o)
{
	o->max_namespaces_per_client = 2;
	o->max_auth_bytes = 19;
	o->max_dynamic_namespaces = 2;
	o->events_per_second = 5;
	o->max_pending_acks = 2;
}

static void limits_hold(void **state)
{
	struct client c;

	(void)state;
	start(with_limits);
	sio_of_regex(io, "^/d[0-9]+$");
	sio_of(io, "/x");
	join(&c, "40");
	post(&c, "40/d1,");
	post(&c, "40/x,");
	assert_non_null(strstr(take(&c), "44/x,{\"message\":\"too many namespaces: at most 2 for one client\"}"));
	open_session(&c);
	post(&c, "40/x,{\"token\":\"12345678\"}\x1e" "40/x,{\"token\":\"1234567\"}");
	poll_once(&c);
	CHECK(strstr(c.got, "44/x,{\"message\":\"auth is too large: at most 19 bytes\"}") && strstr(c.got, "40/x,{"), "%s", c.got);
	open_session(&c);
	post(&c, "40/d2,\x1e" "40/d3,");
	poll_once(&c);
	assert_non_null(strstr(c.got, "40/d2,"));
	assert_non_null(strstr(c.got, "44/d3,"));
	join(&c, "40");
	answers[0] = '\0';
	for (int i = 0; i < 3; i++)
		sio_socket_emit_ack(socket_of(&c), 0, 0, "ask", sio_none(), on_answers, NULL);
	assert_string_equal(answers, ""); /* not while the next question is asked */
	wait_for_answers();
	assert_string_equal(answers, "operation has timed out: ");
	post(&c, "42[\"a\"]\x1e" "42[\"a\"]\x1e" "42[\"a\"]\x1e" "42[\"a\"]\x1e" "42[\"a\"]\x1e" "42[\"a\"]\x1e" "42[\"a\"]\x1e" "42[\"a\"]");
	assert_non_null(socket_of(&c));
	post(&c, "42[\"a\"]\x1e" "42[\"a\"]\x1e" "42[\"a\"]\x1e" "42[\"a\"]\x1e" "42[\"a\"]\x1e" "42[\"a\"]\x1e" "42[\"a\"]\x1e" "42[\"a\"]");
	assert_null(socket_of(&c));
	stop();
}

static void with_one_dynamic_namespace(struct sio_options *o)
{
	o->max_dynamic_namespaces = 1;
	o->cleanup_empty_child_namespaces = true;
}

/* One that the application made itself was never counted, and makes no room when it goes. */
static void only_what_was_counted_makes_room(void **state)
{
	struct client c;

	(void)state;
	start(with_one_dynamic_namespace);
	sio_of_regex(io, "^/d");
	sio_of(io, "/d0");
	open_session(&c);
	post(&c, "40/d1,\x1e" "40/d0,\x1e" "41/d0,");
	post(&c, "40/d2,");
	poll_once(&c);
	CHECK(strstr(c.got, "40/d1,{") && strstr(c.got, "40/d0,{") && strstr(c.got, "44/d2,{"), "%s", c.got);
	post(&c, "41/d1,");
	post(&c, "40/d2,");
	poll_once(&c);
	CHECK(strstr(c.got, "40/d2,{"), "%s", c.got);
	stop();
}

/* --- what a peer says costs what it is long, however much there is already --- */

static double cpu_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

/* Posts the packet so many times. */
static double post_many(struct client *c, const char *packet, size_t times)
{
	struct buf b;
	double before;

	buf_init(&b, 1000000);
	for (size_t i = 0; i < times; i++)
		buf_addf(&b, "%s%s", i ? "\x1e" : "", packet);
	before = cpu_ms();
	post(c, b.data);
	buf_release(&b);
	return cpu_ms() - before;
}

static void who_owes_much_answers_as_fast(void **state)
{
	struct client c;
	double none, much;

	(void)state;
	start(NULL);
	join(&c, "40");
	none = post_many(&c, "43999999[]", 5000);
	for (int i = 0; i < 9000; i++)
		sio_socket_emit_ack(socket_of(&c), 0, 0, "ask", sio_none(), on_answers, NULL);
	much = post_many(&c, "43999999[]", 5000);
	CHECK(much < 10 * none, "%.1f ms where nothing is owed, %.1f where much is", none, much);
	stop();
}

static void who_names_an_unknown_session_is_let_in_as_fast(void **state)
{
	struct client c;
	double named, unnamed;

	(void)state;
	start(with_recovery);
	for (int i = 0; i < 4000; i++)
		join(&c, "40");
	unnamed = post_many(&c, "41\x1e" "40{\"pod\":\"x\"}", 2000);
	join(&c, "40");
	named = post_many(&c, "41\x1e" "40{\"pid\":\"x\"}", 2000);
	CHECK(named < 2.5 * unnamed, "%.1f ms without a pid, %.1f with one", unnamed, named);
	stop();
}

static double join_rooms(const struct client c[CLIENTS], int from, int to)
{
	double before = cpu_ms();
	char name[16];

	for (int room = from; room < to; room++) {
		snprintf(name, sizeof name, "%d", room);
		for (size_t i = 0; i < CLIENTS; i++)
			sio_socket_join(socket_of(&c[i]), name);
		sio_socket_leave(socket_of(&c[0]), name); /* and back: then it is the last of the room, and of its own list */
		sio_socket_join(socket_of(&c[0]), name);
	}
	return cpu_ms() - before;
}

static void who_is_in_many_rooms_joins_as_fast(void **state)
{
	struct client c[CLIENTS];
	double first, last;

	(void)state;
	start(NULL);
	join_all(c);
	first = join_rooms(c, 0, 500);
	join_rooms(c, 500, 5000);
	last = join_rooms(c, 5000, 5500);
	CHECK(last < 5 * first, "%.1f ms for the first 500 rooms, %.1f for the last", first, last);
	stop();
}

/* --- answers that take their time --- */

static void ignore(void *user, struct sio_socket *s, struct sio_args args, struct sio_ack *ack);
static void any_plain(void *user, struct sio_socket *s, const char *event, struct sio_args args, struct sio_ack *ack);

static struct sio_match *asked[8];
static char asked_names[64];
static size_t nasked;

static void ask_later(void *user, const char *name, struct slice auth, struct sio_match *m)
{
	snprintf(asked_names + strlen(asked_names), sizeof asked_names - strlen(asked_names), "%s%.*s ", name, (int)auth.n, auth.p);
	assert_ptr_equal(user, io);
	asked[nasked++] = m;
}

static bool fits_x(void *user, const char *name, struct slice auth)
{
	(void)user, (void)auth;
	return name[1] == 'x';
}

static void with_two_namespaces(struct sio_options *o)
{
	o->max_namespaces_per_client = 2;
}

static void a_name_is_thought_about(void **state)
{
	struct sio_namespace *parent;
	struct client c;

	(void)state;
	start(with_two_namespaces);
	nasked = 0;
	asked_names[0] = '\0';
	parent = sio_of_match_later(io, ask_later, io);
	sio_of_match(io, fits_x, NULL);
	open_session(&c);
	post(&c, "40/a,{\"k\":1}");
	assert_string_equal(asked_names, "/a{\"k\":1} ");
	post(&c, "40/a,"); /* again, while the first is thought about */
	assert_int_equal(nasked, 2);
	post(&c, "40/b,"); /* what it waits for counts: two namespaces are what it may have */
	assert_int_equal(nasked, 2);
	poll_once(&c);
	assert_non_null(strstr(c.got, "44/b,{\"message\":\"too many namespaces: at most 2 for one client\"}"));
	sio_match_answer(asked[0], true);
	sio_match_answer(asked[1], true);
	loop_turn(l, 0);
	c.got[0] = '\0';
	poll_once(&c);
	assert_memory_equal(c.got, "40/a,{\"sid\"", 11);
	assert_null(strstr(c.got + 1, "40/a"));
	assert_int_equal(sio_namespace_count(sio_of(io, "/a")), 1);
	sio_emit(sio_all(parent), "hello", sio_none());
	c.got[0] = '\0';
	loop_turn(l, 0);
	poll_once(&c);
	assert_string_equal(c.got, "42/a,[\"hello\"] ");

	post(&c, "40/x,"); /* not this one's: the next parent is asked */
	sio_match_answer(asked[2], false);
	post(&c, "41/x,");
	post(&c, "40/n,"); /* nobody's */
	sio_match_answer(asked[3], false);
	c.got[0] = '\0';
	loop_turn(l, 0);
	poll_once(&c);
	assert_non_null(strstr(c.got, "40/x,{\"sid\""));
	assert_non_null(strstr(c.got, "44/n,{\"message\":\"Invalid namespace\"}"));

	post(&c, "40/y,"); /* and one that leaves before the answer */
	post(&c, "1");
	sio_match_answer(asked[4], true);
	open_session(&c);
	post(&c, "40/z,"); /* or is there when the server ends */
	assert_int_equal(nasked, 6);
	sio_server_free(io);
	sio_match_answer(asked[5], true);
	io = NULL;
	stop();
}

static void connected_1(void *user, struct sio_socket *s)
{
	(void)s;
	++*(int *)user;
}

static void connected_2(void *user, struct sio_socket *s)
{
	(void)s;
	*(int *)user += 10;
}

static void what_listens_is_counted(void **state)
{
	struct client c;
	struct sio_socket *s;
	int n = 0;

	(void)state;
	start(NULL);
	sio_on_connection(sio_of(io, "/"), connected_1, &n);
	sio_on_connection(sio_of(io, "/"), connected_2, &n);
	join(&c, "40");
	assert_int_equal(n, 11);
	sio_off_connection(sio_of(io, "/"), connected_1);
	join(&c, "40");
	assert_int_equal(n, 21);
	sio_off_connection(sio_of(io, "/"), NULL);
	join(&c, "40");
	assert_int_equal(n, 21);
	s = socket_of(&c);
	assert_int_equal(sio_socket_listeners(s, "a") + sio_socket_listeners_any(s) + sio_socket_listeners_any_outgoing(s), 0);
	sio_socket_on(s, "a", ignore, NULL);
	sio_socket_once(s, "a", ignore, NULL);
	sio_socket_on(s, "b", ignore, NULL);
	sio_socket_on_any(s, any_plain, NULL);
	assert_int_equal(sio_socket_listeners(s, "a"), 2);
	assert_int_equal(sio_socket_listeners(s, "b"), 1);
	assert_int_equal(sio_socket_listeners_any(s), 1);
	post(&c, "42[\"a\"]");
	assert_int_equal(sio_socket_listeners(s, "a"), 1);
	stop();
}

/* --- ids --- */

static void make_id(void *user, struct eio_request *r, char id[EIO_ID_LEN + 1])
{
	static const char *const ids[] = {"number-0000000000001", "number-0000000000001", "too short", "number-0000000000003"};
	int *n = user;

	assert_non_null(r);
	strcpy(id, ids[(*n)++]);
}

static int ids_made;

static void with_ids(struct sio_options *o)
{
	ids_made = 0;
	o->engine.user = &ids_made;
	o->engine.generate_id = make_id;
}

static void ids_are_the_applications(void **state)
{
	struct client c[4];

	(void)state;
	start(with_ids);
	for (int i = 0; i < 4; i++)
		open_session(&c[i]);
	assert_string_equal(c[0].sid, "number-0000000000001");
	assert_string_not_equal(c[1].sid, c[0].sid); /* it is taken */
	assert_int_equal(strlen(c[1].sid), EIO_ID_LEN);
	assert_int_equal(strlen(c[2].sid), EIO_ID_LEN);
	assert_string_equal(c[3].sid, "number-0000000000003");
	stop();
}

/* --- what other servers ask --- */

static void join_cluster(void)
{
	struct sio_redis_options o;
	const char *why;

	sio_redis_options_init(&o);
	o.url = "unix:///nowhere/at/all";
	assert_int_equal(sio_server_set_redis(io, &o, &why), 0);
}

static void other_says(const char *request)
{
	serve_request(sio_of(io, "/")->peers, "socket.io-request#/#", 20, request, strlen(request));
}

static void end_server(void *user, struct sio_socket *s, const char *event, struct sio_args args)
{
	(void)user;
	(void)s;
	(void)event;
	(void)args;
	sio_server_free(io);
	io = NULL;
}

/* The clients here are asked a question of another server, and who is told of that ends ours. */
static void the_server_goes_while_it_asks_for_another(void **state)
{
	struct client c[2];

	(void)state;
	start(NULL);
	join_cluster();
	join(&c[0], "40");
	join(&c[1], "40");
	sio_on_any_outgoing(sio_of(io, "/"), end_server, NULL);
	other_says("{\"uid\":\"other1\",\"requestId\":\"abcdef\",\"type\":7,\"packet\":{\"type\":2,\"data\":[\"ask\"],\"nsp\":\"/\"},"
	           "\"opts\":{\"rooms\":[],\"except\":[],\"flags\":{\"timeout\":1000}}}");
	loop_turn(l, 0);
	assert_null(io);
	stop();
}

/* --- headers of an answer --- */

static bool allows_one(void *user, const char *origin)
{
	assert_ptr_equal(user, &ids_made);
	return strcmp(origin, "https://one.example") == 0;
}

static void with_origins(struct sio_options *o)
{
	static const char *const listed[] = {"https://listed.example", NULL};

	o->engine.cors = (struct eio_cors){.on = true, .origins = listed, .allows = allows_one, .user = &ids_made, .max_age_s = -1};
	o->engine.cookie = (struct eio_cookie){.name = "io", .path = "/", .domain = "example.org", .max_age_s = -1, .secure = true};
}

static void origins_and_cookies(void **state)
{
	static const struct {
		const char *origin;
		bool allowed;
	} rows[] = {{"https://one.example", true}, {"https://listed.example", true}, {"https://two.example", false}};

	(void)state;
	start(with_origins);
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct eio_pair origin = {"origin", rows[i].origin};
		struct answer a = {.ex.ops = &ops};
		const char *said;

		a.ex.request = eio_request_new("GET", "/socket.io/?EIO=4&transport=polling", "127.0.0.1", false, &origin, 1);
		eio_exchange_begin(sio_engine(io), &a.ex);
		eio_exchange_end(&a.ex);
		loop_turn(l, 0);
		CHECK(a.status == 200, "%s", rows[i].origin);
		said = strstr(a.headers, "Access-Control-Allow-Origin: ");
		CHECK(rows[i].allowed == (said != NULL), "%s: %s", rows[i].origin, a.headers);
		CHECK(!said || strncmp(said + 29, rows[i].origin, strlen(rows[i].origin)) == 0, "%s: %s", rows[i].origin, a.headers);
		CHECK(strstr(a.headers, "; Domain=example.org; Path=/; Secure\n"), "%s", a.headers);
		release(&a);
	}
	stop();
}

/* --- what becomes of a client that is slow: this one has no poll open --- */

static void with_little_room(struct sio_options *o)
{
	o->engine.queue_low_bytes = 500;
	o->engine.queue_max_bytes = 1000;
}

static void with_little_room_for_the_slow(struct sio_options *o)
{
	with_little_room(o);
	o->overflow = SIO_OVERFLOW_DROP;
}

static void count_answer(void *user, const char *error, struct sio_args args)
{
	(void)error, (void)args;
	++*(int *)user;
}

static void echo(void *user, struct sio_socket *s, struct sio_args args, struct sio_ack *ack)
{
	(void)user, (void)s;
	sio_ack_send(ack, args);
}

static void say(struct sio_operator op, const char *event, int n)
{
	char text[16];

	snprintf(text, sizeof text, "%d", n);
	sio_emit(op, event, sio_json(text));
}

static void of_some_events_the_newest_waits(void **state)
{
	struct sio_operator all, newest;
	const struct sio_blob blob = {"abc", 3};
	struct client c;
	int answered = 0;

	(void)state;
	start(with_little_room);
	all = sio_all(sio_of(io, "/"));
	newest = sio_coalesce(all);
	join(&c, "40");
	say(newest, "price", 1);
	say(all, "trade", 1);
	say(newest, "price", 2);
	say(newest, "volume", 7);
	sio_socket_emit_flags(socket_of(&c), SIO_COALESCE, "price", sio_json("3"));
	say(all, "price", 4); /* a plain one takes nobody's place, and loses it to nobody */
	assert_string_equal(take(&c), "42[\"trade\",1] 42[\"volume\",7] 42[\"price\",3] 42[\"price\",4] ");

	for (int i = 0; i < 1000; i++) /* far more than may wait */
		say(newest, "price", i);
	assert_string_equal(take(&c), "42[\"price\",999] ");
	assert_int_equal(eio_server_counters(sio_engine(io))->coalesced, 2 + 999);
	assert_int_equal(sio_socket_dropped(socket_of(&c)), 0);

	for (int i = 0; i < 2; i++) /* whose attachments come behind it, or whose answer is waited for: nothing is left out */
		sio_emit(newest, "file", (struct sio_args){slice_str("{\"_placeholder\":true,\"num\":0}"), &blob, 1});
	assert_string_equal(take(&c), "451-[\"file\",{\"_placeholder\":true,\"num\":0}] bYWJj 451-[\"file\",{\"_placeholder\":true,\"num\":0}] bYWJj ");
	for (int i = 0; i < 2; i++)
		sio_socket_emit_ack(socket_of(&c), SIO_COALESCE, 0, "ask", sio_none(), count_answer, &answered);
	take(&c);
	post(&c, "430[]\x1e" "431[]");
	assert_int_equal(answered, 2);
	stop();
}

static void a_slow_one_is_closed(void **state)
{
	struct client c;

	(void)state;
	start(with_little_room);
	join(&c, "40");
	for (int i = 0; i < 20; i++)
		say(sio_all(sio_of(io, "/")), "news", i);
	loop_turn(l, 0);
	assert_null(socket_of(&c));
	stop();
}

static void a_slow_one_misses_what_there_is_no_room_for(void **state)
{
	static const char many[] = "42[\"news\",0] 42[\"news\",1] ";
	const struct sio_blob blob = {"abc", 3};
	struct client c;
	uint64_t dropped;

	(void)state;
	start(with_little_room_for_the_slow);
	sio_on(sio_of(io, "/"), "echo", echo, NULL);
	join(&c, "40");
	for (int i = 0; i < 20; i++)
		say(sio_all(sio_of(io, "/")), "news", i);
	loop_turn(l, 0);
	assert_non_null(socket_of(&c));
	dropped = sio_socket_dropped(socket_of(&c));
	assert_in_range(dropped, 1, 19);
	/* A packet and its attachments: all or nothing. */
	sio_emit(sio_all(sio_of(io, "/")), "file", (struct sio_args){slice_str("{\"_placeholder\":true,\"num\":0}"), &blob, 1});
	assert_int_equal(sio_socket_dropped(socket_of(&c)), dropped + 1);
	assert_int_equal(eio_server_counters(sio_engine(io))->dropped, dropped + 1);
	assert_memory_equal(take(&c), many, sizeof many - 1);
	assert_null(strstr(c.got, "file"));
	say(sio_all(sio_of(io, "/")), "news", 99); /* and is served again */
	assert_string_equal(take(&c), "42[\"news\",99] ");
	post(&c, "421[\"echo\",5]"); /* an answer is never left out: who wants too many at once is closed */
	assert_string_equal(take(&c), "431[5] ");
	for (int i = 0; i < 20 && socket_of(&c); i++)
		post(&c, "421[\"echo\",5]");
	assert_null(socket_of(&c));
	stop();
}

/* Where there is no room for more there is some for what takes the place of an earlier one. */
static void the_newest_needs_no_room_of_its_own(void **state)
{
	struct sio_operator all, newest;
	struct client c;

	(void)state;
	start(with_little_room_for_the_slow);
	all = sio_all(sio_of(io, "/"));
	newest = sio_coalesce(all);
	join(&c, "40");
	say(newest, "price", 1);
	for (int i = 0; i < 20; i++)
		say(all, "news", i);
	say(newest, "price", 2);
	say(newest, "volume", 1); /* none of its name waits: it is left out */
	take(&c);
	CHECK(!strstr(c.got, "[\"price\",1]") && strstr(c.got, "[\"price\",2]") && !strstr(c.got, "volume"), "%s", c.got);
	stop();
}

/* --- handlers may do anything --- */

static void count_namespace(void *user, struct sio_namespace *nsp)
{
	(void)nsp;
	++*(size_t *)user;
}

static size_t namespaces(struct sio_server *of)
{
	size_t n = 0;

	sio_each_namespace(of, count_namespace, &n);
	return n;
}

static void count_room(void *user, const char *room, size_t members)
{
	(void)room;
	(void)members;
	++*(size_t *)user;
}

static size_t rooms_of(struct sio_namespace *nsp)
{
	size_t n = 0;

	sio_each_room(nsp, count_room, &n);
	return n;
}

static char heard_of[512];

static void note(const char *what)
{
	size_t n = strlen(heard_of);

	snprintf(heard_of + n, sizeof heard_of - n, "%s ", what);
}

static void end_siblings(void *user, struct sio_socket *s, const char *reason, const char *description)
{
	(void)user;
	(void)description;
	note(sio_namespace_name(sio_socket_namespace(s)));
	note(reason);
	for (size_t i = 0; i < 3; i++)
		sio_disconnect_sockets(sio_all(sio_of(io, (const char *[]){"/", "/a", "/b"}[i])), false);
}

/* A client in three namespaces, each of which ends the other two when it ends. */
static void handlers_end_the_other_sockets_of_a_client(void **state)
{
	static const char *const ends[] = {"41", "1", "41/a,"};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		struct client c;

		start(NULL);
		sio_on_disconnect(sio_of(io, "/"), end_siblings, NULL);
		sio_on_disconnecting(sio_of(io, "/a"), end_siblings, NULL);
		sio_on_disconnect(sio_of(io, "/b"), end_siblings, NULL);
		join(&c, "40\x1e" "40/a,\x1e" "40/b,");
		heard_of[0] = '\0';
		if (i < 3)
			post(&c, ends[i]);
		else
			sio_socket_disconnect(socket_of(&c), true);
		CHECK(strstr(heard_of, "/ ") && strstr(heard_of, "/a ") && strstr(heard_of, "/b "), "%zu: %s", i, heard_of);
		for (size_t k = 0; k < 3; k++)
			assert_int_equal(sio_namespace_count(sio_of(io, (const char *[]){"/", "/a", "/b"}[k])), 0);
		stop();
	}
}

/* Whoever hears that a socket joined or left room r takes everyone out of it, and out of q. */
static void empty_rooms(void *user, enum sio_room_event what, const char *room, const char *id)
{
	static const char *const rooms[] = {"r", "q"};

	(void)user;
	if (id && (strcmp(room, "r") == 0 || strcmp(room, "q") == 0))
		note(what == SIO_JOIN_ROOM ? "+" : "-");
	else if (strcmp(room, "r") == 0)
		note(what == SIO_CREATE_ROOM ? "new" : "gone");
	if (what == SIO_LEAVE_ROOM)
		sio_sockets_leave(sio_all(sio_of(io, "/")), rooms, 2);
}

static void room_handlers_change_rooms(void **state)
{
	static const char *const rooms[] = {"r", "q"};
	struct client a, b;

	(void)state;
	start(NULL);
	join(&a, "40");
	join(&b, "40");
	sio_on_room(sio_of(io, "/"), empty_rooms, NULL);
	heard_of[0] = '\0';
	sio_sockets_join(sio_all(sio_of(io, "/")), rooms, 2);
	assert_string_equal(heard_of, "new + + + + ");
	heard_of[0] = '\0';
	sio_socket_disconnect(socket_of(&a), false);
	assert_string_equal(heard_of, "- - - gone - "); /* r is still heard_of of when the last one leaves it */
	assert_false(sio_socket_in(socket_of(&b), "q"));
	stop();
}

static struct sio_next *waiting;

static void wait_a_little(void *user, struct sio_socket *s, struct sio_next *next)
{
	(void)user;
	(void)s;
	waiting = next;
}

static void refuse_all(void *user, struct sio_socket *s, struct sio_next *next)
{
	(void)user;
	(void)s;
	sio_refuse(next, "no", NULL);
}

static void ignore(void *user, struct sio_socket *s, struct sio_args args, struct sio_ack *ack)
{
	(void)user;
	(void)s;
	(void)args;
	(void)ack;
}

static void no_middleware_is_left_out(void **state)
{
	struct client c;

	(void)state;
	start(NULL);
	sio_on(sio_of(io, "/"), "x", ignore, NULL);
	sio_use(sio_of(io, "/"), wait_a_little, NULL);
	sio_use(sio_of(io, "/"), refuse_all, NULL);
	open_session(&c);
	post(&c, "40");
	sio_off(sio_of(io, "/"), "x", NULL); /* what is registered moves up while the first one thinks */
	sio_next(waiting);
	poll_once(&c);
	assert_non_null(strstr(c.got, "44{\"message\":\"no\"}"));
	stop();
}

static void note_error(void *user, struct sio_socket *s, const char *error)
{
	(void)user;
	(void)s;
	note(error);
}

static const struct {
	const char *packet, *error;
} unreadable[] = {
	{"4", "unknown packet type"},   {"47", "unknown packet type"},    {"42[", "invalid payload"},
	{"42[\"connect\"]", "invalid payload"}, {"45-[\"a\"]", "Illegal attachments"}, {"450-[\"a\"]", "Illegal attachments"},
	{"4511-[\"a\"]", "too many attachments"}, {"451-{}", "invalid payload"},
	{"bAA==", "got binary data when not reconstructing a packet"},
	{"451-[\"a\"]\x1e" "42[\"a\"]", "got plaintext data when reconstructing a packet"},
	{"451-[\"a\",{\"_placeholder\":true,\"num\":1}]\x1e" "bAA==", "illegal attachments"},
};

static void who_says_nonsense_is_told_of(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(unreadable); i++) {
		struct sio_socket *s;
		struct client c;

		start(NULL);
		sio_on_error(sio_of(io, "/"), note_error, NULL);
		join(&c, "40");
		s = sio_socket_ref(socket_of(&c));
		heard_of[0] = '\0';
		post(&c, unreadable[i].packet);
		CHECK(strncmp(heard_of, unreadable[i].error, strlen(unreadable[i].error)) == 0, "%s: %s", unreadable[i].packet, heard_of);
		assert_false(sio_socket_connected(s));
		assert_int_equal(sio_socket_emit(s, "x", sio_none()), -ENOTCONN);
		sio_socket_unref(s);
		stop();
	}
}

static void who_left_hears_nothing(void **state)
{
	struct sio_socket *s;
	struct client c;

	(void)state;
	start(NULL);
	join(&c, "40");
	s = sio_socket_ref(socket_of(&c));
	post(&c, "41");
	assert_int_equal(sio_socket_emit(s, "x", sio_none()), -ENOTCONN);
	assert_int_equal(sio_socket_emit_ack(s, 0, 0, "x", sio_none(), on_answers, NULL), -ENOTCONN);
	assert_int_equal(sio_emit_ack(sio_all(sio_of(io, "/")), "ask", sio_none(), on_answers, NULL), 0);
	sio_socket_unref(s);
	stop();
}

static void ask_again(void *user, const char *error, struct sio_args args)
{
	struct sio_socket *s = user;

	on_answers(NULL, error, args);
	note("gave up");
	if (sio_socket_connected(s))
		assert_int_equal(sio_socket_emit_ack(s, 0, 0, "ask", sio_none(), on_answers, NULL), 0);
}

static void end_the_server(void *user, const char *error, struct sio_args args)
{
	(void)user;
	on_answers(NULL, error, args);
	sio_server_free(io);
}

static const struct {
	sio_answer_fn *fn;
	bool many;
} givers_up[] = {{ask_again, false}, {ask_again, true}, {end_the_server, false}, {end_the_server, true}};

/* Whoever hears that a question was given up asks more, or ends it all. */
static void who_was_given_up_does_anything(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(givers_up); i++) {
		struct sio_socket *s;
		struct client c;

		start(with_limits);
		join(&c, "40");
		s = sio_socket_ref(socket_of(&c));
		heard_of[0] = answers[0] = '\0';
		for (int k = 0; k < 2; k++)
			assert_int_equal(sio_socket_emit_ack(s, 0, 300, "ask", sio_none(), k ? on_answers : givers_up[i].fn, s), 0);
		if (givers_up[i].many)
			assert_int_equal(sio_emit_ack(sio_timeout(sio_all(sio_of(io, "/")), 10), "ask", sio_none(), on_answers, NULL), 0);
		else
			assert_int_equal(sio_socket_emit_ack(s, 0, 300, "ask", sio_none(), on_answers, NULL), 0);
		wait_for_answers();
		CHECK(strcmp(answers, "operation has timed out: ") == 0, "%zu: %s", i, answers);
		CHECK(sio_socket_connected(s) == (givers_up[i].fn == ask_again), "%zu", i);
		sio_socket_unref(s);
		if (givers_up[i].fn == ask_again)
			sio_server_free(io);
		loop_free(l);
	}
}

static void free_again(void *user, struct sio_socket *s, const char *reason, const char *description)
{
	struct sio_redis_options o;
	const char *why;

	(void)user;
	(void)s;
	(void)description;
	note(reason);
	sio_server_free(io);
	sio_redis_options_init(&o);
	o.url = "unix:///nowhere/at/all";
	assert_int_equal(sio_server_set_redis(io, &o, &why), -EALREADY);
	assert_string_equal(why, "the server is shutting down");
}

static void the_end_is_asked_for_while_it_comes(void **state)
{
	struct client c;

	(void)state;
	start(NULL);
	sio_on_disconnect(sio_of(io, "/"), free_again, NULL);
	join(&c, "40");
	heard_of[0] = '\0';
	stop();
	assert_string_equal(heard_of, "server shutting down ");
}

/* Who left with answers to give, and everyone who was asked of them, hears of it when the server ends, not after. */
static void questions_end_with_the_server(void **state)
{
	struct client c;

	(void)state;
	start(NULL);
	join(&c, "40");
	answers[0] = '\0';
	sio_socket_emit_ack(socket_of(&c), 0, 30, "ask", sio_none(), on_answers, NULL);
	post(&c, "41");
	sio_server_free(io);
	assert_string_equal(answers, "operation has timed out: ");
	loop_turn(l, 0);
	loop_free(l);
	start(NULL);
	join(&c, "40");
	answers[0] = '\0';
	sio_emit_ack(sio_timeout(sio_all(sio_of(io, "/")), 30), "ask", sio_none(), on_answers, NULL);
	post(&c, "41");
	stop();
	assert_string_equal(answers, "operation has timed out: ");
}

static void any_late(void *user, struct sio_socket *s, const char *event, struct sio_args args, struct sio_ack *ack)
{
	(void)user;
	(void)s;
	(void)event;
	(void)args;
	(void)ack;
	note("late");
}

static void any_early(void *user, struct sio_socket *s, const char *event, struct sio_args args, struct sio_ack *ack)
{
	(void)user;
	(void)event;
	(void)args;
	(void)ack;
	note("early");
	sio_socket_off_any(s, any_early);
	sio_socket_prepend_any(s, any_late, NULL);
}

static void any_plain(void *user, struct sio_socket *s, const char *event, struct sio_args args, struct sio_ack *ack)
{
	(void)user;
	(void)s;
	(void)event;
	(void)args;
	(void)ack;
	note("plain");
}

static void who_is_put_first_is_first(void **state)
{
	struct client c;

	(void)state;
	start(NULL);
	join(&c, "40");
	heard_of[0] = '\0';
	sio_socket_on_any(socket_of(&c), any_plain, NULL);
	sio_socket_prepend_any(socket_of(&c), any_early, NULL);
	post(&c, "42[\"a\"]");
	assert_string_equal(heard_of, "early plain ");
	post(&c, "42[\"a\"]"); /* what was put in front while the others ran */
	assert_string_equal(heard_of, "early plain late plain ");
	stop();
}

static void end_session(void *user, struct eio_session *s)
{
	(void)user;
	eio_session_close(s, true);
}

static void end_sessions(void)
{
	eio_server_each(sio_engine(io), end_session, NULL);
}

/* --- handlers close every connection while a client is on its way in --- */

static enum sio_room_event fatal_room_event;

static void end_on_room(void *user, enum sio_room_event what, const char *room, const char *id)
{
	(void)user;
	(void)room;
	(void)id;
	if (what == fatal_room_event)
		end_sessions();
}

static void join_x_and_refuse(void *user, struct sio_socket *s, struct sio_next *next)
{
	(void)user;
	sio_socket_join(s, "x");
	sio_refuse(next, "no", NULL);
}

static void end_on_new_namespace(void *user, struct sio_namespace *nsp)
{
	(void)user;
	(void)nsp;
	end_sessions();
}

static bool end_and_match(void *user, const char *name, struct slice auth)
{
	(void)user;
	(void)auth;
	end_sessions();
	return strcmp(name, "/d1") == 0;
}

static bool make_and_match(void *user, const char *name, struct slice auth)
{
	(void)user;
	(void)auth;
	sio_of(io, name);
	return true;
}

static void end_on_leave(void *user, struct sio_socket *s, const char *reason, const char *description)
{
	(void)user;
	(void)s;
	(void)reason;
	(void)description;
	end_sessions();
}

static void a_room_ends_who_comes_in(struct client *c)
{
	fatal_room_event = SIO_JOIN_ROOM;
	sio_on_room(sio_of(io, "/"), end_on_room, NULL);
	open_session(c);
	post(c, "40");
}

static void a_room_ends_who_is_refused(struct client *c)
{
	fatal_room_event = SIO_LEAVE_ROOM;
	sio_on_room(sio_of(io, "/"), end_on_room, NULL);
	sio_use(sio_of(io, "/"), join_x_and_refuse, NULL);
	open_session(c);
	post(c, "40");
}

static void a_new_namespace_ends_who_asks_for_it(struct client *c)
{
	sio_of_regex(io, "^/d[0-9]+$");
	sio_on_new_namespace(io, end_on_new_namespace, NULL);
	open_session(c);
	post(c, "40/d1,");
}

static void a_match_ends_who_asks(struct client *c)
{
	sio_of_match(io, end_and_match, NULL);
	open_session(c);
	post(c, "40/d1,");
}

static void who_is_taken_over_ends_who_takes_over(struct client *c)
{
	struct client former;
	char connect[64];

	sio_on_disconnect(sio_of(io, "/"), end_on_leave, NULL);
	join(&former, "40");
	snprintf(connect, sizeof connect, "40{\"pid\":\"%s\"}", former.pid);
	open_session(c);
	post(c, connect);
}

static void with_cleanup_and_recovery(struct sio_options *o)
{
	o->cleanup_empty_child_namespaces = true;
	o->recovery_ms = 60000;
}

static void handlers_end_who_is_on_the_way_in(void **state)
{
	static void (*const ways[])(struct client *c) = {
		a_room_ends_who_comes_in, a_room_ends_who_is_refused,           a_new_namespace_ends_who_asks_for_it,
		a_match_ends_who_asks,    who_is_taken_over_ends_who_takes_over,
	};

	(void)state;
	for (size_t i = 0; i < ROWS(ways); i++) {
		struct client c;

		start(with_cleanup_and_recovery);
		ways[i](&c);
		CHECK(eio_server_clients(sio_engine(io)) == 0 && sio_namespace_count(sio_of(io, "/")) == 0, "%zu", i);
		CHECK(rooms_of(sio_of(io, "/")) == 0 && namespaces(io) == 1, "%zu", i);
		stop();
	}
}

static void a_namespace_is_made_while_it_is_asked_for(void **state)
{
	struct client c;

	(void)state;
	start(NULL);
	sio_of_match(io, make_and_match, NULL);
	open_session(&c);
	post(&c, "40/d1,");
	poll_once(&c);
	assert_non_null(strstr(c.got, "40/d1,{"));
	assert_int_equal(sio_namespace_count(sio_of(io, "/d1")), 1);
	stop();
}

/* Whoever comes into x is sent away from the namespace. */
static void turn_away(void *user, enum sio_room_event what, const char *room, const char *id)
{
	(void)user;
	if (what == SIO_JOIN_ROOM && strcmp(room, "x") == 0)
		sio_socket_disconnect(sio_namespace_socket(sio_of(io, "/"), id), false);
}

static void who_was_turned_away_joins_no_more(void **state)
{
	static const char *const rooms[] = {"x", "y"};
	struct client c;

	(void)state;
	start(NULL);
	join(&c, "40");
	sio_on_room(sio_of(io, "/"), turn_away, NULL);
	sio_sockets_join(sio_all(sio_of(io, "/")), rooms, 2);
	assert_int_equal(sio_namespace_count(sio_of(io, "/")), 0);
	assert_int_equal(rooms_of(sio_of(io, "/")), 0);
	loop_turn(l, 0);
	assert_int_equal(sio_emit(sio_to(sio_all(sio_of(io, "/")), "y"), "z", sio_none()), 0);
	stop();
}

static void leave_room(void *user, const char *room)
{
	note(room);
	sio_socket_leave(user, room);
}

static void leave_all_rooms(void *user, const char *room)
{
	note(room);
	sio_socket_disconnect(user, false);
}

static void empty_room(void *user, const char *room, size_t members)
{
	(void)user;
	(void)members;
	if (strlen(room) == 1) {
		note(room);
		sio_sockets_leave(sio_all(sio_of(io, "/")), &room, 1);
		note(room);
	}
}

static void rooms_are_left_while_they_are_told(void **state)
{
	static void (*const ways[])(void *user, const char *room) = {leave_room, leave_all_rooms};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		struct client c[CLIENTS];
		struct sio_socket *s;

		start(NULL);
		join_all(c);
		s = socket_of(&c[1]);
		heard_of[0] = '\0';
		if (i < ROWS(ways))
			assert_int_equal(sio_socket_each_room(s, ways[i], s), 3);
		else
			sio_each_room(sio_of(io, "/"), empty_room, NULL);
		if (i < ROWS(ways))
			CHECK(strncmp(heard_of, c[1].id, strlen(c[1].id)) == 0 && strcmp(heard_of + strlen(c[1].id), " a b ") == 0, "%zu: %s", i, heard_of);
		else
			assert_string_equal(heard_of, "a a b b ");
		assert_int_equal(sio_socket_each_room(s, NULL, NULL), i < ROWS(ways) ? 0 : 1);
		assert_int_equal(rooms_of(sio_of(io, "/")), i < ROWS(ways) ? CLIENTS - 1 + 2 : CLIENTS);
		stop();
	}
}

/* Whoever is told that a client goes sends it away, its connection too. */
static void close_again(void *user, struct sio_socket *s, const char *reason, const char *description)
{
	(void)user;
	(void)description;
	note(reason);
	sio_socket_disconnect(s, true);
}

static void note_opened(void *user, struct eio_session *s)
{
	(void)s;
	note("opened");
	if (user)
		eio_session_close(s, true);
}

static void note_closed(void *user, struct eio_session *s, enum eio_reason why, const char *description)
{
	(void)user;
	(void)s;
	(void)description;
	note("closed:");
	note(eio_reason_text(why));
}

static void a_connection_ends_once(void **state)
{
	struct client c;

	(void)state;
	start(NULL);
	sio_on_engine(io, note_opened, note_closed, NULL);
	sio_on_disconnecting(sio_of(io, "/"), close_again, NULL);
	heard_of[0] = '\0';
	join(&c, "40");
	post(&c, "1");
	assert_string_equal(heard_of, "opened closed: transport close transport close ");
	heard_of[0] = '\0';
	join(&c, "40");
	sio_socket_disconnect(socket_of(&c), true); /* its client polls once more, and is told then */
	assert_string_equal(heard_of, "opened server namespace disconnect ");
	poll_once(&c);
	poll_once(&c);
	assert_string_equal(heard_of, "opened server namespace disconnect closed: forced close ");
	heard_of[0] = '\0';
	sio_on_engine(io, note_opened, note_closed, io); /* is closed while it is told of */
	open_session(&c);
	assert_string_equal(heard_of, "opened closed: forced close ");
	stop();
}

static void end_all(void *user, struct eio_session *s)
{
	(void)user;
	(void)s;
	note("drained");
	end_sessions();
}

/* Who has got what waited for him sends everyone away, others whose turn is still to come among them. */
static void who_is_flushed_ends_the_others(void **state)
{
	struct client c[CLIENTS];
	struct answer a[CLIENTS];

	(void)state;
	start(NULL);
	join_all(c);
	sio_on_conn(io, &(struct sio_conn_events){.drained = end_all});
	for (size_t i = 0; i < CLIENTS; i++)
		request(&a[i], "GET", c[i].sid, NULL);
	heard_of[0] = '\0';
	sio_emit(sio_all(sio_of(io, "/")), "x", sio_none());
	loop_turn(l, 0);
	assert_string_equal(heard_of, "drained ");
	assert_int_equal(eio_server_clients(sio_engine(io)), 0);
	for (size_t i = 0; i < CLIENTS; i++)
		release(&a[i]);
	stop();
}

/* --- what is held stays whole --- */

static void with_cleanup(struct sio_options *o)
{
	o->cleanup_empty_child_namespaces = true;
}

static struct sio_socket *kept;

static void keep_and_ask(void *user, struct sio_socket *s)
{
	(void)user;
	kept = sio_socket_ref(s);
	assert_int_equal(sio_socket_emit_ack(s, 0, 30, "ask", sio_none(), on_answers, NULL), 0);
}

/* Whatever is asked of a socket that is gone. */
static void ask_everything(struct sio_socket *s)
{
	const char *const rooms[] = {"r"};
	struct sio_operator op = sio_to(sio_broadcast(s), "r");
	struct buf b;

	buf_init(&b, SIZE_MAX / 2);
	assert_false(sio_socket_connected(s));
	assert_string_equal(sio_namespace_name(sio_socket_namespace(s)), "/d1");
	assert_int_equal(sio_namespace_count(sio_socket_namespace(s)), 0);
	assert_int_equal(sio_socket_emit(s, "x", sio_none()), -ENOTCONN);
	sio_socket_set_data(s, slice_str("{\"a\":1}"));
	sio_socket_join(s, "r");
	assert_false(sio_socket_in(s, "r"));
	sio_socket_leave(s, "r");
	assert_int_equal(sio_socket_each_room(s, NULL, NULL), 0);
	sio_socket_handshake_json(s, true, &b);
	sio_socket_disconnect(s, true);
	sio_sockets_join(op, rooms, 1);
	assert_int_equal(sio_emit(op, "x", sio_none()), 0);
	answers[0] = told[0] = '\0';
	assert_int_equal(sio_emit_ack(op, "ask", sio_none(), on_answers, NULL), 0);
	assert_int_equal(sio_fetch_views(op, on_views, NULL), 0);
	loop_turn(l, 0);
	assert_string_equal(answers, "fine: ");
	assert_string_equal(told, "fine: []");
	buf_release(&b);
}

/* A socket that is held, and an answer that is owed, hold the namespace that is cleaned up, and the server too. */
static void who_is_held_holds_the_namespace(void **state)
{
	struct client c;

	(void)state;
	start(with_cleanup);
	sio_on_connection(sio_of_regex(io, "^/d[0-9]+$"), keep_and_ask, NULL);
	open_session(&c);
	answers[0] = '\0';
	post(&c, "40/d1,");
	assert_int_equal(namespaces(io), 2);
	post(&c, "41/d1,");
	assert_int_equal(namespaces(io), 1);
	loop_turn(l, 0);
	wait_for_answers();
	assert_string_equal(answers, "operation has timed out: ");
	ask_everything(kept);
	sio_server_free(io);
	loop_turn(l, 0);
	ask_everything(kept);
	assert_non_null(sio_of(sio_namespace_server(sio_socket_namespace(kept)), "/late"));
	loop_free(l);
	sio_socket_unref(kept);
}

/* --- requests that come when the server is gone --- */

static void never_refused(void *user, const struct eio_refusal *r)
{
	(void)user;
	(void)r;
	fail();
}

static void no_headers(void *user, struct eio_headers *h, struct eio_request *r)
{
	(void)user;
	(void)h;
	(void)r;
	fail();
}

static void switch_then(struct eio_exchange *ex, const struct eio_header_list *h)
{
	(void)h;
	answer_of(ex)->status = 101;
}

static void ask_for_a_socket(struct answer *a, const char *transport, const char *sid)
{
	static const struct eio_exchange_ops switching = {on_reply, switch_then, on_abort};
	static const struct eio_pair headers[] = {
		{"Upgrade", "websocket"}, {"Connection", "Upgrade"},
		{"Sec-WebSocket-Version", "13"}, {"Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="},
		{"Sec-WebSocket-Extensions", "permessage-deflate"},
	};
	char target[128];

	snprintf(target, sizeof target, "/socket.io/?EIO=4&transport=%s%s%s", transport, *sid ? "&sid=" : "", sid);
	*a = (struct answer){.ex.ops = &switching};
	a->ex.request = eio_request_new("GET", target, "127.0.0.1", false, headers, ROWS(headers));
	eio_exchange_begin(sio_engine(io), &a->ex);
}

/* The server goes between the 101 and the socket. */
static void a_socket_that_comes_too_late_is_closed(void **state)
{
	struct eio_server *engine;
	struct answer a;
	int ends[2];

	(void)state;
	start(NULL);
	assert_int_equal(pipe(ends), 0);
	engine = eio_server_ref(sio_engine(io));
	ask_for_a_socket(&a, "websocket", "");
	assert_int_equal(a.status, 101);
	sio_server_free(io);
	loop_turn(l, 0);
	eio_exchange_upgraded(&a.ex, ends[1], NULL, 0);
	assert_int_equal(fcntl(ends[1], F_GETFD), -1);
	assert_int_equal(eio_server_clients(engine), 0);
	close(ends[0]);
	eio_exchange_gone(&a.ex);
	eio_request_unref(a.ex.request);
	eio_server_unref(engine);
	loop_free(l);
}

static void without_websocket(struct sio_options *o)
{
	o->engine.transports = EIO_POLLING;
}

/* A socket is for the transport that is one: not by another name, above all where there is none. */
static void polling_is_no_way_to_a_socket(void **state)
{
	static const struct {
		void (*options)(struct sio_options *);
		const char *transport;
		bool known;
		int status;
	} rows[] = {
		{NULL, "websocket", true, 101},  {NULL, "polling", true, 400},              {NULL, "polling", false, 400},
		{without_websocket, "websocket", true, 400}, {without_websocket, "polling", true, 400},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct answer a;
		struct client c;

		start(rows[i].options);
		join(&c, "40");
		ask_for_a_socket(&a, rows[i].transport, rows[i].known ? c.sid : "");
		CHECK(a.status == rows[i].status, "%zu: %d", i, a.status);
		CHECK(socket_of(&c), "%zu", i);
		release(&a);
		stop();
	}
}

static struct eio_session *doomed;

static void end_doomed(void *user, struct eio_headers *h, struct eio_request *r)
{
	(void)user;
	(void)h;
	(void)r;
	if (doomed)
		eio_session_close(doomed, true);
	doomed = NULL;
}

static void with_headers_that_end(struct sio_options *o)
{
	o->engine.headers = end_doomed;
}

static void put_text(int fd, const char *text)
{
	unsigned char frame[16] = {0x81, (unsigned char)(0x80 | strlen(text))}; /* a mask of zeros */

	memcpy(frame + 6, text, strlen(text));
	assert_int_equal(send(fd, frame, 6 + strlen(text), MSG_NOSIGNAL), (ssize_t)(6 + strlen(text)));
	loop_turn(l, 0);
}

/* A poll is answered because its client changes over to a socket; who is asked for the answer's headers ends the session. */
static void headers_end_who_is_changing_over(void **state)
{
	static const char *const last[] = {"2probe", "5"};

	(void)state;
	for (size_t i = 0; i < ROWS(last); i++) {
		struct answer get, socket;
		struct client c;
		int ends[2];

		start(with_headers_that_end);
		sio_on_engine(io, NULL, note_closed, NULL);
		join(&c, "40");
		request(&get, "GET", c.sid, NULL);
		assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
		ask_for_a_socket(&socket, "websocket", c.sid);
		eio_exchange_upgraded(&socket.ex, ends[1], NULL, 0);
		heard_of[0] = '\0';
		doomed = sio_socket_conn(socket_of(&c));
		put_text(ends[0], last[i]);
		for (int k = 0; k < 25; k++)
			loop_turn(l, 10);
		CHECK(get.status == 200 && strcmp(heard_of, "closed: forced close ") == 0, "%s: %d %s", last[i], get.status, heard_of);
		close(ends[0]);
		loop_turn(l, 10);
		release(&get);
		release(&socket);
		stop();
	}
}

/* A WebSocket from its beginning, whose client is let into `/`. Its end is ours to read from. */
static int open_socket(struct answer *a)
{
	int ends[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends), 0);
	ask_for_a_socket(a, "websocket", "");
	eio_exchange_upgraded(&a->ex, ends[1], NULL, 0);
	put_text(ends[0], "40");
	for (int i = 0; i < 5; i++)
		loop_turn(l, 2);
	return ends[0];
}

static void copy_sid(void *sid, struct eio_session *s)
{
	strcpy(sid, eio_session_id(s));
}

/* A proxy may tell a list in several lines. */
static void upgrades_are_asked_for(void **state)
{
	static const struct {
		const char *headers[3][2];
		bool upgrade;
	} rows[] = {
		{{{"Upgrade", "websocket"}, {"Connection", "Upgrade"}}, true},
		{{{"Upgrade", "WebSocket"}, {"Connection", "keep-alive, upgrade"}}, true},
		{{{"Upgrade", "websocket"}, {"Connection", "keep-alive"}, {"Connection", "Upgrade"}}, true},
		{{{"Upgrade", "h2c"}, {"Upgrade", "websocket"}, {"Connection", "Upgrade"}}, true},
		{{{"Upgrade", "websocket"}, {"Connection", "keep-alive"}}, false},
		{{{"Upgrade", "websockets"}, {"Connection", "Upgrade"}}, false},
		{{{"Connection", "Upgrade"}}, false},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct eio_pair headers[3];
		struct eio_request *r;
		size_t n = 0;

		for (; n < 3 && rows[i].headers[n][0]; n++)
			headers[n] = (struct eio_pair){rows[i].headers[n][0], rows[i].headers[n][1]};
		r = eio_request_new("GET", "/", "", false, headers, n);
		CHECK(r->upgrade == rows[i].upgrade, "%zu", i);
		eio_request_unref(r);
	}
}

/* A request that names WebSocket and asks for none is not for the one that there is. */
static void websocket_is_no_way_to_poll(void **state)
{
	static const char *const methods[] = {"GET", "POST"};
	char target[128], sid[32] = "";
	struct answer socket;
	int fd;

	(void)state;
	start(NULL);
	fd = open_socket(&socket);
	eio_server_each(sio_engine(io), copy_sid, sid);
	snprintf(target, sizeof target, "/socket.io/?EIO=4&transport=websocket&sid=%s", sid);
	for (size_t i = 0; i < ROWS(methods); i++) {
		struct answer a = {.ex.ops = &ops, .ex.request = eio_request_new(methods[i], target, "", false, NULL, 0)};

		eio_exchange_begin(sio_engine(io), &a.ex);
		eio_exchange_body(&a.ex, "41", 2);
		eio_exchange_end(&a.ex);
		loop_turn(l, 0);
		CHECK(a.status == 400 && strstr(a.body, "\"code\":3"), "%s: %d %s", methods[i], a.status, a.body ? a.body : "");
		release(&a);
		CHECK(sio_namespace_count(sio_of(io, "/")) == 1, "%s", methods[i]);
	}
	close(fd);
	release(&socket);
	stop();
}

/* Says small things to everyone until some of it waits, or so many; how many the kernel took. */
static int fill(int most)
{
	int n = 0;

	for (; n < most && !eio_server_queued(sio_engine(io)); n++) {
		sio_emit(sio_all(sio_of(io, "/")), "news", sio_none());
		loop_turn(l, 0);
	}
	return eio_server_queued(sio_engine(io)) ? n - 1 : n;
}

/* A WebSocket whose kernel has taken all that was said, and has no room left: a first one tells how much that is. */
static int open_full(struct answer *a, void (*options)(struct sio_options *))
{
	int fd, room;

	start(options);
	fd = open_socket(a);
	room = fill(INT_MAX);
	close(fd);
	release(a);
	stop();
	start(options);
	fd = open_socket(a);
	assert_int_equal(fill(room), room);
	assert_int_equal(eio_server_queued(sio_engine(io)), 0);
	return fd;
}

static void a_ping_is_answered_to_who_reads_slowly(void **state)
{
	static const unsigned char ping[] = {0x89, 0x82, 0, 0, 0, 0, 'h', 'i'}, pong[] = {0x8a, 2, 'h', 'i'};
	char got[4096];
	ssize_t n, last = 0;
	struct answer a;
	int fd;

	(void)state;
	fd = open_full(&a, NULL);
	assert_int_equal(send(fd, ping, sizeof ping, MSG_NOSIGNAL), sizeof ping);
	loop_turn(l, 0);
	for (int i = 0; i < 3; i++, loop_turn(l, 0))
		while ((n = recv(fd, got, sizeof got, MSG_DONTWAIT)) > 0)
			last = n;
	assert_true(last >= (ssize_t)sizeof pong);
	assert_memory_equal(got + last - sizeof pong, pong, sizeof pong);
	close(fd);
	release(&a);
	stop();
}

static void with_deflate(struct sio_options *o)
{
	o->engine.per_message_deflate = true;
}

/* One that was compressed for the kernel, which took nothing of it, still waits, and goes when a newer one comes. */
static void of_what_was_compressed_the_newest_waits(void **state)
{
	static const char big[] = "\"%01500d\"";
	unsigned char got[1 << 16];
	int fd, compressed = 0;
	char text[2000];
	struct answer a;

	(void)state;
	fd = open_full(&a, with_deflate);
	for (int i = 0; i < 3; i++) {
		snprintf(text, sizeof text, big, i);
		sio_emit(sio_coalesce(sio_all(sio_of(io, "/"))), "price", sio_json(text));
		loop_turn(l, 0);
	}
	for (ssize_t n; (n = recv(fd, got, sizeof got, MSG_DONTWAIT)) > 0; loop_turn(l, 0))
		for (ssize_t at = 0; at + 1 < n; at += 2 + got[at + 1]) /* heads of two bytes; only whole frames fit */
			compressed += got[at] == 0xc1;
	assert_int_equal(compressed, 1);
	assert_int_equal(eio_server_counters(sio_engine(io))->coalesced, 2);
	close(fd);
	release(&a);
	stop();
}

static void with_headers(struct sio_options *o)
{
	o->engine.headers = no_headers;
}

/* What an HTTP server answers, whole. */
static void fetch(uint16_t port, const char *target, char *out, size_t size)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	char text[256];
	ssize_t n = -1;
	size_t got = 0;

	snprintf(text, sizeof text, "GET %s HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n", target);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
	assert_int_equal(send(fd, text, strlen(text), 0), (ssize_t)strlen(text));
	for (int i = 0; i < 500 && n; i++) {
		loop_turn(l, 10);
		n = recv(fd, out + got, size - 1 - got, MSG_DONTWAIT);
		got += n > 0 ? (size_t)n : 0;
	}
	out[got] = '\0';
	close(fd);
}

static void http_goes_on_without_the_server(void **state)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct http_options o;
	struct http_server *http;
	char got[2048];
	uint16_t port;

	(void)state;
	start(with_headers);
	sio_on_connection_error(io, never_refused, NULL);
	http_options_init(&o);
	http = http_server_new(l, &o);
	http_server_attach(http, sio_engine(io), true);
	assert_int_equal(http_server_listen(http, (struct sockaddr *)&at, sizeof at, &port), 0);
	sio_server_free(io);
	loop_turn(l, 0);
	fetch(port, "/socket.io/?EIO=4&transport=polling", got, sizeof got);
	assert_non_null(strstr(got, " 503 "));
	assert_non_null(strstr(got, "The server is shutting down"));
	fetch(port, "/socket.io/?EIO=4&transport=nothing", got, sizeof got);
	assert_non_null(strstr(got, " 503 "));
	http_server_free(http);
	loop_free(l);
}

/* --- who is refused --- */

static void note_refusal(void *user, const struct eio_refusal *r)
{
	(void)user;
	note(r->message);
	note(r->context);
}

static void with_two_sessions(struct sio_options *o)
{
	o->engine.max_sessions = 2;
}

static void who_is_refused_is_told_of(void **state)
{
	struct answer a = {.ex.ops = &ops};
	struct client c[2];

	(void)state;
	start(with_two_sessions);
	sio_on_connection_error(io, note_refusal, NULL);
	heard_of[0] = '\0';
	open_session(&c[0]);
	open_session(&c[1]);
	request(&a, "GET", "", NULL);
	assert_int_equal(a.status, 503);
	assert_string_equal(a.body, "{\"code\":4,\"message\":\"Too many sessions\"}");
	release(&a);
	assert_string_equal(heard_of, "Forbidden {\"message\":\"Too many sessions\"} ");
	heard_of[0] = '\0';
	a = (struct answer){.ex.ops = &ops, .ex.request = eio_request_new("GET", "/socket.io/?EIO=4", "", false, NULL, 0)};
	eio_exchange_begin(sio_engine(io), &a.ex);
	eio_exchange_end(&a.ex);
	release(&a);
	assert_string_equal(heard_of, "Transport unknown {} ");
	stop();
}

/* --- what is registered on one socket --- */

static void on_named(void *user, struct sio_socket *s, struct sio_args args, struct sio_ack *ack)
{
	ignore(user, s, args, ack);
	note(user);
}

static void outgoing(void *user, struct sio_socket *s, const char *event, struct sio_args args)
{
	(void)s;
	(void)args;
	note(user);
	note(event);
}

static void outgoing_first(void *user, struct sio_socket *s, const char *event, struct sio_args args)
{
	outgoing(user, s, event, args);
}

static bool refuse_bad(void *user, struct sio_socket *s, const char *event, struct sio_args *args, const char **error)
{
	(void)s;
	note(user);
	*args = sio_json("2");
	*error = "it is bad";
	return strcmp(event, "bad") != 0;
}

static void note_leave(void *user, struct sio_socket *s, const char *reason, const char *description)
{
	(void)description;
	note(user);
	note(sio_socket_in(s, "r") ? "in r" : "in no room");
	note(reason);
}

static void handlers_of_one_socket(void **state)
{
	struct sio_socket *one;
	struct client c[2];

	(void)state;
	start(NULL);
	join(&c[0], "40");
	join(&c[1], "40");
	one = socket_of(&c[0]);
	sio_on(sio_of(io, "/"), "ev", on_named, (void *)(uintptr_t)"all");
	sio_socket_on(one, "ev", on_named, (void *)(uintptr_t)"one");
	sio_socket_once(one, "ev", on_named, (void *)(uintptr_t)"once");
	heard_of[0] = '\0';
	post(&c[0], "42[\"ev\"]\x1e" "42[\"ev\"]");
	post(&c[1], "42[\"ev\"]"); /* another hears nothing of it */
	assert_string_equal(heard_of, "all one once all one all ");
	heard_of[0] = '\0';
	sio_socket_off(one, "ev", ignore);
	post(&c[0], "42[\"ev\"]");
	sio_socket_off(one, "ev", on_named);
	post(&c[0], "42[\"ev\"]");
	assert_string_equal(heard_of, "all one all ");
	sio_socket_on(one, "ev", on_named, (void *)(uintptr_t)"one");
	sio_socket_on(one, "ev", ignore, NULL);
	sio_socket_off(one, "ev", NULL);
	heard_of[0] = '\0';
	post(&c[0], "42[\"ev\"]");
	assert_string_equal(heard_of, "all ");
	stop();
}

static void middlewares_and_errors_of_one_socket(void **state)
{
	struct sio_socket *one;
	struct client c;

	(void)state;
	start(NULL);
	join(&c, "40");
	one = socket_of(&c);
	sio_use_packets(sio_of(io, "/"), refuse_bad, (void *)(uintptr_t)"all");
	sio_socket_use(one, refuse_bad, (void *)(uintptr_t)"one");
	sio_socket_on_error(one, note_error, NULL);
	sio_socket_on(one, "bad", on_named, (void *)(uintptr_t)"reached");
	sio_socket_on(one, "good", on_named, (void *)(uintptr_t)"reached");
	heard_of[0] = '\0';
	post(&c, "42[\"good\"]\x1e" "42[\"bad\"]");
	assert_string_equal(heard_of, "all one reached all it is bad ");
	stop();
}

static struct sio_packet_next *thinking;

static void think(void *user, struct sio_socket *s, const char *event, struct sio_args args, struct sio_packet_next *next)
{
	(void)user;
	(void)s;
	(void)event;
	(void)args;
	thinking = next;
}

static void note_args(void *user, struct sio_socket *s, struct sio_args args, struct sio_ack *ack)
{
	char text[32];

	ignore(user, s, args, ack);
	snprintf(text, sizeof text, "%.*s", (int)args.json.n, args.json.p);
	note(text);
}

/* Behind one that took its time, another may still put other arguments in their place. */
static void arguments_are_changed_behind_who_thinks(void **state)
{
	struct sio_socket *one;
	struct client c;

	(void)state;
	start(NULL);
	join(&c, "40");
	one = socket_of(&c);
	sio_socket_use_later(one, think, NULL);
	sio_socket_use(one, refuse_bad, (void *)(uintptr_t)"one");
	sio_socket_on_error(one, note_error, NULL);
	sio_socket_on(one, "good", note_args, NULL);
	heard_of[0] = '\0';
	post(&c, "42[\"good\",1]");
	sio_packet_pass(thinking);
	assert_string_equal(heard_of, "one 2 ");
	post(&c, "42[\"bad\",1]");
	sio_packet_pass(thinking);
	assert_string_equal(heard_of, "one 2 one it is bad ");
	stop();
}

static void what_goes_out_to_one_socket(void **state)
{
	struct sio_socket *one;
	struct client c;

	(void)state;
	start(NULL);
	join(&c, "40");
	one = socket_of(&c);
	sio_on_any_outgoing(sio_of(io, "/"), outgoing, (void *)(uintptr_t)"all");
	sio_socket_on_any_outgoing(one, outgoing, (void *)(uintptr_t)"one");
	sio_socket_prepend_any_outgoing(one, outgoing_first, (void *)(uintptr_t)"first");
	heard_of[0] = '\0';
	sio_socket_emit(one, "a", sio_none());
	sio_emit(sio_all(sio_of(io, "/")), "b", sio_none());
	assert_string_equal(heard_of, "all a first a one a all b first b one b ");
	heard_of[0] = '\0';
	sio_socket_off_any_outgoing(one, outgoing);
	sio_socket_emit(one, "a", sio_none());
	sio_socket_off_any_outgoing(one, NULL);
	sio_socket_emit(one, "b", sio_none());
	assert_string_equal(heard_of, "all a first a all b ");
	stop();
}

static void the_end_of_one_socket(void **state)
{
	struct client c;

	(void)state;
	start(NULL);
	join(&c, "40");
	sio_socket_join(socket_of(&c), "r");
	sio_on_disconnecting(sio_of(io, "/"), note_leave, (void *)(uintptr_t)"all,");
	sio_socket_on_disconnect(socket_of(&c), note_leave, (void *)(uintptr_t)"one behind,");
	sio_socket_on_disconnecting(socket_of(&c), note_leave, (void *)(uintptr_t)"one before,");
	heard_of[0] = '\0';
	post(&c, "41");
	assert_string_equal(heard_of, "all, in r client namespace disconnect one before, in r client namespace disconnect "
	                              "one behind, in no room client namespace disconnect ");
	stop();
}

/* Nothing listens to a poll that is not there: volatile packets are dropped, and counted. */
static void what_was_dropped_is_counted(void **state)
{
	struct sio_socket *one;
	struct client c;

	(void)state;
	start(NULL);
	join(&c, "40");
	one = socket_of(&c);
	assert_int_equal(sio_socket_dropped(one), 0);
	sio_socket_emit_flags(one, SIO_VOLATILE, "v", sio_none());
	sio_emit(sio_volatile(sio_all(sio_of(io, "/"))), "v", sio_none());
	sio_socket_emit(one, "x", sio_none());
	assert_int_equal(sio_socket_dropped(one), 2);
	assert_string_equal(take(&c), "42[\"x\"] ");
	stop();
}

static void one_session_of_an_address(struct sio_options *o)
{
	o->engine.max_sessions_per_address = 1;
}

/* A session that is failed ends for that reason; one whose request is dropped goes on without, and counts for no address. */
static void sessions_are_failed_and_forget_their_request(void **state)
{
	struct client c, d;

	(void)state;
	start(one_session_of_an_address);
	sio_on_engine(io, NULL, note_closed, NULL);
	join(&c, "40");
	assert_non_null(sio_socket_handshake(socket_of(&c)).request);
	eio_session_drop_request(sio_socket_conn(socket_of(&c)));
	assert_null(eio_session_request(sio_socket_conn(socket_of(&c))));
	eio_session_drop_request(sio_socket_conn(socket_of(&c))); /* once is enough */
	join(&d, "40");
	assert_int_equal(eio_server_clients(sio_engine(io)), 2);
	sio_on_disconnect(sio_of(io, "/"), note_leave, (void *)(uintptr_t)"gone,");
	heard_of[0] = '\0';
	eio_session_fail(sio_socket_conn(socket_of(&c)), EIO_PARSE_ERROR, "nobody can read it");
	assert_string_equal(heard_of, "closed: parse error gone, in no room parse error ");
	assert_int_equal(eio_server_clients(sio_engine(io)), 1);
	stop();
}

/* --- what happens on a connection --- */

static void note_packet(void *user, struct eio_session *s, char type, const char *data, size_t n, bool binary, bool sent)
{
	char line[64];

	(void)user;
	(void)s;
	snprintf(line, sizeof line, "%s%c%.*s%s", sent ? ">" : "<", type, (int)n, data, binary ? "!" : "");
	note(line);
}

static void note_drain(void *user, struct eio_session *s)
{
	(void)user;
	(void)s;
	note("drained");
}

static void end_on_x(void *user, struct eio_session *s, char type, const char *data, size_t n, bool binary, bool sent)
{
	note_packet(user, s, type, data, n, binary, sent);
	if (n && data[n - 1] == 'x')
		eio_session_close(s, true);
}

static void packets_of_a_connection_are_told(void **state)
{
	struct client c;

	(void)state;
	start(NULL);
	join(&c, "40");
	heard_of[0] = '\0';
	sio_on_conn(io, &(struct sio_conn_events){.packet = note_packet, .drained = note_drain});
	post(&c, "3\x1e" "42[\"a\"]\x1e" "451-[\"a\"]\x1e" "bQUI=");
	sio_socket_emit(socket_of(&c), "b", sio_none());
	poll_once(&c);
	assert_string_equal(heard_of, "<3 <42[\"a\"] <451-[\"a\"] <4AB! >42[\"b\"] drained ");
	sio_on_conn(io, &(struct sio_conn_events){.packet = end_on_x});
	post(&c, "42x\x1e" "42[\"a\"]");
	assert_null(socket_of(&c));
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(operators_select),
		cmocka_unit_test(events_reach_whom_they_are_for),
		cmocka_unit_test(a_server_that_is_alone),
		cmocka_unit_test(a_server_without_its_redis),
		cmocka_unit_test(broadcasts_are_acknowledged),
		cmocka_unit_test(recovery_brings_back),
		cmocka_unit_test(recovery_without_an_offset),
		cmocka_unit_test(a_session_that_is_not_known_to_be_dead_is_taken_over),
		cmocka_unit_test(who_did_not_get_in_can_still_come_back),
		cmocka_unit_test(recovery_declines),
		cmocka_unit_test(recovery_forgets_what_is_too_much),
		cmocka_unit_test(what_is_said_during_a_replay_disturbs_it_not),
		cmocka_unit_test(limits_hold),
		cmocka_unit_test(only_what_was_counted_makes_room),
		cmocka_unit_test(who_owes_much_answers_as_fast),
		cmocka_unit_test(who_names_an_unknown_session_is_let_in_as_fast),
		cmocka_unit_test(who_is_in_many_rooms_joins_as_fast),
		cmocka_unit_test(a_name_is_thought_about),
		cmocka_unit_test(what_listens_is_counted),
		cmocka_unit_test(ids_are_the_applications),
		cmocka_unit_test(the_server_goes_while_it_asks_for_another),
		cmocka_unit_test(origins_and_cookies),
		cmocka_unit_test(of_some_events_the_newest_waits),
		cmocka_unit_test(a_slow_one_is_closed),
		cmocka_unit_test(a_slow_one_misses_what_there_is_no_room_for),
		cmocka_unit_test(the_newest_needs_no_room_of_its_own),
		cmocka_unit_test(too_many_terms_mean_nobody),
		cmocka_unit_test(handlers_end_the_other_sockets_of_a_client),
		cmocka_unit_test(room_handlers_change_rooms),
		cmocka_unit_test(no_middleware_is_left_out),
		cmocka_unit_test(who_says_nonsense_is_told_of),
		cmocka_unit_test(who_left_hears_nothing),
		cmocka_unit_test(the_end_is_asked_for_while_it_comes),
		cmocka_unit_test(who_was_given_up_does_anything),
		cmocka_unit_test(questions_end_with_the_server),
		cmocka_unit_test(who_is_put_first_is_first),
		cmocka_unit_test(handlers_end_who_is_on_the_way_in),
		cmocka_unit_test(a_namespace_is_made_while_it_is_asked_for),
		cmocka_unit_test(who_was_turned_away_joins_no_more),
		cmocka_unit_test(rooms_are_left_while_they_are_told),
		cmocka_unit_test(a_connection_ends_once),
		cmocka_unit_test(who_is_flushed_ends_the_others),
		cmocka_unit_test(who_is_held_holds_the_namespace),
		cmocka_unit_test(handlers_of_one_socket),
		cmocka_unit_test(middlewares_and_errors_of_one_socket),
		cmocka_unit_test(arguments_are_changed_behind_who_thinks),
		cmocka_unit_test(what_goes_out_to_one_socket),
		cmocka_unit_test(the_end_of_one_socket),
		cmocka_unit_test(what_was_dropped_is_counted),
		cmocka_unit_test(sessions_are_failed_and_forget_their_request),
		cmocka_unit_test(a_socket_that_comes_too_late_is_closed),
		cmocka_unit_test(polling_is_no_way_to_a_socket),
		cmocka_unit_test(headers_end_who_is_changing_over),
		cmocka_unit_test(upgrades_are_asked_for),
		cmocka_unit_test(websocket_is_no_way_to_poll),
		cmocka_unit_test(a_ping_is_answered_to_who_reads_slowly),
		cmocka_unit_test(of_what_was_compressed_the_newest_waits),
		cmocka_unit_test(http_goes_on_without_the_server),
		cmocka_unit_test(who_is_refused_is_told_of),
		cmocka_unit_test(packets_of_a_connection_are_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
