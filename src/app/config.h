/* config.h: what the operator asked for, as plain data with every default filled in.
 *
 * A value comes from a flag, else from the environment (VEDETTE_…), else from
 * the configuration file and what it includes, else from the default in the
 * key table in config.c. That one table drives parsing, the names in the
 * environment, --help=keys, --dump-config and the check of vedette.conf(5).
 *
 * Loading is all or nothing, and every mistake is reported, not only the
 * first. Functions are called from one thread at a time: libconfuse keeps its
 * scanner in globals. */
#ifndef APP_CONFIG_H
#define APP_CONFIG_H

#include "alerts/channel.h"
#include "alerts/rule.h"
#include "base/buf.h"
#include "base/log.h"
#include "collect/collect.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct cli;

#define CONFIG_DEFAULT_PATH "/etc/vedette/vedette.conf"
#define CONFIG_SHIPPED "shipped:alerts.conf" /* what a file includes to have the shipped rules; without a file it is all there is */
#define CONFIG_DEFAULT_PORT 8338

/* What a client without credentials may do. In growing order of power. */
enum role { ROLE_NONE, ROLE_VIEWER, ROLE_OPERATOR };
const char *role_name(enum role r);             /* "none", "viewer", "operator" */

/* One place to listen: "127.0.0.1:8338", "[::1]:0". */
struct config_addr {
	char *text;                             /* as it is shown in an URL: IPv6 in brackets, port always there */
	char *host;                             /* numeric, no brackets */
	uint16_t port;                          /* 0: the kernel chooses */
	bool loopback;                          /* only this host can reach it */
	struct sockaddr_storage sa;             /* ready for bind(2) */
	socklen_t sa_len;
};

struct config_addrs {
	struct config_addr *at;
	size_t n;
};

struct config_strings {
	char **at;
	size_t n;
};

enum { CONFIG_POLLING = 1, CONFIG_WEBSOCKET = 2 };  /* transports, or-ed */

struct config_socketio {
	uint32_t ping_interval_ms, ping_timeout_ms;
	uint32_t upgrade_timeout_ms, connect_timeout_ms;
	uint32_t transports;                    /* CONFIG_POLLING | CONFIG_WEBSOCKET; never 0 */
	struct config_strings cors_origins;     /* "https://host[:port]", lower case; or "*" */
	bool allow_eio3, serve_client;
	uint32_t recovery_ms;                   /* 0: no connection state recovery */
	uint64_t max_payload_bytes;
	bool http_compression, per_message_deflate;
};

struct config {
	struct config_addrs listen;             /* at least one */
	char *data_dir;                         /* absolute; not created here */
	char *web_dir;                          /* dashboard from disk; NULL: the built-in one */
	enum role anonymous;
	struct config_strings hosts;            /* lower case, no port; beside loopback names and listen addresses */
	char *url;                              /* of the dashboard, as people reach it; ends in '/'; NULL: not said */
	uint32_t push_interval_ms, min_rate_ms;
	enum log_level log_level;
	char *redis;                            /* a URL (loop/redis_url.h), which may hold a password; NULL: none */
	struct config_socketio socketio;
	struct {
		uint32_t clients;               /* at once */
		uint32_t clients_per_address;   /* 0: no limit of its own */
	} limits;
	struct {
		uint32_t series;
		uint32_t raw_s, minute_s;
	} store;
	struct collect_setting *collectors;     /* one for each row of collectors/collectors.h, in its order */
	size_t ncollectors;

	struct rule *rules;                     /* of alerts, the built-in ones too */
	size_t nrules;
	struct channel *channels;               /* webhook, exec, email */
	size_t nchannels;
	struct config_block *blocks;            /* both as they were written (config_blocks.h) */
	size_t nblocks;

	char *path;                             /* the file it came from; NULL: there was none */
	char *warnings;                         /* lines for the log, each ends in '\n'; "" when there are none */
	struct config_note *notes;              /* where each value came from (config_keys.h) */
};

/* Without a file the shipped rules are in force; with one, what it says and includes. HIGH_CPU and HIGH_MEMORY always are.
 * 0 and a whole configuration; or EX_USAGE (64, all mistakes are in flags) or
 * EX_CONFIG (78), a line for each mistake in errors and *out as it was. */
int config_load(struct config **out, const struct cli *cli, struct buf *errors);
void config_free(struct config *c);             /* NULL is fine */
struct rule *config_rules_take(const struct config *c, size_t *n); /* rules of one's own; their file names stay c's */

/* --check-config and --dump-config: print to standard output, mistakes and
 * warnings to standard error, and return the exit code. */
int config_check(const struct cli *cli);
int config_dump(const struct cli *cli);
/* Effective values in the file's own syntax, each with its origin as a comment. */
void config_print(const struct config *c, struct buf *out);

/* --- reload --- */

bool config_same_listen(const struct config *a, const struct config *b);
/* A line for each key that differs and takes effect only at the next start:
 * "socketio.max_payload: 1MB, now 2MB, takes effect at the next start\n". Nothing when there are none. */
void config_restart_notes(const struct config *old, const struct config *new, struct buf *out);

void config_print_sample(struct buf *out);      /* the text of --help=file: contrib/vedette.conf */
void config_print_rules(struct buf *out);       /* the text of --help=rules: contrib/alerts.conf */
void config_print_keys(struct buf *out);        /* the text of --help=keys: every key, its default and its bounds */

#endif
