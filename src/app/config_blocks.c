/* config_blocks.c: sections that anyone may name, as they are written, and what comes of all of them together. */
#include "app/config_blocks.h"

#include "base/xmalloc.h"

#include <stdlib.h>
#include <string.h>

/* ---- blocks as they are written ---- */

static struct config_block *find_block(struct config *c, const struct section *s, const char *title)
{
	for (size_t i = 0; i < c->nblocks; i++)
		if (c->blocks[i].section == s && strcmp(c->blocks[i].title, title) == 0)
			return &c->blocks[i];
	return NULL;
}

static struct config_block *add_block(struct config *c, const struct section *s, const char *title, const struct place *p)
{
	struct config_block *b;

	c->blocks = xreallocarray(c->blocks, c->nblocks + 1, sizeof *c->blocks);
	b = &c->blocks[c->nblocks++];
	*b = (struct config_block){.section = s, .title = xstrdup(title), .file = xstrdup(p->name), .source = p->source, .line = p->line};
	return b;
}

static bool has_control(const char *s)
{
	while (*s && (unsigned char)*s >= 0x20 && *s != 0x7f)
		s++;
	return *s != '\0';
}

/* The same title again goes on with the same block: a later file may change one key of it. */
void block_opens(struct load *l, const struct place *p, const struct section *s, const char *title)
{
	if (!*title || strlen(title) > 64 || has_control(title))
		load_mistake(l, p, "a name of %s must have 1 to 64 bytes, and no control characters", s->name);
	else if (!find_block(l->c, s, title))
		add_block(l->c, s, title, p);
}

static const struct block_key *find_key(const struct section *s, const char *name)
{
	for (size_t i = 0; i < block_keys_len; i++)
		if (strcmp(block_keys[i].section, s->name) == 0 && strcmp(block_keys[i].name, name) == 0)
			return &block_keys[i];
	return NULL;
}

static void free_items(struct config_entry *e)
{
	for (size_t i = 0; i < e->nitems; i++)
		free(e->items[i]);
	free(e->items);
	e->items = NULL;
	e->nitems = 0;
}

static struct config_entry *entry_of(struct config_block *b, const struct block_key *k)
{
	for (size_t i = 0; i < b->nentries; i++)
		if (b->entries[i].key == k)
			return &b->entries[i];
	b->entries = xreallocarray(b->entries, b->nentries + 1, sizeof *b->entries);
	b->entries[b->nentries] = (struct config_entry){.key = k};
	return &b->entries[b->nentries++];
}

static void add_item(struct config_entry *e, const char *text)
{
	e->items = xreallocarray(e->items, e->nitems + 1, sizeof *e->items);
	e->items[e->nitems++] = xstrdup(text);
}

void block_put(struct load *l, const struct place *p, const struct section *s, const char *title, const char *key, const char *text,
               bool first)
{
	struct config_block *b = find_block(l->c, s, title);
	const struct block_key *k = find_key(s, key);
	struct config_entry *e;

	if (!b || !k)
		return;
	e = entry_of(b, k);
	if (first || !k->list)
		free_items(e);
	e->line = p->line;
	if (*text || !k->list)
		add_item(e, text);
}

void blocks_free(struct config *c)
{
	for (size_t i = 0; i < c->nblocks; i++) {
		for (size_t k = 0; k < c->blocks[i].nentries; k++)
			free_items(&c->blocks[i].entries[k]);
		free(c->blocks[i].entries);
		free(c->blocks[i].title);
		free(c->blocks[i].file);
	}
	free(c->blocks);
	for (size_t i = 0; i < c->nrules; i++)
		rule_release(&c->rules[i]);
	free(c->rules);
	for (size_t i = 0; i < c->nchannels; i++)
		channel_release(&c->channels[i]);
	free(c->channels);
}

struct place block_place(const struct config_block *b, unsigned line)
{
	return (struct place){.name = b->file, .source = b->source, .line = line ? line : b->line};
}

/* ---- all of them ---- */

static bool is_rule(const struct config_block *b)
{
	return strcmp(b->section->name, "alert") == 0;
}

static bool says(const struct config_block *b, const char *key)
{
	for (size_t i = 0; b && i < b->nentries; i++)
		if (strcmp(b->entries[i].key->name, key) == 0)
			return true;
	return false;
}

static bool says_limit(const struct config_block *b)
{
	static const char *const limits[] = {"above", "below", "outside", "equals", "full_in", "absent", "info", "warning", "critical"};

	for (size_t i = 0; i < sizeof limits / sizeof *limits; i++)
		if (says(b, limits[i]))
			return true;
	return false;
}

/* What a block of that name leaves out is as built in; a limit of its own has no use for our clear. */
static void build_in(struct load *l, const char *name, const char *metric, const char *above, const char *clear)
{
	const struct section *s = section_find("alert");
	const struct config_block *b = find_block(l->c, s, name);
	struct place p = {.name = "built in"};
	bool limit = says_limit(b), clears = says(b, "clear"), measures = says(b, "metric");

	if (!b)
		block_opens(l, &p, s, name);
	if (!measures)
		block_put(l, &p, s, name, "metric", metric, true);
	if (!limit)
		block_put(l, &p, s, name, "above", above, true);
	if (!limit && !clears)
		block_put(l, &p, s, name, "clear", clear, true);
}

static bool channel_exists(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->nchannels; i++)
		if (strcmp(c->channels[i].name, name) == 0)
			return true;
	return false;
}

static bool rule_exists(const struct config *c, const char *name)
{
	for (size_t i = 0; i < c->nrules; i++)
		if (strcmp(c->rules[i].name, name) == 0)
			return true;
	return false;
}

/* A pattern may wait for rules to come; a name is a slip. Channels stand in the order of their blocks. */
static void check_channels(struct load *l)
{
	const struct channel *ch = l->c->channels;

	for (size_t i = 0; i < l->c->nblocks; i++) {
		const struct config_block *b = &l->c->blocks[i];
		struct place p = block_place(b, 0);

		if (is_rule(b))
			continue;
		for (size_t k = 0; k < ch->nrules; k++)
			if (!strchr(ch->rules[k], '*') && !rule_exists(l->c, ch->rules[k]))
				load_mistake(l, &p, "%s \"%s\" rules: there is no alert \"%s\"", b->section->name, ch->name, ch->rules[k]);
		ch++;
	}
}

static void check_names(struct load *l)
{
	struct config *c = l->c;
	char why[300];
	size_t which;

	for (size_t i = 0; i < c->nrules; i++) {
		const struct rule *r = &c->rules[i];
		struct place p = {.name = r->file, .line = (unsigned)r->line};

		for (size_t k = 0; k < r->nchannels; k++)
			if (!channel_exists(c, r->channels[k]))
				load_mistake(l, &p, "alert \"%s\" channels: there is no webhook, exec or email \"%s\"", r->name, r->channels[k]);
	}
	if (!rules_check(c->rules, c->nrules, &which, why, sizeof why)) {
		struct place p = {.name = c->rules[which].file, .line = (unsigned)c->rules[which].line};

		load_mistake(l, &p, "alert \"%s\": %s", c->rules[which].name, why);
	}
	check_channels(l);
}

static struct rule *collect_rules(struct load *l, const struct config *c, size_t *n)
{
	struct rule *rules = xcalloc(c->nblocks + 1, sizeof *rules);

	*n = 0;
	for (size_t i = 0; i < c->nblocks; i++) {
		if (is_rule(&c->blocks[i]) && block_rule_take(l, &c->blocks[i], &rules[*n]))
			++*n;
	}
	return rules;
}

struct rule *config_rules_take(const struct config *c, size_t *n)
{
	return collect_rules(NULL, c, n);
}

void blocks_settle(struct load *l, struct buf *warnings)
{
	build_in(l, "HIGH_CPU", "cpu", "80", "75");
	build_in(l, "HIGH_MEMORY", "memory", "90", "85");
	for (size_t i = 0; i < l->c->nblocks; i++) {
		struct channel channel;

		if (is_rule(&l->c->blocks[i]))
			continue;
		if (channel_exists(l->c, l->c->blocks[i].title)) {
			struct place p = block_place(&l->c->blocks[i], 0);

			load_mistake(l, &p, "there is another channel \"%s\" already", l->c->blocks[i].title);
		}
		block_channel_take(l, &l->c->blocks[i], &channel, warnings);
		l->c->channels = xreallocarray(l->c->channels, l->c->nchannels + 1, sizeof channel);
		l->c->channels[l->c->nchannels++] = channel;
	}
	l->c->rules = collect_rules(l, l->c, &l->c->nrules);
	if (!l->nmistakes)
		check_names(l);
}

/* ---- in words ---- */

/* "https://hooks.example.org/…": a path may be a key, and what stands before an @ is a password. */
static void print_host(struct buf *out, const char *url)
{
	const char *begin = strstr(url, "://"), *host = begin ? begin + 3 : url, *at;
	size_t n = strcspn(host, "/?#");
	char *shown;

	at = memrchr(host, '@', n);
	shown = xasprintf("%.*s%s%.*s%s", (int)(host - url), url, at ? "…@" : "", (int)(at ? host + n - at - 1 : (ptrdiff_t)n),
	                  at ? at + 1 : host, host[n] && host[n + 1] ? "/…" : host + n);
	config_quote(out, shown);
	free(shown);
}

static void print_item(struct buf *out, const struct block_key *k, const char *text)
{
	if (k->print == PRINT_NOTHING)
		buf_adds(out, "\"…\"");
	else if (k->print == PRINT_HOST)
		print_host(out, text);
	else
		config_quote(out, text);
}

static void print_entry(struct buf *out, const struct config_entry *e)
{
	buf_addf(out, "\t%-19s = %s", e->key->name, e->key->list ? "{" : "");
	for (size_t i = 0; i < e->nitems; i++) {
		buf_adds(out, i ? ", " : "");
		print_item(out, e->key, e->items[i]);
	}
	buf_adds(out, e->key->list ? "}\n" : "\n");
}

void blocks_print(const struct config *c, struct buf *out)
{
	for (size_t i = 0; i < c->nblocks; i++) {
		const struct config_block *b = &c->blocks[i];

		buf_addf(out, "\n%s ", b->section->name);
		config_quote(out, b->title);
		buf_addf(out, " {  # %s", b->file);
		if (b->line)
			buf_addf(out, ":%u", b->line);
		buf_addc(out, '\n');
		for (size_t k = 0; k < b->nentries; k++)
			print_entry(out, &b->entries[k]);
		buf_adds(out, "}\n");
	}
}
