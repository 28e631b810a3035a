/* test_redis.c: where a Redis is; what servers say through it, read and written; and the connection itself against a
 * Redis that this test plays. */
#include "check.h"

#include "base/limits.h"
#include "base/xmalloc.h"
#include "loop/redis.h"
#include "loop/redis_url.h"
#include "socketio/redis_wire.h"
#include "socketio/sio.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

/* --- addresses --- */

static const struct {
	const char *text;
	const char *told;      /* host or path, port, database, user, password; or what is wrong with it */
	const char *shown;     /* NULL: it is none */
} urls[] = {
	{"redis://h", "h 6379 0 - -", "redis://h:6379"},
	{"redis://h/", "h 6379 0 - -", "redis://h:6379"},
	{"redis://127.0.0.1:1/15", "127.0.0.1 1 15 - -", "redis://127.0.0.1:1/15"},
	{"redis://[::1]", "::1 6379 0 - -", "redis://[::1]:6379"},
	{"redis://[fe80::1%25]:65535/65535", "fe80::1%25 65535 65535 - -", "redis://[fe80::1%25]:65535/65535"},
	{"redis://:p@h", "h 6379 0 - p", "redis://h:6379"},
	{"redis://u:p@h:7/1", "h 7 1 u p", "redis://h:7/1"},
	{"redis://u:p:q@r@h", "h 6379 0 u p:q@r", "redis://h:6379"},
	{"redis://%75:%2f%2F%40%zz@h", "the user or the password is empty, or has a % that starts no %XX", NULL},
	{"redis://%75:%2f%2F%40@h", "h 6379 0 u //@", "redis://h:6379"},
	{"redis://u:%00@h", "the user or the password is empty, or has a % that starts no %XX", NULL},
	{"redis://u:%2@h", "the user or the password is empty, or has a % that starts no %XX", NULL},
	{"redis://u:@h", "the user or the password is empty, or has a % that starts no %XX", NULL},
	{"redis://u@h", "in front of @ stands [user]:password", NULL},
	{"redis://@h", "in front of @ stands [user]:password", NULL},
	{"unix:///run/r.sock", "/run/r.sock 0 0 - -", "unix:///run/r.sock"},
	{"unix://:p@/r?db=3", "/r 0 3 - p", "unix:///r?db=3"},
	{"unix://u:p@/r", "/r 0 0 u p", "unix:///r"},
	{"unix:///r?db=", "/r 0 0 - -", "unix:///r"},
	{"unix:///r?db=x", "the database is a number from 0 to 65535", NULL},
	{"unix://r", "the path of the socket is absolute", NULL},
	{"unix:///0123456789012345678901234567890123456789012345678901234567890123456789012345678901234567890123456789012345678",
	 "the path of the socket is too long for the kernel", NULL},
	{"redis://", "the host is missing", NULL},
	{"redis://:6379", "the host is missing", NULL},
	{"redis://[]", "the host is missing", NULL},
	{"redis://[::1", "the host is missing", NULL},
	{"redis://[::1]x", "the port is a number from 1 to 65535", NULL},
	{"redis://a b", "the host has characters that no name or address has", NULL},
	{"redis://h?db=1", "the host has characters that no name or address has", NULL},
	{"redis://h:", "the port is a number from 1 to 65535", NULL},
	{"redis://h:0", "the port is a number from 1 to 65535", NULL},
	{"redis://h:65536", "the port is a number from 1 to 65535", NULL},
	{"redis://h:1x", "the port is a number from 1 to 65535", NULL},
	{"redis://h/65536", "the database is a number from 0 to 65535", NULL},
	{"redis://h/-1", "the database is a number from 0 to 65535", NULL},
	{"redis://h/1/2", "the database is a number from 0 to 65535", NULL},
	{"rediss://h", "Redis over TLS is not spoken; let stunnel or a proxy on this host do it", NULL},
	{"", "it starts with redis:// or unix://", NULL},
	{"h:6379", "it starts with redis:// or unix://", NULL},
	{"http://h", "it starts with redis:// or unix://", NULL},
};

static void addresses(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(urls); i++) {
		struct redis_url u;
		const char *why;
		struct buf told, shown;
		bool good = redis_url_parse(urls[i].text, &u, &why);

		CHECK(good == (urls[i].shown != NULL), "%s", urls[i].text);
		if (!good) {
			CHECK(strcmp(why, urls[i].told) == 0, "%s: %s", urls[i].text, why);
			continue;
		}
		buf_init(&told, 1000);
		buf_init(&shown, 1000);
		buf_addf(&told, "%s %u %u %s %s", u.host ? u.host : u.path, u.port, u.db, u.user ? u.user : "-", u.password ? u.password : "-");
		redis_url_show(&u, &shown);
		CHECK(strcmp(told.data, urls[i].told) == 0, "%s: %s", urls[i].text, told.data);
		CHECK(strcmp(shown.data, urls[i].shown) == 0, "%s: %s", urls[i].text, shown.data);
		buf_release(&told);
		buf_release(&shown);
		redis_url_release(&u);
	}
}

/* --- messages, written as JSON here and read both so and as msgpack --- */

static void tell_names(struct buf *out, const char *what, const struct wire_names *l)
{
	buf_addf(out, " %s%s", what, l->given ? "" : "-");
	for (size_t i = 0; i < l->n; i++)
		buf_addf(out, "%s%s", i ? "," : "", l->at[i]);
}

static void tell_text(struct buf *out, const char *what, const char *text)
{
	if (text)
		buf_addf(out, " %s%s", what, text);
}

static void tell_wire(struct buf *out, const struct wire *w)
{
	buf_addf(out, "%d", (int)w->type);
	tell_text(out, "uid=", w->uid);
	tell_text(out, "id=", w->request_id);
	tell_text(out, "nsp=", w->nsp);
	tell_text(out, "ev=", w->event);
	if (w->args.json.n)
		buf_addf(out, " args=%.*s", (int)w->args.json.n, w->args.json.p);
	if (w->nblobs)
		buf_addf(out, " +%zu", w->nblobs);
	if (w->has_opts) {
		tell_names(out, "to:", &w->opts.rooms);
		tell_names(out, "except:", &w->opts.except);
		buf_addf(out, " flags=%u/%u", w->opts.flags, w->opts.timeout_ms);
	}
	if (w->rooms.given)
		tell_names(out, "rooms:", &w->rooms);
	tell_text(out, "sid=", w->sid);
	tell_text(out, "room=", w->room);
	if (w->close)
		buf_adds(out, " close");
	if (w->client_count)
		buf_addf(out, " clients=%zu", w->client_count);
	if (w->sockets.n)
		buf_addf(out, " sockets=%.*s", (int)w->sockets.n, w->sockets.p);
	if (w->data.n && !w->event)
		buf_addf(out, " data=%.*s", (int)w->data.n, w->data.p);
}

enum form { BROADCAST, REQUEST, RESPONSE };
static bool (*const readers[])(struct wire *w, const void *message, size_t n) = {wire_read_broadcast, wire_read_request, wire_read_response};

static const struct {
	enum form form;
	const char *text, *told; /* told NULL: it is none */
} messages[] = {
	{BROADCAST, "[\"u\",{\"type\":2,\"data\":[\"ev\",1,{\"a\":[]}],\"nsp\":\"/\"},{\"rooms\":[],\"except\":[],\"flags\":{}}]",
	 "10 uid=u nsp=/ ev=ev args=1,{\"a\":[]} to:- except:- flags=0/0"},
	{BROADCAST, "[\"emitter\",{\"type\":5,\"data\":[\"ev\"]},{\"flags\":{\"volatile\":true,\"compress\":false,\"timeout\":1.5,\"x\":{}},\"except\":[\"c\"],\"rooms\":[\"a\",5]}]",
	 "10 uid=emitter nsp=/ ev=ev to:a,5 except:c flags=3/1"},
	{BROADCAST, "[\"u\",{\"nsp\":\"/n\",\"data\":[7],\"type\":2},{\"rooms\":[null,\"a\\u0000\"],\"except\":\"x\",\"flags\":null},\"more\"]",
	 "10 uid=u nsp=/n ev=7 to: except:- flags=0/0"},
	{BROADCAST, "[null,{\"type\":2,\"data\":[\"ev\"]},{\"flags\":{\"timeout\":1e300,\"volatile\":1,\"compress\":true,\"transient\":true}}]",
	 "10 nsp=/ ev=ev to:- except:- flags=4/3600000"},
	{BROADCAST, "[\"u\",{\"type\":2,\"data\":[\"ev\"]},{\"flags\":{\"timeout\":-1}}]", "10 uid=u nsp=/ ev=ev to:- except:- flags=0/0"},
	{BROADCAST, "[\"u\",{\"type\":2,\"data\":[\"connect\"]},{}]", NULL},
	{BROADCAST, "[\"u\",{\"type\":2,\"data\":[\"a\\u0000\"]},{}]", NULL},
	{BROADCAST, "[\"u\",{\"type\":2,\"data\":[]},{}]", NULL},
	{BROADCAST, "[\"u\",{\"type\":2,\"data\":[{}]},{}]", NULL},
	{BROADCAST, "[\"u\",{\"type\":2,\"data\":{}},{}]", NULL},
	{BROADCAST, "[\"u\",{\"type\":2},{}]", NULL},
	{BROADCAST, "[\"u\",{\"type\":3,\"data\":[\"ev\"]},{}]", NULL},
	{BROADCAST, "[\"u\",{\"data\":[\"ev\"]},{}]", NULL},
	{BROADCAST, "[\"u\",{\"type\":2,\"data\":[\"ev\"],\"nsp\":{}},{}]", NULL},
	{BROADCAST, "[\"u\",{\"type\":2,\"data\":[\"ev\"]},[]]", NULL},
	{BROADCAST, "[\"u\",{\"type\":2,\"data\":[\"ev\"]}]", NULL},
	{BROADCAST, "[\"u\",[],{}]", NULL},
	{BROADCAST, "[]", NULL},
	{BROADCAST, "{}", NULL},
	{BROADCAST, "7", NULL},
	{REQUEST, "{\"uid\":\"u\",\"requestId\":\"r\",\"type\":0,\"rooms\":[\"a\"]}", "0 uid=u id=r rooms:a"},
	{REQUEST, "{\"requestId\":1,\"type\":1}", "1 id=1"},
	{REQUEST, "{\"uid\":\"u\",\"type\":2,\"opts\":{\"rooms\":[\"a\"],\"except\":[]},\"rooms\":[\"x\",\"y\"]}",
	 "2 uid=u to:a except:- flags=0/0 rooms:x,y"},
	{REQUEST, "{\"type\":3,\"opts\":{}}", "3 to:- except:- flags=0/0"},
	{REQUEST, "{\"type\":2,\"sid\":\"s\",\"room\":\"x\",\"requestId\":\"r\"}", "2 id=r sid=s room=x"},
	{REQUEST, "{\"type\":4,\"opts\":{},\"close\":true}", "4 to:- except:- flags=0/0 close"},
	{REQUEST, "{\"type\":4,\"opts\":{},\"close\":1}", "4 to:- except:- flags=0/0"},
	{REQUEST, "{\"type\":4,\"sid\":\"s\"}", "4 sid=s"},
	{REQUEST, "{\"type\":5,\"requestId\":\"r\",\"opts\":{\"rooms\":[]}}", "5 id=r to:- except:- flags=0/0"},
	{REQUEST, "{\"type\":6,\"data\":[\"ev\",1,2]}", "6 ev=ev args=1,2"},
	{REQUEST, "{\"type\":6,\"uid\":\"u\",\"requestId\":\"r\",\"data\":[\"disconnect\"]}", "6 uid=u id=r ev=disconnect"},
	{REQUEST, "{\"type\":7,\"requestId\":\"r\",\"packet\":{\"type\":2,\"data\":[\"ev\",1],\"nsp\":\"/\"},\"opts\":{\"flags\":{\"timeout\":500}}}",
	 "7 id=r nsp=/ ev=ev args=1 to:- except:- flags=0/500"},
	{REQUEST, "{\"type\":7,\"requestId\":\"r\",\"packet\":{\"type\":2,\"data\":[\"ev\"]}}", NULL},
	{REQUEST, "{\"type\":7,\"requestId\":\"r\",\"opts\":{}}", NULL},
	{REQUEST, "{\"type\":7,\"packet\":{\"type\":2,\"data\":[\"ev\"]},\"opts\":{}}", NULL},
	{REQUEST, "{\"type\":6,\"data\":[]}", NULL},
	{REQUEST, "{\"type\":6}", NULL},
	{REQUEST, "{\"type\":5,\"opts\":{}}", NULL},
	{REQUEST, "{\"type\":5,\"requestId\":\"r\"}", NULL},
	{REQUEST, "{\"type\":4}", NULL},
	{REQUEST, "{\"type\":2,\"sid\":\"s\"}", NULL},
	{REQUEST, "{\"type\":0}", NULL},
	{REQUEST, "{\"type\":8,\"requestId\":\"r\"}", NULL},
	{REQUEST, "{\"type\":9,\"requestId\":\"r\"}", NULL},
	{REQUEST, "{\"type\":-1,\"requestId\":\"r\"}", NULL},
	{REQUEST, "{\"type\":77,\"requestId\":\"r\"}", NULL},
	{REQUEST, "{\"type\":\"2\",\"opts\":{}}", NULL},
	{REQUEST, "{\"requestId\":\"r\"}", NULL},
	{REQUEST, "[]", NULL},
	{RESPONSE, "{\"requestId\":\"r\",\"sockets\":[{\"id\":\"x\"}]}", "10 id=r sockets=[{\"id\":\"x\"}]"},
	{RESPONSE, "{\"requestId\":\"r\",\"sockets\":{}}", "10 id=r"},
	{RESPONSE, "{\"requestId\":\"r\"}", "10 id=r"},
	{RESPONSE, "{\"requestId\":\"r\",\"type\":6,\"data\":{\"a\":1}}", "6 id=r data={\"a\":1}"},
	{RESPONSE, "{\"type\":8,\"requestId\":\"r\",\"clientCount\":3}", "8 id=r clients=3"},
	{RESPONSE, "{\"type\":8,\"requestId\":\"r\",\"clientCount\":-3}", "8 id=r"},
	{RESPONSE, "{\"type\":8,\"requestId\":\"r\",\"clientCount\":1e300}", "8 id=r"},
	{RESPONSE, "{\"type\":9,\"requestId\":\"r\",\"packet\":[1]}", "9 id=r args=[1]"},
	{RESPONSE, "{\"type\":9,\"requestId\":\"r\"}", "9 id=r args=null"},
	{RESPONSE, "{\"type\":9}", NULL},
	{RESPONSE, "{\"requestId\":null}", NULL},
	{RESPONSE, "[\"r\"]", NULL},
};

static void check_message(size_t i, const void *data, size_t n, const char *as)
{
	char *copy = malloc(n ? n : 1); /* ends where it ends */
	struct wire w;
	struct buf told;
	bool good;

	memcpy(copy, data, n);
	good = readers[messages[i].form](&w, copy, n);
	CHECK(good == (messages[i].told != NULL), "%s as %s", messages[i].text, as);
	buf_init(&told, SIZE_MAX / 2);
	if (good) {
		tell_wire(&told, &w);
		CHECK(strcmp(told.data, messages[i].told) == 0, "%s as %s: %s", messages[i].text, as, told.data);
	}
	buf_release(&told);
	wire_release(&w);
	for (size_t cut = 0; cut < n; cut++) { /* whatever is cut short is refused */
		CHECK(!readers[messages[i].form](&w, copy, cut), "%s as %s, %zu bytes", messages[i].text, as, cut);
		wire_release(&w);
	}
	free(copy);
}

static void messages_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(messages); i++) {
		struct slice text = slice_str(messages[i].text);
		struct buf packed;

		buf_init(&packed, SIZE_MAX / 2);
		wire_pack(&packed, text, NULL, 0);
		check_message(i, packed.data, packed.len, "msgpack");
		if (*text.p == '{')
			check_message(i, text.p, text.n, "JSON");
		buf_release(&packed);
	}
}

/* Bytes, as other programs wrote them. */
static const struct {
	enum form form;
	const char *bytes;
	size_t n;
	const char *told;
} raw[] = {
#define RAW(form, bytes, told) {form, bytes, sizeof(bytes) - 1, told}
	/* io.emit("ev", 1) of @socket.io/redis-adapter 8.3.0 */
	RAW(BROADCAST, "\x93\xa6" "abcdef" "\x83\xa4type\x02\xa4" "data\x92\xa2" "ev\x01\xa3nsp\xa1/\x83\xa5rooms\x90\xa6" "except\x90\xa5" "flags\x80",
	    "10 uid=abcdef nsp=/ ev=ev args=1 to:- except:- flags=0/0"),
	/* with bytes */
	RAW(BROADCAST, "\x93\xa1u\x82\xa4type\x02\xa4" "data\x93\xa2" "ev\xc4\x02\x00\xff\x81\xa1x\xc4\x00\x80",
	    "10 uid=u nsp=/ ev=ev args={\"_placeholder\":true,\"num\":0},{\"x\":{\"_placeholder\":true,\"num\":1}} +2 to:- except:- flags=0/0"),
	/* undefined and a key that is a number */
	RAW(BROADCAST, "\x93\xa1u\x82\xa4type\x02\xa4" "data\x92\xa2" "ev\xd4\x00\x00\x81\x05\x01",
	    "10 uid=u nsp=/ ev=ev args=null to:- except:- flags=0/0"),
	RAW(RESPONSE, "\x83\xa4type\x09\xa9requestId\xa1r\xa6packet\xc4\x01z", "9 id=r args={\"_placeholder\":true,\"num\":0} +1"),
	RAW(BROADCAST, "", NULL),
	RAW(BROADCAST, "\xc1", NULL),
	RAW(BROADCAST, "\xdd\xff\xff\xff\xff", NULL),
	RAW(REQUEST, "\xdf\xff\xff\xff\xff", NULL),
	RAW(REQUEST, "\x81\xdb\xff\xff\xff\xff", NULL),
	RAW(REQUEST, "{\"type\":1,\"requestId\":\"r\"}x", NULL),
	RAW(REQUEST, "{\"type\":1,\"requestId\":\"\xff\"}", NULL),
	RAW(RESPONSE, "\x81\xa9requestId\xa1r\x00", NULL), /* something behind it */
};

static void raw_messages_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(raw); i++) {
		struct wire w;
		struct buf told;
		bool good = readers[raw[i].form](&w, raw[i].bytes, raw[i].n);

		CHECK(good == (raw[i].told != NULL), "%zu", i);
		buf_init(&told, SIZE_MAX / 2);
		if (good) {
			tell_wire(&told, &w);
			CHECK(strcmp(told.data, raw[i].told) == 0, "%zu: %s", i, told.data);
		}
		buf_release(&told);
		wire_release(&w);
	}
}

static void nesting(void **state)
{
	static const struct {
		unsigned depth;
		bool good;
	} rows[] = {{1, true}, {LIMIT_JSON_DEPTH - 1, true}, {LIMIT_JSON_DEPTH + 3, false}, {200000, false}};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct buf b;
		struct wire w;

		buf_init(&b, SIZE_MAX / 2);
		buf_adds(&b, "{\"type\":6,\"data\":[\"ev\",");
		for (unsigned k = 0; k < rows[i].depth; k++)
			buf_addc(&b, '[');
		for (unsigned k = 0; k < rows[i].depth; k++)
			buf_addc(&b, ']');
		buf_adds(&b, "]}");
		CHECK(wire_read_request(&w, b.data, b.len) == rows[i].good, "%u", rows[i].depth);
		wire_release(&w);
		buf_release(&b);
	}
}

/* --- writing --- */

static void options_are_written(void **state)
{
	static const char *const list[] = {"b", "c\""}, *const none[] = {NULL};
	struct sio_operator all = {.nsp = NULL};
	struct sio_socket sender = {.id = "me"};
	struct sio_operator from = {.sender = &sender};
	const struct {
		struct sio_operator op;
		const char *want;
	} rows[] = {
		{all, "{\"rooms\":[],\"except\":[],\"flags\":{}}"},
		{sio_to(all, "a"), "{\"rooms\":[\"a\"],\"except\":[],\"flags\":{}}"},
		{sio_to_list(sio_to(all, "a"), list, 2), "{\"rooms\":[\"a\",\"b\",\"c\\\"\"],\"except\":[],\"flags\":{}}"},
		{sio_to_list(all, none, 0), "{\"rooms\":[],\"except\":[],\"flags\":{}}"},
		{sio_except(from, "x"), "{\"rooms\":[],\"except\":[\"x\",\"me\"],\"flags\":{}}"},
		{sio_volatile(sio_compress(sio_transient(all), false)), "{\"rooms\":[],\"except\":[],\"flags\":{\"volatile\":true,\"compress\":false,\"transient\":true}}"},
		{sio_timeout(sio_local(all), 5), "{\"rooms\":[],\"except\":[],\"flags\":{\"timeout\":5}}"},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct buf b;

		buf_init(&b, 1000);
		wire_put_opts(&b, &rows[i].op);
		CHECK(strcmp(b.data, rows[i].want) == 0, "%zu: %s", i, b.data);
		buf_release(&b);
	}
}

static void bytes_in_json(void **state)
{
	static const struct sio_blob blobs[] = {{"\0\377", 2}, {"", 0}};
	static const struct {
		const char *json;
		size_t nblobs;
		const char *want;
	} rows[] = {
		{"", 0, "[]"},
		{"1.10,9007199254740993", 0, "[1.10,9007199254740993]"},
		{"{\"_placeholder\":true,\"num\":0}", 0, "[{\"_placeholder\":true,\"num\":0}]"},
		{"{\"_placeholder\":true,\"num\":0},{\"x\":[{\"num\":1,\"_placeholder\":true}]}", 2,
		 "[{\"type\":\"Buffer\",\"data\":[0,255]},{\"x\":[{\"type\":\"Buffer\",\"data\":[]}]}]"},
		{"{\"x\":\"{\",\"_placeholder\":true,\"num\":0}", 1, "[{\"x\":\"{\",\"\\u005fplaceholder\":true,\"num\":0}]"},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		struct buf b;

		buf_init(&b, 1000);
		wire_put_plain(&b, (struct sio_args){slice_str(rows[i].json), blobs, rows[i].nblobs});
		CHECK(strcmp(b.data, rows[i].want) == 0, "%s: %s", rows[i].json, b.data);
		buf_release(&b);
	}
}

static void names_differ(void **state)
{
	char a[WIRE_ID_LEN + 1], b[WIRE_ID_LEN + 1];

	(void)state;
	wire_id(a);
	wire_id(b);
	assert_int_equal(strlen(a), WIRE_ID_LEN);
	assert_int_equal(strspn(a, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789_-"), WIRE_ID_LEN);
	assert_string_not_equal(a, b);
}

/* --- the connection: this test is Redis --- */

static struct loop *l;
static struct redis *r;
static int listener = -1, commands = -1, messages_fd = -1;
static struct buf seen;

static void on_state(void *user, bool up)
{
	(void)user;
	buf_adds(&seen, up ? "up " : "down ");
}

static void listen_somewhere(char url[64])
{
	struct sockaddr_in at = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t len = sizeof at;

	listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&at, sizeof at), 0);
	assert_int_equal(listen(listener, 8), 0);
	getsockname(listener, (struct sockaddr *)&at, &len);
	snprintf(url, 64, "redis://127.0.0.1:%u", ntohs(at.sin_port));
}

/* Turns the loop until fd has something to say. */
static void await(int fd)
{
	struct pollfd p = {.fd = fd, .events = POLLIN};

	for (int i = 0; i < 500 && poll(&p, 1, 0) == 0; i++)
		loop_turn(l, 10);
	assert_int_equal(poll(&p, 1, 0), 1);
}

static void expect(int fd, const char *want)
{
	char got[512] = "";
	size_t n = 0;

	while (n < strlen(want)) {
		ssize_t more;

		await(fd);
		more = recv(fd, got + n, strlen(want) - n, 0);
		assert_true(more > 0);
		n += (size_t)more;
	}
	assert_string_equal(got, want);
}

static void say(int fd, const char *text)
{
	assert_int_equal(send(fd, text, strlen(text), MSG_NOSIGNAL), (ssize_t)strlen(text));
}

static void turn_until(const char *want)
{
	for (int i = 0; i < 500 && strcmp(seen.data, want) != 0; i++)
		loop_turn(l, 10);
	assert_string_equal(seen.data, want);
	buf_reset(&seen);
}

/* Both connections come; which is which shows when one subscribes. */
static void accept_both(void)
{
	await(listener);
	commands = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	await(listener);
	messages_fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	expect(commands, "*1\r\n$4\r\nPING\r\n");
	expect(messages_fd, "*1\r\n$4\r\nPING\r\n");
}

static void on_told(void *user, const char *channel, size_t nchannel, const char *data, size_t n)
{
	buf_addf(&seen, "%s:%.*s=%.*s ", (const char *)user, (int)nchannel, channel, (int)n, data);
}

static void on_reply(void *user, const struct redisReply *reply)
{
	static const char *const kinds[] = {"nil", "text", "number", "list", "error"};

	buf_addf(&seen, "%s:", (const char *)user);
	if (!reply)
		buf_adds(&seen, "lost ");
	else if (redis_kind(reply) == REDIS_IS_NUMBER)
		buf_addf(&seen, "%lld ", redis_number(reply));
	else if (redis_kind(reply) == REDIS_IS_LIST)
		buf_addf(&seen, "%zu ", redis_count(reply));
	else
		buf_addf(&seen, "%s(%s) ", kinds[redis_kind(reply)], redis_text(reply, NULL));
}

static void put_command(const char *name)
{
	struct redis_word word = redis_word(name);

	assert_int_equal(redis_command(r, on_reply, (void *)(uintptr_t)name, &word, 1), 0);
	loop_turn(l, 0);
}

static void start(void)
{
	struct redis_options o = {.on_state = on_state};
	const char *why;
	char url[64];

	listen_somewhere(url);
	assert_int_equal(loop_new(&l), 0);
	buf_init(&seen, 1 << 20);
	o.url = url;
	assert_int_equal(redis_open(&r, l, &o, &why), 0);
}

static void come_up(void)
{
	accept_both();
	say(commands, "+PONG\r\n");
	say(messages_fd, "+PONG\r\n");
	turn_until("up ");
}

static void stop(void)
{
	redis_free(r);
	close(listener);
	close(commands);
	close(messages_fd);
	loop_turn(l, 0);
	loop_free(l);
	buf_release(&seen);
}

static void commands_are_answered_in_order(void **state)
{
	(void)state;
	start();
	assert_int_equal(redis_command(r, on_reply, NULL, &(struct redis_word){"X", 1}, 1), -ENOTCONN);
	come_up();
	put_command("A");
	put_command("B");
	put_command("C");
	put_command("D");
	put_command("E");
	expect(commands, "*1\r\n$1\r\nA\r\n*1\r\n$1\r\nB\r\n*1\r\n$1\r\nC\r\n");
	say(commands, "$-1\r\n:4");
	turn_until("A:nil() ");
	say(commands, "2\r\n-ERR no\r\n*2\r\n$1\r\nx\r\n:1\r\n$2\r\nok\r\n");
	turn_until("B:42 C:error(ERR no) D:2 E:text(ok) ");
	put_command("F");
	redis_free(r);
	r = NULL;
	turn_until("F:lost ");
	stop();
}

static void subscriptions_outlive_the_connection(void **state)
{
	(void)state;
	start();
	redis_subscribe(r, "one", false, on_told, (void *)(uintptr_t)"1");
	redis_subscribe(r, "p*", true, on_told, (void *)(uintptr_t)"2");
	accept_both();
	say(commands, "+PONG\r\n");
	say(messages_fd, "+PONG\r\n");
	expect(messages_fd, "*2\r\n$9\r\nSUBSCRIBE\r\n$3\r\none\r\n*2\r\n$10\r\nPSUBSCRIBE\r\n$2\r\np*\r\n");
	assert_false(redis_is_up(r));
	say(messages_fd, "*3\r\n$9\r\nsubscribe\r\n$3\r\none\r\n:1\r\n*3\r\n$10\r\npsubscribe\r\n$2\r\np*\r\n:2\r\n");
	turn_until("up ");
	say(messages_fd, "*3\r\n$7\r\nmessage\r\n$3\r\none\r\n$2\r\nhi\r\n*4\r\n$8\r\npmessage\r\n$2\r\np*\r\n$2\r\npq\r\n$0\r\n\r\n*3\r\n$7\r\nmessage\r\n$3\r\ntwo\r\n$2\r\nhi\r\n");
	turn_until("1:one=hi 2:pq= ");
	redis_unsubscribe(r, "one", false);
	loop_turn(l, 0);
	expect(messages_fd, "*2\r\n$11\r\nUNSUBSCRIBE\r\n$3\r\none\r\n");
	say(messages_fd, "*3\r\n$7\r\nmessage\r\n$3\r\none\r\n$2\r\nhi\r\n*4\r\n$8\r\npmessage\r\n$2\r\np*\r\n$1\r\np\r\n$1\r\nx\r\n");
	turn_until("2:p=x ");
	put_command("A");
	close(messages_fd);
	turn_until("down "); /* the other one is not lost */
	redis_subscribe(r, "three", false, on_told, (void *)(uintptr_t)"3");
	await(listener);
	messages_fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
	expect(messages_fd, "*1\r\n$4\r\nPING\r\n");
	say(messages_fd, "+PONG\r\n");
	expect(messages_fd, "*2\r\n$10\r\nPSUBSCRIBE\r\n$2\r\np*\r\n*2\r\n$9\r\nSUBSCRIBE\r\n$5\r\nthree\r\n");
	say(messages_fd, "*3\r\n$10\r\npsubscribe\r\n$2\r\np*\r\n:1\r\n*3\r\n$9\r\nsubscribe\r\n$5\r\nthree\r\n:2\r\n");
	turn_until("up ");
	say(commands, "+yes\r\n");
	turn_until("A:text(yes) ");
	stop();
}

/* What a Redis, or who stands in its place, may say: the connection ends, and nothing else does. */
static void nonsense_ends_the_connection(void **state)
{
	static const struct {
		bool subscriber;
		const char *text;
	} rows[] = {
		{false, "+nobody asked\r\n"}, {false, "junk\r\n"}, {false, "*99999999999999999999\r\n"}, {false, "$-7\r\n"},
		{false, "*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n*1\r\n:1\r\n"}, {true, "-ERR not allowed\r\n"}, {true, "junk\r\n"},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		start();
		come_up();
		say(rows[i].subscriber ? messages_fd : commands, rows[i].text);
		turn_until("down ");
		stop();
	}
}

/* Strange, and harmless. */
static void odd_messages_mean_nothing(void **state)
{
	(void)state;
	start();
	redis_subscribe(r, "x", false, on_told, (void *)(uintptr_t)"1");
	accept_both();
	say(commands, "+PONG\r\n");
	say(messages_fd, "+PONG\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n");
	turn_until("up ");
	say(messages_fd, "*0\r\n*1\r\n$7\r\nmessage\r\n*2\r\n$7\r\nmessage\r\n$1\r\nx\r\n*3\r\n:1\r\n:2\r\n:3\r\n:7\r\n$-1\r\n*3\r\n$7\r\nmessage\r\n:1\r\n*0\r\n"
	                 "*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$1\r\ny\r\n");
	turn_until("1:x=y ");
	stop();
}

static void free_inside(void *user, const char *channel, size_t nchannel, const char *data, size_t n)
{
	(void)user;
	(void)channel;
	(void)nchannel;
	(void)data;
	(void)n;
	redis_free(r);
	r = NULL;
	buf_adds(&seen, "freed ");
}

static void freed_by_a_handler(void **state)
{
	(void)state;
	start();
	redis_subscribe(r, "x", false, free_inside, NULL);
	accept_both();
	say(commands, "+PONG\r\n");
	say(messages_fd, "+PONG\r\n*3\r\n$9\r\nsubscribe\r\n$1\r\nx\r\n:1\r\n");
	turn_until("up ");
	say(messages_fd, "*3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$1\r\ny\r\n*3\r\n$7\r\nmessage\r\n$1\r\nx\r\n$1\r\nz\r\n");
	turn_until("freed ");
	stop();
}

static void freed_on_the_way_up(void **state)
{
	static const char *const urls_of_names[] = {"redis://localhost:1", "redis://no-such-name.invalid", "redis://127.0.0.1:1", "unix:///nowhere"};

	(void)state;
	for (size_t i = 0; i < ROWS(urls_of_names); i++) {
		struct redis_options o = {.url = urls_of_names[i], .on_state = on_state};
		const char *why;

		for (int turns = 0; turns < 4; turns++) {
			assert_int_equal(loop_new(&l), 0);
			buf_init(&seen, 1000);
			assert_int_equal(redis_open(&r, l, &o, &why), 0);
			for (int k = 0; k < turns; k++)
				loop_turn(l, 5);
			redis_free(r);
			loop_turn(l, 0);
			loop_free(l);
			assert_string_equal(seen.data, "");
			buf_release(&seen);
		}
	}
	redis_free(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(addresses),
		cmocka_unit_test(messages_are_read),
		cmocka_unit_test(raw_messages_are_read),
		cmocka_unit_test(nesting),
		cmocka_unit_test(options_are_written),
		cmocka_unit_test(bytes_in_json),
		cmocka_unit_test(names_differ),
		cmocka_unit_test(commands_are_answered_in_order),
		cmocka_unit_test(subscriptions_outlive_the_connection),
		cmocka_unit_test(nonsense_ends_the_connection),
		cmocka_unit_test(odd_messages_mean_nothing),
		cmocka_unit_test(freed_by_a_handler),
		cmocka_unit_test(freed_on_the_way_up),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
