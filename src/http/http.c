/* http.c: libmicrohttpd on our loop.
 *
 * MHD runs without a thread of its own; its epoll descriptor nests in ours, and its
 * timeout is one of our timers. A request that cannot be answered yet is suspended
 * in MHD. MHD does not see that the client of a suspended one left, so its
 * descriptor is watched for that by us. */
#include "base/limits.h"
#include "base/json.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "http/server.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

/* A body that is refused is read to its end, so that its client can read why, but not for ever. */
#define DISCARD_BYTES (64 * 1024 * 1024)

#define STEP_BYTES (64 * 1024) /* of a body: each has as long to come as a head */

void http_options_init(struct http_options *o)
{
	*o = (struct http_options){
		.max_connections = LIMIT_CONNECTIONS,
		.idle_s = LIMIT_HTTP_IDLE_S,
		.head_bytes = LIMIT_HTTP_HEAD_BYTES,
		.body_bytes = LIMIT_HTTP_BODY_BYTES,
	};
}

/* --- MHD on the loop --- */

static void run(void *arg)
{
	struct listener *li = arg;
	MHD_UNSIGNED_LONG_LONG wait_ms;

	li->run_due = false;
	if (!li->daemon)
		return;
	li->running = true;
	MHD_run(li->daemon);
	li->running = false;
	if (MHD_get_timeout(li->daemon, &wait_ms) != MHD_YES)
		loop_timer_clear(li->server->loop, &li->timer);
	else if (wait_ms == 0)
		listener_run_soon(li);
	else
		loop_timer_set(li->server->loop, &li->timer, wait_ms < INT32_MAX ? (int64_t)wait_ms : INT32_MAX, li->timer.due);
}

void listener_run_soon(struct listener *li)
{
	if (li->run_due)
		return;
	li->run_due = true;
	loop_next(li->server->loop, run, li);
}

static void on_ready(struct loop_watch *w, uint32_t events)
{
	(void)events;
	run(list_item(w, struct listener, watch));
}

static void on_timeout(struct loop_timer *t)
{
	run(list_item(t, struct listener, timer));
}

/* --- connections --- */

/* A head has so long to come, whole, and each step of a body: MHD counts from the last byte, and one byte now and then
 * would hold a place for ever. */
static void on_late(struct loop_timer *t)
{
	struct listener *li = list_item(t, struct listener, late_timer);
	int64_t now = loop_now_ms(li->server->loop), idle_ms = (int64_t)li->server->o.idle_s * 1000;

	list_each(&li->waiting, l, after) {
		struct connection *k = list_item(l, struct connection, waiting);

		if (k->since_ms + idle_ms > now) {
			loop_timer_set(li->server->loop, t, k->since_ms + idle_ms - now, on_late);
			return;
		}
		list_remove(l);
		shutdown(k->fd, SHUT_RDWR); /* MHD finds out and ends it */
	}
}

/* From now on more has to come from it. */
static void await(struct connection *k)
{
	struct listener *li = k->listener;

	list_remove(&k->waiting);
	k->since_ms = loop_now_ms(li->server->loop);
	list_push(&li->waiting, &k->waiting);
	if (!loop_timer_is_set(&li->late_timer))
		loop_timer_set(li->server->loop, &li->late_timer, (int64_t)li->server->o.idle_s * 1000, on_late);
}

static void on_hang_up(struct loop_watch *w, uint32_t events);

static void on_connection(void *cls, struct MHD_Connection *c, void **socket_context, enum MHD_ConnectionNotificationCode code)
{
	struct listener *li = cls;
	struct connection *k = *socket_context;

	if (code == MHD_CONNECTION_NOTIFY_STARTED) {
		const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CONNECTION_FD);

		k = xzalloc(sizeof *k);
		k->listener = li;
		k->watch.fd = -1;
		k->fd = info ? info->connect_fd : -1;
		loop_watch(li->server->loop, &k->watch, k->fd, EPOLLRDHUP, on_hang_up);
		await(k);
		*socket_context = k;
	} else if (k) {
		/* At its limit MHD stops listening, and only looks again when it is run. */
		listener_run_soon(li);
		list_remove(&k->waiting);
		loop_unwatch(li->server->loop, &k->watch);
		free(k);
		*socket_context = NULL;
	}
}

static void tell_gone(struct http_request *r)
{
	if (r->engine && r->ex.server)
		eio_exchange_gone(&r->ex);
	if (r->on_gone && !r->answered)
		r->on_gone(r->gone_user);
	r->on_gone = NULL;
}

/* A client has left, or has nothing more to say. */
static void on_hang_up(struct loop_watch *w, uint32_t events)
{
	struct connection *k = list_item(w, struct connection, watch);
	struct http_request *r = k->request;

	(void)events;
	loop_unwatch(k->listener->server->loop, w);
	if (!r) {
		/* MHD waits for an edge, and misses an end that came together with the last bytes: here is another one. What
		 * was sent can still be read, and the answer still be written. */
		shutdown(k->fd, SHUT_RD);
		return;
	}
	tell_gone(r);
	request_abort(r);
}

/* --- the life of a request --- */

static size_t count_args(const char *target)
{
	const char *q = strchr(target, '?');
	size_t n = q ? 1 : 0;

	for (; q && *q; q++)
		n += *q == '&';
	return n;
}

/* MHD puts each argument of the URL into the connection's memory, and where that ends it neither answers nor closes
 * (0.9.75). We read them ourselves: of a request that will be refused it is shown one. */
static void join_args(char *uri)
{
	for (; *uri; uri++)
		if (*uri == '&')
			*uri = '+';
}

static void *on_target(void *cls, const char *uri, struct MHD_Connection *c)
{
	struct http_request *r = xzalloc(sizeof *r);

	r->listener = cls;
	r->mhd = c;
	r->target = xstrdup(uri);
	if (count_args(uri) > LIMIT_HTTP_QUERY_ARGS)
		join_args((char *)(uintptr_t)uri);
	buf_init(&r->body, r->listener->server->o.body_bytes);
	return r;
}

static void on_completed(void *cls, struct MHD_Connection *c, void **con_cls, enum MHD_RequestTerminationCode how)
{
	struct http_request *r = *con_cls;

	(void)cls;
	(void)c;
	if (!r)
		return;
	*con_cls = NULL;
	list_remove(&r->in_parked);
	tell_gone(r);
	if (r->connection && r->connection->request == r)
		r->connection->request = NULL;
	if (r->connection && how == MHD_REQUEST_TERMINATED_COMPLETED_OK && r->status != MHD_HTTP_SWITCHING_PROTOCOLS)
		await(r->connection);
	if (r->response)
		MHD_destroy_response(r->response);
	if (r->headers)
		eio_headers_free(r->headers);
	eio_server_unref(r->engine);
	eio_request_unref(r->ex.request);
	buf_release(&r->body);
	free(r->path);
	free(r->target);
	free(r);
}

#define MAX_HEADERS 256

struct pairs {
	struct eio_pair at[MAX_HEADERS];
	size_t n;
};

static enum MHD_Result collect_header(void *cls, enum MHD_ValueKind kind, const char *key, const char *value)
{
	struct pairs *pairs = cls;

	(void)kind;
	if (pairs->n == MAX_HEADERS)
		return MHD_NO;
	pairs->at[pairs->n++] = (struct eio_pair){key, value ? value : ""};
	return MHD_YES;
}

static void remote_text(struct MHD_Connection *c, char out[INET6_ADDRSTRLEN])
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
	const struct sockaddr *sa = info ? info->client_addr : NULL;

	strcpy(out, "unknown");
	if (sa && sa->sa_family == AF_INET)
		inet_ntop(AF_INET, &((const struct sockaddr_in *)(const void *)sa)->sin_addr, out, INET6_ADDRSTRLEN);
	else if (sa && sa->sa_family == AF_INET6)
		inet_ntop(AF_INET6, &((const struct sockaddr_in6 *)(const void *)sa)->sin6_addr, out, INET6_ADDRSTRLEN);
}

static void read_head(struct http_request *r, const char *method, const char *path)
{
	int n = MHD_get_connection_values(r->mhd, MHD_HEADER_KIND, NULL, NULL);
	char remote[INET6_ADDRSTRLEN];
	struct pairs pairs;

	pairs.n = 0;
	r->too_many_headers = n > MAX_HEADERS;
	MHD_get_connection_values(r->mhd, MHD_HEADER_KIND, collect_header, &pairs);
	remote_text(r->mhd, remote);
	r->ex.request = eio_request_new(method, r->target, remote, false, pairs.at, pairs.n);
	r->path = xstrdup(path);
	r->is_head = strcmp(method, "HEAD") == 0;
}

/* A NUL in the path ends it for us, so that what stands behind would be ignored. */
static bool path_has_nul(const struct http_request *r)
{
	const char *nul = strstr(r->target, "%00");

	return nul && nul < r->target + strcspn(r->target, "?");
}

/* What no route would want to see. False: it has been answered. */
static bool head_is_fine(struct http_request *r)
{
	if (r->too_many_headers)
		http_error(r, 431, "there are too many headers");
	else if (count_args(r->target) > LIMIT_HTTP_QUERY_ARGS)
		http_error(r, 400, "there are too many arguments in the URL");
	else if (path_has_nul(r))
		http_error(r, 404, "there is nothing at this path");
	else
		return true;
	return false;
}

static bool route_fits(const struct http_route *route, const char *path)
{
	size_t n = strlen(route->path);

	if (n && route->path[n - 1] == '*')
		return strncmp(path, route->path, n - 1) == 0;
	return strcmp(path, route->path) == 0;
}

/* HEAD is answered as GET; MHD leaves the body out. */
static bool method_fits(const struct http_route *route, const struct http_request *r)
{
	return strcmp(route->method, http_method(r)) == 0 || (r->is_head && strcmp(route->method, "GET") == 0);
}

/* Several routes may fit a path: each method is named once. */
static void allow_method(struct buf *allow, const char *method)
{
	if (!strstr(allow->data, method))
		buf_addf(allow, "%s%s", allow->len ? ", " : "", method);
}

static void find_route(struct http_request *r)
{
	const struct http_options *o = &r->listener->server->o;
	struct buf allow;

	buf_init(&allow, 256);
	for (size_t i = 0; i < o->nroutes; i++) {
		if (!route_fits(&o->routes[i], r->path))
			continue;
		if (method_fits(&o->routes[i], r)) {
			r->route = &o->routes[i];
			break;
		}
		allow_method(&allow, o->routes[i].method);
		if (strcmp(o->routes[i].method, "GET") == 0)
			allow_method(&allow, "HEAD");
	}
	if (!r->route && allow.len) {
		http_add_header(r, "Allow", allow.data);
		http_error(r, 405, "this path does not take that method");
	} else if (!r->route) {
		if (r->ex.request->upgrade) /* its client will not speak HTTP again */
			http_add_header(r, "Connection", "close");
		http_error(r, 404, "there is nothing at this path");
	}
	buf_release(&allow);
}

/* A field name is a token (RFC 9110 5.1). MHD makes something else of a line that was folded. */
static bool names_are_tokens(const struct eio_request *head)
{
	static const char others[] = "!#$%&'*+-.^_`|~";

	for (size_t i = 0; i < head->nheaders; i++)
		for (const char *p = head->headers[i].name; *p; p++)
			if (!isalnum((unsigned char)*p) && !strchr(others, *p))
				return false;
	return true;
}

/* Where two lengths are told, who stands before us may have gone by the other one, and took for the next request what is
 * none (RFC 9112 6.3, 11.2). MHD goes by either. */
static bool has_one_length(const struct eio_request *head)
{
	size_t n = 0;

	for (size_t i = 0; i < head->nheaders; i++)
		n += strcmp(head->headers[i].name, "content-length") == 0 || strcmp(head->headers[i].name, "transfer-encoding") == 0;
	return n <= 1;
}

static void begin(struct http_request *r)
{
	struct http_server *h = r->listener->server;

	h->counters.requests++;
	if (!names_are_tokens(r->ex.request)) {
		http_error(r, 400, "a header field has no proper name");
		return;
	}
	if (!has_one_length(r->ex.request)) {
		http_add_header(r, "Connection", "close");
		http_error(r, 400, "the length of the body is told twice");
		return;
	}
	if (h->closed) {
		http_error(r, 503, "the server is going down");
		return;
	}
	if (!head_is_fine(r) || (h->o.guard && !h->o.guard(h->o.user, r)))
		return;
	for (size_t i = 0; i < h->nengines; i++) {
		if (!eio_server_serves(h->engines[i].engine, r->target))
			continue;
		if (h->engines[i].client && client_bundle(r, h->engines[i].engine))
			return;
		r->engine = eio_server_ref(h->engines[i].engine);
		gateway_begin(r);
		return;
	}
	find_route(r);
}

/* More is announced than would ever be read: it is refused at once. */
static bool announces_too_much(const struct http_request *r)
{
	const char *length = eio_request_header(r->ex.request, "content-length");

	return length && strtoull(length, NULL, 10) > DISCARD_BYTES;
}

static bool take_body(struct http_request *r, const char *data, size_t n)
{
	r->listener->server->counters.bytes_in += n;
	if ((r->came + n) / STEP_BYTES > r->came / STEP_BYTES)
		await(r->connection);
	r->came += n;
	if (r->engine && !r->ex.answered) {
		eio_exchange_body(&r->ex, data, n);
	} else if (!r->answered) {
		buf_add(&r->body, data, n);
	}
	if (r->answered || r->ex.too_big || r->body.full)
		r->discarded += n;
	return !r->cut && r->discarded <= DISCARD_BYTES;
}

static void end(struct http_request *r)
{
	r->ended = true;
	if (r->engine) {
		if (r->ex.server)
			eio_exchange_end(&r->ex);
	} else if (!r->answered && r->body.full) {
		http_error(r, 413, "the body is too big");
	} else if (!r->answered) {
		r->route->handle(r->listener->server->o.user, r);
	}
}

/* Parks the request in MHD until it is answered. */
static enum MHD_Result park(struct http_request *r)
{
	struct connection *k = r->connection;

	r->parked = true;
	list_push(&r->listener->server->parked, &r->in_parked);
	k->request = r;
	if (k->watch.fd < 0)
		loop_watch(r->listener->server->loop, &k->watch, k->fd, EPOLLRDHUP, on_hang_up);
	MHD_suspend_connection(r->mhd);
	return MHD_YES;
}

static enum MHD_Result queue(struct http_request *r)
{
	enum MHD_Result result = MHD_queue_response(r->mhd, (unsigned)r->status, r->response);

	MHD_destroy_response(r->response);
	r->response = NULL;
	return result;
}

static enum MHD_Result on_request(void *cls, struct MHD_Connection *c, const char *path, const char *method, const char *version,
                                  const char *data, size_t *n, void **con_cls)
{
	struct http_request *r = *con_cls;

	(void)cls;
	(void)version;
	if (!r->begun) {
		const union MHD_ConnectionInfo *info = MHD_get_connection_info(c, MHD_CONNECTION_INFO_SOCKET_CONTEXT);

		r->begun = true;
		r->connection = info ? info->socket_context : NULL;
		if (!r->connection)
			return MHD_NO;
		list_remove(&r->connection->waiting);
		read_head(r, method, path);
		begin(r);
		if (!r->cut && announces_too_much(r)) {
			r->ex.too_big = r->body.full = true;
			end(r);
		}
		if (r->cut)
			return MHD_NO;
		if (r->ended && r->response)
			return queue(r);
		await(r->connection); /* for the body */
		return MHD_YES;
	}
	if (*n) {
		bool more = take_body(r, data, *n);

		*n = 0;
		return more ? MHD_YES : MHD_NO;
	}
	list_remove(&r->connection->waiting);
	if (!r->ended)
		end(r);
	r->parked = false;
	if (r->cut)
		return MHD_NO;
	return r->response ? queue(r) : park(r);
}

/* --- answers --- */

static void wake(struct http_request *r)
{
	if (!r->parked)
		return;
	r->parked = false;
	list_remove(&r->in_parked);
	r->connection->request = NULL;
	MHD_resume_connection(r->mhd);
	listener_run_soon(r->listener);
}

void request_answer(struct http_request *r, int status, struct MHD_Response *take_response)
{
	struct http_counters *counters = &r->listener->server->counters;

	if (r->answered || !take_response) {
		if (take_response)
			MHD_destroy_response(take_response);
		return;
	}
	counters->errors += status >= 400;
	r->answered = true;
	r->status = status;
	r->response = take_response;
	wake(r);
}

void request_abort(struct http_request *r)
{
	const union MHD_ConnectionInfo *info;

	r->cut = true;
	if (r->parked) {
		wake(r);
		return;
	}
	/* In the middle of an upload MHD waits for bytes, not for us: it sees the end of the stream. */
	info = MHD_get_connection_info(r->mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
	if (info)
		shutdown(info->connect_fd, SHUT_RDWR);
}

void http_add_header(struct http_request *r, const char *name, const char *value)
{
	if (!r->headers)
		r->headers = eio_headers_new();
	eio_headers_add(r->headers, name, value);
}

void request_reply(struct http_request *r, int status, struct MHD_Response *take_response)
{
	struct http_server *h = r->listener->server;

	if (h->o.headers)
		h->o.headers(h->o.user, r);
	if (r->headers)
		request_add_headers(take_response, eio_headers_list(r->headers));
	request_answer(r, status, take_response);
}

void http_reply(struct http_request *r, int status, const char *type, char *take_body, size_t n)
{
	struct http_server *h = r->listener->server;
	struct MHD_Response *response;
	const char *coding = r->ex.request && take_body ? encode_body(r->ex.request, 1024, &take_body, &n) : NULL;

	response = MHD_create_response_from_buffer(n, take_body, take_body ? MHD_RESPMEM_MUST_FREE : MHD_RESPMEM_PERSISTENT);
	h->counters.bytes_out += n;
	if (type)
		MHD_add_response_header(response, "Content-Type", type);
	if (coding) {
		MHD_add_response_header(response, "Content-Encoding", coding);
		MHD_add_response_header(response, "Vary", "Accept-Encoding");
	}
	request_reply(r, status, response);
}

void http_reply_buf(struct http_request *r, int status, const char *type, struct buf *take_body)
{
	size_t n;
	char *body = buf_take(take_body, &n);

	http_reply(r, status, type, body, n);
}

void http_error(struct http_request *r, int status, const char *message)
{
	struct buf b;

	buf_init(&b, SIZE_MAX / 2);
	buf_adds(&b, "{\"status\":\"error\",\"error\":");
	json_add_str(&b, message);
	buf_adds(&b, "}\n");
	http_reply_buf(r, status, "application/json; charset=utf-8", &b);
}

void http_on_gone(struct http_request *r, void (*fn)(void *user), void *user)
{
	r->on_gone = fn;
	r->gone_user = user;
}

/* --- what is known of a request --- */

const char *http_method(const struct http_request *r)
{
	return r->ex.request->method;
}

const char *http_path(const struct http_request *r)
{
	return r->path;
}

const struct eio_request *http_head(const struct http_request *r)
{
	return r->ex.request;
}

const char *http_header(const struct http_request *r, const char *name)
{
	return eio_request_header(r->ex.request, name);
}

const char *http_query(const struct http_request *r, const char *name)
{
	return eio_request_query(r->ex.request, name);
}

const char *http_body(const struct http_request *r, size_t *n)
{
	*n = r->body.len;
	return r->body.data;
}

struct http_server *http_request_server(const struct http_request *r)
{
	return r->listener->server;
}

/* --- the server --- */

struct http_server *http_server_new(struct loop *l, const struct http_options *o)
{
	struct http_server *h = xzalloc(sizeof *h);

	h->loop = l;
	h->o = *o;
	list_init(&h->listeners);
	list_init(&h->parked);
	return h;
}

static int open_socket(const struct sockaddr *sa, socklen_t sa_len)
{
	int on = 1, fd = socket(sa->sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0), err;

	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (sa->sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
	if (bind(fd, sa, sa_len) == 0 && listen(fd, 1024) == 0)
		return fd;
	err = -errno;
	close(fd);
	return err;
}

static uint16_t port_of(int fd)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof ss;

	if (getsockname(fd, (struct sockaddr *)&ss, &len) < 0)
		return 0;
	if (ss.ss_family == AF_INET6)
		return ntohs(((struct sockaddr_in6 *)&ss)->sin6_port);
	return ntohs(((struct sockaddr_in *)&ss)->sin_port);
}

static void on_mhd_log(void *cls, const char *fmt, va_list ap)
{
	char line[256];

	(void)cls;
	vsnprintf(line, sizeof line, fmt, ap);
	log_debug("http: %s", line);
}

static struct MHD_Daemon *start(struct listener *li, int fd)
{
	const struct http_options *o = &li->server->o;

	return MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE | MHD_USE_ERROR_LOG, 0, NULL, NULL,
	                        on_request, li, MHD_OPTION_EXTERNAL_LOGGER, on_mhd_log, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
	                        MHD_OPTION_CONNECTION_LIMIT, o->max_connections, MHD_OPTION_CONNECTION_TIMEOUT, o->idle_s,
	                        MHD_OPTION_CONNECTION_MEMORY_LIMIT, o->head_bytes, MHD_OPTION_URI_LOG_CALLBACK, on_target, li,
	                        MHD_OPTION_NOTIFY_COMPLETED, on_completed, li, MHD_OPTION_NOTIFY_CONNECTION, on_connection, li,
	                        MHD_OPTION_END);
}

int http_server_listen(struct http_server *h, const struct sockaddr *sa, socklen_t sa_len, uint16_t *port)
{
	int fd = open_socket(sa, sa_len);
	struct listener *li;

	if (fd < 0)
		return fd;
	li = xzalloc(sizeof *li);
	list_init(&li->waiting);
	li->server = h;
	li->timer.due = on_timeout;
	li->daemon = start(li, fd);
	if (!li->daemon) {
		close(fd);
		free(li);
		return -EIO;
	}
	if (port)
		*port = port_of(fd);
	list_push(&h->listeners, &li->link);
	return loop_watch(h->loop, &li->watch, MHD_get_daemon_info(li->daemon, MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd, EPOLLIN, on_ready);
}

static void listener_free(void *arg)
{
	free(arg);
}

static void server_free(void *arg)
{
	struct http_server *h = arg;

	while (h->nengines)
		http_server_detach(h, h->engines[0].engine);
	free(h);
}

/* MHD wants every suspended connection resumed before it stops: engines have
 * answered theirs by now, what is left is cut. */
static void cut_parked(struct http_server *h)
{
	while (!list_empty(&h->parked)) {
		struct http_request *r = list_item(h->parked.next, struct http_request, in_parked);

		list_remove(&r->in_parked);
		tell_gone(r);
		request_abort(r);
	}
}

static void close_listener(struct listener *li)
{
	loop_unwatch(li->server->loop, &li->watch);
	loop_timer_clear(li->server->loop, &li->timer);
	MHD_run(li->daemon);
	MHD_stop_daemon(li->daemon);
	loop_timer_clear(li->server->loop, &li->late_timer); /* the last answers may have set it again */
	li->daemon = NULL;
	list_remove(&li->link);
	loop_next(li->server->loop, listener_free, li); /* behind the run that may be due */
}

void http_server_free(struct http_server *h)
{
	if (!h)
		return;
	h->closed = true;
	cut_parked(h);
	list_each(&h->listeners, l, after)
		close_listener(list_item(l, struct listener, link));
	loop_defer(h->loop, server_free, h);
}

const struct http_counters *http_server_counters(const struct http_server *h)
{
	return &h->counters;
}

void http_server_attach(struct http_server *h, struct eio_server *engine, bool client)
{
	if (h->nengines == sizeof h->engines / sizeof *h->engines)
		return;
	h->engines[h->nengines].engine = eio_server_ref(engine);
	h->engines[h->nengines++].client = client;
}

void http_server_detach(struct http_server *h, struct eio_server *engine)
{
	for (size_t i = 0; i < h->nengines; i++) {
		if (h->engines[i].engine != engine)
			continue;
		h->engines[i] = h->engines[--h->nengines];
		eio_server_unref(engine);
		return;
	}
}
