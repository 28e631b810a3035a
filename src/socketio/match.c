/* match.c: namespaces on demand: whose a name is that a client connects to, asked of each parent in turn. */
#include "base/limits.h"
#include "base/xmalloc.h"
#include "socketio/sio.h"

#include <regex.h>
#include <stdlib.h>
#include <string.h>

/* A client that waits for a namespace. */
struct sio_match {
	struct sio_client *client;     /* one reference; and one to its server */
	char *name, *auth;
	size_t at;                     /* the parent that is being asked */
};

static void ask(struct sio_match *m);

/* --- the answer --- */

static bool has_room(const struct sio_server *io)
{
	return io->ndynamic < io->o.max_dynamic_namespaces;
}

/* The namespace of that name, which somebody may have made meanwhile; NULL: it was refused. */
static struct sio_namespace *made(struct sio_server *io, const char *name, struct sio_namespace *parent)
{
	struct sio_namespace *nsp = map_get(&io->namespaces, name, strlen(name));

	if (nsp || !parent || !has_room(io))
		return nsp;
	io->ndynamic++;
	return server_add_namespace(io, name, strlen(name), parent, true);
}

static void settle(struct sio_match *m, struct sio_namespace *parent)
{
	struct sio_client *c = m->client;
	struct sio_server *io = c->server;

	c->nmatching--;
	if (client_is_open(c))
		client_enter(c, slice_str(m->name), slice_str(m->auth), made(io, m->name, parent));
	free(m->name);
	free(m->auth);
	free(m);
	client_unref(c);
	server_unref(io);
}

void sio_match_answer(struct sio_match *m, bool fits)
{
	struct sio_server *io = m->client->server;

	if (fits) {
		settle(m, io->parents[m->at].nsp);
	} else {
		m->at++;
		ask(m);
	}
}

/* --- the question --- */

static void ask(struct sio_match *m)
{
	struct sio_server *io = m->client->server;

	for (; client_is_open(m->client) && m->at < io->nparents; m->at++) {
		const struct parent *p = &io->parents[m->at];

		if (p->later) {
			p->later(p->user, m->name, slice_str(m->auth), m);
			return;
		}
		if (p->match(p->user, m->name, slice_str(m->auth))) {
			settle(m, io->parents[m->at].nsp); /* read anew: who was asked may have added parents */
			return;
		}
	}
	settle(m, NULL);
}

void match_ask(struct sio_client *c, struct slice name, struct slice auth)
{
	struct sio_server *io = c->server;
	struct sio_namespace *nsp = map_get(&io->namespaces, name.p, name.n);
	struct sio_match *m;

	if (nsp || !has_room(io) || name.n > LIMIT_NAMESPACE_BYTES || memchr(name.p, '\0', name.n)) {
		client_enter(c, name, auth, nsp);
		return;
	}
	m = xzalloc(sizeof *m);
	m->client = c;
	c->refs++;
	c->nmatching++;
	io->refs++;
	m->name = xstrndup(name.p, name.n);
	m->auth = xstrndup(auth.p, auth.n);
	ask(m);
}

struct sio_namespace *match_pattern(const struct sio_server *io, const char *name)
{
	for (size_t i = 0; i < io->nparents; i++)
		if (io->parents[i].regex && io->parents[i].match(io->parents[i].user, name, slice_of("{}", 2)))
			return io->parents[i].nsp;
	return NULL;
}

/* --- parents --- */

static struct parent *add_parent(struct sio_server *io, const struct parent *what)
{
	struct parent *p;

	io->parents = xreallocarray(io->parents, io->nparents + 1, sizeof *io->parents);
	p = &io->parents[io->nparents];
	*p = *what;
	p->nsp = namespace_new(io, "/_", 2);
	p->nsp->is_parent = true;
	io->nparents++;
	return p;
}

void match_release(struct parent *p)
{
	if (p->regex) {
		regfree(p->regex);
		free(p->regex);
	}
	namespace_drop(p->nsp);
}

struct sio_namespace *sio_of_match(struct sio_server *io, sio_match_fn *match, void *user)
{
	return add_parent(io, &(struct parent){.match = match, .user = user})->nsp;
}

struct sio_namespace *sio_of_match_later(struct sio_server *io, sio_match_later_fn *match, void *user)
{
	return add_parent(io, &(struct parent){.later = match, .user = user})->nsp;
}

static bool match_regex(void *user, const char *name, struct slice auth)
{
	(void)auth;
	return regexec(user, name, 0, NULL, 0) == 0;
}

struct sio_namespace *sio_of_regex(struct sio_server *io, const char *pattern)
{
	regex_t *re = xmalloc(sizeof *re);

	if (regcomp(re, pattern, REG_EXTENDED | REG_NOSUB)) {
		free(re);
		return NULL;
	}
	return add_parent(io, &(struct parent){.match = match_regex, .user = re, .regex = re})->nsp;
}
