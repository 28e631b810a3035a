/* test_engineio_packet.c: Engine.IO payloads of both protocols, JSONP, requests, and offers of compression. */
#include "check.h"

#include "engineio/engine.h"
#include "engineio/packet.h"

#include <errno.h>
#include <stdlib.h>

/* --- payloads --- */

/* What was told, as text: `type:data;`, and B: before the data of a binary one. */
static bool tell(void *user, const struct packet *p)
{
	struct buf *out = user;

	assert_int_equal(p->data[p->n], '\0');
	if (p->binary)
		buf_addc(out, 'B');
	buf_addc(out, p->type);
	buf_addc(out, ':');
	for (size_t i = 0; i < p->n; i++) {
		if (p->binary || (unsigned char)p->data[i] < 0x20)
			buf_addf(out, "<%02x>", (unsigned)(unsigned char)p->data[i]);
		else
			buf_addc(out, p->data[i]);
	}
	buf_addc(out, ';');
	return strncmp(p->data, "stop", 4) != 0;
}

typedef bool decode_fn(char *body, size_t n, packet_fn *fn, void *user);

static const struct row {
	decode_fn *decode;
	const char *body;
	size_t n;              /* 0: its strlen */
	bool good;
	const char *told;
} rows[] = {
	{packet_decode_v4, "4hello", 0, true, "4:hello;"},
	{packet_decode_v4, "4a\x1e" "2\x1e" "4b", 0, true, "4:a;2:;4:b;"},
	{packet_decode_v4, "bAQID", 0, true, "B4:<01><02><03>;"},
	{packet_decode_v4, "bAQI=\x1e" "4€", 0, true, "B4:<01><02>;4:€;"},
	{packet_decode_v4, "b", 0, true, "B4:;"},
	{packet_decode_v4, "bAQ\r\nID\r\n", 0, true, "B4:<01><02><03>;"}, /* broken into lines */
	{packet_decode_v4, "b_-8", 0, true, "B4:<ff><ef>;"},
	{packet_decode_v4, "bAQ==AQ", 0, true, "B4:<01>;"},
	{packet_decode_v4, "bAQIDB", 0, true, "B4:<01><02><03>;"},
	{packet_decode_v4, "b!€", 0, true, "B4:;"},
	{packet_decode_v4, "b=", 0, true, "B4:;"},
	{packet_decode_v4, "4\0a", 3, true, "4:<00>a;"},
	{packet_decode_v4, "4stop\x1e" "junk", 0, true, "4:stop;"},
	{packet_decode_v4, "", 0, false, ""},
	{packet_decode_v4, "4a\x1e", 0, false, "4:a;"},
	{packet_decode_v4, "\x1e" "4a", 0, false, ""},
	{packet_decode_v4, "4a\x1e\x1e" "4b", 0, false, "4:a;"},
	{packet_decode_v4, "4a\x1e" "7\x1e" "4b", 0, false, "4:a;"},
	{packet_decode_v4, "x", 0, false, ""},
	{packet_decode_v4, "4\xff", 0, false, ""},

	{packet_decode_v3_text, "6:4hello", 0, true, "4:hello;"},
	{packet_decode_v3_text, "2:4a1:22:4b", 0, true, "4:a;2:;4:b;"},
	{packet_decode_v3_text, "2:4€3:4😀", 0, true, "4:€;4:😀;"}, /* lengths are UTF-16 units */
	{packet_decode_v3_text, "10:b4AQIDBAUG", 0, true, "B4:<01><02><03><04><05><06>;"},
	{packet_decode_v3_text, "2:b4", 0, true, "B4:;"},
	{packet_decode_v3_text, "7:b4AQ\nI=", 0, true, "B4:<01><02>;"},
	{packet_decode_v3_text, "", 0, false, ""},
	{packet_decode_v3_text, "0:", 0, false, ""},
	{packet_decode_v3_text, ":4", 0, false, ""},
	{packet_decode_v3_text, "5:4a", 0, false, ""},
	{packet_decode_v3_text, "2:4a3:4b", 0, false, "4:a;"},
	{packet_decode_v3_text, "2:4😀", 0, false, ""}, /* ends inside a character */
	{packet_decode_v3_text, "2", 0, false, ""},
	{packet_decode_v3_text, "-1:4a", 0, false, ""},
	{packet_decode_v3_text, "99999999999999999999:4a", 0, false, ""},
	{packet_decode_v3_text, "2:9a", 0, false, ""},
	{packet_decode_v3_text, "2:b3", 0, false, ""},
	{packet_decode_v3_text, "1:b", 0, false, ""},

	{packet_decode_v3_binary, "\0\2\xff" "4a", 5, true, "4:a;"},
	{packet_decode_v3_binary, "\1\3\xff\4\1\2", 6, true, "B4:<01><02>;"},
	{packet_decode_v3_binary, "\1\1\xff\4", 4, true, "B4:;"},
	{packet_decode_v3_binary, "\0\2\xff" "4a\1\2\xff\4\x07", 10, true, "4:a;B4:<07>;"},
	{packet_decode_v3_binary, "\0\1\2\xff" "4hello world", 16, true, "4:hello world;"},
	{packet_decode_v3_binary, "", 0, false, ""},
	{packet_decode_v3_binary, "\2\2\xff" "4a", 5, false, ""},
	{packet_decode_v3_binary, "\0\2" "4a", 4, false, ""},
	{packet_decode_v3_binary, "\0\xff" "4a", 4, false, ""},
	{packet_decode_v3_binary, "\0\3\xff" "4a", 5, false, ""},
	{packet_decode_v3_binary, "\0\2\xff" "4\xff", 5, false, ""},
	{packet_decode_v3_binary, "\1\2\xff\3a", 5, false, ""},
	{packet_decode_v3_binary, "\0\x0a\xff" "4a", 5, false, ""},
	{packet_decode_v3_binary, "\0\0\xff", 3, false, ""},
};

static void payloads_are_read(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		size_t n = rows[i].n ? rows[i].n : strlen(rows[i].body);
		char *body = malloc(n + 1);
		struct buf told;
		bool good;

		memcpy(body, rows[i].body, n);
		body[n] = '\0';
		buf_init(&told, 4096);
		good = rows[i].decode(body, n, tell, &told);
		CHECK(good == rows[i].good && strcmp(told.data, rows[i].told) == 0, "%zu %s: told %s", i, rows[i].body, told.data);
		buf_release(&told);
		free(body);
	}
}

/* A good payload that is cut short is told in part at most, and never more than was there. */
static void payloads_cut_short(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		size_t n = rows[i].n ? rows[i].n : strlen(rows[i].body);

		for (size_t k = 0; rows[i].good && k < n; k++) {
			char *body = malloc(k + 1);
			struct buf told;

			memcpy(body, rows[i].body, k);
			buf_init(&told, 4096);
			rows[i].decode(body, k, tell, &told);
			CHECK(told.len <= strlen(rows[i].told), "%zu cut to %zu: %s", i, k, told.data);
			buf_release(&told);
			free(body);
		}
	}
}

static void payloads_are_written(void **state)
{
	static const struct {
		void (*encode)(struct buf *, const void *, size_t, bool);
		decode_fn *decode;
	} forms[] = {
		{packet_encode_v4, packet_decode_v4},
		{packet_encode_v3_text, packet_decode_v3_text},
		{packet_encode_v3_binary, packet_decode_v3_binary},
	};
	static const char expected[] = "4:;4:héllo 😀;B4:<00><ff><04>;2:probe;B4:;";

	(void)state;
	for (size_t i = 0; i < ROWS(forms); i++) {
		struct buf b, told;

		buf_init(&b, 4096);
		buf_init(&told, 4096);
		forms[i].encode(&b, "4", 1, false);
		forms[i].encode(&b, "4héllo 😀", strlen("4héllo 😀"), false);
		forms[i].encode(&b, "\0\xff\4", 3, true);
		forms[i].encode(&b, "2probe", 6, false);
		forms[i].encode(&b, "", 0, true);
		CHECK(forms[i].decode(b.data, b.len, tell, &told) && strcmp(told.data, expected) == 0, "%zu: %s", i, told.data);
		buf_release(&b);
		buf_release(&told);
	}
}

/* --- JSONP --- */

static void jsonp(void **state)
{
	static const struct {
		const char *form, *payload; /* NULL: none */
	} in[] = {
		{"d=2%3A4a", "2:4a"},
		{"d=4%3A4+b+", "4:4 b "},
		{"d=1%3A%5Cn", "1:\n"},
		{"d=1%3A%5C%5Cn", "1:\\n"},
		{"d=a&e=b", "a"},
		{"d=", ""},
		{"d=%4", "%4"},
		{"d=%zz", "%zz"},
		{"x=1", NULL},
		{"d", NULL},
		{"", NULL},
	};
	struct buf b;

	(void)state;
	for (size_t i = 0; i < ROWS(in); i++) {
		bool good;

		buf_init(&b, 256);
		buf_adds(&b, in[i].form);
		good = packet_unwrap_jsonp(&b);
		CHECK(good == (in[i].payload != NULL) && (!good || strcmp(b.data, in[i].payload) == 0), "%s: %s", in[i].form, b.data);
		buf_release(&b);
	}
	buf_init(&b, 256);
	packet_wrap_jsonp(&b, "12", "4\"\\\n\xe2\x80\xa8\xe2\x80\xa9\xe2\x82\xac", 13);
	assert_string_equal(b.data, "___eio[12](\"4\\\"\\\\\\n\\u2028\\u2029€\");");
	buf_release(&b);
}

/* --- requests --- */

static void requests_are_read(void **state)
{
	static const struct {
		const char *target, *name, *value; /* value NULL: there is none */
	} queries[] = {
		{"/x?EIO=4&transport=polling", "EIO", "4"},
		{"/x?EIO=4&transport=polling", "transport", "polling"},
		{"/x?a=1&a=2", "a", "2"},
		{"/x?a=%41%2b+%zz%4", "a", "A+ %zz%4"},
		{"/x?a=%00b", "a", "%00b"},
		{"/x?%61=1", "a", "1"},
		{"/x?a", "a", ""},
		{"/x?a=", "a", ""},
		{"/x?=1&&a=b=c&", "a", "b=c"},
		{"/x?", "a", NULL},
		{"/x", "a", NULL},
		{"/x?__proto__=1", "__proto__", "1"},
	};
	static const struct eio_pair headers[] = {{"Upgrade", "h2c, WebSocket"}, {"X-A", "1 \t"}, {"x-a", "2"}, {"Connection", "keep-alive, Upgrade"}};

	(void)state;
	for (size_t i = 0; i < ROWS(queries); i++) {
		struct eio_request *r = eio_request_new("GET", queries[i].target, "::1", false, headers, ROWS(headers));
		const char *value = eio_request_query(r, queries[i].name);

		CHECK(queries[i].value ? value && strcmp(value, queries[i].value) == 0 : !value, "%s: %s", queries[i].target, value ? value : "none");
		assert_true(r->upgrade);
		assert_string_equal(eio_request_header(r, "x-a"), "1");
		assert_null(eio_request_header(r, "X-A"));
		assert_string_equal(r->target, queries[i].target);
		eio_request_unref(r);
	}
}

static void a_query_has_so_many_parts(void **state)
{
	struct eio_request *r;
	struct buf b;

	(void)state;
	buf_init(&b, 1 << 20);
	buf_adds(&b, "/?");
	for (int i = 0; i < 10000; i++)
		buf_addf(&b, "k%d=%d&", i, i);
	r = eio_request_new("GET", b.data, "", false, NULL, 0);
	assert_true(r->nquery < 100);
	assert_string_equal(eio_request_query(r, "k3"), "3");
	eio_request_unref(r);
	buf_release(&b);
}

static void headers_keep_lines_apart(void **state)
{
	struct eio_headers *h = eio_headers_new();

	(void)state;
	eio_headers_add(h, "a", "1\r\nb: 2");
	eio_headers_add(h, "a\n", "1");
	eio_headers_add(h, "c", "3");
	assert_int_equal(eio_headers_list(h)->n, 1);
	assert_string_equal(eio_headers_list(h)->at[0].value, "3");
	eio_headers_free(h);
}

static void websocket_keys(void **state)
{
	char accept[29];

	(void)state;
	ws_accept_key("dGhlIHNhbXBsZSBub25jZQ==", accept); /* RFC 6455 1.3 */
	assert_string_equal(accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

/* --- permessage-deflate --- */

static void offers(void **state)
{
	static const char plain[] = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";
	static const char fifteen[] = "permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=15";
	static const struct {
		const char *offer, *answer;
	} table[] = {
		{NULL, NULL},
		{"", NULL},
		{"permessage-deflate", plain},
		{"Permessage-Deflate ; client_max_window_bits", plain},
		{"permessage-deflate; client_max_window_bits=10", plain},
		{"permessage-deflate; client_max_window_bits=\"8\"", plain},
		{"permessage-deflate; server_no_context_takeover; client_no_context_takeover", plain},
		{"permessage-deflate; server_max_window_bits=15", fifteen},
		{"permessage-deflate; server_max_window_bits=10", NULL},
		{"permessage-deflate; server_max_window_bits=10, permessage-deflate", plain},
		{"x-other, permessage-deflate", plain},
		{"x-other; a=b", NULL},
		{"permessage-deflate-more", NULL},
		{"permessage-deflat", NULL},
		{"permessage-deflate; unknown", NULL},
		{"permessage-deflate; server_max_window_bits", NULL},
		{"permessage-deflate; server_max_window_bits=", NULL},
		{"permessage-deflate; server_max_window_bits=7", NULL},
		{"permessage-deflate; server_max_window_bits=16", NULL},
		{"permessage-deflate; server_max_window_bits=015", NULL},
		{"permessage-deflate; server_no_context_takeover=1", NULL},
		{"permessage-deflate; client_max_window_bits; client_max_window_bits", NULL},
		{"permessage-deflate;", NULL},
		{",,permessage-deflate", plain},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(table); i++) {
		const char *answer = deflate_answer(table[i].offer);

		CHECK(answer && table[i].answer ? strcmp(answer, table[i].answer) == 0 : answer == table[i].answer, "%s: %s", table[i].offer,
		      answer ? answer : "declined");
	}
}

static void compressed_both_ways(void **state)
{
	static char text[100000];
	struct eio_frame *f, *small;
	struct buf out;

	(void)state;
	for (size_t i = 0; i < sizeof text; i++)
		text[i] = "vedette "[i % 8];
	f = eio_frame_of(text, sizeof text, false);
	small = deflate_frame(f);
	assert_true(small != f && small->len < 1000);
	assert_ptr_equal(deflate_frame(f), small); /* once for everyone */
	buf_init(&out, sizeof text + 1);
	assert_int_equal(deflate_inflate(&out, frame_payload(small), small->len), 0);
	assert_int_equal(out.len, sizeof text + 1); /* the packet's type stands before it */
	assert_memory_equal(out.data + 1, text, sizeof text);
	buf_release(&out);
	buf_init(&out, 5000); /* a bomb stops at the ceiling */
	assert_int_equal(deflate_inflate(&out, frame_payload(small), small->len), -EMSGSIZE);
	assert_true(out.len <= 5000);
	buf_release(&out);
	eio_frame_unref(f);
	f = eio_frame_of("abc", 3, true);
	assert_ptr_equal(deflate_frame(f), f); /* not smaller */
	eio_frame_unref(f);
}

static void junk_is_not_inflated(void **state)
{
	static const char *const junk[] = {"\xff\xff\xff\xff", "\x07", "abcdefgh"};
	struct buf out;

	(void)state;
	for (size_t i = 0; i < ROWS(junk); i++) {
		buf_init(&out, 1000);
		CHECK(deflate_inflate(&out, junk[i], strlen(junk[i])) != 0, "%zu", i);
		buf_release(&out);
	}
	buf_init(&out, 1000);
	assert_int_equal(deflate_inflate(&out, "\xf2\x48\xcd\xc9\xc9\x07\x00", 7), 0); /* RFC 7692 7.2.3.1 */
	assert_string_equal(out.data, "Hello");
	buf_release(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(payloads_are_read),
		cmocka_unit_test(payloads_cut_short),
		cmocka_unit_test(payloads_are_written),
		cmocka_unit_test(jsonp),
		cmocka_unit_test(requests_are_read),
		cmocka_unit_test(a_query_has_so_many_parts),
		cmocka_unit_test(headers_keep_lines_apart),
		cmocka_unit_test(websocket_keys),
		cmocka_unit_test(offers),
		cmocka_unit_test(compressed_both_ways),
		cmocka_unit_test(junk_is_not_inflated),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
