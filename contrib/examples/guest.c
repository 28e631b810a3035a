/* guest.c: the Socket.IO library as a guest in a program with an event loop of its own: make && build/examples/guest 3000
 * Every line of standard input goes to every client, as `line`; what a client says as `line` is printed. */
#define _POSIX_C_SOURCE 200809L
#include "http/http.h"
#include "socketio/socketio.h"

#include <arpa/inet.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void on_line(void *user, struct sio_socket *s, struct sio_args args, struct sio_ack *ack)
{
	struct buf text;

	(void)user, (void)s;
	buf_init(&text, 1000);
	if (sio_args_string(args, 0, &text))
		printf("%s\n", text.data);
	fflush(stdout);
	sio_ack_send(ack, sio_none());
	buf_release(&text);
}

static bool say_line(struct sio_server *io)
{
	char *line = NULL;
	size_t size = 0;
	struct sio_builder args;
	bool came = getline(&line, &size, stdin) > 0;

	if (came) {
		sio_builder_init(&args);
		line[strcspn(line, "\n")] = '\0';
		sio_add_string(&args, line);
		sio_emit(sio_all(sio_of(io, "/")), "line", sio_built(&args));
		sio_builder_release(&args);
	}
	free(line);
	return came;
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
	bool open = true;

	sio_options_init(&options);
	http_options_init(&http_options);
	if (loop_new(&loop))
		return 1;
	io = sio_server_new(loop, &options);
	http = http_server_new(loop, &http_options);
	sio_on(sio_of(io, "/"), "line", on_line, NULL);
	http_server_attach(http, sio_engine(io), true);
	if (http_server_listen(http, (struct sockaddr *)&at, sizeof at, NULL))
		return 1;
	setvbuf(stdin, NULL, _IONBF, 0); /* what stdio had read, poll() would not see */
	while (open) {
		struct pollfd wait[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = loop_fd(loop), .events = POLLIN}};

		poll(wait, 2, loop_wait_ms(loop));
		if (wait[0].revents)
			open = say_line(io);
		loop_turn(loop, 0);
	}
	sio_server_free(io), http_server_free(http), loop_free(loop);
}
