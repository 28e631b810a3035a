/* command.c: what the program does instead of watching. */
#include "app/command.h"

#include "app/ask.h"
#include "app/config.h"
#include "app/config_value.h"
#include "app/replay.h"
#include "base/json.h"
#include "base/xmalloc.h"
#include "db/db.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <time.h>

enum { MOST_NAMES = 100 };     /* that are listed */

struct command {
	const struct cli *cli;
	struct config *config;
	struct ask ask;
};

/* --- tokens --- */

static void print_day(int64_t ms, char out[32])
{
	time_t seconds = (time_t)(ms / 1000);
	struct tm tm;

	snprintf(out, 32, "never");
	if (ms > 0) {
		localtime_r(&seconds, &tm);
		strftime(out, 32, "%Y-%m-%d %H:%M", &tm);
	}
}

static void print_token(void *user, const char *name, const char *role, int64_t created_ms, int64_t used_ms)
{
	char created[32], used[32];

	(void)user;
	print_day(created_ms, created);
	print_day(used_ms, used);
	printf("%-24s %-10s made %-18s used %s\n", name, role, created, used);
}

static int add_token(struct db *db, const struct cli *cli)
{
	char secret[64];
	int err = db_token_add(db, cli->name, cli->role, secret);

	if (err) {
		fprintf(stderr, "vedette: cannot add token \"%s\": %s\n", cli->name, err == -EEXIST ? "there is one already" : strerror(-err));
		return err == -EEXIST ? EX_USAGE : EX_CANTCREAT;
	}
	puts(secret);
	fprintf(stderr, "Keep it: it is not shown again. It lets %s in as %s; `vedette token revoke %s` ends it.\n", cli->name, cli->role,
	        cli->name);
	return EX_OK;
}

static int revoke_token(struct db *db, const struct cli *cli)
{
	int err = db_token_revoke(db, cli->name);

	if (err)
		fprintf(stderr, "vedette: cannot revoke token \"%s\": %s\n", cli->name, err == -ENOENT ? "there is none" : strerror(-err));
	return !err ? EX_OK : err == -ENOENT ? EX_USAGE : EX_CANTCREAT;
}

static int token(struct command *c)
{
	char why[300];
	struct db *db;
	int code, err;

	mkdir(c->config->data_dir, 0700);
	err = db_open(&db, c->config->data_dir, c->ask.loop, why, sizeof why);
	if (err) {
		fprintf(stderr, "vedette: cannot open the state in %s: %s\n", c->config->data_dir, why);
		return EX_CANTCREAT;
	}
	if (c->cli->command == CLI_TOKEN_ADD)
		code = add_token(db, c->cli);
	else if (c->cli->command == CLI_TOKEN_REVOKE)
		code = revoke_token(db, c->cli);
	else
		code = db_token_list(db, print_token, NULL) ? EX_IOERR : EX_OK;
	db_close(db);
	return code;
}

/* --- asking the one that runs --- */

/* "/api/v1/rules/NAME/explain" */
static char *path_take(const char *head, const char *name, const char *tail)
{
	struct buf path;

	buf_init(&path, SIZE_MAX / 2);
	buf_adds(&path, head);
	ask_add_encoded(&path, name);
	buf_adds(&path, tail);
	return buf_take(&path, NULL);
}

/* Names of the rules of the one that runs, which may have others than the file by now. */
static char **rule_names_take(struct slice answer, size_t *n)
{
	char **names = NULL;
	struct slice list, rule, text;

	*n = 0;
	if (!json_get(answer, "rules", &list) || json_type(list) != JSON_IS_ARRAY)
		return NULL;
	for (struct json_walk w = json_walk(list); json_next(&w, &rule);) {
		struct buf name;

		buf_init(&name, SIZE_MAX / 2);
		if (json_get(rule, "name", &text) && json_type(text) == JSON_IS_STRING)
			json_unquote(&name, text);
		names = xreallocarray(names, *n + 1, sizeof *names);
		names[(*n)++] = buf_take(&name, NULL);
	}
	return names;
}

static void say_no_such_rule(const char *name, char *const *names, size_t n)
{
	struct nearest near;

	nearest_init(&near, name);
	for (size_t i = 0; i < n; i++)
		nearest_try(&near, names[i]);
	fprintf(stderr, "vedette: there is no rule \"%s\".", name);
	if (near.best)
		fprintf(stderr, " Did you mean \"%s\"?", near.best);
	for (size_t i = 0; i < n && i < MOST_NAMES; i++)
		fprintf(stderr, "%s%s", i ? ", " : " There are ", names[i]);
	fputs(n > MOST_NAMES ? ", …\n" : "\n", stderr);
}

static int no_such_rule(struct command *c)
{
	char *body = ask_take(&c->ask, "GET", "/api/v1/rules"), **names;
	size_t n;

	if (!body)
		return EX_UNAVAILABLE;
	names = rule_names_take(slice_str(body), &n);
	say_no_such_rule(c->cli->name, names, n);
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
	free(body);
	return EX_USAGE;
}

static int explain(struct command *c)
{
	char *path = path_take("/api/v1/rules/", c->cli->name, "/explain"), *body;
	struct slice text;
	struct buf out;
	int code = EX_OK;

	c->ask.fine = "there is no such rule";
	body = ask_take(&c->ask, "GET", path);
	free(path);
	if (!body)
		return EX_UNAVAILABLE;
	buf_init(&out, SIZE_MAX / 2);
	if (json_get(slice_str(body), "text", &text)) {
		json_unquote(&out, text);
		printf("%s%s", out.data, out.len && out.data[out.len - 1] == '\n' ? "" : "\n");
	} else {
		code = no_such_rule(c);
	}
	buf_release(&out);
	free(body);
	return code;
}

static int test_channel(struct command *c)
{
	char *path = path_take("/api/v1/channels/", c->cli->name, "/test"), *body = ask_take(&c->ask, "POST", path);

	free(path);
	if (!body)
		return EX_UNAVAILABLE;
	printf("%s: delivered\n", c->cli->name);
	free(body);
	return EX_OK;
}

/* --- all of them --- */

int command_run(const struct cli *cli)
{
	struct command c = {.cli = cli};
	struct buf errors;
	int code;

	buf_init(&errors, SIZE_MAX / 2);
	code = config_load(&c.config, cli, &errors);
	fputs(errors.data, stderr);
	buf_release(&errors);
	if (code)
		return code;
	if (loop_new(&c.ask.loop))
		return EX_OSERR;
	c.ask.config = c.config;
	switch (cli->command) {
	case CLI_EXPLAIN:
		code = explain(&c);
		break;
	case CLI_TEST_CHANNEL:
		code = test_channel(&c);
		break;
	case CLI_TEST_RULES:
		code = replay_run(&c.ask, cli->from, cli->to);
		break;
	default:
		code = token(&c);
	}
	ask_release(&c.ask);
	loop_free(c.ask.loop);
	config_free(c.config);
	return code;
}
