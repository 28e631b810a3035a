/* client.c: one connection and the sockets on it: which packet is whose, and what a
 * wrong one costs: the connection. */
#include "base/limits.h"
#include "base/xmalloc.h"
#include "engineio/exchange.h"
#include "socketio/sio.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void forget_pending(struct sio_client *c)
{
	for (unsigned i = 0; i < c->nblobs; i++)
		free((void *)(uintptr_t)c->blobs[i].data);
	free(c->blobs);
	free(c->head);
	c->blobs = NULL;
	c->head = NULL;
	c->nblobs = 0;
	c->blob_bytes = 0;
}

void client_unref(struct sio_client *c)
{
	if (--c->refs)
		return;
	forget_pending(c);
	free(c);
}

/* --- out --- */

void client_send(struct sio_client *c, enum packet_type type, const char *nsp, struct slice json)
{
	struct eio_frame *f;
	struct buf b;

	if (!c->session)
		return;
	buf_init(&b, UINT32_MAX / 2);
	if (c->server->o.parser == SIO_PARSER_MSGPACK) {
		msgpack_encode(&b, type, nsp, NULL, json, sio_none(), NULL, NULL);
		f = eio_frame_of(b.data, b.len, true);
	} else {
		packet_put_head(&b, type, 0, nsp, NULL);
		json_add_slice(&b, json);
		f = eio_frame_of(b.data, b.len, false);
	}
	buf_release(&b);
	eio_session_send(c->session, f, 0);
	eio_frame_unref(f);
}

/* --- the end --- */

void client_end(struct sio_client *c, const char *reason, const char *description)
{
	if (c->ended)
		return;
	c->ended = true;
	loop_timer_clear(c->server->loop, &c->timer);
	while (!list_empty(&c->sockets)) { /* a handler may have ended others than its own */
		struct sio_socket *s = list_item(c->sockets.next, struct sio_socket, in_client);

		socket_leave(s, reason, description);
		list_remove(&s->in_client); /* one whose middlewares are still asked: they will find out */
	}
	c->session = NULL;
}

void client_close(struct sio_client *c, bool flush)
{
	struct eio_session *session = c->session;

	c->refs++;
	if (session) {
		eio_session_close(session, !flush);
		client_end(c, "forced server close", NULL); /* only if the transport could not end at once */
	}
	client_unref(c);
}

struct selection client_sockets(const struct sio_client *c)
{
	struct selection sel = {.at = xcalloc(c->nsockets + 1, sizeof(struct sio_socket *))};

	list_each(&c->sockets, l, after)
		sel.at[sel.n++] = sio_socket_ref(list_item(l, struct sio_socket, in_client));
	return sel;
}

/* It said something that nobody can read: its sockets hear of it first. */
static void client_fail(struct sio_client *c, const char *error)
{
	struct selection sel = client_sockets(c);

	for (size_t i = 0; i < sel.n; i++)
		if (sel.at[i]->connected)
			socket_tell_error(sel.at[i], error);
	selection_release(&sel);
	client_close(c, true);
}

static void on_connect_timeout(struct loop_timer *t)
{
	client_close(list_item(t, struct sio_client, timer), true);
}

/* --- in --- */

static struct sio_socket *find_socket(struct sio_client *c, struct slice nsp)
{
	list_each(&c->sockets, l, after) {
		struct sio_socket *s = list_item(l, struct sio_socket, in_client);

		if (slice_is(nsp, s->nsp->name))
			return s;
	}
	return NULL;
}

static void refuse(struct sio_client *c, struct slice name, const char *why)
{
	char *text = xstrndup(name.p, name.n);
	struct buf b;

	buf_init(&b, SIZE_MAX / 2);
	buf_addf(&b, "{\"message\":\"%s\"}", why);
	client_send(c, PACKET_CONNECT_ERROR, text, slice_of(b.data, b.len));
	buf_release(&b);
	free(text);
}

/* Protocol 4 of the client's version 2: `/chat?token=1` carries what later became auth. */
static struct slice split_query(struct slice nsp, struct buf *auth)
{
	const char *query = memchr(nsp.p, '?', nsp.n);
	struct eio_request *r;
	char *text;

	buf_addc(auth, '{');
	if (query) {
		text = xstrndup(nsp.p, nsp.n);
		r = eio_request_new("GET", text, "", false, NULL, 0);
		for (size_t i = 0; i < r->nquery; i++) {
			if (i)
				buf_addc(auth, ',');
			json_add_str(auth, r->query[i].name);
			buf_addc(auth, ':');
			json_add_str(auth, r->query[i].value);
		}
		eio_request_unref(r);
		free(text);
		nsp.n = (size_t)(query - nsp.p);
	}
	buf_addc(auth, '}');
	return nsp;
}

void client_enter(struct sio_client *c, struct slice name, struct slice auth, struct sio_namespace *nsp)
{
	if (!nsp)
		refuse(c, name, "Invalid namespace");
	else if (client_is_open(c) && !find_socket(c, name))
		namespace_connect(nsp, c, auth);
	else /* who was asked or told has closed the connection; or it asked twice while it waited */
		namespace_maybe_remove(nsp);
}

static void connect_to(struct sio_client *c, struct slice name, struct slice auth)
{
	const struct sio_options *o = &c->server->o;
	struct sio_socket *there = find_socket(c, name);
	char why[80];

	/* The official client asks twice when it is told to connect while it connects by itself. Where our answer cannot
	 * have reached it yet that is no fault; later it is one. */
	if (there) {
		if (there->entered && there->entered_turn != loop_turns(c->server->loop))
			client_close(c, true);
		return;
	}
	if (auth.n > o->max_auth_bytes) {
		snprintf(why, sizeof why, "auth is too large: at most %zu bytes", o->max_auth_bytes);
		refuse(c, name, why);
	} else if (c->nsockets + c->nmatching >= o->max_namespaces_per_client) {
		snprintf(why, sizeof why, "too many namespaces: at most %zu for one client", o->max_namespaces_per_client);
		refuse(c, name, why);
	} else {
		match_ask(c, name, auth);
	}
}

static void on_connect_packet(struct sio_client *c, const struct sio_packet *p)
{
	struct slice auth = p->data.n ? p->data : slice_of("{}", 2), name;
	struct buf query;

	if (eio_session_protocol(c->session) == 4) {
		connect_to(c, p->nsp, auth);
		return;
	}
	buf_init(&query, SIZE_MAX / 2);
	name = split_query(p->nsp, &query);
	if (!find_socket(c, name) || !slice_is(name, "/")) /* it was let into `/` without asking */
		connect_to(c, name, slice_of(query.data, query.len));
	buf_release(&query);
}

static void dispatch(struct sio_client *c, const struct sio_packet *p, struct sio_args args)
{
	struct sio_socket *s;

	if (p->type == PACKET_CONNECT) {
		on_connect_packet(c, p);
		return;
	}
	s = find_socket(c, p->nsp);
	if (!s || !s->entered || p->type == PACKET_CONNECT_ERROR)
		client_close(c, true);
	else
		socket_packet(s, p, args);
}

static void text_packet(struct sio_client *c, const char *data, size_t n)
{
	struct sio_packet p;

	if (c->head || !packet_decode(data, n, &p)) {
		client_fail(c, c->head ? "got plaintext data when reconstructing a packet" : packet_error(data, n));
		return;
	}
	if (!p.attachments) {
		dispatch(c, &p, sio_json_slice(p.args));
		return;
	}
	/* The attachments come as messages of their own: the header waits for them in a copy. */
	c->head = xstrndup(data, n);
	c->head_len = n;
	packet_spell_placeholders(c->head + (p.data.p - data), p.data.n);
	packet_decode(c->head, n, &c->packet);
	c->blobs = xcalloc(p.attachments, sizeof *c->blobs);
}

/* An event of ten attachments may keep us waiting for the last of them as long as it likes. */
static bool has_room(const struct sio_client *c, size_t n)
{
	size_t payload = c->server->o.engine.max_payload, most = c->server->o.max_attachment_bytes;

	return c->blob_bytes + n <= (most > payload ? most : payload);
}

static void attachment(struct sio_client *c, const char *data, size_t n)
{
	struct sio_args args;

	if (!c->head || !has_room(c, n)) {
		const char *error = c->head ? "attachments too large" : "got binary data when not reconstructing a packet";

		forget_pending(c);
		client_fail(c, error);
		return;
	}
	c->blob_bytes += n;
	c->blobs[c->nblobs++] = (struct sio_blob){xmemdup(data, n), n};
	if (c->nblobs < c->packet.attachments)
		return;
	args = (struct sio_args){c->packet.args, c->blobs, c->nblobs};
	if (!packet_placeholders_fit(args.json, args.nblobs)) {
		client_fail(c, "illegal attachments");
	} else {
		char *head = c->head;
		struct sio_blob *blobs = c->blobs;
		unsigned nblobs = c->nblobs;
		struct sio_packet p = c->packet;

		c->head = NULL;
		c->blobs = NULL;
		c->nblobs = 0;
		c->blob_bytes = 0;
		dispatch(c, &p, args);
		for (unsigned i = 0; i < nblobs; i++)
			free((void *)(uintptr_t)blobs[i].data);
		free(blobs);
		free(head);
	}
}

static void msgpack_packet(struct sio_client *c, const char *data, size_t n)
{
	struct sio_packet p;
	struct sio_blob *blobs = NULL;
	size_t nblobs = 0;
	struct buf json;

	buf_init(&json, SIZE_MAX / 2);
	if (msgpack_decode(data, n, &json, &p, &blobs, &nblobs))
		dispatch(c, &p, (struct sio_args){p.args, blobs, nblobs});
	else
		client_fail(c, "invalid format");
	free(blobs); /* their bytes are in data */
	buf_release(&json);
}

void client_message(struct sio_client *c, const char *data, size_t n, bool binary)
{
	c->refs++;
	if (c->server->o.parser == SIO_PARSER_MSGPACK) {
		if (binary)
			msgpack_packet(c, data, n);
		else
			client_fail(c, "invalid format");
	} else if (binary) {
		attachment(c, data, n);
	} else {
		text_packet(c, data, n);
	}
	client_unref(c);
}

/* --- birth --- */

struct sio_client *client_new(struct sio_server *io, struct eio_session *session)
{
	struct sio_client *c = xzalloc(sizeof *c);

	c->server = io;
	c->session = session;
	c->refs = 1;
	list_init(&c->sockets);
	eio_session_set_user(session, c);
	return c;
}

void client_begin(struct sio_client *c)
{
	if (eio_session_protocol(c->session) == 3)
		connect_to(c, slice_of("/", 1), slice_of("{}", 2));
	else
		loop_timer_set(c->server->loop, &c->timer, c->server->o.connect_timeout_ms, on_connect_timeout);
}
