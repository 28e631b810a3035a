/* base.c: the servers base, eio3, msgpack and opts. */
#include "base/json.h"
#include "base/xmalloc.h"
#include "engineio/exchange.h"
#include "server.h"

#include <stdlib.h>
#include <string.h>

/* --- options --- */

void base_options(struct sio_options *o, struct http_options *h)
{
	(void)h;
	o->engine.ping_interval_ms = 300;
	o->engine.ping_timeout_ms = 200;
	o->engine.max_payload = 1000000;
	o->engine.cors.on = o->engine.cors.any_origin = true;
	o->connect_timeout_ms = 1000;
}

void eio3_options(struct sio_options *o, struct http_options *h)
{
	base_options(o, h);
	o->engine.allow_eio3 = true;
}

void msgpack_options(struct sio_options *o, struct http_options *h)
{
	base_options(o, h);
	o->parser = SIO_PARSER_MSGPACK;
}

static void ask(void *user, struct eio_request *r, struct eio_verdict *v)
{
	(void)user;
	if (eio_request_header(r, "x-deny"))
		eio_verdict_deny(v, "denied by allowRequest");
	else
		eio_verdict_allow(v);
}

static void first_headers(void *user, struct eio_headers *h, struct eio_request *r)
{
	(void)user;
	(void)r;
	eio_headers_add(h, "x-initial", "1");
}

static void every_headers(void *user, struct eio_headers *h, struct eio_request *r)
{
	(void)user;
	(void)r;
	eio_headers_add(h, "x-every", "1");
}

void opts_options(struct sio_options *o, struct http_options *h)
{
	static const char *const origins[] = {"http://allowed.example", NULL};
	struct eio_options *e = &o->engine;

	(void)h;
	o->connect_timeout_ms = 400;
	e->path = "/opt";
	e->add_trailing_slash = false;
	e->ping_interval_ms = 1000;
	e->ping_timeout_ms = 800;
	e->upgrade_timeout_ms = 500;
	e->max_payload = 20000;
	e->allow_upgrades = false;
	e->http_compression = false;
	e->per_message_deflate = true;
	e->deflate_bytes = 1024;
	e->cookie = (struct eio_cookie){.name = "sio", .path = "/opt", .http_only = true, .same_site = "strict", .max_age_s = 3600};
	e->cors = (struct eio_cors){
		.on = true,
		.origins = origins,
		.credentials = true,
		.methods = "GET,POST",
		.allowed_headers = "x-token",
		.max_age_s = 600,
	};
	e->allow_request = ask;
	e->initial_headers = first_headers;
	e->headers = every_headers;
}

/* --- handlers --- */

void on_echo(void *user, struct sio_socket *s, struct sio_args args, struct sio_ack *ack)
{
	(void)user;
	(void)ack;
	sio_socket_emit(s, "message-back", args);
}

void on_ack_echo(void *user, struct sio_socket *s, struct sio_args args, struct sio_ack *ack)
{
	(void)user;
	(void)s;
	sio_ack_send(ack, args);
}

static void on_connection(void *user, struct sio_socket *s)
{
	(void)user;
	sio_socket_emit(s, "auth", sio_json_slice(sio_socket_handshake(s).auth));
}

void base_setup(struct fixture *f)
{
	struct sio_namespace *main = sio_of(f->io, "/");

	sio_on_connection(main, on_connection, NULL);
	sio_on(main, "message", on_echo, NULL);
	sio_on(main, "message-with-ack", on_ack_echo, NULL);
	sio_on_connection(sio_of(f->io, "/custom"), on_connection, NULL);
}

/* --- eio3: a namespace that lets nobody in, for clients that knew bare texts as errors --- */

static void refuse(void *user, struct sio_socket *s, struct sio_next *next)
{
	struct slice why;

	(void)user;
	if (json_get(sio_socket_handshake(s).auth, "detailed", &why))
		sio_refuse(next, "nobody may in", "{\"code\":42}");
	else
		sio_refuse(next, "nobody may in", NULL);
}

void eio3_setup(struct fixture *f)
{
	base_setup(f);
	sio_use(sio_of(f->io, "/refused"), refuse, NULL);
}

/* --- opts: it tells which requests were refused --- */

static void on_refused(void *user, const struct eio_refusal *r)
{
	struct buf *list = user;

	if (list->len)
		buf_addc(list, ',');
	buf_addf(list, "{\"code\":%d,\"message\":", (int)r->code);
	json_add_str(list, r->message);
	buf_addf(list, ",\"context\":%s}", r->context ? r->context : "{}");
}

static void on_errors(void *user, struct sio_socket *s, struct sio_args args, struct sio_ack *ack)
{
	struct buf *list = user, answer;

	(void)s;
	(void)args;
	buf_init(&answer, SIZE_MAX / 2);
	buf_addc(&answer, '[');
	buf_add(&answer, list->data, list->len);
	buf_addc(&answer, ']');
	sio_ack_send(ack, sio_json_slice(slice_of(answer.data, answer.len)));
	buf_release(&answer);
	buf_reset(list);
}

static void release_list(void *list)
{
	buf_release(list);
	free(list);
}

void opts_setup(struct fixture *f)
{
	struct buf *list = xzalloc(sizeof *list);

	buf_init(list, SIZE_MAX / 2);
	f->state = list;
	f->release = release_list;
	base_setup(f);
	sio_on_connection_error(f->io, on_refused, list);
	sio_on(sio_of(f->io, "/"), "errors", on_errors, list);
}
