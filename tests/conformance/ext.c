/* ext.c: the servers ext, csr and admin: each part of the server's own API as a
 * command that a client sends, `cmd` (name, arg, ack). CONFORMANCE lists them. */
#include "base/json.h"
#include "base/list.h"
#include "base/map.h"
#include "base/xmalloc.h"
#include "server.h"
#include "socketio/admin.h"

#include <crypt.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* What these servers remember. */
struct ext {
	struct loop *loop;
	struct sio_server *io;
	struct buf created;            /* names that new_namespace told, as a JSON list without brackets */
	struct map logs;               /* socket id -> struct story */
	struct link thoughts;          /* of packet middlewares */
	struct link later;             /* struct later */
	struct buf rewritten;          /* arguments of the last `rewrite` */
	struct buf probed;             /* argument lists of `sse-probe`, as a JSON list without brackets */
	struct sio_admin *admin;       /* NULL but for the server of that name */
};

/* How a socket ended. */
struct story {
	bool connected;
	char *disconnecting, *disconnect; /* JSON; NULL: not yet */
};

/* --- in a moment --- */

struct later {
	struct loop_timer timer;
	struct link link;
	struct sio_socket *socket;     /* one reference */
	struct sio_next *next;         /* of the middleware that takes its time */
	char *text;
	bool close;
	void (*fn)(struct later *l);
};

static void on_later(struct loop_timer *t)
{
	struct later *l = list_item(t, struct later, timer);

	list_remove(&l->link);
	l->fn(l);
	sio_socket_unref(l->socket);
	free(l->text);
	free(l);
}

static struct later *later(struct ext *x, struct sio_socket *s, int64_t wait_ms, void (*fn)(struct later *))
{
	struct later *l = xzalloc(sizeof *l);

	l->socket = sio_socket_ref(s);
	l->fn = fn;
	list_push(&x->later, &l->link);
	loop_timer_set(x->loop, &l->timer, wait_ms, on_later);
	return l;
}

/* --- JSON --- */

static struct sio_args args_of(const struct buf *b)
{
	return sio_json_slice(slice_of(b->data, b->len));
}

/* A member of an object; false if it is not there, or o is none. */
static bool member(struct slice o, const char *key, struct slice *out)
{
	return o.n && json_type(o) == JSON_IS_OBJECT && json_get(o, key, out);
}

static bool member_is_true(struct slice o, const char *key)
{
	struct slice v;

	return member(o, key, &v) && json_type(v) == JSON_IS_TRUE;
}

/* The text of a string; "" for anything else. To be freed. */
static char *text_of(struct slice v)
{
	struct buf b;

	buf_init(&b, SIZE_MAX / 2);
	if (v.n && json_type(v) == JSON_IS_STRING)
		json_unquote(&b, v);
	return buf_take(&b, NULL);
}

static char *member_text(struct slice o, const char *key)
{
	struct slice v = {0};

	return member(o, key, &v) ? text_of(v) : NULL;
}

/* --- lists of names --- */

struct names {
	char **at;
	size_t n;
};

static void names_add(struct names *l, const char *name)
{
	l->at = xreallocarray(l->at, l->n + 1, sizeof *l->at);
	l->at[l->n++] = xstrdup(name);
}

static void names_release(struct names *l)
{
	for (size_t i = 0; i < l->n; i++)
		free(l->at[i]);
	free(l->at);
	*l = (struct names){0};
}

/* A name, or a list of them. */
static struct names names_read(struct slice v)
{
	struct names l = {0};
	struct json_walk w;
	struct slice item;

	if (json_type(v) != JSON_IS_ARRAY) {
		char *one = text_of(v);

		names_add(&l, one);
		free(one);
		return l;
	}
	for (w = json_walk(v); json_next(&w, &item);) {
		char *one = text_of(item);

		names_add(&l, one);
		free(one);
	}
	return l;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void names_put_sorted(struct buf *out, struct names *l)
{
	if (l->n)
		qsort(l->at, l->n, sizeof *l->at, by_text);
	buf_addc(out, '[');
	for (size_t i = 0; i < l->n; i++) {
		buf_adds(out, i ? "," : "");
		json_add_str(out, l->at[i]);
	}
	buf_addc(out, ']');
}

static void collect(void *names, const char *name)
{
	names_add(names, name);
}

static void put_rooms(struct buf *out, const struct sio_socket *s)
{
	struct names l = {0};

	sio_socket_each_room(s, collect, &l);
	names_put_sorted(out, &l);
	names_release(&l);
}

/* --- a command --- */

struct command {
	struct ext *x;
	struct sio_socket *s;
	struct slice arg;
	struct sio_args args;          /* all of cmd's, for their attachments */
	struct sio_ack *ack;
	struct buf out;                /* the result, JSON; empty: it comes later, or never */
};

static void thrown(struct command *c, const char *message)
{
	buf_reset(&c->out);
	buf_adds(&c->out, "{\"thrown\":");
	json_add_str(&c->out, message);
	buf_addc(&c->out, '}');
}

static void thrown_reserved(struct command *c, const char *event)
{
	char *message = xasprintf("\"%s\" is a reserved event name", event);

	thrown(c, message);
	free(message);
}

/* --- whom a command is for: {base, nsp, to, in, except, local, volatile, compress, timeout} --- */

struct aim {
	struct sio_operator op;
	bool alone;                    /* the socket itself, nobody else */
	struct names lists[3];         /* what op points to */
};

static const struct {
	const char *key;
	struct sio_operator (*apply)(struct sio_operator, const char *const *, size_t);
} aims[] = {
	{"to", sio_to_list},
	{"in", sio_to_list},
	{"except", sio_except_list},
};

static struct sio_namespace *aim_namespace(struct command *c)
{
	char *name = member_text(c->arg, "nsp");
	struct sio_namespace *nsp = name ? sio_of(c->x->io, name) : sio_socket_namespace(c->s);

	free(name);
	return nsp;
}

static void aim_rooms(struct aim *a, struct slice arg)
{
	struct slice v;

	for (size_t i = 0; i < sizeof aims / sizeof *aims; i++) {
		if (!member(arg, aims[i].key, &v))
			continue;
		a->lists[i] = names_read(v);
		a->op = aims[i].apply(a->op, (const char *const *)a->lists[i].at, a->lists[i].n);
		a->alone = false;
	}
}

static void aim_flags(struct aim *a, struct slice arg)
{
	struct slice v;

	if (member_is_true(arg, "local")) {
		a->op = sio_local(a->op);
		a->alone = false;
	}
	if (member_is_true(arg, "volatile"))
		a->op = sio_volatile(a->op);
	if (member(arg, "compress", &v))
		a->op = sio_compress(a->op, json_type(v) == JSON_IS_TRUE);
	if (member(arg, "timeout", &v) && json_type(v) == JSON_IS_NUMBER)
		a->op = sio_timeout(a->op, (uint32_t)json_number(v));
}

static struct aim aim_of(struct command *c)
{
	char *base = member_text(c->arg, "base");
	struct aim a = {.alone = base && strcmp(base, "socket") == 0};

	a.op = base && strcmp(base, "nsp") == 0 ? sio_all(aim_namespace(c)) : sio_broadcast(c->s);
	aim_rooms(&a, c->arg);
	aim_flags(&a, c->arg);
	free(base);
	return a;
}

static void aim_release(struct aim *a)
{
	for (size_t i = 0; i < sizeof a->lists / sizeof *a->lists; i++)
		names_release(&a->lists[i]);
}

/* --- emit --- */

/* The list `args` of the command as arguments: without its brackets. */
static struct sio_args inner_args(struct command *c)
{
	struct sio_args a = c->args;
	struct slice list;

	a.json = slice_of("", 0);
	if (member(c->arg, "args", &list) && json_type(list) == JSON_IS_ARRAY && json_count(list))
		a.json = slice_of(list.p + 1, list.n - 2);
	return a;
}

/* {err, res}: res is what one socket answered first, or the list of everyone's answers. */
static void tell_answer(struct sio_ack *ack, const char *error, struct sio_args res, bool list)
{
	struct slice first;
	struct buf b;

	buf_init(&b, SIZE_MAX / 2);
	buf_adds(&b, "{\"err\":");
	json_add_str(&b, error);
	if (list) {
		buf_adds(&b, ",\"res\":[");
		json_add_slice(&b, res.json);
		buf_addc(&b, ']');
	} else if (!error && sio_args_at(res, 0, &first)) {
		buf_adds(&b, ",\"res\":");
		json_add_slice(&b, first);
	}
	buf_addc(&b, '}');
	sio_ack_send(ack, (struct sio_args){slice_of(b.data, b.len), res.blobs, res.nblobs});
	buf_release(&b);
	sio_ack_unref(ack);
}

static void on_answer(void *ack, const char *error, struct sio_args args)
{
	tell_answer(ack, error, args, false);
}

static void on_answers(void *ack, const char *error, struct sio_args args)
{
	tell_answer(ack, error, args, true);
}

static int emit_with_ack(struct command *c, const struct aim *a, const char *event)
{
	struct sio_ack *ack = sio_ack_ref(c->ack);
	int err;

	if (a->alone)
		err = sio_socket_emit_ack(c->s, a->op.flags, a->op.timeout_ms, event, inner_args(c), on_answer, ack);
	else
		err = sio_emit_ack(a->op, event, inner_args(c), on_answers, ack);
	if (err)
		sio_ack_unref(ack);
	return err;
}

static int emit_plain(struct command *c, const struct aim *a, const char *event)
{
	buf_adds(&c->out, "true");
	if (a->alone)
		return sio_socket_emit_flags(c->s, a->op.flags, event, inner_args(c));
	return sio_emit(a->op, event, inner_args(c));
}

static void do_emit(struct command *c)
{
	char *event = member_text(c->arg, "ev");
	struct aim a = aim_of(c);
	int err;

	if (!event)
		thrown(c, "no event name");
	else {
		err = member_is_true(c->arg, "ack") ? emit_with_ack(c, &a, event) : emit_plain(c, &a, event);
		if (err == -EINVAL)
			thrown_reserved(c, event);
	}
	aim_release(&a);
	free(event);
}

static void do_reserved(struct command *c)
{
	char *event = text_of(c->arg);

	json_add_str(&c->out, sio_reserved(event));
	free(event);
}

/* --- rooms, data --- */

static void do_ping(struct command *c)
{
	buf_adds(&c->out, "\"pong\"");
}

static void do_rooms(struct command *c)
{
	put_rooms(&c->out, c->s);
}

static void do_join(struct command *c)
{
	struct names l = names_read(c->arg);

	for (size_t i = 0; i < l.n; i++)
		sio_socket_join(c->s, l.at[i]);
	names_release(&l);
	do_rooms(c);
}

static void do_leave(struct command *c)
{
	char *room = text_of(c->arg);

	sio_socket_leave(c->s, room);
	free(room);
	do_rooms(c);
}

static void put_members(struct buf *out, struct slice o, struct slice unless)
{
	struct json_walk w = json_walk(o);
	struct slice key, value, other;

	while (json_next_member(&w, &key, &value)) {
		char *name = text_of(key);

		if (!unless.n || !json_get(unless, name, &other)) {
			buf_adds(out, out->len > 1 ? "," : "");
			json_add_slice(out, key);
			buf_addc(out, ':');
			json_add_slice(out, value);
		}
		free(name);
	}
}

static void do_set_data(struct command *c)
{
	if (json_type(c->arg) != JSON_IS_OBJECT) {
		thrown(c, "data is an object");
		return;
	}
	buf_addc(&c->out, '{');
	put_members(&c->out, sio_socket_data(c->s), c->arg);
	put_members(&c->out, c->arg, (struct slice){0});
	buf_addc(&c->out, '}');
	sio_socket_set_data(c->s, slice_of(c->out.data, c->out.len));
}

/* --- many sockets --- */

/* {id, rooms, data, auth} of a view, rooms sorted. */
static char *short_view(struct slice view)
{
	struct slice id, rooms, data, handshake, auth;
	struct names l;
	struct buf b;

	buf_init(&b, SIZE_MAX / 2);
	if (!member(view, "id", &id) || !member(view, "rooms", &rooms) || !member(view, "data", &data) ||
	    !member(view, "handshake", &handshake) || !member(handshake, "auth", &auth))
		return buf_take(&b, NULL);
	buf_adds(&b, "{\"id\":");
	json_add_slice(&b, id);
	buf_adds(&b, ",\"rooms\":");
	l = names_read(rooms);
	names_put_sorted(&b, &l);
	names_release(&l);
	buf_adds(&b, ",\"data\":");
	json_add_slice(&b, data);
	buf_adds(&b, ",\"auth\":");
	json_add_slice(&b, auth);
	buf_addc(&b, '}');
	return buf_take(&b, NULL);
}

/* Each view starts with its id: sorted by it. With an error, what is known goes along. */
static void on_views(void *arg, const char *error, struct slice sockets)
{
	struct sio_ack *ack = arg;
	struct names l = {0};
	struct slice view;
	struct buf b;

	for (struct json_walk w = json_walk(sockets); json_next(&w, &view);) {
		l.at = xreallocarray(l.at, l.n + 1, sizeof *l.at);
		l.at[l.n++] = short_view(view);
	}
	if (l.n)
		qsort(l.at, l.n, sizeof *l.at, by_text);
	buf_init(&b, SIZE_MAX / 2);
	if (error) {
		buf_adds(&b, "{\"thrown\":");
		json_add_str(&b, error);
		buf_adds(&b, ",\"known\":");
	}
	buf_addc(&b, '[');
	for (size_t i = 0; i < l.n; i++)
		buf_addf(&b, "%s%s", i ? "," : "", l.at[i]);
	buf_adds(&b, error ? "]}" : "]");
	sio_ack_send(ack, args_of(&b));
	sio_ack_unref(ack);
	buf_release(&b);
	names_release(&l);
}

static void do_fetch(struct command *c)
{
	struct aim a = aim_of(c);
	struct sio_ack *ack = sio_ack_ref(c->ack);

	if (sio_fetch_views(a.op, on_views, ack)) {
		thrown(c, "a parent has no sockets");
		sio_ack_unref(ack);
	}
	aim_release(&a);
}

static void with_rooms(struct command *c, void (*fn)(struct sio_operator, const char *const *, size_t))
{
	struct aim a = aim_of(c);
	struct names l = {0};
	struct slice rooms;

	if (member(c->arg, "rooms", &rooms))
		l = names_read(rooms);
	fn(a.op, (const char *const *)l.at, l.n);
	names_release(&l);
	aim_release(&a);
	buf_adds(&c->out, "true");
}

static void do_sockets_join(struct command *c)
{
	with_rooms(c, sio_sockets_join);
}

static void do_sockets_leave(struct command *c)
{
	with_rooms(c, sio_sockets_leave);
}

static void do_disconnect_sockets(struct command *c)
{
	struct aim a = aim_of(c);

	buf_adds(&c->out, "true");
	sio_disconnect_sockets(a.op, member_is_true(c->arg, "close"));
	aim_release(&a);
}

/* --- the end of a socket --- */

static void disconnect_now(struct later *l)
{
	sio_socket_disconnect(l->socket, l->close);
}

static void do_disconnect(struct command *c)
{
	later(c->x, c->s, 10, disconnect_now)->close = member_is_true(c->arg, "close");
	buf_adds(&c->out, "true");
}

static void close_conn_now(struct later *l)
{
	if (sio_socket_conn(l->socket))
		eio_session_close(sio_socket_conn(l->socket), false);
}

static void do_conn_close(struct command *c)
{
	later(c->x, c->s, 10, close_conn_now);
	buf_adds(&c->out, "true");
}

static void last_words_now(struct later *l)
{
	sio_socket_emit(l->socket, "last", sio_json(l->text));
	sio_socket_disconnect(l->socket, true);
}

static void do_emit_then_disconnect(struct command *c)
{
	later(c->x, c->s, 10, last_words_now)->text = xstrndup(c->arg.p, c->arg.n);
	buf_adds(&c->out, "true");
}

static void do_log(struct command *c)
{
	char *id = text_of(c->arg);
	const struct story *story = map_get(&c->x->logs, id, strlen(id));

	free(id);
	if (!story) {
		buf_adds(&c->out, "null");
		return;
	}
	buf_addf(&c->out, "{\"connected\":%s,\"disconnecting\":%s,\"disconnect\":%s}", story->connected ? "true" : "false",
	         story->disconnecting ? story->disconnecting : "null", story->disconnect ? story->disconnect : "null");
}

/* --- what there is --- */

static void do_counts(struct command *c)
{
	buf_addf(&c->out, "{\"engine\":%zu,\"sockets\":%zu}", eio_server_clients(sio_engine(c->x->io)),
	         sio_namespace_count(aim_namespace(c)));
}

static void collect_namespace(void *names, struct sio_namespace *nsp)
{
	names_add(names, sio_namespace_name(nsp));
}

static void do_nsps(struct command *c)
{
	struct names l = {0};

	sio_each_namespace(c->x->io, collect_namespace, &l);
	buf_adds(&c->out, "{\"names\":");
	names_put_sorted(&c->out, &l);
	buf_addf(&c->out, ",\"created\":[%s]}", c->x->created.data);
	names_release(&l);
}

static const char *type_name(struct slice v)
{
	static const char *const names[] = {
		[JSON_IS_NULL] = "object",     [JSON_IS_FALSE] = "boolean", [JSON_IS_TRUE] = "boolean", [JSON_IS_NUMBER] = "number",
		[JSON_IS_STRING] = "string",   [JSON_IS_ARRAY] = "object",  [JSON_IS_OBJECT] = "object",
	};

	return names[json_type(v)];
}

/* What is given of the handshake, and under which name. */
static const struct {
	const char *name, *key;
	bool type;                     /* its type instead of its value */
	bool header;                   /* it is one of the headers */
} handshake_parts[] = {
	{"auth", "auth", false, false},         {"query", "query", false, false},
	{"url", "url", false, false},           {"secure", "secure", false, false},
	{"xdomain", "xdomain", false, false},   {"issuedType", "issued", true, false},
	{"timeType", "time", true, false},      {"address", "address", false, false},
	{"ua", "user-agent", false, true},      {"probe", "x-probe", false, true},
};

static void do_handshake(struct command *c)
{
	struct slice whole, headers, v;
	struct buf b;

	buf_init(&b, SIZE_MAX / 2);
	sio_socket_handshake_json(c->s, true, &b);
	whole = slice_of(b.data, b.len);
	json_get(whole, "headers", &headers);
	for (size_t i = 0; i < sizeof handshake_parts / sizeof *handshake_parts; i++) {
		if (!json_get(handshake_parts[i].header ? headers : whole, handshake_parts[i].key, &v))
			continue;
		buf_addf(&c->out, "%s\"%s\":", c->out.len ? "," : "{", handshake_parts[i].name);
		if (handshake_parts[i].type)
			json_add_str(&c->out, type_name(v));
		else
			json_add_slice(&c->out, v);
	}
	buf_addc(&c->out, '}');
	buf_release(&b);
}

static void do_transport(struct command *c)
{
	json_add_str(&c->out, eio_session_transport(sio_socket_conn(c->s)));
}

static void do_flags(struct command *c)
{
	const struct eio_session *conn = sio_socket_conn(c->s);
	const char *connected = sio_socket_connected(c->s) ? "true" : "false";
	const char *disconnected = sio_socket_connected(c->s) ? "false" : "true";

	buf_addf(&c->out, "{\"connected\":%s,\"disconnected\":%s,\"recovered\":%s,\"sameIdAsEngine\":%s,\"protocol\":%d}", connected,
	         disconnected, sio_socket_recovered(c->s) ? "true" : "false",
	         strcmp(sio_socket_id(c->s), eio_session_id(conn)) == 0 ? "true" : "false", eio_session_protocol(conn));
}

/* --- from server to server --- */

static void do_sse(struct command *c)
{
	char *event = member_text(c->arg, "ev");
	struct sio_ack *ack = NULL;
	int err;

	if (member_is_true(c->arg, "ack"))
		ack = sio_ack_ref(c->ack);
	err = sio_server_side_emit(aim_namespace(c), event ? event : "", inner_args(c), ack ? on_answers : NULL, ack);
	if (err)
		sio_ack_unref(ack);
	if (err == -EINVAL)
		thrown_reserved(c, event);
	else if (!ack)
		buf_adds(&c->out, "true");
	free(event);
}

static void do_sse_log(struct command *c)
{
	buf_addf(&c->out, "[%s]", c->x->probed.data);
	buf_reset(&c->x->probed);
}

static void on_sse_probe(void *user, struct sio_namespace *nsp, struct sio_args args, struct sio_ack *ack)
{
	struct ext *x = user;
	struct sio_builder b;
	struct slice first;
	struct buf pong;

	(void)nsp;
	buf_addf(&x->probed, "%s[", x->probed.len ? "," : "");
	json_add_slice(&x->probed, args.json);
	buf_addc(&x->probed, ']');
	buf_init(&pong, SIZE_MAX / 2);
	buf_adds(&pong, "pong:");
	if (!sio_args_string(args, 0, &pong) && sio_args_at(args, 0, &first))
		json_add_slice(&pong, first);
	sio_builder_init(&b);
	sio_add_string(&b, pong.data);
	sio_ack_send(ack, sio_built(&b));
	sio_builder_release(&b);
	buf_release(&pong);
}

static void do_volatile_burst(struct command *c)
{
	double n = json_type(c->arg) == JSON_IS_NUMBER ? json_number(c->arg) : 0;

	for (int i = 0; i < n; i++) {
		char *text = xasprintf("%d", i);

		sio_socket_emit_flags(c->s, SIO_VOLATILE, "vol", sio_json(text));
		free(text);
	}
	sio_socket_emit(c->s, "vol-end", sio_none());
	buf_adds(&c->out, "true");
}

/* A packet middleware that takes its time over `hold`, and refuses it where the client says so. */
struct thought {
	struct loop_timer timer;
	struct link link;
	struct ext *x;
	struct sio_packet_next *next;
	const char *refuse;
};

static void on_thought(struct loop_timer *timer)
{
	struct thought *t = (struct thought *)(void *)timer;

	list_remove(&t->link);
	if (t->refuse)
		sio_packet_refuse(t->next, t->refuse);
	else
		sio_packet_pass(t->next);
	free(t);
}

static void think(void *user, struct sio_socket *s, const char *event, struct sio_args args, struct sio_packet_next *next)
{
	struct ext *x = user;
	struct thought *t;
	struct slice first;
	double ms = 0;

	(void)s;
	if (strcmp(event, "hold") != 0) {
		sio_packet_pass(next);
		return;
	}
	if (sio_args_at(args, 0, &first) && json_type(first) == JSON_IS_NUMBER)
		ms = json_number(first);
	t = xzalloc(sizeof *t);
	t->x = x;
	t->next = next;
	t->refuse = ms < 0 ? "thought better of it" : NULL;
	list_push(&x->thoughts, &t->link);
	loop_timer_set(x->loop, &t->timer, (int64_t)(ms < 0 ? -ms : ms), on_thought);
}

static void do_think(struct command *c)
{
	sio_socket_use_later(c->s, think, c->x);
	buf_adds(&c->out, "true");
}

static const struct {
	const char *name;
	void (*run)(struct command *c);
} commands[] = {
	{"ping", do_ping},
	{"join", do_join},
	{"leave", do_leave},
	{"rooms", do_rooms},
	{"setData", do_set_data},
	{"emit", do_emit},
	{"reserved", do_reserved},
	{"fetch", do_fetch},
	{"sjoin", do_sockets_join},
	{"sleave", do_sockets_leave},
	{"sdisconnect", do_disconnect_sockets},
	{"disconnect", do_disconnect},
	{"connClose", do_conn_close},
	{"log", do_log},
	{"counts", do_counts},
	{"nsps", do_nsps},
	{"handshake", do_handshake},
	{"transport", do_transport},
	{"flags", do_flags},
	{"sse", do_sse},
	{"sseLog", do_sse_log},
	{"emitThenDisconnect", do_emit_then_disconnect},
	{"volatileBurst", do_volatile_burst},
	{"think", do_think},
};

static void run(struct command *c, const char *name)
{
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
		if (strcmp(name, commands[i].name) == 0) {
			commands[i].run(c);
			return;
		}
	}
	thrown(c, "no such command");
}

static void on_cmd(void *user, struct sio_socket *s, struct sio_args args, struct sio_ack *ack)
{
	struct command c = {.x = user, .s = s, .args = args, .ack = ack, .arg = slice_str("null")};
	struct buf name;

	buf_init(&name, 256);
	buf_init(&c.out, SIZE_MAX / 2);
	sio_args_at(args, 1, &c.arg);
	if (sio_args_string(args, 0, &name))
		run(&c, name.data);
	if (c.out.len)
		sio_ack_send(ack, (struct sio_args){slice_of(c.out.data, c.out.len), NULL, 0});
	buf_release(&c.out);
	buf_release(&name);
}

/* --- the other events --- */

static void on_double_ack(void *user, struct sio_socket *s, struct sio_args args, struct sio_ack *ack)
{
	(void)user;
	(void)s;
	(void)args;
	sio_ack_send(ack, sio_json("1"));
	sio_ack_send(ack, sio_json("2"));
}

static bool guard_packets(void *user, struct sio_socket *s, const char *event, struct sio_args *args, const char **error)
{
	struct ext *x = user;
	struct slice o;

	(void)s;
	if (strcmp(event, "blocked") == 0) {
		*error = "blocked event";
		return false;
	}
	if (strcmp(event, "rewrite") == 0 && sio_args_at(*args, 0, &o) && json_type(o) == JSON_IS_OBJECT) {
		buf_reset(&x->rewritten);
		buf_addc(&x->rewritten, '{');
		put_members(&x->rewritten, o, slice_str("{\"rewritten\":true}"));
		buf_adds(&x->rewritten, x->rewritten.len > 1 ? ",\"rewritten\":true}" : "\"rewritten\":true}");
		args->json = slice_of(x->rewritten.data, x->rewritten.len);
	}
	return true;
}

/* What the middleware gives; packets that nobody can read are none of its. */
static void on_error(void *user, struct sio_socket *s, const char *error)
{
	struct sio_builder b;

	(void)user;
	if (strcmp(error, "blocked event") != 0)
		return;
	sio_builder_init(&b);
	sio_add_string(&b, error);
	sio_socket_emit(s, "mw-error", sio_built(&b));
	sio_builder_release(&b);
}

static void on_rewrite(void *user, struct sio_socket *s, struct sio_args args, struct sio_ack *ack)
{
	(void)user;
	(void)ack;
	sio_socket_emit(s, "rewritten", args);
}

/* Answers with an event without arguments. */
static void on_plain(void *event, struct sio_socket *s, struct sio_args args, struct sio_ack *ack)
{
	(void)args;
	(void)ack;
	sio_socket_emit(s, event, sio_none());
}

static void named_list(struct buf *out, const char *event, struct sio_args args)
{
	json_add_str(out, event);
	buf_adds(out, ",[");
	json_add_slice(out, args.json);
	buf_addc(out, ']');
}

static void on_any(void *user, struct sio_socket *s, const char *event, struct sio_args args, struct sio_ack *ack)
{
	struct buf b;

	(void)user;
	(void)ack;
	if (strcmp(event, "any-probe") != 0)
		return;
	buf_init(&b, SIZE_MAX / 2);
	named_list(&b, event, args);
	sio_socket_emit(s, "any", (struct sio_args){slice_of(b.data, b.len), args.blobs, args.nblobs});
	buf_release(&b);
}

/* A socket's user pointer is what it sent as `observe-me` last. */
static void on_outgoing(void *user, struct sio_socket *s, const char *event, struct sio_args args)
{
	struct buf b;

	(void)user;
	if (strcmp(event, "observe-me") != 0)
		return;
	buf_init(&b, SIZE_MAX / 2);
	buf_addc(&b, '[');
	named_list(&b, event, args);
	buf_addc(&b, ']');
	free(sio_socket_user(s));
	sio_socket_set_user(s, buf_take(&b, NULL));
}

static void on_outgoing_log(void *user, struct sio_socket *s, struct sio_args args, struct sio_ack *ack)
{
	const char *seen = sio_socket_user(s);

	(void)user;
	(void)args;
	sio_ack_send(ack, sio_json(seen ? seen : "null"));
}

/* --- coming and going --- */

static void story_free(struct story *story)
{
	if (!story)
		return;
	free(story->disconnecting);
	free(story->disconnect);
	free(story);
}

static char *tell_leave(const struct sio_socket *s, const char *reason)
{
	struct buf b;

	buf_init(&b, SIZE_MAX / 2);
	buf_adds(&b, "{\"reason\":");
	json_add_str(&b, reason);
	buf_adds(&b, ",\"rooms\":");
	put_rooms(&b, s);
	buf_addc(&b, '}');
	return buf_take(&b, NULL);
}

static void on_disconnecting(void *user, struct sio_socket *s, const char *reason, const char *description)
{
	struct ext *x = user;
	struct story *story = map_get(&x->logs, sio_socket_id(s), strlen(sio_socket_id(s)));

	(void)description;
	if (story && !story->disconnecting)
		story->disconnecting = tell_leave(s, reason);
}

static void on_disconnect(void *user, struct sio_socket *s, const char *reason, const char *description)
{
	struct ext *x = user;
	struct story *story = map_get(&x->logs, sio_socket_id(s), strlen(sio_socket_id(s)));

	(void)description;
	free(sio_socket_user(s));
	sio_socket_set_user(s, NULL);
	if (!story || story->disconnect)
		return;
	story->connected = false;
	story->disconnect = tell_leave(s, reason);
}

static void say_hello(struct sio_socket *s)
{
	struct buf b;

	buf_init(&b, SIZE_MAX / 2);
	buf_adds(&b, "{\"id\":");
	json_add_str(&b, sio_socket_id(s));
	buf_adds(&b, ",\"nsp\":");
	json_add_str(&b, sio_namespace_name(sio_socket_namespace(s)));
	buf_adds(&b, ",\"rooms\":");
	put_rooms(&b, s);
	buf_addf(&b, ",\"recovered\":%s,\"auth\":", sio_socket_recovered(s) ? "true" : "false");
	json_add_slice(&b, sio_socket_handshake(s).auth);
	buf_addc(&b, '}');
	sio_socket_emit(s, "hello", args_of(&b));
	buf_release(&b);
}

static void on_connection(void *user, struct sio_socket *s)
{
	struct story *story = xzalloc(sizeof *story);
	struct ext *x = user;
	struct slice order;

	story->connected = true;
	story_free(map_set(&x->logs, sio_socket_id(s), strlen(sio_socket_id(s)), story));
	sio_socket_once(s, "once-probe", on_plain, (void *)(uintptr_t)"once-hit");
	if (strcmp(sio_namespace_name(sio_socket_namespace(s)), "/secured") == 0 && member(sio_socket_data(s), "order", &order))
		sio_socket_emit(s, "mw-order", sio_json_slice(order));
	say_hello(s);
}

/* --- namespaces --- */

static void first_middleware(void *user, struct sio_socket *s, struct sio_next *next)
{
	(void)user;
	sio_socket_set_data(s, slice_str("{\"order\":[\"first\"]}"));
	sio_next(next);
}

static void admit_now(struct later *l)
{
	sio_next(l->next);
}

static void second_middleware(void *user, struct sio_socket *s, struct sio_next *next)
{
	struct slice token = {0};

	member(sio_socket_handshake(s).auth, "token", &token);
	sio_socket_set_data(s, slice_str("{\"order\":[\"first\",\"second\"]}"));
	if (!token.n || json_type(token) != JSON_IS_STRING)
		sio_refuse(next, "unauthorized", NULL);
	else if (json_string_is(token, "good"))
		sio_next(next);
	else if (json_string_is(token, "later"))
		later(user, s, 50, admit_now)->next = next;
	else if (json_string_is(token, "detailed"))
		sio_refuse(next, "forbidden token", "{\"code\":42,\"content\":\"Please retry later\"}");
	else
		sio_refuse(next, "unauthorized", NULL);
}

static bool fits_fn(void *user, const char *name, struct slice auth)
{
	(void)user;
	return strncmp(name, "/fn-", 4) == 0 && member_is_true(auth, "ok");
}

static void on_new_namespace(void *user, struct sio_namespace *nsp)
{
	struct ext *x = user;

	if (x->created.len)
		buf_addc(&x->created, ',');
	json_add_str(&x->created, sio_namespace_name(nsp));
}

static const struct {
	const char *event;
	sio_event_fn *handle;
	const char *answer;            /* the event that is sent back */
} events[] = {
	{"cmd", on_cmd, NULL},
	{"message", on_echo, NULL},
	{"message-with-ack", on_ack_echo, NULL},
	{"hold", on_ack_echo, NULL},
	{"double-ack", on_double_ack, NULL},
	{"rewrite", on_rewrite, NULL},
	{"blocked", on_plain, "blocked-reached"},
	{"any-probe", on_plain, "any-handler"},
	{"outgoing-log", on_outgoing_log, NULL},
};

static void equip(struct ext *x, struct sio_namespace *nsp)
{
	sio_on_disconnecting(nsp, on_disconnecting, x);
	sio_on_disconnect(nsp, on_disconnect, x);
	sio_on_any(nsp, on_any, x);
	sio_on_any_outgoing(nsp, on_outgoing, x);
	sio_use_packets(nsp, guard_packets, x);
	sio_on_error(nsp, on_error, x);
	sio_on_server(nsp, "sse-probe", on_sse_probe, x);
	for (size_t i = 0; i < sizeof events / sizeof *events; i++)
		sio_on(nsp, events[i].event, events[i].handle, events[i].answer ? (void *)(uintptr_t)events[i].answer : x);
	sio_on_connection(nsp, on_connection, x);
}

static void release(void *state)
{
	struct ext *x = state;

	list_each(&x->later, l, after) {
		struct later *at = list_item(l, struct later, link);

		loop_timer_clear(x->loop, &at->timer);
		on_later(&at->timer);
	}
	list_each(&x->thoughts, l, after) {
		struct thought *t = list_item(l, struct thought, link);

		loop_timer_clear(x->loop, &t->timer);
		on_thought(&t->timer);
	}
}

/* After the servers are gone: their last sockets are still told. */
static void ext_free(void *state)
{
	struct ext *x = state;
	struct map_iter it = map_begin(&x->logs);

	for (struct map_entry *e; (e = map_next(&it));)
		story_free(e->value);
	map_release(&x->logs);
	buf_release(&x->created);
	buf_release(&x->rewritten);
	buf_release(&x->probed);
	free(x);
}

static void release_ext(void *state)
{
	release(state);
	loop_defer(((struct ext *)state)->loop, ext_free, state);
}

/* --- the servers --- */

void ext_options(struct sio_options *o, struct http_options *h)
{
	(void)h;
	o->engine.ping_interval_ms = 1000;
	o->engine.ping_timeout_ms = 800;
	o->engine.cors.on = o->engine.cors.any_origin = true;
	o->connect_timeout_ms = 2000;
	o->cleanup_empty_child_namespaces = true;
}

void csr_options(struct sio_options *o, struct http_options *h)
{
	ext_options(o, h);
	o->recovery_ms = 3000;
	o->recovery_skips_middlewares = true;
}

static struct ext *ext_new(struct fixture *f)
{
	struct ext *x = xzalloc(sizeof *x);

	x->loop = f->loop;
	x->io = f->io;
	buf_init(&x->created, SIZE_MAX / 2);
	buf_init(&x->rewritten, SIZE_MAX / 2);
	buf_init(&x->probed, SIZE_MAX / 2);
	map_init(&x->logs);
	list_init(&x->later);
	list_init(&x->thoughts);
	f->state = x;
	f->release = release_ext;
	return x;
}

void ext_setup(struct fixture *f)
{
	struct ext *x = ext_new(f);
	struct sio_namespace *secured;

	sio_on_new_namespace(f->io, on_new_namespace, x);
	equip(x, sio_of(f->io, "/"));
	equip(x, sio_of(f->io, "/room-nsp"));
	secured = sio_of(f->io, "/secured");
	sio_use(secured, first_middleware, x);
	sio_use(secured, second_middleware, x);
	equip(x, secured);
	equip(x, sio_of_regex(f->io, "^/dyn-[0-9]+$"));
	equip(x, sio_of_match(f->io, fits_fn, x));
}

static void release_admin(void *state)
{
	struct ext *x = state;

	sio_admin_free(x->admin);
	release_ext(x);
}

void admin_setup(struct fixture *f)
{
	struct sio_admin_options o;
	char salt[CRYPT_GENSALT_OUTPUT_SIZE];
	struct ext *x;

	ext_setup(f);
	x = f->state;
	sio_admin_options_init(&o);
	o.username = "admin";
	o.password_hash = crypt("changeit", crypt_gensalt_rn("$2b$", 4, NULL, 0, salt, sizeof salt));
	x->admin = sio_admin_new(f->io, &o);
	f->release = release_admin;
}
