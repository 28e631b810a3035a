/* delivery.c: an event on its way through the handlers: those of all events, the packet middlewares, those of its name. */
#include "base/xmalloc.h"
#include "socketio/sio.h"

#include <stdlib.h>
#include <string.h>

struct delivery {
	struct sio_socket *s;
	const char *event;
	struct sio_args args;
	struct sio_ack *ack;
	bool anonymous;            /* its name holds a NUL, and so is none that a handler can have */
	size_t passed, most;       /* how many middlewares it has behind it, of those there were: places may change */
};

/* One that a middleware thinks about: all of it is its own. */
struct sio_packet_next {
	struct delivery d;         /* a reference to its socket, one to its ack */
};

static void deliver_any(struct delivery *d, struct handlers *h)
{
	struct handlers_walk w;

	if (!h)
		return;
	w = handlers_begin(h, ON_ANY);
	for (struct handler *e; (e = handlers_next(h, &w));)
		((sio_any_fn *)e->fn)(e->user, d->s, d->event, d->args, d->ack);
	handlers_end(h);
}

static void deliver_named(struct delivery *d, struct handlers *h)
{
	struct handlers_walk w;

	if (!h)
		return;
	w = handlers_begin(h, ON_EVENT);
	for (struct handler *e; d->s->connected && (e = handlers_next(h, &w));) {
		sio_event_fn *fn = (sio_event_fn *)e->fn;
		void *user = e->user;

		if (strcmp(e->event, d->event) != 0)
			continue;
		if (e->once) {
			e->fn = NULL;
			h->holes = true;
		}
		fn(user, d->s, d->args, d->ack);
	}
	handlers_end(h);
}

/* --- middlewares --- */

static size_t count_middlewares(const struct handlers *h)
{
	return handlers_count(h, ON_PACKET, NULL) + handlers_count(h, ON_PACKET_LATER, NULL);
}

static const struct handler *middleware(const struct handlers *h, size_t *i)
{
	for (size_t k = 0; h && k < h->n; k++)
		if ((h->at[k].kind == ON_PACKET || h->at[k].kind == ON_PACKET_LATER) && h->at[k].fn && (*i)-- == 0)
			return &h->at[k];
	return NULL;
}

/* The namespace's come before the socket's own. */
static const struct handler *next_middleware(const struct delivery *d)
{
	size_t i = d->passed;
	const struct handler *m = middleware(&d->s->nsp->handlers, &i);

	return m ? m : middleware(d->s->handlers, &i);
}

static void arrive(struct delivery *d)
{
	if (!d->s->connected || d->anonymous)
		return;
	deliver_named(d, &d->s->nsp->handlers);
	deliver_named(d, d->s->handlers);
}

static struct sio_args copy_args(struct sio_args a)
{
	struct sio_blob *blobs = xcalloc(a.nblobs + 1, sizeof *blobs);

	for (size_t i = 0; i < a.nblobs; i++)
		blobs[i] = (struct sio_blob){xmemdup(a.blobs[i].data, a.blobs[i].n), a.blobs[i].n};
	return (struct sio_args){slice_of(xstrndup(a.json.p, a.json.n), a.json.n), blobs, a.nblobs};
}

static void free_args(struct sio_args a)
{
	for (size_t i = 0; i < a.nblobs; i++)
		free((void *)(uintptr_t)a.blobs[i].data);
	free((void *)(uintptr_t)a.blobs);
	free((char *)(uintptr_t)a.json.p);
}

static struct sio_packet_next *keep(const struct delivery *d)
{
	struct sio_packet_next *next = xzalloc(sizeof *next);

	next->d = *d;
	next->d.event = xstrdup(d->event);
	next->d.args = copy_args(d->args);
	sio_socket_ref(d->s)->nthinking++;
	sio_ack_ref(d->ack);
	return next;
}

static void let_go(struct sio_packet_next *next)
{
	next->d.s->nthinking--;
	free_args(next->d.args);
	free((char *)(uintptr_t)next->d.event);
	sio_ack_unref(next->d.ack);
	sio_socket_unref(next->d.s);
	free(next);
}

static void go_on(struct delivery *d)
{
	const char *error = "refused";

	for (const struct handler *m; d->passed < d->most && (m = next_middleware(d));) {
		d->passed++;
		if (m->kind == ON_PACKET_LATER) {
			struct sio_packet_next *next;

			if (d->s->nthinking >= d->s->nsp->server->o.max_thinking_events) {
				sio_socket_disconnect(d->s, true);
				return;
			}
			next = keep(d);
			((sio_packet_later_fn *)m->fn)(m->user, d->s, next->d.event, next->d.args, next);
			return;
		}
		if (!((sio_packet_fn *)m->fn)(m->user, d->s, d->event, &d->args, &error)) {
			socket_tell_error(d->s, error);
			return;
		}
	}
	arrive(d);
}

void sio_packet_pass(struct sio_packet_next *next)
{
	struct delivery d = next->d; /* those that follow may point it to arguments of theirs */

	if (d.s->connected)
		go_on(&d);
	let_go(next);
}

void sio_packet_refuse(struct sio_packet_next *next, const char *error)
{
	if (next->d.s->connected)
		socket_tell_error(next->d.s, error);
	let_go(next);
}

/* --- from the packet --- */

void socket_deliver(struct sio_socket *s, const struct sio_packet *p, struct sio_args args)
{
	struct delivery d = {.s = s, .args = args};
	struct buf name;

	buf_init(&name, p->name.n); /* an escape is longer than what it stands for */
	if (json_type(p->name) == JSON_IS_STRING)
		json_unquote(&name, p->name);
	else
		json_add_slice(&name, p->name);
	d.event = name.data;
	d.anonymous = memchr(name.data, '\0', name.len) != NULL;
	if (p->has_id) {
		d.ack = xzalloc(sizeof *d.ack);
		*d.ack = (struct sio_ack){.refs = 1, .id = p->id, .socket = sio_socket_ref(s)};
	}
	WATCH(s->nsp->server, event, s, d.event, d.args, false);
	deliver_any(&d, &s->nsp->handlers);
	deliver_any(&d, s->handlers);
	d.most = count_middlewares(&s->nsp->handlers) + count_middlewares(s->handlers);
	go_on(&d);
	sio_ack_unref(d.ack);
	buf_release(&name);
}
