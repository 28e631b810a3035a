/* namespace.c: a namespace: its middlewares, who is in it, what is registered for all. */
#include "base/xmalloc.h"
#include "socketio/sio.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

struct sio_namespace *namespace_new(struct sio_server *io, const char *name, size_t n)
{
	struct sio_namespace *nsp = xzalloc(sizeof *nsp);

	nsp->server = io;
	nsp->refs = 1;
	nsp->name = xstrndup(name, n);
	map_init(&nsp->sockets);
	map_init(&nsp->rooms);
	map_init(&nsp->children);
	map_init(&nsp->owed);
	list_init(&nsp->pending);
	if (io->o.recovery_ms)
		nsp->recovery = recovery_new(nsp);
	return nsp;
}

static void namespace_free(struct sio_namespace *nsp)
{
	assert(!nsp->peers);
	recovery_free(nsp->recovery);
	handlers_release(&nsp->handlers);
	map_release(&nsp->sockets);
	map_release(&nsp->rooms);
	map_release(&nsp->children);
	map_release(&nsp->owed);
	free(nsp->name);
	free(nsp);
}

struct sio_namespace *namespace_ref(struct sio_namespace *nsp)
{
	nsp->refs++;
	nsp->server->refs++;
	return nsp;
}

void namespace_drop(struct sio_namespace *nsp)
{
	if (!--nsp->refs)
		namespace_free(nsp);
}

void namespace_unref(struct sio_namespace *nsp)
{
	struct sio_server *io = nsp->server;

	namespace_drop(nsp);
	server_unref(io);
}

void namespace_join_cluster(struct sio_namespace *nsp)
{
	struct cluster *c = nsp->server->cluster;

	if (c && !nsp->peers)
		nsp->peers = c->join(c, nsp);
}

void namespace_leave_cluster(struct sio_namespace *nsp)
{
	struct peers *p = nsp->peers;

	nsp->peers = NULL; /* nobody asks the others any more, whatever is told now */
	if (p)
		nsp->server->cluster->leave(p);
}

static void drop_later(void *nsp)
{
	namespace_drop(nsp);
}

void namespace_maybe_remove(struct sio_namespace *nsp)
{
	struct sio_server *io = nsp->server;
	size_t n = strlen(nsp->name);

	if (!nsp->parent || !io->o.cleanup_empty_child_namespaces || map_len(&nsp->sockets) || !list_empty(&nsp->pending) ||
	    map_get(&io->namespaces, nsp->name, n) != nsp)
		return;
	map_del(&io->namespaces, nsp->name, n);
	map_del(&nsp->parent->children, nsp->name, n);
	io->ndynamic -= nsp->dynamic;
	namespace_leave_cluster(nsp);
	loop_defer(io->loop, drop_later, nsp);
}

/* --- the way in --- */

struct sio_next {
	struct sio_socket *socket;     /* one reference */
	size_t passed;                 /* how many middlewares it has behind it: places among the handlers may change */
};

static void run_next(struct sio_next *next);

static void end_next(struct sio_next *next)
{
	sio_socket_unref(next->socket);
	free(next);
}

void sio_next(struct sio_next *next)
{
	next->passed++;
	run_next(next);
}

static bool is_alive(const struct sio_socket *s)
{
	return client_is_open(s->client) && !s->nsp->server->closing;
}

static void refused(struct sio_next *next, const char *message, const char *data)
{
	struct sio_socket *s = next->socket;

	if (is_alive(s))
		socket_refused(s, message, data);
	else
		socket_refused(s, NULL, NULL);
	end_next(next);
}

void sio_refuse(struct sio_next *next, const char *message, const char *data_json)
{
	refused(next, message, data_json);
}

static const struct handler *middleware(const struct handlers *h, size_t i)
{
	for (size_t k = 0; k < h->n; k++)
		if (h->at[k].kind == MIDDLEWARE && i-- == 0)
			return &h->at[k];
	return NULL;
}

/* Asks the next middleware, or lets the socket in. */
static void run_next(struct sio_next *next)
{
	struct sio_socket *s = next->socket;
	const struct handler *m = middleware(&s->nsp->handlers, next->passed);

	if (!is_alive(s)) {
		refused(next, NULL, NULL);
	} else if (m) {
		((sio_middleware_fn *)m->fn)(m->user, s, next);
	} else {
		socket_enter(s);
		end_next(next);
	}
}

void namespace_connect(struct sio_namespace *nsp, struct sio_client *c, struct slice auth)
{
	struct sio_socket *s = socket_new(nsp, c, auth);
	struct sio_next *next;

	if (nsp->recovery && recovery_restore(nsp->recovery, s, auth)) {
		s->recovered = true;
		if (nsp->server->o.recovery_skips_middlewares) {
			if (is_alive(s)) /* who was told of the one it takes over from may have ended this one too */
				socket_enter(s);
			else
				socket_refused(s, NULL, NULL);
			return;
		}
	}
	next = xzalloc(sizeof *next);
	next->socket = sio_socket_ref(s);
	run_next(next);
}

/* --- registration --- */

static void add(struct sio_namespace *nsp, enum handler_kind kind, const char *event, void (*fn)(void), void *user)
{
	handlers_add(&nsp->handlers, (struct handler){.kind = kind, .event = (char *)(uintptr_t)event, .fn = fn, .user = user}, false);
}

void sio_use(struct sio_namespace *nsp, sio_middleware_fn *fn, void *user)
{
	add(nsp, MIDDLEWARE, NULL, (void (*)(void))fn, user);
}

void sio_on_connection(struct sio_namespace *nsp, sio_socket_fn *fn, void *user)
{
	add(nsp, ON_CONNECTION, NULL, (void (*)(void))fn, user);
}

void sio_off_connection(struct sio_namespace *nsp, sio_socket_fn *fn)
{
	handlers_remove(&nsp->handlers, ON_CONNECTION, NULL, (void (*)(void))fn);
}

void sio_on(struct sio_namespace *nsp, const char *event, sio_event_fn *fn, void *user)
{
	add(nsp, ON_EVENT, event, (void (*)(void))fn, user);
}

void sio_on_server(struct sio_namespace *nsp, const char *event, sio_server_event_fn *fn, void *user)
{
	add(nsp, ON_SERVER_EVENT, event, (void (*)(void))fn, user);
}

void sio_off(struct sio_namespace *nsp, const char *event, sio_event_fn *fn)
{
	handlers_remove(&nsp->handlers, ON_EVENT, event, (void (*)(void))fn);
}

void sio_on_any(struct sio_namespace *nsp, sio_any_fn *fn, void *user)
{
	add(nsp, ON_ANY, NULL, (void (*)(void))fn, user);
}

void sio_on_any_outgoing(struct sio_namespace *nsp, sio_outgoing_fn *fn, void *user)
{
	add(nsp, ON_OUTGOING, NULL, (void (*)(void))fn, user);
}

void sio_use_packets(struct sio_namespace *nsp, sio_packet_fn *fn, void *user)
{
	add(nsp, ON_PACKET, NULL, (void (*)(void))fn, user);
}

void sio_use_packets_later(struct sio_namespace *nsp, sio_packet_later_fn *fn, void *user)
{
	add(nsp, ON_PACKET_LATER, NULL, (void (*)(void))fn, user);
}

void sio_on_error(struct sio_namespace *nsp, sio_error_fn *fn, void *user)
{
	add(nsp, ON_ERROR, NULL, (void (*)(void))fn, user);
}

void sio_on_disconnecting(struct sio_namespace *nsp, sio_leave_fn *fn, void *user)
{
	add(nsp, ON_DISCONNECTING, NULL, (void (*)(void))fn, user);
}

void sio_on_disconnect(struct sio_namespace *nsp, sio_leave_fn *fn, void *user)
{
	add(nsp, ON_DISCONNECT, NULL, (void (*)(void))fn, user);
}

/* --- what is known of it --- */

const char *sio_namespace_name(const struct sio_namespace *nsp)
{
	return nsp->name;
}

struct sio_server *sio_namespace_server(const struct sio_namespace *nsp)
{
	return nsp->server;
}

size_t sio_namespace_count(const struct sio_namespace *nsp)
{
	return map_len(&nsp->sockets);
}

struct sio_socket *sio_namespace_socket(struct sio_namespace *nsp, const char *id)
{
	return map_get(&nsp->sockets, id, strlen(id));
}

void sio_each_socket(struct sio_namespace *nsp, void (*fn)(void *user, struct sio_socket *s), void *user)
{
	struct map_iter it = map_begin(&nsp->sockets);

	for (struct map_entry *e; (e = map_next(&it));)
		fn(user, e->value);
}

void sio_namespace_set_user(struct sio_namespace *nsp, void *user)
{
	nsp->user = user;
}

void *sio_namespace_user(const struct sio_namespace *nsp)
{
	return nsp->user;
}
