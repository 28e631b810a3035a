/* test_socketio_packet.c: Socket.IO packets, their placeholders, lists of arguments, and the msgpack parser. */
#include "check.h"

#include "socketio/sio.h"

#include <stdlib.h>

/* --- the default parser --- */

static const struct {
	const char *text;
	const char *told;      /* type namespace [id] name args; NULL: it is none */
} packets[] = {
	{"0", "0 / - || |"},
	{"0{}", "0 / - || |"},
	{"0/admin,", "0 /admin - || |"},
	{"0/admin", "0 /admin - || |"},
	{"0/a?b=c,{\"t\":1}", "0 /a?b=c - || |"},
	{"1", "1 / - || |"},
	{"1/a,", "1 /a - || |"},
	{"2[\"a\"]", "2 / - |\"a\"| |"},
	{"2", "2 / - || |"},
	{"2[\"a\",1,{\"b\":[2]}]", "2 / - |\"a\"|1,{\"b\":[2]} |"},
	{"2 [ \"a\" , 1 , 2 ] ", "2 / 0 |\"a\"|1 , 2 |"},
	{"2[1,2]", "2 / - |1|2 |"},
	{"2/n,12[\"a\",\"]\"]", "2 /n 12 |\"a\"|\"]\" |"},
	{"2007[\"a\"]", "2 / 7 |\"a\"| |"},
	{"2 7[\"a\"]", "2 / 7 |\"a\"| |"},
	{"2\t7\n[\"a\"]", "2 / 7 |\"a\"| |"},
	{"2/n, [\"a\"]", "2 /n 0 |\"a\"| |"},
	{"1 ", "1 / 0 || |"},
	{"2 1 2[\"a\"]", NULL},
	{"218446744073709551615[\"a\"]", "2 / 18446744073709551615 |\"a\"| |"},
	{"299999999999999999999999[\"a\"]", "2 / 18446744073709551615 |\"a\"| |"},
	{"3[1]", "3 / - ||1 |"},
	{"35[]", "3 / 5 || |"},
	{"4\"x\"", "4 / - || |"},
	{"4{}", "4 / - || |"},
	{"51-[\"a\",{\"_placeholder\":true,\"num\":0}]", "2 / - |\"a\"|{\"_placeholder\":true,\"num\":0} | +1"},
	{"510-/n,3[\"a\"]", "2 /n 3 |\"a\"| | +10"},
	{"61-0[1]", "3 / 0 ||1 | +1"},
	{"501-[\"a\"]", "2 / - |\"a\"| | +1"},
	{"2[\"conn\\u0065ct\"]", NULL},
	{"2[\"a\\u0000\"]", "2 / - |\"a\\u0000\"| |"},
	{"", NULL}, {"7", NULL}, {"x", NULL}, {"-1", NULL}, {" 2[\"a\"]", NULL},
	{"0[]", NULL}, {"0\"a\"", NULL}, {"0null", NULL}, {"1{}", NULL}, {"1[]", NULL},
	{"2{}", NULL}, {"2[]", NULL}, {"2\"a\"", NULL}, {"2[null]", NULL}, {"2[{}]", NULL}, {"2[[\"a\"]]", NULL}, {"2[true]", NULL},
	{"2[\"a\"", NULL}, {"2[\"a\"]]", NULL}, {"2[\"a\"]x", NULL}, {"2[\"a\",]", NULL}, {"2[\"\x80\"]", NULL},
	{"2[\"connect\"]", NULL}, {"2[\"connect_error\"]", NULL}, {"2[\"disconnect\"]", NULL}, {"2[\"disconnecting\"]", NULL},
	{"2[\"newListener\"]", NULL}, {"2[\"removeListener\"]", NULL},
	{"3{}", NULL}, {"3\"a\"", NULL}, {"4[]", NULL}, {"41", "4 / 1 || |"},
	{"5[\"a\"]", NULL}, {"5-[\"a\"]", NULL}, {"50-[\"a\"]", NULL}, {"511-[\"a\"]", NULL}, {"51[\"a\"]", NULL}, {"51", NULL}, {"51-{}", NULL},
	{"599999999999999999999-[\"a\"]", NULL}, {"6a-[]", NULL},
};

static void put_packet(struct buf *out, const struct sio_packet *p)
{
	buf_addf(out, "%d %.*s ", (int)p->type, (int)p->nsp.n, p->nsp.p);
	if (p->has_id)
		buf_addu(out, p->id);
	else
		buf_addc(out, '-');
	buf_addf(out, " |%.*s|%.*s |", (int)p->name.n, p->name.n ? p->name.p : "", (int)p->args.n, p->args.n ? p->args.p : "");
	if (p->attachments)
		buf_addf(out, " +%u", p->attachments);
}

static bool decode_copy(const char *text, size_t n, struct buf *told)
{
	char *copy = malloc(n ? n : 1);
	struct sio_packet p;
	bool good;

	memcpy(copy, text, n);
	good = packet_decode(copy, n, &p);
	if (good)
		put_packet(told, &p);
	free(copy);
	return good;
}

static void packets_are_read(void **state)
{
	struct buf told;

	(void)state;
	buf_init(&told, 4096);
	for (size_t i = 0; i < ROWS(packets); i++) {
		bool good;
		const char *want = packets[i].told;

		buf_reset(&told);
		told.data[0] = '\0';
		good = decode_copy(packets[i].text, strlen(packets[i].text), &told);
		CHECK(good == (want != NULL), "%s", packets[i].text);
		CHECK(!good || strcmp(told.data, want) == 0, "%s: %s", packets[i].text, told.data);
		for (size_t k = 0; k < strlen(packets[i].text); k++) /* cut short: no look behind its end */
			decode_copy(packets[i].text, k, &told);
	}
	assert_false(decode_copy("2[\"a\"]\0", 7, &told));
	buf_release(&told);
}

static void placeholders(void **state)
{
	static const struct {
		const char *json;
		size_t n;
		bool fit;
	} rows[] = {
		{"{\"_placeholder\":true,\"num\":0}", 1, true},
		{"{\"num\":0,\"_placeholder\":true}", 1, true},
		{" { \"_placeholder\" : true , \"num\" : 0 } ", 1, true},
		{"{\"_\\u0070laceholder\":true,\"num\":0}", 1, true},
		{"1,{\"_placeholder\":true,\"num\":1},\"x\"", 2, true},
		{"{\"_placeholder\":true,\"num\":1}", 1, false},
		{"{\"_placeholder\":true,\"num\":-1}", 1, false},
		{"{\"_placeholder\":true,\"num\":0.5}", 1, false},
		{"{\"_placeholder\":true,\"num\":1e99}", 1, false},
		{"{\"_placeholder\":true,\"num\":\"0\"}", 1, false},
		{"{\"_placeholder\":true,\"num\":[0]}", 1, false},
		{"{\"_placeholder\":true}", 1, false},
		{"{\"_placeholder\":true,\"num\":0,\"num\":5}", 1, false},
		{"{\"_placeholder\":true,\"num\":5,\"num\":0}", 1, true},
		{"{\"_placeholder\":true,\"_placeholder\":false}", 1, true},
		{"{\"_placeholder\":\"true\"}", 1, true},
		{"{\"_placeholder\":[true]}", 1, true},
		{"{\"_placeholder\":{\"x\":true}}", 1, true},
		{"[\"_placeholder\",true]", 1, true},
		{"{\"a\":[{\"b\":{\"_placeholder\":true,\"num\":9}}]}", 9, false},
		{"{\"a\":\"{\\\"_placeholder\\\":true}\"}", 1, true},
		{"", 1, true},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++)
		CHECK(packet_placeholders_fit(slice_str(rows[i].json), rows[i].n) == rows[i].fit, "%s", rows[i].json);
}

static void heads_are_written(void **state)
{
	static const uint64_t seven = 7;
	struct buf b;

	(void)state;
	buf_init(&b, 100);
	packet_put_head(&b, PACKET_EVENT, 0, "/", NULL);
	buf_addc(&b, ' ');
	packet_put_head(&b, PACKET_EVENT, 2, "/a", &seven);
	buf_addc(&b, ' ');
	packet_put_head(&b, PACKET_ACK, 1, "/", &seven);
	assert_string_equal(b.data, "2 52-/a,7 61-7");
	buf_release(&b);
}

/* --- lists of arguments --- */

static void arguments_are_taken_apart(void **state)
{
	struct sio_blob blob = {"\1\2", 2}, got;
	struct sio_args a = {slice_str("1 , \"a\\nb\" , {\"_placeholder\":true,\"num\":0}, [3,4]"), &blob, 1};
	struct slice v;
	struct buf b;
	double d;

	(void)state;
	buf_init(&b, 100);
	assert_int_equal(sio_args_count(a), 4);
	assert_int_equal(sio_args_count(sio_none()), 0);
	assert_true(sio_args_number(a, 0, &d) && d == 1);
	assert_false(sio_args_number(a, 1, &d));
	assert_true(sio_args_string(a, 1, &b));
	assert_string_equal(b.data, "a\nb");
	assert_false(sio_args_string(a, 0, &b));
	assert_true(sio_args_binary(a, 2, &got) && got.data == blob.data && got.n == 2);
	assert_false(sio_args_binary(a, 3, &got));
	assert_true(sio_args_at(a, 3, &v) && slice_is(v, "[3,4]"));
	assert_false(sio_args_at(a, 4, &v));
	a.nblobs = 0; /* then it is plain data */
	assert_false(sio_args_binary(a, 2, &got));
	buf_release(&b);
}

static void arguments_are_put_together(void **state)
{
	struct sio_blob blobs[2] = {{"x", 1}, {"yy", 2}};
	struct sio_args more = {slice_str("{ \"num\": 1, \"_placeholder\" : true},{\"num\":7},{\"_placeholder\":true,\"num\":0}"), blobs, 2};
	struct sio_builder b;
	struct sio_args a;

	(void)state;
	sio_builder_init(&b);
	sio_add_string(&b, "a\"b");
	sio_add_number(&b, 1.5);
	sio_add_bool(&b, false);
	sio_add_json(&b, slice_str("[]"));
	sio_add_binary(&b, "\0z", 2);
	sio_add_all(&b, more);
	sio_add_all(&b, sio_none());
	a = sio_built(&b);
	assert_string_equal(b.json.data, "\"a\\\"b\",1.5,false,[],{\"_placeholder\":true,\"num\":0},"
	                                 "{ \"num\": 2, \"_placeholder\" : true},{\"num\":7},{\"_placeholder\":true,\"num\":1}");
	assert_int_equal(a.nblobs, 3);
	assert_memory_equal(a.blobs[2].data, "yy", 2);
	assert_true(a.blobs[2].data != blobs[1].data);
	sio_builder_release(&b);
}

static void placeholders_are_spelled_plainly(void **state)
{
	static const struct {
		const char *json, *plain;
	} rows[] = {
		{"[\"a\",{\"\\u005fplaceholder\":true,\"num\":0}]", "[\"a\",{\"_placeholder\"     :true,\"num\":0}]"},
		{"{\"_placeh\\u006flder\" : true}", "{\"_placeholder\"      : true}"},
		{"[\"\\\"_placeholder\"]", "[\"\\\"_placeholder\"]"},
		{"{\"_placeholder\":\"\\n\"}", "{\"_placeholder\":\"\\n\"}"},
	};

	(void)state;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char *text = strdup(rows[i].json);

		packet_spell_placeholders(text, strlen(text));
		CHECK(strcmp(text, rows[i].plain) == 0, "%s: %s", rows[i].json, text);
		free(text);
	}
}

/* --- msgpack: what notepack.io 3 writes --- */

static void hex_text(struct buf *out, const struct buf *b)
{
	buf_reset(out);
	for (size_t i = 0; i < b->len; i++)
		buf_addf(out, "%02x", (unsigned)(unsigned char)b->data[i]);
}

static size_t from_hex(unsigned char *out, const char *hex)
{
	size_t n = 0;
	unsigned byte;

	for (; sscanf(hex, "%2x", &byte) == 1; hex += 2)
		out[n++] = (unsigned char)byte;
	return n;
}

/* Values in between of [ and ] of an acknowledgement. */
static const struct {
	const char *json, *hex;
} golden[] = {
	{"0", "00"}, {"1", "01"}, {"127", "7f"}, {"128", "cc80"}, {"255", "ccff"}, {"256", "cd0100"}, {"65535", "cdffff"},
	{"65536", "ce00010000"}, {"4294967295", "ceffffffff"}, {"4294967296", "cf0000000100000000"},
	{"9007199254740991", "cf001fffffffffffff"}, {"9007199254740993", "cf0020000000000001"},
	{"18446744073709551615", "cfffffffffffffffff"}, {"18446744073709551616", "cb43f0000000000000"}, {"-0", "00"}, {"1e3", "cd03e8"}, {"1.0", "01"},
	{"-9223372036854775808", "d38000000000000000"}, {"-9223372036854775809", "d38000000000000000"}, {"-9007199254740993", "d3ffdfffffffffffff"},
	{"-1", "ff"}, {"-32", "e0"}, {"-33", "d0df"}, {"-128", "d080"}, {"-129", "d1ff7f"},
	{"-32768", "d18000"}, {"-32769", "d2ffff7fff"}, {"-2147483648", "d280000000"}, {"-2147483649", "d3ffffffff7fffffff"},
	{"1.5", "cb3ff8000000000000"}, {"-0.1", "cbbfb999999999999a"},
	{"true", "c3"}, {"false", "c2"}, {"null", "c0"}, {"\"\"", "a0"}, {"\"abc\"", "a3616263"}, {"\"é€😀\"", "a9c3a9e282acf09f9880"},
	{"\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"", "bf78787878787878787878787878787878787878787878787878787878787878"},
	{"\"xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx\"", "d9207878787878787878787878787878787878787878787878787878787878787878"},
	{"[]", "90"}, {"[1,\"a\",null]", "9301a161c0"}, {"{}", "80"}, {"{\"a\":1,\"b\":[true]}", "82a16101a16291c3"},
	{"[0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15]", "dc0010000102030405060708090a0b0c0d0e0f"},
	{"\"\\u0031970-01-01T00:00:01.125Z\"", "d7000000000000000465"}, {"\"\\u0031969-12-31T23:59:59.500Z\"", "d700fffffffffffffe0c"},
	{"\"\\u002b275760-09-13T00:00:00.000Z\"", "d700001eb208c2dc0000"}, {"\"\\u002d271821-04-20T00:00:00.000Z\"", "d700ffe14df73d240000"},
	{"\"1970-01-01\"", "aa313937302d30312d3031"}, {"\"\\u0031970-01-01\"", "aa313937302d30312d3031"},
	{"\"\\u0031970-01-01T00:00:01.000Zx\"", "b9313937302d30312d30315430303a30303a30312e3030305a78"},
	/* none that we could have written */
	{"\"\\u0032147483647-01-01T00:00:00.000Z\"", "be323134373438333634372d30312d30315430303a30303a30302e3030305a"},
	{"\"\\u002d2147483648-01-01T00:00:00.000Z\"", "bf2d323134373438333634382d30312d30315430303a30303a30302e3030305a"},
	{"\"\\u0032026-99-01T00:00:00.000Z\"", "b8323032362d39392d30315430303a30303a30302e3030305a"},
	{"\"\\u0032026-01- 1T00:00:00.000Z\"", "b8323032362d30312d20315430303a30303a30302e3030305a"},
	{"{\"\\u005fplaceholder\":true,\"num\":0}", "82ac5f706c616365686f6c646572c3a36e756d00"},
};

static void msgpack_writes_as_notepack(void **state)
{
	uint64_t id = 7;
	struct buf b, hex, want;

	(void)state;
	buf_init(&b, 1 << 16);
	buf_init(&hex, 1 << 16);
	buf_init(&want, 1 << 16);
	for (size_t i = 0; i < ROWS(golden); i++) {
		buf_reset(&b);
		msgpack_encode(&b, PACKET_ACK, "/", &id, slice_of("", 0), sio_json(golden[i].json), NULL, NULL);
		hex_text(&hex, &b);
		buf_reset(&want);
		buf_addf(&want, "84a47479706503a46461746191%sa2696407a36e7370a12f", golden[i].hex);
		CHECK(strcmp(hex.data, want.data) == 0, "%s: %s", golden[i].json, hex.data);
	}
	buf_release(&b);
	buf_release(&hex);
	buf_release(&want);
}

static void msgpack_writes_packets(void **state)
{
	struct sio_blob blob = {"\1\2\3", 3};
	struct sio_args args = {slice_str("1,{\"_placeholder\":true,\"num\":0}"), &blob, 1};
	struct buf b, hex;

	(void)state;
	buf_init(&b, 1 << 16);
	buf_init(&hex, 1 << 16);
	msgpack_encode(&b, PACKET_EVENT, "/", NULL, slice_of("", 0), args, "ev", NULL);
	hex_text(&hex, &b);
	assert_string_equal(hex.data, "83a47479706502a46461746193a2657601c403010203a36e7370a12f");
	buf_reset(&b);
	msgpack_encode(&b, PACKET_CONNECT, "/a", NULL, slice_str("{\"sid\":\"x\"}"), sio_none(), NULL, NULL);
	hex_text(&hex, &b);
	assert_string_equal(hex.data, "83a47479706500a46461746181a3736964a178a36e7370a22f61");
	buf_release(&b);
	buf_release(&hex);
}

/* Told as put_packet() does; NULL: refused. */
static const struct {
	const char *hex, *told;
} encoded[] = {
	{"83a47479706500a46461746181a3736964a178a36e7370a22f61", "0 /a - || |"},
	{"84a47479706503a4646174619101a2696407a36e7370a12f", "3 / 7 ||1 |"},
	{"83a47479706502a46461746193a2657601c403010203a36e7370a12f", "2 / - |\"ev\"|1,{\"_placeholder\":true,\"num\":0} |"},
	{"84a47479706502a46461746193a164d7000000018bcfe5687bd40000a76f7074696f6e7381a8636f6d7072657373c3a36e7370a12f",
	 "2 / - |\"d\"|\"\\u0032023-11-14T22:13:20.123Z\",null |"},
	{"84a47479706502a464617461a9616161616161616161a46461746191a161a36e7370a12f", "2 / - |\"a\"| |"}, /* data twice */
	{"83a36e7370a12fa47479706501a464617461c0", "1 / - || |"},          /* data nil: none */
	{"83a47479706505a46461746191a161a36e7370a12f", NULL},              /* no type 5 here */
	{"82a47479706502a46461746191a161", NULL},                          /* no namespace */
	{"82a46461746191a161a36e7370a12f", NULL},                          /* no type */
	{"83a47479706502a46461746180a36e7370a12f", NULL},                  /* data of an event is a list */
	{"83a47479706502a46461746190a36e7370a12f", "2 / - || |"},         /* names of events are not checked here: */
	{"83a47479706502a46461746191a7636f6e6e656374a36e7370a12f", "2 / - || |"}, /* … "connect" is one that nobody hears */
	{"83a47479706502a46461746192c001a36e7370a12f", "2 / - |null|1 |"},
	{"83a47479706502a464617461c0a36e7370a12f", NULL},                  /* data nil is no list */
	{"83a47479706503a464617461c0a36e7370a12f", NULL},
	{"83a47479706503a46461746192c70101ffc70100ffa36e7370a12f", "3 / - ||[1,{\"_placeholder\":true,\"num\":0}],{\"_placeholder\":true,\"num\":1} |"},
	{"83a47479706503a4646174619181ac5f706c616365686f6c646572c3a36e7370a12f", "3 / - ||{\"\\u005fplaceholder\":true} |"},
	{"83a47479706503a46461746191c7080000000000000000010aa36e7370a12f", NULL},
	{"83a47479706503a46461746191c708000000000000000001a36e7370a12f", "3 / - ||{\"_placeholder\":true,\"num\":0} |"},
	{"84a47479706502a46461746191a161a26964cb3ff8000000000000a36e7370a12f", NULL}, /* an id is an integer */
	{"83a47479706502a46461746191a161a36e737001", NULL},
	{"93010203", NULL}, {"c0", NULL}, {"", NULL}, {"80", NULL}, {"c1", NULL}, {"dfffffffff", NULL}, {"ddffffffff", NULL},
	{"83a47479706502a464617461ddffffffffa36e7370a12f", NULL},
	{"83a47479706502a464617461c6ffffffffa36e7370a12f", NULL},
	{"83a47479706502a46461746191a161a36e7370a12f00", NULL},            /* something behind it */
};

static void msgpack_reads(void **state)
{
	unsigned char bytes[256];
	struct buf json, told;

	(void)state;
	buf_init(&told, 4096);
	for (size_t i = 0; i < ROWS(encoded); i++) {
		size_t n = from_hex(bytes, encoded[i].hex);

		for (size_t k = 0; k <= n; k++) { /* cut short, then whole */
			unsigned char *copy = malloc(k ? k : 1);
			struct sio_blob *blobs = NULL;
			struct sio_packet p;
			size_t nblobs;
			bool good;

			memcpy(copy, bytes, k);
			buf_init(&json, SIZE_MAX / 2);
			buf_reset(&told);
			good = msgpack_decode(copy, k, &json, &p, &blobs, &nblobs);
			CHECK(k == n ? good == (encoded[i].told != NULL) : !good || !encoded[i].told, "%s, %zu of %zu bytes", encoded[i].hex, k, n);
			if (good)
				put_packet(&told, &p);
			CHECK(!good || k < n || strcmp(told.data, encoded[i].told) == 0, "%s: %s", encoded[i].hex, told.data);
			free(blobs);
			buf_release(&json);
			free(copy);
		}
	}
	buf_release(&told);
}

static void msgpack_depth_has_a_limit(void **state)
{
	static const size_t depths[] = {500, 999, 5000, 200000};

	(void)state;
	for (size_t i = 0; i < ROWS(depths); i++) {
		struct sio_blob *blobs = NULL;
		struct sio_packet p;
		struct buf b, json, again;
		size_t nblobs;
		bool good;

		buf_init(&b, SIZE_MAX / 2);
		buf_init(&json, SIZE_MAX / 2);
		buf_init(&again, SIZE_MAX / 2);
		buf_add(&b, "\x83\xa4type\x02\xa4" "data\x92\xa1" "a", 15);
		for (size_t k = 1; k < depths[i]; k++)
			buf_addc(&b, (char)0x91);
		buf_addc(&b, (char)0xc0);
		buf_add(&b, "\xa3nsp\xa1/", 6);
		good = msgpack_decode(b.data, b.len, &json, &p, &blobs, &nblobs);
		CHECK(good == (depths[i] <= 1000), "%zu", depths[i]);
		if (good) {
			msgpack_encode(&again, PACKET_EVENT, "/", NULL, slice_of("", 0), sio_json_slice(p.args), "a", NULL);
			assert_true(again.len >= b.len);
		}
		free(blobs);
		buf_release(&b);
		buf_release(&json);
		buf_release(&again);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(packets_are_read),
		cmocka_unit_test(placeholders),
		cmocka_unit_test(placeholders_are_spelled_plainly),
		cmocka_unit_test(heads_are_written),
		cmocka_unit_test(arguments_are_taken_apart),
		cmocka_unit_test(arguments_are_put_together),
		cmocka_unit_test(msgpack_writes_as_notepack),
		cmocka_unit_test(msgpack_writes_packets),
		cmocka_unit_test(msgpack_reads),
		cmocka_unit_test(msgpack_depth_has_a_limit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
