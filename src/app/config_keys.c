/* config_keys.c: the table of everything that can be configured, and how its rows are found. */
#include "app/config_keys.h"

#include "collectors/collectors.h"

#include <ctype.h>
#include <limits.h>
#include <string.h>

/* ---- sections ---- */

static size_t one(void)
{
	return 1;
}

static void *whole(const struct config *c, size_t i)
{
	(void)i;
	return (void *)(uintptr_t)c;
}

static size_t collector_count(void)
{
	return collectors_len;
}

static const char *collector_title(size_t i)
{
	return collectors[i]->name;
}

static void *collector_home(const struct config *c, size_t i)
{
	return &c->collectors[i];
}

static const struct section top = {.name = "", .count = one, .home = whole, .help = ""};
static const struct section socketio = {
	.name = "socketio", .count = one, .home = whole,
	.help = "The Socket.IO server. Names and defaults are those of the Node.js server where it has them.",
};
static const struct section limits = {
	.name = "limits", .count = one, .home = whole, .help = "What clients may take of this host.",
};
static const struct section store = {
	.name = "store", .count = one, .home = whole,
	.help = "History in memory. All memory that it can ever take follows from these three and is told at start.",
};
static const struct section collector = {
	.name = "collector", .titled = true, .count = collector_count, .title = collector_title, .home = collector_home,
	.help = "One source of measurements. A collector that has no section runs at its own interval.",
};

static size_t none(void)
{
	return 0;
}

static const struct section alert = {.name = "alert", .titled = true, .open = true, .count = none,
	.help = "An alert rule. HIGH_CPU (cpu above 80) and HIGH_MEMORY (memory above 90) are built in."};
static const struct section webhook = {.name = "webhook", .titled = true, .open = true, .count = none,
	.help = "Posts each change of an alert to an address, at least once, in order."};
static const struct section exec = {.name = "exec", .titled = true, .open = true, .count = none,
	.help = "Runs a program for each change of an alert; no shell."};
static const struct section email = {.name = "email", .titled = true, .open = true, .count = none,
	.help = "Mails each change of an alert through an SMTP server."};

const struct section *const sections[] = {&top, &socketio, &limits, &store, &collector, &alert, &webhook, &exec, &email};
const size_t sections_len = sizeof sections / sizeof *sections;

const struct absent absents[] = {
	{"log",         "following log files"},
	{"queue",       "watching job queues"},
	{"device_rule", "rules for devices"},
};
const size_t absents_len = sizeof absents / sizeof *absents;

/* ---- keys ---- */

#define SECOND UINT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)
#define DAY (24 * HOUR)
#define IN(field) .offset = offsetof(struct config, field)
#define AT(field) .offset = offsetof(struct collect_setting, field)

static const char *const role_words[] = {"none", "viewer", "operator", NULL};
static const char *const level_words[] = {"error", "warn", "info", "debug", NULL};
static const char *const transport_words[] = {"polling", "websocket", NULL};

const struct key keys[] = {
	{&top, "listen", &kind_addrs, IN(listen), .min = 1, .max = 16, .fallback = "127.0.0.1:8338", .flag = "listen",
		.restart = true,
		.help = "Addresses and ports that serve the dashboard, Socket.IO and the API. 0.0.0.0 is every IPv4 address, "
			"[::] every address; port 0 is one that the kernel chooses."},
	{&top, "data_dir", &kind_path, IN(data_dir), .min = 1, .max = PATH_MAX - 64, .flag = "data-dir", .restart = true,
		.otherwise = "/var/lib/vedette for root and as a service, else $XDG_STATE_HOME/vedette",
		.help = "Folder for what must outlive a restart. It is created when it is missing."},
	{&top, "web_dir", &kind_path, IN(web_dir), .max = PATH_MAX - 64, .flag = "web-dir", .restart = true,
		.otherwise = "the dashboard inside the program",
		.help = "Folder from which the dashboard is read, for those who work on it."},
	{&top, "anonymous", &kind_word, IN(anonymous), .words = role_words,
		.otherwise = "viewer while every listen address is loopback, else none",
		.help = "What a client without credentials may do."},
	{&top, "hosts", &kind_hosts, IN(hosts), .max = 64, .fallback = "",
		.help = "Names of this host that browsers may use, beside loopback names and the listen addresses. A request "
			"for any other name is refused, because it may be a foreign page's (DNS rebinding)."},
	{&top, "url", &kind_web_address, IN(url), .max = 1000,
		.otherwise = "the first listen address",
		.help = "The address at which people reach the dashboard, such as https://vedette.example.org/. Messages link to their "
			"alert there, and browsers may use its name as if it were in `hosts`."},
	{&top, "push_interval", &kind_ms, IN(push_interval_ms), .min = 100, .max = HOUR, .fallback = "2s",
		.help = "How often every client is sent `metrics update`."},
	{&top, "min_rate", &kind_ms, IN(min_rate_ms), .min = 100, .max = HOUR, .fallback = "100ms",
		.help = "The fastest rate that a client may ask for with `set polling rate`."},
	{&top, "log_level", &kind_word, IN(log_level), .words = level_words, .fallback = "info",
		.help = "The least important lines that are still logged, to standard error or the journal."},

	{&top, "redis", &kind_redis, IN(redis), .max = 4096, .restart = true, .otherwise = "this server is alone",
		.help = "Redis through which servers form a fleet: clients of each are sent the `metrics update` and the alerts "
			"of all, each with its `host`, and what Node.js servers and emitters say through the Socket.IO Redis "
			"adapter."},

	{&socketio, "ping_interval", &kind_ms, IN(socketio.ping_interval_ms), .min = 100, .max = HOUR,
		.fallback = "25s", .restart = true,
		.help = "How often each client is asked whether it is still there."},
	{&socketio, "ping_timeout", &kind_ms, IN(socketio.ping_timeout_ms), .min = 100, .max = HOUR, .fallback = "20s",
		.restart = true,
		.help = "How long the answer may take before the client is held to be gone."},
	{&socketio, "upgrade_timeout", &kind_ms, IN(socketio.upgrade_timeout_ms), .min = 100, .max = 10 * MINUTE,
		.fallback = "10s", .restart = true,
		.help = "How long the change from polling to websocket may take."},
	{&socketio, "connect_timeout", &kind_ms, IN(socketio.connect_timeout_ms), .min = 100, .max = 10 * MINUTE,
		.fallback = "45s", .restart = true,
		.help = "How long a connection may go without joining a namespace."},
	{&socketio, "transports", &kind_words, IN(socketio.transports), .min = 1, .max = 2, .words = transport_words,
		.fallback = "polling,websocket", .restart = true,
		.help = "Ways to connect. Without polling, clients must be told to use websocket alone."},
	{&socketio, "cors_origins", &kind_origins, IN(socketio.cors_origins), .max = 64, .fallback = "", .restart = true,
		.help = "Web pages of other origins that may connect. \"*\" lets in every page in every visitor's browser."},
	{&socketio, "allow_eio3", &kind_bool, IN(socketio.allow_eio3), .fallback = "false", .restart = true,
		.help = "Let in clients of Socket.IO 2, which speak Engine.IO 3."},
	{&socketio, "serve_client", &kind_bool, IN(socketio.serve_client), .fallback = "true", .restart = true,
		.help = "Serve the client library under /socket.io/."},
	{&socketio, "recovery", &kind_ms, IN(socketio.recovery_ms), .max = DAY, .fallback = "2min", .restart = true,
		.help = "How long a client that lost its connection may come back to its session and what it missed. 0: not at "
			"all."},
	{&socketio, "max_payload", &kind_size, IN(socketio.max_payload_bytes), .min = 1000, .max = 100000000,
		.fallback = "1MB", .restart = true,
		.help = "The largest message that a client may send. 1MB is 1000000 bytes, 1MiB is 1048576."},
	{&socketio, "http_compression", &kind_bool, IN(socketio.http_compression), .fallback = "true", .restart = true,
		.help = "Compress the answers to polling."},
	{&socketio, "per_message_deflate", &kind_bool, IN(socketio.per_message_deflate), .fallback = "false", .restart = true,
		.help = "Compress websocket messages. Costs memory for each client."},

	{&limits, "clients", &kind_count, IN(limits.clients), .min = 1, .max = 1000000, .fallback = "2000",
		.restart = true,
		.help = "Clients that may be connected at once; further ones are refused."},
	{&limits, "clients_per_address", &kind_count, IN(limits.clients_per_address), .max = 1000000, .fallback = "0",
		.restart = true,
		.help = "Clients that may be connected from one address. 0: no limit of its own. Behind a proxy all clients "
			"have one address."},

	{&store, "series", &kind_count, IN(store.series), .min = 100, .max = 100000, .fallback = "2000", .restart = true,
		.help = "Series that may live at once; a new one beyond that is refused and counted (self.series_refused). The last "
			"sixteenth is kept for what a host has once, whatever its disks and interfaces are."},
	{&store, "raw", &kind_s, IN(store.raw_s), .min = 5 * MINUTE, .max = DAY, .fallback = "1h", .restart = true,
		.help = "How long every point is kept."},
	{&store, "minutes", &kind_s, IN(store.minute_s), .min = HOUR, .max = 31 * DAY, .fallback = "24h",
		.restart = true,
		.help = "How long one-minute points with minimum, maximum and average are kept."},

	{&collector, "enabled", &kind_bool, AT(enabled), .fallback = "true",
		.help = "Whether this collector runs."},
	{&collector, "interval", &kind_ms, AT(interval_ms), .min = 100, .max = HOUR,
		.otherwise = "the collector's own",
		.help = "How often this collector reads its source."},
};
const size_t keys_len = sizeof keys / sizeof *keys;

const char *role_name(enum role r)
{
	return role_words[r];
}

/* ---- looking things up ---- */

const struct section *section_find(const char *name)
{
	for (size_t i = 0; i < sections_len; i++)
		if (strcmp(sections[i]->name, name) == 0)
			return sections[i];
	return NULL;
}

bool section_instance(const struct section *s, const char *title, size_t *i)
{
	*i = 0;
	if (!s->titled)
		return true;
	for (; *i < s->count(); ++*i)
		if (strcmp(s->title(*i), title) == 0)
			return true;
	return false;
}

size_t section_widest(void)
{
	size_t most = 0;

	for (size_t i = 0; i < sections_len; i++)
		if (sections[i]->count() > most)
			most = sections[i]->count();
	return most;
}

const struct key *key_find(const struct section *s, const char *name)
{
	for (size_t i = 0; i < keys_len; i++)
		if (keys[i].section == s && strcmp(keys[i].name, name) == 0)
			return &keys[i];
	return NULL;
}

void *key_field(const struct config *c, const struct key *k, size_t instance)
{
	return (char *)k->section->home(c, instance) + k->offset;
}

struct config_note *config_note(const struct config *c, const struct key *k, size_t instance)
{
	return &c->notes[(size_t)(k - keys) * section_widest() + instance];
}

/* ---- names and values in words ---- */

void key_name(const struct key *k, size_t instance, struct buf *out)
{
	if (k->section->titled)
		buf_addf(out, "%s \"%s\" %s", k->section->name, k->section->title(instance), k->name);
	else
		buf_addf(out, "%s%s%s", k->section->name, *k->section->name ? "." : "", k->name);
}

static void add_upper(struct buf *out, const char *name)
{
	buf_addc(out, '_');
	for (; *name; name++)
		buf_addc(out, isalnum((unsigned char)*name) ? (char)toupper((unsigned char)*name) : '_');
}

void key_env(const struct key *k, const char *title, struct buf *out)
{
	buf_adds(out, "VEDETTE");
	if (*k->section->name)
		add_upper(out, k->section->name);
	if (title)
		add_upper(out, title);
	add_upper(out, k->name);
}

void config_quote(struct buf *out, const char *text)
{
	buf_addc(out, '"');
	for (; *text; text++) {
		if (strchr("\"\\", *text) || (*text == '$' && text[1] == '{'))
			buf_addc(out, '\\');
		buf_addc(out, *text);
	}
	buf_addc(out, '"');
}

void key_print(const struct key *k, const void *field, struct buf *out)
{
	struct buf item;

	buf_init(&item, PATH_MAX);
	if (k->kind->list)
		buf_addc(out, '{');
	for (size_t i = 0; k->kind->print(k, field, i, &item); i++) {
		buf_adds(out, i ? ", " : "");
		if (k->kind->quoted)
			config_quote(out, item.data);
		else
			buf_adds(out, item.data);
		buf_reset(&item);
	}
	if (k->kind->list)
		buf_addc(out, '}');
	buf_release(&item);
}

void key_items(const char *text, void (*each)(void *user, const char *item), void *user)
{
	static const char blanks[] = " \t";
	struct buf item;

	buf_init(&item, PATH_MAX);
	for (;; text++) {
		size_t len = strcspn(text, ","), lead = strspn(text, blanks), n = len;

		while (n > lead && strchr(blanks, text[n - 1]))
			n--;
		buf_reset(&item);
		if (lead < n)
			buf_add(&item, text + lead, n - lead);
		each(user, item.data);
		text += len;
		if (!*text)
			break;
	}
	buf_release(&item);
}

static void add_item(void *user, const char *item)
{
	struct buf *out = user;

	if (!*item)
		return;
	buf_adds(out, out->data[out->len - 1] == '{' ? "" : ", ");
	config_quote(out, item);
}

void key_fallback(const struct key *k, struct buf *out)
{
	if (k->fallback && k->kind->list) {
		buf_addc(out, '{');
		key_items(k->fallback, add_item, out);
		buf_addc(out, '}');
	} else {
		buf_adds(out, k->fallback ? k->fallback : k->otherwise);
	}
}
