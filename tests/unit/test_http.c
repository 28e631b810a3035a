/* test_http.c: an HTTP server over loopback: how long a client may take, and how it says where a body ends. */
#include "check.h"

#include "base/clock.h"
#include "http/http.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <unistd.h>

static struct loop *l;
static struct http_server *http;
static uint16_t port;

static void on_post(void *user, struct http_request *r)
{
	size_t n;

	(void)user;
	http_body(r, &n);
	http_reply(r, n ? 200 : 400, NULL, NULL, 0);
}

static const struct http_route routes[] = {{"POST", "/p", on_post}};

static void start(void)
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct http_options o;

	assert_int_equal(loop_new(&l), 0);
	http_options_init(&o);
	o.idle_s = 2;
	o.body_bytes = 300000;
	o.routes = routes;
	o.nroutes = ROWS(routes);
	http = http_server_new(l, &o);
	assert_int_equal(http_server_listen(http, (struct sockaddr *)&at, sizeof at, &port), 0);
}

static void stop(void)
{
	http_server_free(http);
	loop_free(l);
}

static int dial(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof to), 0);
	return fd;
}

/* What a client sends: at first, then a piece again and again, of a body of 300000 bytes. */
static struct sender {
	const char *what, *first;
	size_t piece;
	int every_ms;
	const char *answer;    /* NULL: it is closed without one, in time */
	int fd;
	size_t sent;
	int64_t next_ms, took_ms;
	ssize_t got;           /* below 0: nothing yet */
	char text[64];
} senders[] = {
	{.what = "a head", .first = "GET / HTTP/1.1\r\nX: ", .piece = 1, .every_ms = 200},
	{.what = "a body", .first = "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 300000\r\n\r\n", .piece = 1, .every_ms = 200},
	{.what = "a chunk", .first = "POST /p HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n493e0\r\n", .piece = 1, .every_ms = 200},
	{.what = "a body that nobody wants", .first = "POST /q HTTP/1.1\r\nHost: h\r\nContent-Length: 300000\r\n\r\n", .piece = 1, .every_ms = 200},
	{.what = "a body in good time", .first = "POST /p HTTP/1.1\r\nHost: h\r\nContent-Length: 300000\r\n\r\n", .piece = 15000, .every_ms = 150,
	 .answer = "HTTP/1.1 200 "},
};

static void begin(struct sender *s)
{
	s->fd = dial();
	s->got = -1;
	s->next_ms = clock_mono_ms();
	assert_true(send(s->fd, s->first, strlen(s->first), MSG_NOSIGNAL) > 0);
}

static void go_on(struct sender *s, int64_t now)
{
	static char piece[15000];

	if (s->got >= 0)
		return;
	if (now >= s->next_ms && s->sent < 300000) {
		s->sent += (size_t)(send(s->fd, piece, s->piece, MSG_NOSIGNAL) > 0) * s->piece;
		s->next_ms += s->every_ms;
	}
	s->got = recv(s->fd, s->text, sizeof s->text - 1, MSG_DONTWAIT);
}

static void who_sends_slowly_is_closed(void **state)
{
	int64_t began, now;

	(void)state;
	start();
	for (size_t i = 0; i < ROWS(senders); i++)
		begin(&senders[i]);
	for (began = now = clock_mono_ms(); now < began + 6000; now = clock_mono_ms()) {
		bool all = true;

		loop_turn(l, 10);
		for (size_t i = 0; i < ROWS(senders); i++) {
			go_on(&senders[i], now);
			senders[i].took_ms = senders[i].got < 0 ? now - began : senders[i].took_ms;
			all = all && senders[i].got >= 0;
		}
		if (all)
			break;
	}
	for (size_t i = 0; i < ROWS(senders); i++) {
		const struct sender *s = &senders[i];

		if (s->answer)
			CHECK(strncmp(s->text, s->answer, strlen(s->answer)) == 0, "%s: %s", s->what, s->text);
		else
			CHECK(s->got == 0 && s->took_ms > 1500, "%s: %zd after %lld ms", s->what, s->got, (long long)s->took_ms);
		close(s->fd);
	}
	stop();
}

/* Where two lengths are told, who stands before us may have gone by the other: then what follows is not what it let through. */
static const struct {
	const char *lengths, *body;
	bool fine;
} framings[] = {
	{"Content-Length: 2\r\n", "ab", true},
	{"Transfer-Encoding: chunked\r\n", "2\r\nab\r\n0\r\n\r\n", true},
	{"Content-Length: 2\r\nContent-Length: 3\r\n", "abc", false},
	{"Content-Length: 2\r\nContent-Length: 2\r\n", "ab", false},
	{"Content-Length: 2, 2\r\n", "ab", false},
	{"Content-Length: 12\r\nTransfer-Encoding: chunked\r\n", "2\r\nab\r\n0\r\n\r\n", false},
	{"Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n", "2\r\nab\r\n0\r\n\r\n", false},
};

static void a_body_has_one_length(void **state)
{
	(void)state;
	start();
	for (size_t i = 0; i < ROWS(framings); i++) {
		char text[512];
		ssize_t n = -1;
		int fd = dial();

		snprintf(text, sizeof text, "POST /p HTTP/1.1\r\nHost: h\r\n%s\r\n%s", framings[i].lengths, framings[i].body);
		assert_true(send(fd, text, strlen(text), MSG_NOSIGNAL) > 0);
		for (int k = 0; k < 100 && n < 0; k++) {
			loop_turn(l, 10);
			n = recv(fd, text, sizeof text - 1, MSG_DONTWAIT);
		}
		text[n > 0 ? n : 0] = '\0';
		CHECK(strncmp(text, framings[i].fine ? "HTTP/1.1 200 " : "HTTP/1.1 400 ", 13) == 0, "%s%s", framings[i].lengths, text);
		CHECK(framings[i].fine == !strstr(text, "Connection: close\r\n"), "%s%s", framings[i].lengths, text);
		close(fd);
	}
	stop();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_sends_slowly_is_closed),
		cmocka_unit_test(a_body_has_one_length),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
