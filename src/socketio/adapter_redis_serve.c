/* adapter_redis_serve.c: what other servers ask of this one, and what it answers. */
#include "base/limits.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "socketio/adapter_redis.h"

#include <stdlib.h>
#include <string.h>

/* A broadcast with acknowledgements that another server asked for. */
struct served {
	struct link link;
	struct peers *peers;
	struct many *many;
	char *request_id, *uid;
};

/* Likewise a server-side event. */
struct server_ack {
	struct sio_ack ack;            /* first */
	struct link link;
	struct peers *peers;           /* NULL: left */
	char *request_id, *uid;
};

/* --- answering --- */

/* To everyone, or to who asked alone. */
static char *response_channel(const struct peers *p, const char *uid)
{
	return p->adapter->specific && uid ? xasprintf("%s%s#", p->responses, uid) : xstrdup(p->responses);
}

static void respond(struct peers *p, const char *uid, const struct buf *b)
{
	char *channel = response_channel(p, uid);

	peers_publish(p, channel, b);
	free(channel);
}

/* {"type":…,"requestId":…: the caller goes on with a comma, and closes. */
static void start_response(struct buf *b, enum wire_type type, const char *request_id)
{
	buf_init(b, SIZE_MAX / 2);
	buf_addc(b, '{');
	if (type != WIRE_NO_TYPE)
		buf_addf(b, "\"type\":%d,", (int)type);
	buf_adds(b, "\"requestId\":");
	json_add_str(b, request_id);
}

/* Something in a list that is being written. */
static void add_item(struct buf *b, const char *text)
{
	if (b->data[b->len - 1] != '[')
		buf_addc(b, ',');
	json_add_str(b, text);
}

static void add_id(void *out, struct sio_socket *s)
{
	add_item(out, socket_id(s));
}

static void add_room(void *out, const char *room, size_t members)
{
	(void)members;
	add_item(out, room);
}

static void serve_sockets(struct peers *p, const struct wire *w)
{
	struct buf b;

	start_response(&b, WIRE_NO_TYPE, w->request_id);
	buf_adds(&b, ",\"sockets\":[");
	sio_fetch_sockets(peers_operator(p, &w->rooms, w), add_id, &b);
	buf_adds(&b, "]}");
	respond(p, w->uid, &b);
	buf_release(&b);
}

static void serve_all_rooms(struct peers *p, const struct wire *w)
{
	struct buf b;

	start_response(&b, WIRE_NO_TYPE, w->request_id);
	buf_adds(&b, ",\"rooms\":[");
	sio_each_room(p->nsp, add_room, &b);
	buf_adds(&b, "]}");
	respond(p, w->uid, &b);
	buf_release(&b);
}

static void serve_fetch(struct peers *p, const struct wire *w)
{
	struct buf b;

	start_response(&b, WIRE_NO_TYPE, w->request_id);
	buf_adds(&b, ",\"sockets\":[");
	sio_fetch_sockets(peers_operator(p, &w->opts.rooms, w), socket_add_view, &b);
	buf_adds(&b, "]}");
	respond(p, w->uid, &b);
	buf_release(&b);
}

/* The old forms name one socket, and who has it answers. */
static void serve_one(struct peers *p, const struct wire *w)
{
	struct sio_socket *s = sio_namespace_socket(p->nsp, w->sid);
	struct buf b;

	if (!s)
		return;
	if (w->type == WIRE_JOIN)
		sio_socket_join(s, w->room);
	else if (w->type == WIRE_LEAVE)
		sio_socket_leave(s, w->room);
	else
		sio_socket_disconnect(s, w->close);
	if (!w->request_id || !p->nsp)
		return;
	start_response(&b, WIRE_NO_TYPE, w->request_id);
	buf_addc(&b, '}');
	respond(p, w->uid, &b);
	buf_release(&b);
}

static void serve_rooms(struct peers *p, const struct wire *w)
{
	struct sio_operator op = peers_operator(p, &w->opts.rooms, w);

	if (w->has_opts)
		operator_rooms_here(&op, (const char *const *)w->rooms.at, w->rooms.n, w->type == WIRE_JOIN);
	else
		serve_one(p, w);
}

static void serve_disconnect(struct peers *p, const struct wire *w)
{
	struct sio_operator op = peers_operator(p, &w->opts.rooms, w);

	if (w->has_opts)
		operator_disconnect_here(&op, w->close);
	else
		serve_one(p, w);
}

/* False, and counted: too many are under way. */
static bool may_serve(struct adapter *a)
{
	if (a->served < LIMIT_CLUSTER_REQUESTS) {
		a->served++;
		return true;
	}
	if (!a->counts.refused++)
		log_warn("socketio: other servers wait for %zu answers; what they ask beyond that is not served", a->served);
	return false;
}

static void server_ack_let_go(struct server_ack *k)
{
	if (!k->peers)
		return;
	k->peers->adapter->served--;
	k->peers = NULL;
	list_remove(&k->link);
}

static void server_ack_send(struct sio_ack *ack, struct sio_args args)
{
	struct server_ack *k = (struct server_ack *)ack;
	struct slice list, first;
	struct buf b, plain;

	if (!k->peers)
		return;
	start_response(&b, WIRE_SERVER_EMIT, k->request_id);
	buf_init(&plain, SIZE_MAX / 2);
	wire_put_plain(&plain, args);
	list = slice_of(plain.data, plain.len);
	if (json_at(list, 0, &first)) {
		buf_adds(&b, ",\"data\":");
		json_add_slice(&b, first);
	}
	buf_addc(&b, '}');
	respond(k->peers, k->uid, &b);
	server_ack_let_go(k);
	buf_release(&plain);
	buf_release(&b);
}

static void server_ack_free(struct sio_ack *ack)
{
	struct server_ack *k = (struct server_ack *)ack;

	server_ack_let_go(k);
	free(k->request_id);
	free(k->uid);
	free(k);
}

static void serve_server_emit(struct peers *p, const struct wire *w)
{
	struct server_ack *k;

	if (!w->request_id) {
		namespace_server_event(p->nsp, w->event, w->args, NULL);
		return;
	}
	if (!may_serve(p->adapter))
		return;
	k = xzalloc(sizeof *k);
	k->ack = (struct sio_ack){.refs = 1, .send = server_ack_send, .free = server_ack_free};
	k->peers = p;
	k->request_id = xstrdup(w->request_id);
	k->uid = w->uid ? xstrdup(w->uid) : NULL;
	list_push(&p->acks, &k->link);
	namespace_server_event(p->nsp, w->event, w->args, &k->ack);
	sio_ack_unref(&k->ack);
}

static void served_free(struct served *v)
{
	list_remove(&v->link);
	v->peers->adapter->served--;
	free(v->request_id);
	free(v->uid);
	free(v);
}

static void on_client_answer(void *user, struct sio_args first)
{
	struct served *v = user;
	char *channel = response_channel(v->peers, v->uid);
	struct buf b;

	start_response(&b, WIRE_ACK, v->request_id);
	buf_adds(&b, ",\"packet\":");
	json_add_slice(&b, first.json);
	buf_addc(&b, '}');
	peers_publish_packed(v->peers, channel, &b, first.blobs, first.nblobs);
	buf_release(&b);
	free(channel);
}

static void on_clients_done(void *user, const char *error, struct sio_args none)
{
	(void)error;
	(void)none;
	served_free(user);
}

/* How many are asked is told in any case, and before what they answer. */
static void serve_broadcast(struct peers *p, const struct wire *w)
{
	struct sio_operator op = peers_operator(p, &w->opts.rooms, w);
	struct served *v;
	struct buf b;
	size_t n;

	if (strcmp(w->nsp, p->nsp->name) != 0 || !may_serve(p->adapter))
		return;
	v = xzalloc(sizeof *v);
	v->peers = p;
	v->request_id = xstrdup(w->request_id);
	v->uid = w->uid ? xstrdup(w->uid) : NULL;
	list_push(&p->served, &v->link); /* who is asked may end the question, or all: with that v goes */
	n = many_serve(&op, w->event, w->args, on_client_answer, on_clients_done, v, &v->many);
	start_response(&b, WIRE_CLIENT_COUNT, w->request_id);
	buf_addf(&b, ",\"clientCount\":%zu}", n);
	respond(p, w->uid, &b);
	buf_release(&b);
	if (!n)
		served_free(v);
}

static void (*const serves[])(struct peers *p, const struct wire *w) = {
	[WIRE_SOCKETS] = serve_sockets, [WIRE_ALL_ROOMS] = serve_all_rooms,       [WIRE_JOIN] = serve_rooms,
	[WIRE_LEAVE] = serve_rooms,     [WIRE_DISCONNECT] = serve_disconnect,     [WIRE_FETCH] = serve_fetch,
	[WIRE_BROADCAST] = serve_broadcast, [WIRE_SERVER_EMIT] = serve_server_emit,
};

void serve_request(void *user, const char *channel, size_t nchannel, const char *data, size_t n)
{
	struct peers *p = user;
	struct wire w;

	(void)nchannel;
	if (!wire_read_request(&w, data, n))
		peers_junk(p, channel);
	else if (!peers_said_it(p, &w))
		serves[w.type](p, &w);
	wire_release(&w);
}

void serve_leave(struct peers *p)
{
	list_each(&p->served, l1, after1) {
		struct served *v = list_item(l1, struct served, link);

		many_cancel(v->many);
		served_free(v);
	}
	list_each(&p->acks, l2, after2)
		server_ack_let_go(list_item(l2, struct server_ack, link));
}
