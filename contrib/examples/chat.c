/* chat.c: a chat server on the Socket.IO library, as small as it gets: make && build/examples/chat 3000
 * Any Socket.IO client that emits `join` (room) and `message` (text) takes part. */
#include "http/http.h"
#include "socketio/socketio.h"

#include <arpa/inet.h>
#include <signal.h>
#include <stdlib.h>

static void on_join(void *user, struct sio_socket *s, struct sio_args args, struct sio_ack *ack)
{
	struct buf room;

	(void)user;
	buf_init(&room, 100);
	if (sio_args_string(args, 0, &room) && !room.full) {
		sio_socket_join(s, room.data);
		sio_emit(sio_to(sio_broadcast(s), room.data), "joined", args);
	}
	sio_ack_send(ack, sio_json(room.len ? "\"welcome\"" : "\"join takes the name of a room\""));
	buf_release(&room);
}

static void on_message(void *user, struct sio_socket *s, struct sio_args args, struct sio_ack *ack)
{
	(void)user, (void)ack;
	sio_emit(sio_broadcast(s), "message", args);
}

static void on_signal(void *loop, int signal)
{
	(void)signal;
	loop_stop(loop);
}

int main(int argc, char **argv)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
	                         .sin_port = htons((uint16_t)(argc > 1 ? atoi(argv[1]) : 3000))};
	struct http_options http_options;
	struct sio_options options;
	struct http_server *http;
	struct sio_server *io;
	struct loop *loop;

	sio_options_init(&options);
	http_options_init(&http_options);
	if (loop_new(&loop) || loop_signals(loop, (int[]){SIGINT, SIGTERM}, 2, on_signal, loop))
		return 1;
	io = sio_server_new(loop, &options);
	http = http_server_new(loop, &http_options);
	sio_on(sio_of(io, "/"), "join", on_join, NULL);
	sio_on(sio_of(io, "/"), "message", on_message, NULL);
	http_server_attach(http, sio_engine(io), true);
	if (http_server_listen(http, (struct sockaddr *)&at, sizeof at, NULL))
		return 1;
	loop_run(loop);
	sio_server_free(io), http_server_free(http), loop_free(loop);
}
