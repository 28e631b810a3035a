/* test_format.c: what webhooks, mail and programs are sent: golden bodies, hostile sentences, and configurations that are refused. */
#include "check.h"

#include "alerts/channels.h"
#include "base/base64.h"
#include "base/json.h"
#include "base/xmalloc.h"

#include <math.h>
#include <stdlib.h>

static char *labels[] = {(char *)(uintptr_t)"team=ops", (char *)(uintptr_t)"disk={instance}"};
static const struct rule rule = {
	.name = (char *)(uintptr_t)"DISK", .runbook = (char *)(uintptr_t)"https://wiki.example.org/?on={instance}",
	.labels = labels, .nlabels = 2,
};
static const struct alert_view full = {
	.id = "aaaaaaaaaaaaaaaaaaaa", .rule = &rule, .rule_name = "DISK", .type = "DISK", .metric = "fs.*", .series = "fs.used_percent//var",
	.summary = "/var is 93 %", .severity = SEVERITY_CRITICAL, .state = ALERT_FIRING, .value = 93.25, .threshold = 90,
	.starts_ms = 1700000000123, .changed_ms = 1700000000123,
};
static const char json_of_full[] =
	"{\"id\":\"aaaaaaaaaaaaaaaaaaaa\",\"rule\":\"DISK\",\"type\":\"DISK\",\"metric\":\"fs.*\",\"series\":\"fs.used_percent//var\","
	"\"value\":93.25,\"threshold\":90,\"severity\":\"critical\",\"state\":\"firing\",\"startsAt\":1700000000123,\"endsAt\":null,"
	"\"timestamp\":1700000009000,\"host\":\"db<1>\",\"summary\":\"/var is 93 %\",\"by\":null,\"note\":null,\"acknowledgedAt\":null,\"silencedUntil\":null,\"silence\":null,"
	"\"labels\":{\"team\":\"ops\",\"disk\":\"/var\"},\"runbook\":\"https://wiki.example.org/?on=/var\",\"flapping\":false,\"inhibited\":false,"
	"\"url\":\"http://db/#/alerts?alert=aaaaaaaaaaaaaaaaaaaa\"}";

static char *body_take(const struct alert_view *a, const char *format, const char *template)
{
	struct channel c = {.name = (char *)(uintptr_t)"chan", .kind = &channel_webhook, .format = (char *)(uintptr_t)format,
	                    .template = (char *)(uintptr_t)template};
	struct telling t = {.channel = &c, .alert = a, .host = "db<1>", .external_url = "http://db/", .now_ms = 1700000009000};
	struct buf out;

	buf_init(&out, SIZE_MAX / 2);
	assert_string_equal(c.kind->body(&t, &out), "application/json");
	return buf_take(&out, NULL);
}

/* --- golden bodies --- */

static const struct golden {
	const char *format, *template, *body;
} golden[] = {
	{"json", NULL, json_of_full},
	{"alertmanager", NULL,
	 "{\"version\":\"4\",\"groupKey\":\"{}:{alertname=\\\"DISK\\\"}\",\"truncatedAlerts\":0,\"status\":\"firing\",\"receiver\":\"chan\","
	 "\"groupLabels\":{\"alertname\":\"DISK\"},\"commonLabels\":{\"alertname\":\"DISK\",\"instance\":\"db<1>\",\"team\":\"ops\",\"disk\":\"/var\","
	 "\"metric\":\"fs.*\",\"series\":\"fs.used_percent//var\",\"severity\":\"critical\"},\"commonAnnotations\":{\"summary\":\"/var is 93 %\","
	 "\"runbook_url\":\"https://wiki.example.org/?on=/var\",\"value\":\"93.25\"},\"externalURL\":\"http://db/\",\"alerts\":[{\"status\":\"firing\",\"labels\":{\"alertname\":\"DISK\","
	 "\"instance\":\"db<1>\",\"team\":\"ops\",\"disk\":\"/var\",\"metric\":\"fs.*\",\"series\":\"fs.used_percent//var\","
	 "\"severity\":\"critical\"},\"annotations\":{\"summary\":\"/var is 93 %\",\"runbook_url\":\"https://wiki.example.org/?on=/var\","
	 "\"value\":\"93.25\"},\"startsAt\":\"2023-11-14T22:13:20.123Z\",\"endsAt\":\"0001-01-01T00:00:00Z\",\"generatorURL\":\"http://db/#/alerts?alert=aaaaaaaaaaaaaaaaaaaa\","
	 "\"fingerprint\":\"aaaaaaaaaaaaaaaaaaaa\"}]}"},
	{"slack", NULL, "{\"text\":\"\xf0\x9f\x94\xb4 *[critical] DISK* on db&lt;1&gt;: /var is 93 %\\nalert: http://db/#/alerts?alert=aaaaaaaaaaaaaaaaaaaa"
	 "\\nrunbook: https://wiki.example.org/?on=/var\"}"},
	{"discord", NULL,
	 "{\"content\":\"\xf0\x9f\x94\xb4 **[critical] DISK** on db\\\\<1\\\\>: /var is 93 %\\nalert: http://db/#/alerts?alert=aaaaaaaaaaaaaaaaaaaa"
	 "\\nrunbook: https://wiki.example.org/?on=/var\","
	 "\"allowed_mentions\":{\"parse\":[]}}"},
	{"template", "{\"s\": {{summary}}, \"t\": \"<{{summary|text}}|{{value|text}}>\", \"l\": {{labels}}, \"e\": {{endsAt}}}",
	 "{\"s\": \"/var is 93 %\", \"t\": \"</var is 93 %|93.25>\", \"l\": {\"team\":\"ops\",\"disk\":\"/var\"}, \"e\": null}"},
	{"template", "no hole", "no hole"},
	{"template", "}} {{id|text}}{{id|text}}", "}} aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"},
};

static void test_golden(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(golden); i++) {
		char *body = body_take(&full, golden[i].format, golden[i].template);

		CHECK(strcmp(body, golden[i].body) == 0, "%s gives %s", golden[i].format, body);
		free(body);
	}
}

/* Its summary is that of when it fired: people are told how it ended. */
static void test_an_end(void **state)
{
	static const struct {
		const char *format;
		int64_t after_ms;
		const char *part;
	} rows[] = {
		{"slack", 180000, "[resolved] DISK* on db&lt;1&gt;: /var is 93 % (over after 3 min: 41.5 %)\\nalert: http"},
		{"discord", 180000, "[resolved] DISK** on db\\\\<1\\\\>: /var is 93 % (over after 3 min: 41.5 %)\\nalert: http"},
		{"slack", -3540000, "/var is 93 % (over after a while: 41.5 %)\\nalert: http"}, /* the clock was set back meanwhile */
	};
	struct alert_view a = full;

	(void)state;
	a.state = ALERT_RESOLVED;
	a.value = 41.5;
	a.unit = "percent";
	for (size_t i = 0; i < ROWS(rows); i++) {
		char *body;

		a.ends_ms = a.starts_ms + rows[i].after_ms;
		body = body_take(&a, rows[i].format, NULL);
		CHECK(strstr(body, rows[i].part), "%s gives %s", rows[i].format, body);
		free(body);
	}
}

/* --- what a sentence may not do --- */

static const struct hostile {
	const char *format, *summary, *text; /* the member that people see */
} hostile[] = {
	{"slack", "<!channel> & <http://evil|click>", "\xf0\x9f\x94\xb4 *[critical] X* on db&lt;1&gt;: &lt;!channel&gt; &amp; &lt;http://evil|click&gt;"},
	{"slack", "a\"b\\c\nd", "\xf0\x9f\x94\xb4 *[critical] X* on db&lt;1&gt;: a\"b\\c\nd"},
	{"slack", "\xff\xfe", "\xf0\x9f\x94\xb4 *[critical] X* on db&lt;1&gt;: \xef\xbf\xbd\xef\xbf\xbd"},
	{"discord", "[a](http://evil) @everyone `x` ||y||",
	 "\xf0\x9f\x94\xb4 **[critical] X** on db\\<1\\>: \\[a\\](http://evil) @everyone \\`x\\` \\|\\|y\\|\\|"},
};

static void test_hostile(void **state)
{
	struct alert_view a = full;

	(void)state;
	a.rule = NULL;
	a.rule_name = "X";
	for (size_t i = 0; i < ROWS(hostile); i++) {
		struct slice text;
		struct buf plain;
		char *body;

		a.summary = hostile[i].summary;
		body = body_take(&a, hostile[i].format, NULL);
		CHECK(json_valid(slice_str(body), 20), "%s is no JSON", body);
		CHECK(json_get(slice_str(body), i < 3 ? "text" : "content", &text), "%s", body);
		buf_init(&plain, 8000);
		json_unquote(&plain, text);
		CHECK(strncmp(plain.data, hostile[i].text, strlen(hostile[i].text)) == 0 &&
		      strcmp(plain.data + strlen(hostile[i].text), "\nalert: http://db/#/alerts?alert=aaaaaaaaaaaaaaaaaaaa") == 0,
		      "%s: %s", hostile[i].format, plain.data);
		buf_release(&plain);
		free(body);
	}
}

static void test_every_format_is_json_whatever_it_says(void **state)
{
	static const char *const formats[] = {"json", "alertmanager", "slack", "discord"};
	struct alert_view a = full;
	char worst[2001];

	(void)state;
	for (size_t i = 0; i < sizeof worst - 1; i++)
		worst[i] = "\"\\\n\t<>&\x01\x7f\xff\xc3"[i % 11];
	worst[sizeof worst - 1] = '\0';
	a.summary = a.by = a.note = worst;
	a.rule_name = a.metric = a.series = "\"}\n";
	a.value = a.threshold = NAN;
	a.state = ALERT_ACKNOWLEDGED;
	for (size_t i = 0; i < ROWS(formats); i++) {
		char *body = body_take(&a, formats[i], NULL);

		CHECK(json_valid(slice_str(body), 20), "%s: %s", formats[i], body);
		free(body);
	}
}

/* Its rule is gone since: what it said of itself is still said. */
static void test_without_its_rule(void **state)
{
	static const struct {
		const char *format, *part;
	} rows[] = {
		{"json", "\"labels\":{\"team\":\"ops\",\"severity\":\"mine\",\"a\\\"b\":\"{x}\"},\"runbook\":\"https://wiki/{instance}\""},
		{"alertmanager", "\"commonLabels\":{\"alertname\":\"DISK\",\"instance\":\"db<1>\",\"team\":\"ops\",\"a\\\"b\":\"{x}\",\"metric\":"},
		{"alertmanager", "\"labels\":{\"alertname\":\"DISK\",\"instance\":\"db<1>\",\"team\":\"ops\",\"a\\\"b\":\"{x}\",\"metric\":\"fs.*\","},
		{"alertmanager", "\"runbook_url\":\"https://wiki/{instance}\""},
		{"slack", "\\nrunbook: https://wiki/{instance}\"}"},
		{"discord", "\\nrunbook: https://wiki/{instance}\","},
	};
	struct alert_view a = full;

	(void)state;
	a.rule = NULL;
	a.labels = "{\"team\":\"ops\",\"severity\":\"mine\",\"a\\\"b\":\"{x}\"}"; /* a name that was allowed once */
	a.runbook = "https://wiki/{instance}";
	for (size_t i = 0; i < ROWS(rows); i++) {
		char *body = body_take(&a, rows[i].format, NULL);

		CHECK(json_valid(slice_str(body), 20) && strstr(body, rows[i].part), "%s: %s", rows[i].format, body);
		free(body);
	}
}

/* Of one that is damped every format says so, for its end is late. */
static void test_says_that_it_flaps(void **state)
{
	static const struct {
		const char *format, *part;
	} rows[] = {
		{"json", "\"flapping\":true"},
		{"alertmanager", "\"flapping\":\"it comes and goes: its end is told once it was calm for 5 minutes\"}"},
		{"slack", "/var is 93 % (it comes and goes: its end is told once it was calm for 5 minutes)\\nalert: http"},
		{"discord", "/var is 93 % (it comes and goes: its end is told once it was calm for 5 minutes)\\nalert: http"},
	};
	struct alert_view a = full;

	(void)state;
	a.flapping = true;
	for (size_t i = 0; i < ROWS(rows); i++) {
		char *body = body_take(&a, rows[i].format, NULL);

		CHECK(json_valid(slice_str(body), 20) && strstr(body, rows[i].part), "%s: %s", rows[i].format, body);
		free(body);
	}
}

/* 2000 characters at most, and none cut in two. */
static void test_discord_is_cut(void **state)
{
	struct alert_view a = full;
	struct slice content;
	char long_one[3001], *body;
	struct buf text;

	(void)state;
	for (size_t i = 0; i < 3000; i += 3)
		memcpy(long_one + i, "\xe2\x82\xac", 3);
	long_one[3000] = '\0';
	a.summary = long_one;
	body = body_take(&a, "discord", NULL);
	assert_true(json_get(slice_str(body), "content", &content));
	buf_init(&text, 4000);
	json_unquote(&text, content);
	assert_in_range(text.len, 1998, 2000);
	assert_non_null(strstr(text.data, "alert: http://db/#/alerts?alert=aaaaaaaaaaaaaaaaaaaa\nrunbook: https://wiki.example.org/?on=/var"));
	buf_release(&text);
	assert_null(strstr(body, "\xef\xbf\xbd"));
	free(body);
}

/* --- a group --- */

static void hear(void *user, const struct alert_view *a)
{
	alerts_told(user, a->id, "chan");
}

static void test_group(void **state)
{
	struct rule *rules = xcalloc(1, sizeof *rules);
	struct store_config config = {.max_series = 300, .raw_s = 60, .minute_s = 3600, .interval_ms = 1000};
	struct alerts_hooks hooks = {0};
	struct store *st = store_new(&config, -1);
	struct channel c = {.name = (char *)(uintptr_t)"chan", .kind = &channel_webhook, .format = (char *)(uintptr_t)"alertmanager"};
	struct alert_view ended = full;
	struct telling t = {.channel = &c, .alert = &ended, .host = "h", .external_url = "", .now_ms = 5000};
	struct alerts *alerts;
	struct slice v;
	struct buf out;

	(void)state;
	rules[0] = (struct rule){.name = xstrdup("DISK"), .metric = xstrdup("x/*"), .compare = RULE_ABOVE};
	rules[0].limits[SEVERITY_WARNING] = (struct rule_limit){.set = true, .low = 5, .clear = 5};
	alerts = alerts_new(st, "h", rules, 1, &hooks);
	for (int i = 0; i < 150; i++) {
		char id[16];
		struct store_sample s;

		snprintf(id, sizeof id, "x/%d", i);
		s = (struct store_sample){store_series(st, &(struct store_info){id, "", "", "", STORE_GAUGE, 1000}), 9};
		store_publish(st, 1000, &s, 1);
	}
	alerts_tick(alerts, 1000, 0, 0);
	for (int i = 0; i < 150; i++) {
		char id[16];

		snprintf(id, sizeof id, "x/%d", i);
		alerts_sample(alerts, &(struct store_fresh){store_find(st, id), 2000, 9}, 2000);
	}
	alerts_tick(alerts, 2000, 0, 0);
	ended.state = ALERT_RESOLVED;
	ended.ends_ms = 5000;
	t.alerts = alerts;
	buf_init(&out, SIZE_MAX / 2);
	/* Of those that this channel did not hear of it would not hear the end: as far as it knows, all is over. */
	c.kind->body(&t, &out);
	assert_true(json_get(slice_of(out.data, out.len), "status", &v));
	assert_true(json_string_is(v, "resolved"));
	assert_true(json_get(slice_of(out.data, out.len), "alerts", &v));
	assert_int_equal(json_count(v), 1);
	alerts_each(alerts, hear, alerts);
	buf_reset(&out);
	c.kind->body(&t, &out);
	assert_true(json_valid(slice_of(out.data, out.len), 20));
	assert_true(json_get(slice_of(out.data, out.len), "truncatedAlerts", &v));
	assert_int_equal((int)json_number(v), 50);
	assert_true(json_get(slice_of(out.data, out.len), "status", &v)); /* of the group */
	assert_true(json_string_is(v, "firing"));
	assert_true(json_get(slice_of(out.data, out.len), "alerts", &v));
	assert_int_equal(json_count(v), 101);
	/* What is the same in all of them: here not even the severity. */
	assert_non_null(strstr(out.data, "\"commonLabels\":{\"alertname\":\"DISK\",\"instance\":\"h\"},\"commonAnnotations\":{},"));
	ended.severity = SEVERITY_WARNING;
	ended.metric = "x/*";
	ended.rule = &rules[0];
	buf_reset(&out);
	c.kind->body(&t, &out);
	assert_non_null(strstr(out.data, "\"commonLabels\":{\"alertname\":\"DISK\",\"instance\":\"h\",\"metric\":\"x/*\",\"severity\":\"warning\"},\"commonAnnotations\":{},"));
	buf_release(&out);
	alerts_free(alerts);
	store_free(st);
}

/* --- mail --- */

static void test_mail(void **state)
{
	char *to[] = {(char *)(uintptr_t)"a@example.org", (char *)(uintptr_t)"b@example.org"};
	struct channel c = {.name = (char *)(uintptr_t)"m", .kind = &channel_email, .from = (char *)(uintptr_t)"v@example.org", .to = to, .nto = 2};
	struct alert_view a = full;
	struct telling t = {.channel = &c, .alert = &a, .host = "h", .external_url = "https://v.example.org/", .now_ms = 0};
	const char *at, *body;
	char text[4000];
	struct buf out;
	size_t n;

	(void)state;
	a.summary = "x\r\nBcc: evil@example.org\r\n\r\n\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac\xe2\x82\xac";
	a.value = 312345678;
	a.threshold = 268435456;
	a.unit = "bytes";
	buf_init(&out, SIZE_MAX / 2);
	assert_string_equal(c.kind->body(&t, &out), "message/rfc822");
	assert_non_null(strstr(out.data, "Date: Thu, 01 Jan 1970 00:00:00 +0000\r\n"));
	assert_non_null(strstr(out.data, "From: v@example.org\r\nTo: a@example.org,\r\n b@example.org\r\n"));
	assert_non_null(strstr(out.data, "References: <aaaaaaaaaaaaaaaaaaaa@vedette>\r\n"));
	assert_null(strstr(out.data, "Bcc"));
	for (at = out.data; *at; at += n + 2) { /* RFC 5322 2.1.1, RFC 2047 2 */
		n = strcspn(at, "\r\n");
		assert_memory_equal(at + n, "\r\n", 2);
		assert_true(n <= 76);
	}
	body = strstr(out.data, "\r\n\r\n") + 4;
	n = 0;
	for (at = body; *at; at++) /* one run of base64 */
		if (*at != '\r' && *at != '\n')
			text[n++] = *at;
	assert_true(base64_decode(text, &n, text, n));
	text[n] = '\0';
	assert_non_null(strstr(text, "runbook:   https://wiki.example.org/?on=/var\n"));
	assert_non_null(strstr(text, "\nalert:     https://v.example.org/#/alerts?alert=aaaaaaaaaaaaaaaaaaaa\n"));
	assert_non_null(strstr(text, "value:     297.9 MiB\nthreshold: 256 MiB\n"));
	buf_release(&out);
}

/* --- signatures --- */

static const struct signature {
	const char *secret, *id;
	int64_t t;
	const char *body, *signature;
} signatures[] = {
	/* the specification's own example (Standard Webhooks 1.0) */
	{"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330, "{\"test\": 2432232314}",
	 "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="},
	/* printf 'm.1.x' | openssl dgst -sha256 -hmac plain -binary | base64 */
	{"plain", "m", 1, "x", "v1,Tuu1VX96eUUgRwpChk6njSW+rBwhLaz3hoda90fSB20="},
};

static void test_signatures(void **state)
{
	char out[64];

	(void)state;
	for (size_t i = 0; i < ROWS(signatures); i++) {
		const struct signature *s = &signatures[i];

		webhook_sign(s->secret, s->id, s->t, s->body, strlen(s->body), out);
		CHECK(strcmp(out, s->signature) == 0, "%s gives %s", s->secret, out);
	}
}

/* --- what is refused --- */

static const struct refusal {
	const struct channel_kind *kind;
	struct channel c;
	const char *why; /* its beginning; NULL: it is fine */
} refusals[] = {
#define T(text) (char *)(uintptr_t)(text)
#define LIST(field, ...) .field = (char *[]){__VA_ARGS__}, .n##field = ROWS(((char *[]){__VA_ARGS__}))
#define HOOK .url = T("https://x/"), .format = T("json")
	{&channel_webhook, {HOOK}, NULL},
	{&channel_webhook, {.format = T("json")}, "url must start"},
	{&channel_webhook, {.url = T("ftp://x"), .format = T("json")}, "url must start"},
	{&channel_webhook, {.url = T("http://"), .format = T("json")}, "url names no host"},
	{&channel_webhook, {.url = T("https:///hook"), .format = T("json")}, "url names no host"},
	{&channel_webhook, {.url = T("https://x"), .format = T("xml")}, "format must be one of: json, alertmanager, slack"},
	{&channel_webhook, {.url = T("https://x"), .format = T("template")}, "format = template needs"},
	{&channel_webhook, {HOOK, .template = T("{{summary}} {{value|text}} {{labels}}")}, NULL},
	{&channel_webhook, {HOOK, .template = T("{{sumary}}")}, "an alert has no {{sumary}}"},
	{&channel_webhook, {HOOK, .template = T("{{summary}} {{ value }}")}, "an alert has no {{ value }}"},
	{&channel_webhook, {HOOK, .template = T("{{url|text}} {{runbook}}")}, NULL},
	{&channel_webhook, {HOOK, .template = T("{{summary}} {{value")}, "\"{{value\" opens {{ and does not close it"},
	{&channel_webhook, {HOOK, .template = T("{{value}")}, "\"{{value}\" opens {{ and does not close it"},
	{&channel_webhook, {HOOK, .secret = T("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")}, NULL},
	{&channel_webhook, {HOOK, .secret = T("whsec_not base64")}, "the secret must be"},
	{&channel_webhook, {HOOK, .secret = T("whsec_")}, "the secret must be"},
	{&channel_webhook, {HOOK, .secret = T("")}, "the secret must be"},
	{&channel_webhook, {HOOK, LIST(headers, T("X-Team: ops"))}, NULL},
	{&channel_webhook, {HOOK, LIST(headers, T("X-Team: ops"), T("X: a\r\nY: b"))}, "a header is written"},
	{&channel_webhook, {HOOK, LIST(headers, T("no colon"))}, "a header is written"},
	{&channel_webhook, {HOOK, LIST(headers, T(": x"))}, "a header is written"},
	{&channel_email, {.smtp = T("smtp://h"), .from = T("a@b"), LIST(to, T("c@d"))}, NULL},
	{&channel_email, {.smtp = T("http://h"), .from = T("a@b"), LIST(to, T("c@d"))}, "smtp must start"},
	{&channel_email, {.smtp = T("smtp://h"), .from = T("A <a@b>"), LIST(to, T("c@d"))}, "from must be"},
	{&channel_email, {.smtp = T("smtp://h"), .from = T("a@b\r\nX: y"), LIST(to, T("c@d"))}, "from must be"},
	{&channel_email, {.smtp = T("smtp://h"), .from = T("a@b")}, "to must name"},
	{&channel_email, {.smtp = T("smtp://h"), .from = T("a@b"), LIST(to, T("c@d"), T("x@y\nDATA"))}, "to must name"},
	{&channel_exec, {LIST(command, T("/bin/true"), T("--now"))}, NULL},
	{&channel_exec, {LIST(command, T("true"))}, "command must be"},
	{&channel_exec, {LIST(command, T("/nowhere/page"))}, "command: /nowhere/page: No such file or directory"},
	{&channel_exec, {LIST(command, T("/etc/passwd"))}, "command: /etc/passwd: is not executable: chmod +x"},
	{&channel_exec, {LIST(command, T("/usr"))}, "command: /usr: is no program"},
	{&channel_exec, {0}, "command must be"},
};

static void test_refusals(void **state)
{
	(void)state;
	for (size_t i = 0; i < ROWS(refusals); i++) {
		char why[300] = "";
		bool good = refusals[i].kind->check(&refusals[i].c, why, sizeof why);

		CHECK(good == !refusals[i].why, "%zu: %s", i, why);
		CHECK(good || strncmp(why, refusals[i].why, strlen(refusals[i].why)) == 0, "%zu: %s", i, why);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_an_end),
		cmocka_unit_test(test_hostile),
		cmocka_unit_test(test_every_format_is_json_whatever_it_says),
		cmocka_unit_test(test_without_its_rule),
		cmocka_unit_test(test_says_that_it_flaps),
		cmocka_unit_test(test_discord_is_cut),
		cmocka_unit_test(test_group),
		cmocka_unit_test(test_mail),
		cmocka_unit_test(test_signatures),
		cmocka_unit_test(test_refusals),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
