/* websocket.c: what comes in over a WebSocket, frame by frame, into a whole server.
 *
 * The first byte: 1 compression, 2 protocol 3, 4 msgpack parser, the upper bits the size of the pieces in which the
 * rest arrives. Frames of the input need no mask: a zero one is put in where the bit is missing, or few would live. */
#include "fuzz.h"

#include "engineio/engine.h"
#include "http/http.h"
#include "socketio/socketio.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

static struct loop *loop;
static struct sio_server *servers[2]; /* the default parser, msgpack */

static void on_message(void *user, struct sio_socket *s, const char *event, struct sio_args args, struct sio_ack *ack)
{
	(void)user;
	sio_socket_emit(s, *event && !sio_reserved(event) ? event : "message", args);
	sio_emit(sio_all(sio_socket_namespace(s)), "all", args);
	sio_ack_send(ack, args);
}

static void start(void)
{
	for (size_t i = 0; i < 2; i++) {
		struct sio_options o;

		sio_options_init(&o);
		o.engine.max_payload = 4096;
		o.engine.queue_max_bytes = 1 << 20;
		o.engine.allow_eio3 = o.engine.per_message_deflate = true;
		o.engine.deflate_bytes = 16;
		o.recovery_ms = i ? 1000 : 0;
		o.parser = i ? SIO_PARSER_MSGPACK : SIO_PARSER_DEFAULT;
		servers[i] = sio_server_new(loop, &o);
		sio_on_any(sio_of(servers[i], "/"), on_message, NULL);
		sio_on_any(sio_of(servers[i], "/a"), on_message, NULL);
	}
}

static void drain(int fd)
{
	static char out[65536];

	while (recv(fd, out, sizeof out, MSG_DONTWAIT) > 0)
		;
}

/* The server's socket goes when its peer has gone. */
static void wait_for_end(struct eio_server *engine)
{
	while (!list_empty(&engine->sockets))
		loop_turn(loop, 1);
}

static void feed(int fd, const uint8_t *data, size_t n, size_t piece)
{
	while (n) {
		size_t k = n < piece ? n : piece;
		ssize_t sent = send(fd, data, k, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (sent < 0 && errno != EAGAIN)
			return;
		loop_turn(loop, 0);
		drain(fd);
		if (sent > 0) {
			data += sent;
			n -= (size_t)sent;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	struct eio_request *r;
	struct eio_server *engine;
	int fds[2];

	if (!n)
		return 0;
	if (!loop) {
		assert(loop_new(&loop) == 0);
		start();
	}
	assert(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) == 0);
	engine = sio_engine(servers[data[0] >> 2 & 1]);
	r = eio_request_new("GET", "/socket.io/?EIO=4", "test", false, NULL, 0);
	ws_open(engine, session_new(engine, r, data[0] & 2 ? 3 : 4), fds[0], data[0] & 1, NULL, 0);
	eio_request_unref(r);
	feed(fds[1], data + 1, n - 1, 1 + (size_t)(data[0] >> 3) * 8);
	loop_turn(loop, 0);
	close(fds[1]);
	wait_for_end(engine);
	assert(eio_server_clients(engine) == 0 && eio_server_queued(engine) == 0);
	return 0;
}
