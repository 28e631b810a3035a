/* main.c: the order of birth and death.
 *
 * birth: command line, configuration, signals (blocked before there are threads), database, store, Socket.IO, HTTP,
 *        alerts, feed, collectors, tokens, listening sockets
 * death: the reverse; a hung collector is left behind */
#include "app/alerting.h"
#include "app/app.h"
#include "app/auth.h"
#include "app/command.h"
#include "app/events.h"
#include "app/feed.h"
#include "app/routes.h"
#include "app/supervisor.h"
#include "app/turns.h"
#include "base/clock.h"
#include "base/log.h"
#include "base/xmalloc.h"
#include "collectors/collectors.h"
#include "db/db.h"
#include "loop/fetch.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <unistd.h>

uint64_t app_requests(const struct app *app)
{
	return http_server_counters(app->http)->requests + app->events;
}

uint64_t app_errors(const struct app *app)
{
	return http_server_counters(app->http)->errors + app->event_errors;
}

static struct store_config store_config(const struct config *c)
{
	return (struct store_config){
		.max_series = c->store.series,
		.raw_s = c->store.raw_s,
		.minute_s = c->store.minute_s,
		.interval_ms = 1000,
	};
}

void app_event(struct app *app, const char *kind, const char *text)
{
	struct buf b;

	buf_init(&b, 1000);
	journal_event_json(journal_add(&app->journal, kind, text), &b);
	sio_emit(sio_local(sio_all(sio_of(app->io, "/"))), "event", sio_json(b.data)); /* it says no host: none but ours */
	buf_release(&b);
}

/* --- what is known of the host --- */

static void read_os_name(char *out, size_t size)
{
	char line[256], value[128];
	FILE *f = fopen("/etc/os-release", "re");

	snprintf(out, size, "Linux");
	while (f && fgets(line, sizeof line, f))
		if (sscanf(line, "PRETTY_NAME=\"%127[^\"]\"", value) == 1)
			snprintf(out, size, "%s", value);
	if (f)
		fclose(f);
}

/* Its IANA name, from where the link points (localtime(5)). */
static void read_time_zone(char *out, size_t size)
{
	char target[256];
	ssize_t n = readlink("/etc/localtime", target, sizeof target - 1);
	const char *name;

	target[n > 0 ? n : 0] = '\0';
	name = strstr(target, "zoneinfo/");
	snprintf(out, size, "%s", name ? name + strlen("zoneinfo/") : "UTC");
}

static void know_host(struct app *app)
{
	if (gethostname(app->hostname, sizeof app->hostname - 1) < 0)
		snprintf(app->hostname, sizeof app->hostname, "localhost");
	read_os_name(app->os, sizeof app->os);
	read_time_zone(app->time_zone, sizeof app->time_zone);
	app->started_up_ms = clock_up_ms();
}

/* --- birth --- */

/* The folder that state lives in, made if it is missing. 0, or an exit code after saying why. */
static int open_data_dir(const char *path)
{
	char *part = xstrdup(path);
	int err = 0;

	for (char *p = part + 1; !err && p[-1]; p++) {
		if (*p != '/' && *p != '\0')
			continue;
		char kept = *p;

		*p = '\0';
		if (mkdir(part, 0700) < 0 && errno != EEXIST)
			err = errno;
		*p = kept;
		if (!kept)
			break;
	}
	if (!err && access(path, W_OK | X_OK) < 0)
		err = errno;
	if (err)
		log_error("cannot keep state in %s: %s; --data-dir names another folder", path, strerror(err));
	free(part);
	return !err ? 0 : err == EACCES || err == EPERM || err == EROFS ? EX_NOPERM : EX_CANTCREAT;
}

/* Two that share a folder would both deliver its alerts. The lock ends with the process, however that ends; the pid in the
 * file is for people. 0, or an exit code after saying why. */
static int lock_data_dir(const char *path)
{
	char *name = xasprintf("%s/vedette.lock", path), pid[16] = "";
	int fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC, 0600), code = 0;

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK) {
		if (read(fd, pid, sizeof pid - 1) < 0)
			pid[0] = '\0';
		pid[strspn(pid, "0123456789")] = '\0';
		log_error("%s belongs to a Vedette that runs%s%s; --data-dir names another folder", path, *pid ? ": pid " : "", pid);
		code = EX_CANTCREAT;
	} else if (fd < 0 || ftruncate(fd, 0) < 0 || dprintf(fd, "%d\n", (int)getpid()) < 0) {
		log_warn("%s: %s; nothing keeps a second Vedette out of its folder", name, strerror(errno));
	}
	free(name);
	return code; /* fd stays open */
}

static void socketio_options(const struct config *c, struct sio_options *o, struct eio_cors *cors, char ***origins)
{
	sio_options_init(o);
	o->engine.ping_interval_ms = c->socketio.ping_interval_ms;
	o->engine.ping_timeout_ms = c->socketio.ping_timeout_ms;
	o->engine.upgrade_timeout_ms = c->socketio.upgrade_timeout_ms;
	o->engine.max_payload = c->socketio.max_payload_bytes;
	o->engine.transports = (c->socketio.transports & CONFIG_POLLING ? EIO_POLLING : 0u) |
	                       (c->socketio.transports & CONFIG_WEBSOCKET ? EIO_WEBSOCKET : 0u);
	o->engine.allow_eio3 = c->socketio.allow_eio3;
	o->engine.http_compression = c->socketio.http_compression;
	o->engine.per_message_deflate = c->socketio.per_message_deflate;
	o->engine.max_sessions = c->limits.clients;
	o->engine.max_sessions_per_address = c->limits.clients_per_address;
	o->connect_timeout_ms = c->socketio.connect_timeout_ms;
	o->recovery_ms = c->socketio.recovery_ms;
	o->recovery_skips_middlewares = false; /* its token may have been revoked while it was away */
	*origins = xcalloc(c->socketio.cors_origins.n + 1, sizeof **origins);
	for (size_t i = 0; i < c->socketio.cors_origins.n; i++) {
		(*origins)[i] = xstrdup(c->socketio.cors_origins.at[i]); /* outlives a reload */
		cors->any_origin |= strcmp((*origins)[i], "*") == 0;
	}
	cors->on = c->socketio.cors_origins.n > 0;
	cors->origins = (const char *const *)*origins;
	cors->max_age_s = -1;
	o->engine.cors = *cors;
}

/* Its URL was checked when the configuration was read. */
static void join_fleet(struct app *app)
{
	struct sio_redis_options o;
	const char *why;

	if (!app->config->redis)
		return;
	sio_redis_options_init(&o);
	o.url = app->config->redis;
	if (sio_server_set_redis(app->io, &o, &why))
		log_error("redis: %s", why);
}

static int listen_all(struct app *app)
{
	const struct config_addrs *listen = &app->config->listen;

	for (size_t i = 0; i < listen->n; i++) {
		const struct config_addr *a = &listen->at[i];
		uint16_t port = 0;
		int err = http_server_listen(app->http, (const struct sockaddr *)&a->sa, a->sa_len, &port);

		if (err == -EADDRINUSE)
			log_error("cannot listen on %s: the address is in use; --listen names another", a->text);
		else if (err)
			log_error("cannot listen on %s: %s", a->text, strerror(-err));
		if (err)
			return err == -EACCES || err == -EPERM ? EX_NOPERM : EX_UNAVAILABLE;
		log_info("listening on http://%s%s%s:%u", strchr(a->host, ':') ? "[" : "", a->host, strchr(a->host, ':') ? "]" : "", port);
	}
	return 0;
}

struct collector_news {
	struct app *app;
	char text[200];
};

static void tell_collector_news(void *arg)
{
	struct collector_news *news = arg;

	app_event(news->app, "collector", news->text);
	free(news);
}

/* On the collector's thread. The first good read of each is no news. */
static void on_collector(void *user, const char *name, enum collect_state was, enum collect_state is, const char *why)
{
	struct collector_news *news;

	if (is != COLLECT_FAILING && (is != COLLECT_OK || was == COLLECT_STARTING))
		return;
	news = xzalloc(sizeof *news);
	news->app = user;
	if (is == COLLECT_FAILING)
		snprintf(news->text, sizeof news->text, "collector %s fails: %s", name, why);
	else
		snprintf(news->text, sizeof news->text, "collector %s is back", name);
	loop_post(news->app->loop, tell_collector_news, news);
}

static int start_collectors(struct app *app)
{
	struct collect_config c = {
		.collectors = collectors,
		.ncollectors = collectors_len,
		.settings = app->config->collectors,
		.nsettings = app->config->ncollectors,
		.roots = {"/proc", "/sys", "/"},
		.store = app->store,
	};
	int err = collect_start(&app->collect, &c);

	if (err) {
		log_error("cannot start the collectors: %s", strerror(-err));
		return EX_OSERR;
	}
	collect_on_change(app->collect, on_collector, app);
	return 0;
}

/* --- signals --- */

static void log_lines(enum log_level level, const char *text)
{
	while (*text) {
		size_t n = strcspn(text, "\n");

		log_at(level, "%.*s", (int)n, text);
		text += n + (text[n] == '\n');
	}
}

/* A bad file changes nothing; a good one keeps clients and history. */
static void reload(struct app *app)
{
	struct config *new, *former;
	struct buf text;

	supervisor_reloading(app->supervisor);
	buf_init(&text, SIZE_MAX / 2);
	if (config_load(&new, app->cli, &text)) {
		log_lines(LOG_LEVEL_ERROR, text.data);
		log_error("the configuration was not reloaded; the former one stays in force");
		buf_release(&text);
		supervisor_ready(app->supervisor, "Watching; the configuration is wrong and was not reloaded, the log says why");
		return;
	}
	config_restart_notes(app->first, new, &text);
	log_lines(LOG_LEVEL_WARN, text.data);
	buf_release(&text);
	former = app->config; /* its channels are in use until alerting has the new ones */
	app->config = new;
	log_lines(LOG_LEVEL_WARN, app->config->warnings);
	log_set_level(app->config->log_level);
	collect_reload(app->collect, app->config->collectors, app->config->ncollectors);
	feed_reload(app->feed);
	alerting_reload(app->alerting);
	auth_review(app->auth);
	if (former != app->first)
		config_free(former);
	log_info("configuration reloaded");
	supervisor_ready(app->supervisor, "Watching");
	app_event(app, "reload", "configuration reloaded");
}

static void on_signal(void *user, int signal)
{
	struct app *app = user;

	if (signal == SIGHUP) {
		reload(app);
		return;
	}
	log_info("ending on SIG%s", sigabbrev_np(signal));
	supervisor_stopping(app->supervisor);
	loop_stop(app->loop);
}

/* --- life --- */

/* WebSockets beyond the usual soft limit of 1024 descriptors. */
static void raise_descriptors(void)
{
	struct rlimit r;

	if (getrlimit(RLIMIT_NOFILE, &r) == 0) {
		r.rlim_cur = r.rlim_max < 65536 ? r.rlim_max : 65536;
		setrlimit(RLIMIT_NOFILE, &r);
	}
}

static int open_db(struct app *app)
{
	char why[300];
	int err = db_open(&app->db, app->config->data_dir, app->loop, why, sizeof why);

	if (err)
		log_error("cannot keep state in %s: %s", app->config->data_dir, why);
	return !err ? 0 : err == -EACCES || err == -EPERM || err == -EROFS ? EX_NOPERM : EX_CANTCREAT;
}

static void open_fetch(struct app *app)
{
	const char *why;

	app->fetch = fetch_new(app->loop);
	if (app->config->nchannels && !fetch_works(&why))
		log_warn("webhooks and mail wait: %s", why);
}

static void birth(struct app *app, int wake_fd, char ***origins)
{
	struct store_config store = app->store_config = store_config(app->config);
	struct eio_cors cors = {0};
	struct sio_options options;

	app->store = store_new(&store, wake_fd);
	log_info("store: at most %.1f MB for %u series, %u s of samples and %u h of minutes", (double)store_limit_bytes(&store) / 1e6,
	         store.max_series, store.raw_s, store.minute_s / 3600);
	socketio_options(app->config, &options, &cors, origins);
	app->io = sio_server_new(app->loop, &options);
	join_fleet(app);
	app->auth = auth_new(app);
	app->turns = turns_new(app->loop);
	routes_open(app);
	app->alerting = alerting_new(app);
	app->feed = feed_new(app, wake_fd);
	events_root(app);
}

static void death(struct app *app, char **origins)
{
	if (app->collect)
		collect_stop(app->collect);
	auth_stop(app->auth);
	sio_server_free(app->io);
	http_server_free(app->http);
	turns_free(app->turns);
	loop_turn(app->loop, 0); /* what was deferred or posted still needs what follows */
	feed_free(app->feed);
	alerting_stop(app->alerting);
	fetch_free(app->fetch);
	db_close(app->db);
	loop_turn(app->loop, 0); /* the database's last answers */
	alerting_free(app->alerting);
	auth_free(app->auth);
	store_free(app->store);
	for (char **o = origins; *o; o++)
		free(*o);
	free(origins);
}

#define TOKENS_MS 5000

/* Clients come back the moment that we listen, and one that is refused does not try again. */
static void know_tokens(struct app *app)
{
	if (!auth_await_tokens(app->auth, TOKENS_MS))
		log_warn("the tokens are not known yet: who has one is refused until they are");
}

static int live(struct app *app)
{
	int wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), code = open_db(app);
	char **origins;

	if (code) {
		close(wake_fd);
		return code;
	}
	open_fetch(app);
	birth(app, wake_fd, &origins);
	code = start_collectors(app);
	if (!code)
		know_tokens(app);
	if (!code)
		code = listen_all(app);
	if (!code) {
		journal_add(&app->journal, "start", "Vedette " VEDETTE_VERSION " started");
		supervisor_ready(app->supervisor, "Watching");
		loop_run(app->loop);
	}
	death(app, origins);
	close(wake_fd);
	return code;
}

static int run(struct cli *cli)
{
	static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
	struct app app = {.cli = cli};
	struct buf errors;
	int code, err;

	buf_init(&errors, SIZE_MAX / 2);
	code = config_load(&app.config, cli, &errors);
	fputs(errors.data, stderr);
	buf_release(&errors);
	if (code)
		return code;
	app.first = app.config;
	log_set_level(app.config->log_level);
	log_lines(LOG_LEVEL_WARN, app.config->warnings);
	know_host(&app);
	raise_descriptors();
	signal(SIGPIPE, SIG_IGN);
	err = loop_new(&app.loop);
	if (!err)
		err = loop_signals(app.loop, signals, sizeof signals / sizeof *signals, on_signal, &app);
	if (err)
		log_error("cannot start the event loop: %s", strerror(-err));
	app.supervisor = supervisor_new(app.loop);
	code = err ? EX_OSERR : open_data_dir(app.config->data_dir);
	if (!code)
		code = lock_data_dir(app.config->data_dir);
	if (!code)
		code = live(&app);
	supervisor_free(app.supervisor);
	loop_free(app.loop);
	if (app.first != app.config)
		config_free(app.first);
	config_free(app.config);
	return code;
}

int main(int argc, char **argv)
{
	struct cli cli;
	int code;

	mallopt(M_ARENA_MAX, 2); /* threads that allocate little need no heaps of their own */
	code = cli_parse(argc, argv, &cli);
	if (code != CLI_CONTINUE)
		return code;
	code = cli.check                    ? config_check(&cli)
	       : cli.dump                   ? config_dump(&cli)
	       : cli.command != CLI_RUN     ? command_run(&cli)
	                                    : run(&cli);
	cli_release(&cli);
	return code;
}
