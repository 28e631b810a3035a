/* gateway.c: from HTTP to Engine.IO and back (engineio/exchange.h). */
#include "base/list.h"
#include "http/server.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

static struct http_request *request_of(struct eio_exchange *ex)
{
	return (struct http_request *)(void *)((char *)ex - offsetof(struct http_request, ex));
}

void request_add_headers(struct MHD_Response *response, const struct eio_header_list *h)
{
	for (size_t i = 0; i < h->n; i++)
		MHD_add_response_header(response, h->at[i].name, h->at[i].value);
}

static void on_reply(struct eio_exchange *ex, const struct eio_reply *reply)
{
	struct http_request *r = request_of(ex);
	size_t n = reply->len;
	char *body = reply->body;
	const char *coding = reply->compress && body ? encode_body(ex->request, reply->compress_bytes, &body, &n) : NULL;
	struct MHD_Response *response = MHD_create_response_from_buffer(n, body, body ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);

	if (reply->type)
		MHD_add_response_header(response, "Content-Type", reply->type);
	if (coding)
		MHD_add_response_header(response, "Content-Encoding", coding);
	if (reply->close)
		MHD_add_response_header(response, "Connection", "close");
	request_add_headers(response, reply->headers);
	if (reply->status == MHD_HTTP_NO_CONTENT) { /* some browsers wait for a body without it; MHD leaves it out of a 204 */
		MHD_set_response_options(response, MHD_RF_INSANITY_HEADER_CONTENT_LENGTH, MHD_RO_END);
		MHD_add_response_header(response, "Content-Length", "0");
	}
	request_answer(r, reply->status, response);
}

/* --- the way to a WebSocket --- */

/* Gives MHD's half back: its memory goes, and its descriptor, of which we have our own copy. */
static void give_back(void *handle)
{
	MHD_upgrade_action(handle, MHD_UPGRADE_ACTION_CLOSE);
}

static void on_upgraded(void *cls, struct MHD_Connection *c, void *request, const char *extra, size_t extra_len, MHD_socket fd,
                        struct MHD_UpgradeResponseHandle *handle)
{
	struct http_request *r = request;
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);

	(void)cls;
	(void)c;
	if (r->connection)
		loop_unwatch(r->listener->server->loop, &r->connection->watch);
	if (own >= 0) {
		fcntl(own, F_SETFL, fcntl(own, F_GETFL) | O_NONBLOCK);
		eio_exchange_upgraded(&r->ex, own, extra, extra_len);
	}
	loop_defer(r->listener->server->loop, give_back, handle);
	listener_run_soon(r->listener);
}

static void on_upgrade(struct eio_exchange *ex, const struct eio_header_list *headers)
{
	struct MHD_Response *response = MHD_create_response_for_upgrade(on_upgraded, NULL);

	request_add_headers(response, headers);
	request_answer(request_of(ex), MHD_HTTP_SWITCHING_PROTOCOLS, response);
}

static void on_abort(struct eio_exchange *ex)
{
	request_abort(request_of(ex));
}

static const struct eio_exchange_ops ops = {.reply = on_reply, .upgrade = on_upgrade, .abort = on_abort};

void gateway_begin(struct http_request *r)
{
	r->ex.ops = &ops;
	eio_exchange_begin(r->engine, &r->ex);
}
