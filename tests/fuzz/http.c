/* http.c: bytes of HTTP, as they come, into a whole server over loopback. The first byte says in how many pieces. */
#include "fuzz.h"

#include "http/http.h"
#include "socketio/socketio.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

static struct loop *loop;
static struct sio_server *io;
static struct http_server *http;
static uint16_t port;

static void on_route(void *user, struct http_request *r)
{
	size_t n;
	const char *body = http_body(r, &n);

	(void)user;
	(void)body;
	http_query(r, "a");
	http_reply(r, 200, "text/plain", strdup("fine"), 4);
}

static const struct http_route routes[] = {{"GET", "/fine", on_route}, {"POST", "/p/*", on_route}};

static void on_any(void *user, struct sio_socket *s, const char *event, struct sio_args args, struct sio_ack *ack)
{
	(void)user;
	(void)event;
	sio_socket_emit(s, "message", args);
	sio_ack_send(ack, args);
}

static void start(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct http_options h;
	struct sio_options o;

	assert(loop_new(&loop) == 0);
	sio_options_init(&o);
	o.engine.allow_eio3 = o.engine.per_message_deflate = true;
	o.engine.max_payload = 2000;
	o.engine.cors = (struct eio_cors){.on = true, .reflect = true};
	o.engine.max_sessions = 100;
	o.engine.ping_interval_ms = o.engine.ping_timeout_ms = 50; /* sessions that nobody polls go soon */
	io = sio_server_new(loop, &o);
	sio_on_any(sio_of(io, "/"), on_any, NULL);
	http_options_init(&h);
	h.routes = routes;
	h.nroutes = sizeof routes / sizeof *routes;
	h.body_bytes = 2000;
	http = http_server_new(loop, &h);
	http_server_attach(http, sio_engine(io), true);
	assert(http_server_listen(http, (struct sockaddr *)&at, sizeof at, &port) == 0);
}

static int open_client(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK), .sin_port = htons(port)};
	struct linger at_once = {.l_onoff = 1}; /* no port is kept waiting for what may still come */
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert(fd >= 0);
	if (connect(fd, (struct sockaddr *)&at, sizeof at)) { /* libFuzzer's clock interrupts it now and then */
		assert(errno == EINTR);
		close(fd);
		return -1;
	}
	setsockopt(fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

/* True while the server has not hung up. */
static bool drain(int fd)
{
	static char out[65536];
	ssize_t n;

	while ((n = recv(fd, out, sizeof out, 0)) > 0)
		;
	return n < 0 && errno == EAGAIN;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	size_t pieces, size;
	bool open = true;
	int fd;

	if (!n)
		return 0;
	if (!loop)
		start();
	pieces = 1 + data[0] % 4;
	size = n / pieces + 1;
	fd = open_client();
	if (fd < 0)
		return 0;
	data++;
	n--;
	while (n && open) {
		size_t k = n < size ? n : size;

		if (send(fd, data, k, MSG_NOSIGNAL) < 0 && errno != EAGAIN)
			break;
		data += k;
		n -= k;
		for (int i = 0; i < 4; i++)
			loop_turn(loop, 0);
		open = drain(fd);
	}
	close(fd);
	for (int i = 0; i < 4; i++)
		loop_turn(loop, 0);
	return 0;
}
