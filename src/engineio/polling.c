/* polling.c: the long-polling transport: at most one GET and one POST at a time. */
#include "base/xmalloc.h"
#include "engineio/engine.h"
#include "engineio/packet.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* --- answers --- */

static void set_cookie(struct eio_session *s, struct eio_headers *h)
{
	const struct eio_cookie *c = &s->server->o.cookie;
	struct buf b;

	if (!c->name)
		return;
	buf_init(&b, 4096);
	buf_addf(&b, "%s=%s", c->name, s->sid);
	if (c->max_age_s >= 0)
		buf_addf(&b, "; Max-Age=%d", c->max_age_s);
	if (c->domain)
		buf_addf(&b, "; Domain=%s", c->domain);
	if (c->path)
		buf_addf(&b, "; Path=%s", c->path);
	if (c->http_only)
		buf_adds(&b, "; HttpOnly");
	if (c->secure)
		buf_adds(&b, "; Secure");
	if (c->same_site)
		buf_addf(&b, "; SameSite=%c%s", c->same_site[0] & ~32, c->same_site + 1);
	eio_headers_add(h, "Set-Cookie", b.data);
	buf_release(&b);
}

static void common(struct eio_session *s, struct eio_exchange *ex, struct eio_headers *h)
{
	const char *agent = eio_request_header(ex->request, "user-agent");

	server_common_headers(s->server, ex, h, ex->initial);
	if (ex->initial)
		set_cookie(s, h);
	eio_headers_add(h, "Cache-Control", "no-store");
	if (agent && (strstr(agent, ";MSIE") || strstr(agent, "Trident/")))
		eio_headers_add(h, "X-XSS-Protection", "0");
}

static void detach(struct eio_session *s, struct eio_exchange *ex)
{
	if (s->get == ex)
		s->get = NULL;
	if (s->post == ex)
		s->post = NULL;
	ex->session = NULL;
}

static bool binary_payload(struct eio_session *s, const struct eio_exchange *ex)
{
	if (s->protocol != 3 || s->base64 || ex->jsonp)
		return false;
	for (uint32_t i = 0; i < s->q_len; i++)
		if ((*session_slot(s, i))->binary)
			return true;
	return false;
}

/* Everything that waits, if all, and then last as a packet of its own, if it is not 0. */
static void answer_get(struct eio_session *s, bool all, char last)
{
	struct eio_exchange *ex = s->get;
	bool octets = all && binary_payload(s, ex);
	void (*encode)(struct buf *, const void *, size_t, bool) =
		s->protocol == 4 ? packet_encode_v4 : octets ? packet_encode_v3_binary : packet_encode_v3_text;
	const char *type = octets ? "application/octet-stream" : "text/plain; charset=UTF-8";
	struct eio_headers h = {0};
	bool compress = true;
	struct buf b;
	size_t len;
	char *body;

	buf_init(&b, SIZE_MAX / 2);
	for (; all && s->q_len; session_pop(s)) {
		struct eio_frame *f = *session_slot(s, 0);

		compress &= !f->plain;
		encode(&b, frame_payload(f), f->len, f->binary);
	}
	if (last)
		encode(&b, &last, 1, false);
	if (ex->jsonp) {
		struct buf wrapped;

		buf_init(&wrapped, SIZE_MAX / 2);
		packet_wrap_jsonp(&wrapped, ex->jsonp_index, b.data, b.len);
		buf_release(&b);
		b = wrapped;
		type = "text/javascript; charset=UTF-8";
	}
	detach(s, ex); /* before the headers option is asked, which may end the session */
	common(s, ex, &h);
	body = buf_take(&b, &len);
	exchange_reply(ex, 200, type, body, len, &h, compress);
}

static void answer_empty(struct eio_exchange *ex, int status)
{
	struct eio_headers h = {0};

	server_common_headers(ex->server, ex, &h, false);
	exchange_reply(ex, status, NULL, NULL, 0, &h, false);
}

/* --- the handshake --- */

/* Clients of version 3 speak protocol 4 and know JSONP. */
static void note_jsonp(struct eio_exchange *ex)
{
	const char *j = eio_request_query(ex->request, "j");
	size_t n = 0;

	if (!j)
		return;
	ex->jsonp = true;
	for (; *j && n < sizeof ex->jsonp_index - 1; j++)
		if (*j >= '0' && *j <= '9')
			ex->jsonp_index[n++] = *j;
}

void polling_handshake(struct eio_session *s, struct eio_exchange *ex)
{
	note_jsonp(ex);
	ex->initial = true;
	ex->session = s;
	s->get = ex;
	session_open(s);
}

/* --- requests of a known session --- */

static void begin_get(struct eio_session *s, struct eio_exchange *ex)
{
	if (s->get) { /* the client is out of order: both are answered, and it is over */
		session_end(s, EIO_TRANSPORT_ERROR, "overlap from client");
		answer_empty(ex, 400);
		return;
	}
	note_jsonp(ex);
	ex->session = s;
	s->get = ex;
	if (s->state == SESSION_CLOSING)
		session_flush(s);
	else if (s->q_len)
		server_mark_dirty(s->server, s);
}

static void begin_post(struct eio_session *s, struct eio_exchange *ex)
{
	const char *type = eio_request_header(ex->request, "content-type");

	if (s->post) {
		session_end(s, EIO_TRANSPORT_ERROR, "overlap from client");
		answer_empty(ex, 400);
	} else if (s->protocol == 4 && type && strcmp(type, "application/octet-stream") == 0) {
		session_end(s, EIO_TRANSPORT_ERROR, "invalid content");
		answer_empty(ex, 400);
	} else {
		note_jsonp(ex);
		ex->is_post = true;
		ex->session = s;
		s->post = ex;
	}
}

void polling_begin(struct eio_session *s, struct eio_exchange *ex)
{
	if (strcmp(ex->request->method, "GET") == 0)
		begin_get(s, ex);
	else if (strcmp(ex->request->method, "POST") == 0)
		begin_post(s, ex);
	else
		answer_empty(ex, 500);
}

static bool on_packet(void *user, const struct packet *p)
{
	struct eio_session *s = user;

	if (p->binary)
		session_binary(s, p->data, p->n);
	else
		session_packet(s, p->type, p->data, p->n);
	return s->state != SESSION_CLOSED;
}

static bool decode(struct eio_session *s, const struct eio_exchange *ex, struct buf *body)
{
	const char *type = eio_request_header(ex->request, "content-type");

	if (ex->jsonp && !packet_unwrap_jsonp(body))
		return false;
	if (!body->len)
		return false;
	if (s->protocol == 4)
		return packet_decode_v4(body->data, body->len, on_packet, s);
	if (type && strncasecmp(type, "application/octet-stream", 24) == 0)
		return packet_decode_v3_binary(body->data, body->len, on_packet, s);
	return packet_decode_v3_text(body->data, body->len, on_packet, s);
}

void polling_post(struct eio_session *s, struct eio_exchange *ex)
{
	struct buf body = ex->body;
	struct eio_headers h = {0};

	buf_init(&ex->body, body.max);
	detach(s, ex); /* its end no longer harms the session, and the session's not it */
	if (ex->too_big) {
		buf_release(&body);
		answer_empty(ex, 413);
		return;
	}
	s->carrier = ex->request;
	if (!decode(s, ex, &body) && s->state == SESSION_OPEN) /* nobody listens to one that is closing */
		session_end(s, EIO_PARSE_ERROR, "a packet that is none");
	s->carrier = NULL;
	buf_release(&body);
	common(s, ex, &h);
	exchange_reply(ex, 200, "text/html", xstrdup("ok"), 2, &h, false);
}

/* --- what the session asks for --- */

void polling_flush(struct eio_session *s)
{
	if (!s->get)
		return;
	if (s->state == SESSION_CLOSING && s->q_len) {
		/* The close comes with the next poll: the official client drops what stands before it in one payload. */
		answer_get(s, true, 0);
	} else if (s->state == SESSION_CLOSING) {
		session_push(s, frame_packet('6'));
		answer_get(s, true, '1');
		session_drained(s);
	} else if (s->q_len) {
		answer_get(s, true, 0);
		session_drained(s);
	}
}

void polling_release(struct eio_session *s)
{
	if (s->get && !s->q_len && s->state == SESSION_OPEN)
		answer_get(s, false, '6');
}

bool polling_close(struct eio_session *s)
{
	if (!s->get)
		return false;
	answer_get(s, true, '1');
	return true;
}

void polling_drop(struct eio_session *s, char type)
{
	struct eio_exchange *post = s->post;

	if (s->get)
		answer_get(s, false, type);
	if (post && s->state == SESSION_CLOSED) {
		detach(s, post);
		post->answered = true;
		post->ops->abort(post);
	}
}
