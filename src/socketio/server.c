/* server.c: the server: its namespaces, and the sessions that Engine.IO opens. */
#include "base/limits.h"
#include "base/xmalloc.h"
#include "socketio/sio.h"

#include <stdlib.h>
#include <string.h>

void sio_options_init(struct sio_options *o)
{
	*o = (struct sio_options){
		.connect_timeout_ms = 45000,
		.recovery_skips_middlewares = true,
		.max_recovery_bytes = LIMIT_RECOVERY_BYTES,
		.max_namespaces_per_client = LIMIT_NAMESPACES_PER_CLIENT,
		.max_auth_bytes = LIMIT_AUTH_BYTES,
		.max_dynamic_namespaces = LIMIT_DYNAMIC_NAMESPACES,
		.max_pending_acks = LIMIT_PENDING_ACKS,
		.max_thinking_events = LIMIT_THINKING_EVENTS,
		.max_attachment_bytes = LIMIT_ATTACHMENT_BYTES,
		.max_rooms_per_socket = LIMIT_ROOMS_PER_SOCKET,
	};
	eio_options_init(&o->engine);
	o->engine.path = "/socket.io";
}

/* --- what Engine.IO tells --- */

static void on_open(void *user, struct eio_session *session)
{
	struct sio_server *io = user;
	struct sio_client *c = client_new(io, session);

	if (io->on_opened)
		io->on_opened(io->engine_user, session);
	if (eio_session_is_open(session))
		client_begin(c);
}

static void on_message(struct eio_session *session, const char *data, size_t n, bool binary)
{
	struct sio_client *c = eio_session_user(session);

	if (c)
		client_message(c, data, n, binary);
}

static void on_close(struct eio_session *session, enum eio_reason why, const char *description)
{
	struct sio_client *c = eio_session_user(session);

	if (!c) /* its end came before its beginning was told */
		return;
	WATCH(c->server, closed, why);
	if (c->server->on_closed)
		c->server->on_closed(c->server->engine_user, session, why, description);
	client_end(c, c->server->closing ? "server shutting down" : eio_reason_text(why), description);
	eio_session_set_user(session, NULL);
	client_unref(c);
}

static void on_upgrade(struct eio_session *session)
{
	struct sio_client *c = eio_session_user(session);
	struct selection sel;

	if (!c)
		return;
	sel = client_sockets(c);
	if (c->server->conn.upgraded)
		c->server->conn.upgraded(c->server->conn.user, session);
	for (size_t i = 0; i < sel.n; i++)
		if (sel.at[i]->connected)
			WATCH(sel.at[i]->nsp->server, changed, sel.at[i], SIO_CHANGED_TRANSPORT);
	selection_release(&sel);
}

static void on_drain(struct eio_session *session)
{
	struct sio_client *c = eio_session_user(session);

	if (c && c->server->conn.drained)
		c->server->conn.drained(c->server->conn.user, session);
}

static void on_packet(struct eio_session *session, char type, const char *data, size_t n, bool binary, bool sent)
{
	struct sio_client *c = eio_session_user(session);

	if (c)
		c->server->conn.packet(c->server->conn.user, session, type, data, n, binary, sent);
}

static void on_refused(void *user, const struct eio_refusal *r)
{
	struct sio_server *io = user;

	if (io->on_refused)
		io->on_refused(io->refused_user, r);
}

/* --- life --- */

struct sio_server *sio_server_new(struct loop *l, const struct sio_options *o)
{
	struct sio_server *io = xzalloc(sizeof *io);
	struct eio_handlers handlers = {
		.user = io,
		.on_open = on_open,
		.on_message = on_message,
		.on_close = on_close,
		.on_drain = on_drain,
		.on_upgrade = on_upgrade,
		.on_refused = on_refused,
	};

	io->refs = 1;
	io->loop = l;
	io->o = *o;
	map_init(&io->namespaces);
	list_init(&io->lost);
	list_init(&io->asking);
	io->engine = eio_server_ref(eio_server_new(l, &o->engine, &handlers));
	sio_of(io, "/");
	return io;
}

void server_unref(struct sio_server *io)
{
	struct map_iter it;

	if (--io->refs)
		return;
	it = map_begin(&io->namespaces);
	for (struct map_entry *e; (e = map_next(&it));)
		namespace_drop(e->value);
	map_release(&io->namespaces);
	for (size_t i = 0; i < io->nparents; i++)
		match_release(&io->parents[i]);
	free(io->parents);
	eio_server_unref(io->engine);
	free(io);
}

static void unref_later(void *io)
{
	server_unref(io);
}

static void leave_cluster(struct sio_server *io)
{
	struct map_iter it = map_begin(&io->namespaces);

	for (struct map_entry *e; (e = map_next(&it));)
		namespace_leave_cluster(e->value);
	if (io->cluster)
		io->cluster->free(io->cluster);
	io->cluster = NULL;
}

void sio_server_free(struct sio_server *io)
{
	if (!io || io->closing) /* a handler that is told of the end may ask for it again */
		return;
	io->closing = true;
	eio_server_free(io->engine); /* ends every session, and so every socket */
	leave_cluster(io);           /* behind that: what their handlers say of it is for the others too */
	acks_end(io);
	loop_defer(io->loop, unref_later, io);
}

void server_join_cluster(struct sio_server *io, struct cluster *c)
{
	struct map_iter it = map_begin(&io->namespaces);

	io->cluster = c;
	for (struct map_entry *e; (e = map_next(&it));)
		namespace_join_cluster(e->value);
}

struct eio_server *sio_engine(const struct sio_server *io)
{
	return io->engine;
}

/* --- namespaces --- */

struct sio_namespace *server_add_namespace(struct sio_server *io, const char *name, size_t n, struct sio_namespace *parent, bool dynamic)
{
	struct sio_namespace *nsp = namespace_new(io, name, n);

	map_set(&io->namespaces, name, n, nsp);
	nsp->parent = parent;
	nsp->dynamic = dynamic;
	if (parent) {
		map_set(&parent->children, name, n, nsp);
		handlers_copy(&nsp->handlers, &parent->handlers);
	}
	namespace_join_cluster(nsp);
	if (io->on_new_namespace && strcmp(nsp->name, "/") != 0)
		io->on_new_namespace(io->new_namespace_user, nsp);
	return nsp;
}

struct sio_namespace *sio_of(struct sio_server *io, const char *name)
{
	char *full = xasprintf("%s%s", *name == '/' ? "" : "/", name);
	size_t n = strlen(full);
	struct sio_namespace *nsp = map_get(&io->namespaces, full, n);

	if (!nsp)
		nsp = server_add_namespace(io, full, n, match_pattern(io, full), false);
	free(full);
	return nsp;
}

void sio_on_new_namespace(struct sio_server *io, void (*fn)(void *user, struct sio_namespace *nsp), void *user)
{
	io->on_new_namespace = fn;
	io->new_namespace_user = user;
}

void sio_on_connection_error(struct sio_server *io, void (*fn)(void *user, const struct eio_refusal *r), void *user)
{
	io->on_refused = fn;
	io->refused_user = user;
}

void sio_on_engine(struct sio_server *io, void (*opened)(void *user, struct eio_session *s),
                   void (*closed)(void *user, struct eio_session *s, enum eio_reason why, const char *description), void *user)
{
	io->on_opened = opened;
	io->on_closed = closed;
	io->engine_user = user;
}

void sio_on_conn(struct sio_server *io, const struct sio_conn_events *events)
{
	io->conn = *events;
	eio_server_on_packet(io->engine, events->packet ? on_packet : NULL);
}

void sio_each_namespace(struct sio_server *io, void (*fn)(void *user, struct sio_namespace *nsp), void *user)
{
	struct map_iter it = map_begin(&io->namespaces);

	for (struct map_entry *e; (e = map_next(&it));)
		fn(user, e->value);
}
