/* config_load.c: loads a configuration: defaults, the file and what it includes, the environment, flags; in that
 * order, the later over the earlier. Nothing is given out unless all of it is right. */
#include "app/config_load.h"

#include "app/cli.h"
#include "app/config_blocks.h"
#include "app/config_value.h"
#include "base/xmalloc.h"
#include "collectors/collectors.h"

#include <assert.h>
#include <errno.h>
#include <pwd.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

/* ---- mistakes ---- */

static void add_mistake(struct load *l, const struct place *p, char *take_text)
{
	for (size_t i = 0; i < l->nmistakes; i++) {
		if (strcmp(l->mistakes[i].text, take_text) == 0) {
			free(take_text);
			return;
		}
	}
	l->mistakes = xreallocarray(l->mistakes, l->nmistakes + 1, sizeof *l->mistakes);
	l->mistakes[l->nmistakes] =
		(struct mistake){.source = p->source, .line = p->line, .seq = (unsigned)l->nmistakes, .text = take_text};
	l->nmistakes++;
}

static void add_place(const struct place *p, struct buf *out)
{
	buf_adds(out, p->name);
	if (p->line)
		buf_addf(out, ":%u", p->line);
}

void load_mistake(struct load *l, const struct place *p, const char *fmt, ...)
{
	struct buf b;
	char *text;
	va_list ap;

	if (l->nmistakes >= CONFIG_MAX_MISTAKES)
		return;
	va_start(ap, fmt);
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	va_end(ap);
	buf_init(&b, CONFIG_MAX_TEXT);
	add_place(p, &b);
	buf_addf(&b, ": %s", text);
	free(text);
	add_mistake(l, p, buf_take(&b, NULL));
}

static int by_place(const void *a, const void *b)
{
	const struct mistake *x = a, *y = b;

	if (x->source != y->source)
		return x->source < y->source ? -1 : 1;
	if (x->line != y->line)
		return x->line < y->line ? -1 : 1;
	return x->seq < y->seq ? -1 : 1;
}

/* Tells all mistakes, forgets them, and says what they come to. */
static int settle_mistakes(struct load *l, struct buf *errors)
{
	bool usage = l->nmistakes > 0;
	int err = l->nmistakes ? EX_CONFIG : 0;

	if (l->nmistakes)
		qsort(l->mistakes, l->nmistakes, sizeof *l->mistakes, by_place);
	for (size_t i = 0; i < l->nmistakes; i++) {
		usage = usage && l->mistakes[i].source == SOURCE_FLAG;
		buf_addf(errors, "%s\n", l->mistakes[i].text);
		free(l->mistakes[i].text);
	}
	free(l->mistakes);
	return usage ? EX_USAGE : err;
}

/* ---- one value ---- */

/* Relative paths mean something on a command line. A file is read by a service, which stands in no folder of note. */
static char *absolute_take(const char *path)
{
	char *cwd, *whole;

	if (!*path || *path == '/')
		return xstrdup(path);
	cwd = getcwd(NULL, 0);
	whole = xasprintf("%s/%s", cwd ? cwd : "", path);
	free(cwd);
	return whole;
}

static bool set(const struct key *k, void *field, const struct place *p, const char *text, struct buf *why)
{
	char *whole;
	bool ok;

	if (!k->kind->path)
		return k->kind->set(k, field, text, why);
	if (p->line && *text && *text != '/') {
		buf_addf(why, "\"%s\" is not an absolute path", text);
		return false;
	}
	whole = absolute_take(text);
	ok = k->kind->set(k, field, whole, why);
	free(whole);
	return ok;
}

static void note(struct load *l, const struct place *p, const struct key *k, size_t instance)
{
	struct config_note *n = config_note(l->c, k, instance);
	struct buf b;

	free(n->origin);
	n->origin = NULL;
	if (!p->name)
		return;
	buf_init(&b, CONFIG_MAX_TEXT);
	add_place(p, &b);
	n->origin = buf_take(&b, NULL);
}

void load_put(struct load *l, const struct place *p, const struct key *k, size_t instance, const char *text, bool first)
{
	void *field = key_field(l->c, k, instance);
	struct buf why, name;
	bool ok = true;

	buf_init(&why, CONFIG_MAX_TEXT);
	buf_init(&name, CONFIG_MAX_TEXT);
	if (k->kind->list && first)
		k->kind->clear(field);
	if (!k->kind->list || *text)
		ok = set(k, field, p, text, &why);
	else if (first && k->min)
		buf_adds(&why, "must not be empty"), ok = false;
	note(l, p, k, instance);
	if (!ok) {
		key_name(k, instance, &name);
		assert(p->name); /* a default that is not allowed */
		load_mistake(l, p, "%s: %s", name.data, why.data);
	}
	buf_release(&why);
	buf_release(&name);
}

struct putting {
	struct load *l;
	const struct place *p;
	const struct key *k;
	size_t instance;
	bool first;
};

static void put_item(void *user, const char *item)
{
	struct putting *to = user;

	load_put(to->l, to->p, to->k, to->instance, item, to->first);
	to->first = false;
}

/* A value from where there are no braces: a list's items are separated by commas. */
static void put_whole(struct load *l, const struct place *p, const struct key *k, size_t instance, const char *text)
{
	if (k->kind->list)
		key_items(text, put_item, &(struct putting){l, p, k, instance, true});
	else
		load_put(l, p, k, instance, text, true);
}

/* ---- the other sources ---- */

static void each_instance(struct load *l, void (*fn)(struct load *l, const struct key *k, size_t instance))
{
	for (size_t i = 0; i < keys_len; i++)
		for (size_t j = 0; j < keys[i].section->count(); j++)
			fn(l, &keys[i], j);
}

static void put_default(struct load *l, const struct key *k, size_t instance)
{
	if (k->fallback)
		put_whole(l, &(struct place){.name = NULL}, k, instance, k->fallback);
}

/* An empty variable is one that is not set: that is how container files leave it out. */
static void put_env(struct load *l, const struct key *k, size_t instance)
{
	struct buf name;
	const char *value;

	buf_init(&name, CONFIG_MAX_TEXT);
	key_env(k, k->section->titled ? k->section->title(instance) : NULL, &name);
	value = getenv(name.data);
	if (value && *value)
		put_whole(l, &(struct place){.name = name.data, .source = SOURCE_ENV}, k, instance, value);
	buf_release(&name);
}

static const struct key *key_of_flag(const char *name)
{
	for (size_t i = 0; i < keys_len; i++)
		if (keys[i].flag && strcmp(keys[i].flag, name) == 0)
			return &keys[i];
	return NULL;
}

/* The first --listen replaces what the file says, further ones add to it. */
static void put_flag(struct load *l, const struct cli *cli, size_t i)
{
	const struct cli_setting *s = &cli->settings[i];
	const struct key *k = key_of_flag(s->flag);
	char *name = xasprintf("--%s", s->flag);
	bool first = true;

	assert(k);
	for (size_t j = 0; j < i; j++)
		first = first && strcmp(cli->settings[j].flag, s->flag) != 0;
	load_put(l, &(struct place){.name = name, .source = SOURCE_FLAG}, k, 0, s->value, first);
	free(name);
}

static void read_main_file(struct load *l, const struct cli *cli)
{
	const char *named = cli->config ? cli->config : getenv("VEDETTE_CONFIG");

	if (named && *named)
		l->c->path = xstrdup(named);
	else if (access(CONFIG_DEFAULT_PATH, F_OK) == 0 || errno != ENOENT)
		l->c->path = xstrdup(CONFIG_DEFAULT_PATH);
	load_file(l, l->c->path ? l->c->path : CONFIG_SHIPPED);
}

/* ---- what depends on other values ---- */

/* systemd.exec(5): a list with colons of which ours is the first. XDG Base Directory: relative paths are ignored. */
static char *default_data_dir_take(void)
{
	const char *service = getenv("STATE_DIRECTORY"), *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	const struct passwd *pw;

	if (service && *service)
		return xstrndup(service, strcspn(service, ":"));
	if (geteuid() == 0)
		return xstrdup("/var/lib/vedette");
	if (state && *state == '/')
		return xasprintf("%s/vedette", state);
	if (!home || *home != '/')
		home = (pw = getpwuid(geteuid())) ? pw->pw_dir : NULL;
	return home && *home == '/' ? xasprintf("%s/.local/state/vedette", home) : NULL;
}

static void settle_data_dir(struct load *l)
{
	if (!l->c->data_dir)
		l->c->data_dir = default_data_dir_take();
	if (!l->c->data_dir)
		load_mistake(l, &(struct place){.name = "data_dir", .source = SOURCE_ENV},
			"neither $XDG_STATE_HOME nor $HOME says where; set it, or use --data-dir");
}

static const struct config_addr *first_reachable(const struct config *c)
{
	for (size_t i = 0; i < c->listen.n; i++)
		if (!c->listen.at[i].loopback)
			return &c->listen.at[i];
	return NULL;
}

static void settle_anonymous(struct load *l, struct buf *warnings)
{
	const struct config_addr *open_to = first_reachable(l->c);
	bool said = config_note(l->c, key_find(section_find(""), "anonymous"), 0)->origin != NULL;

	if (!said)
		l->c->anonymous = open_to ? ROLE_NONE : ROLE_VIEWER;
	if (open_to && !said)
		buf_addf(warnings,
			"others can reach %s, so anonymous is none: nobody without credentials gets in. Set anonymous = viewer "
			"to let everyone who can reach it look, or listen on 127.0.0.1 behind a proxy that asks who they are.\n",
			open_to->text);
	if (open_to && said && l->c->anonymous == ROLE_OPERATOR)
		buf_addf(warnings, "anonymous = operator, and others can reach %s: everyone who can may change things here.\n",
			open_to->text);
}

#define PREFIX "VEDETTE_"

/* name as it stands in the environment, without the prefix. */
static bool is_known(const char *name, struct nearest *near, struct buf *known)
{
	for (size_t i = 0; i < keys_len; i++) {
		const struct section *s = keys[i].section;

		for (size_t j = 0; j < s->count(); j++) {
			buf_reset(known);
			key_env(&keys[i], s->titled ? s->title(j) : NULL, known);
			if (strcmp(known->data + strlen(PREFIX), name) == 0)
				return true;
			nearest_try(near, known->data + strlen(PREFIX));
			if (near->best == known->data + strlen(PREFIX))
				near->best = keys[i].name;
		}
	}
	return strcmp(name, "CONFIG") == 0;
}

/* Others may use names that begin like ours, so this is no mistake. */
static void warn_of_slips(struct buf *warnings)
{
	struct nearest near;
	struct buf known;

	buf_init(&known, CONFIG_MAX_TEXT);
	for (char **e = environ; *e; e++) {
		char *name;

		if (strncmp(*e, PREFIX, strlen(PREFIX)) != 0)
			continue;
		name = xstrndup(*e + strlen(PREFIX), strcspn(*e, "=") - strlen(PREFIX));
		nearest_init(&near, name);
		if (!is_known(name, &near, &known) && near.best)
			buf_addf(warnings, PREFIX "%s in the environment means nothing here; was it to set %s?\n", name, near.best);
		free(name);
	}
	buf_release(&known);
}

static void settle(struct load *l)
{
	struct buf warnings;

	buf_init(&warnings, CONFIG_MAX_TEXT);
	settle_data_dir(l);
	settle_anonymous(l, &warnings);
	warn_of_slips(&warnings);
	blocks_settle(l, &warnings);
	l->c->warnings = buf_take(&warnings, NULL);
}

/* ---- the whole ---- */

static struct config *config_new(void)
{
	struct config *c = xzalloc(sizeof *c);

	c->ncollectors = collectors_len;
	c->collectors = xcalloc(collectors_len, sizeof *c->collectors);
	for (size_t i = 0; i < collectors_len; i++)
		c->collectors[i] =
			(struct collect_setting){.name = collectors[i]->name, .interval_ms = collectors[i]->interval_ms};
	c->notes = xcalloc(keys_len * section_widest(), sizeof *c->notes);
	return c;
}

void config_free(struct config *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < keys_len; i++) {
		for (size_t j = 0; j < keys[i].section->count(); j++) {
			if (keys[i].kind->clear)
				keys[i].kind->clear(key_field(c, &keys[i], j));
			free(config_note(c, &keys[i], j)->origin);
		}
	}
	blocks_free(c);
	free(c->collectors);
	free(c->notes);
	free(c->path);
	free(c->warnings);
	free(c);
}

int config_load(struct config **out, const struct cli *cli, struct buf *errors)
{
	struct load l = {.c = config_new()};
	int err;

	each_instance(&l, put_default);
	read_main_file(&l, cli);
	each_instance(&l, put_env);
	for (size_t i = 0; i < cli->nsettings; i++)
		put_flag(&l, cli, i);
	settle(&l);
	err = settle_mistakes(&l, errors);
	if (err)
		config_free(l.c);
	else
		*out = l.c;
	return err;
}
