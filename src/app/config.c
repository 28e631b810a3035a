/* config.c: reads a configuration file and what it includes, with libconfuse 3.3.
 *
 * The library is told that every value is a string and calls on_value() for
 * each, with file and line at hand, so that all mistakes are found in one go.
 * It gives up at a name that it does not know and at a section without its
 * title; therefore a file is read dry first, and each statement that it gives
 * up on is reported and blanked. */
#include "app/config.h"

#include "app/config_blocks.h"
#include "app/config_text.h"
#include "app/config_value.h"
#include "base/xmalloc.h"

#include <confuse.h>
#include <errno.h>
#include <fcntl.h>
#include <glob.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { MAX_FILE = 1 << 20, MAX_DEPTH = 8 };

struct file {
	const char *path;
	struct file *parent;       /* that includes this one */
	dev_t dev;
	ino_t ino;
	unsigned source, depth;
	struct buf text;

	bool dry;                  /* look for what libconfuse gives up at only */
	bool told;                 /* libconfuse said what was wrong */
	char *unknown;             /* the name that it gave up at, and where */
	unsigned unknown_line;
};

/* libconfuse's callbacks are given nothing of ours. */
static struct load *loading;

/* ---- what libconfuse calls ---- */

static struct place here(const cfg_t *cfg)
{
	return (struct place){
		.name = loading->file->path, .source = loading->file->source, .line = (unsigned)cfg->line};
}

static const struct section *section_of(const cfg_t *cfg)
{
	return section_find(strcmp(cfg->name, "root") == 0 ? "" : cfg->name);
}

static void unknown_title(cfg_t *cfg, const struct section *s)
{
	struct place p = here(cfg);
	struct nearest near;
	struct buf all;

	buf_init(&all, CONFIG_MAX_TEXT);
	nearest_init(&near, cfg->title);
	for (size_t i = 0; i < s->count(); i++) {
		nearest_try(&near, s->title(i));
		buf_addf(&all, "%s%s", i ? ", " : "", s->title(i));
	}
	load_mistake(loading, &p, "there is no %s \"%s\".%s%s%s There are %s", s->name, cfg->title,
		near.best ? " Did you mean \"" : "", near.best ? near.best : "", near.best ? "\"?" : "", all.data);
	buf_release(&all);
}

/* While a section opens, libconfuse parses the defaults of its options. The
 * option named "" exists to tell us of that moment, the only one at which the
 * line of the title is known. The default of a list has another use: behind `=`
 * it is dropped, behind `+=` it is not, so only then nvalues is more than one.
 * No file can say MARK itself: config_text_clean() refuses control characters. */
#define MARK "\001"

static int on_value(cfg_t *cfg, cfg_opt_t *opt, const char *value, void *result)
{
	const struct section *s = section_of(cfg);
	const struct key *k = s ? key_find(s, opt->name) : NULL;
	struct place p = here(cfg);
	size_t instance;

	*(const char **)result = value;
	if (loading->file->dry || !s)
		return 0;
	if (strcmp(value, MARK) == 0) {
		if (!*opt->name && s->open)
			block_opens(loading, &p, s, cfg->title);
		else if (!*opt->name && !section_instance(s, cfg->title, &instance))
			unknown_title(cfg, s);
		return 0;
	}
	if (s->open)
		block_put(loading, &p, s, cfg->title, opt->name, value, opt->nvalues <= 1);
	else if (k && section_instance(s, cfg->title, &instance))
		load_put(loading, &p, k, instance, value, opt->nvalues <= 1);
	return 0;
}

static void add_known(const struct section *s, const char *sep, struct nearest *near, struct buf *out)
{
	for (size_t i = 0; i < keys_len; i++) {
		if (keys[i].section != s)
			continue;
		nearest_try(near, keys[i].name);
		buf_addf(out, "%s%s", out->len ? sep : "", keys[i].name);
	}
	for (size_t i = 0; i < block_keys_len; i++) {
		if (strcmp(block_keys[i].section, s->name) != 0)
			continue;
		nearest_try(near, block_keys[i].name);
		buf_addf(out, "%s%s", out->len ? sep : "", block_keys[i].name);
	}
	if (*s->name)
		return;
	for (size_t i = 0; i < sections_len; i++) {
		if (!*sections[i]->name)
			continue;
		nearest_try(near, sections[i]->name);
		buf_addf(out, "%s%s {…}", sep, sections[i]->name);
	}
	nearest_try(near, "include");
	buf_addf(out, "%sinclude(…)", sep);
}

static const struct section *home_of(const char *name)
{
	for (size_t i = 0; i < keys_len; i++)
		if (strcmp(keys[i].name, name) == 0)
			return keys[i].section;
	return NULL;
}

static const struct absent *absent_find(const struct section *s, const char *name)
{
	for (size_t i = 0; !*s->name && i < absents_len; i++)
		if (strcmp(absents[i].name, name) == 0)
			return &absents[i];
	return NULL;
}

static void unknown_name(cfg_t *cfg, const char *name)
{
	const struct section *s = section_of(cfg), *other = home_of(name);
	const struct absent *absent = absent_find(s, name);
	struct place p = here(cfg);
	struct nearest near;
	struct buf known, hint;

	buf_init(&known, CONFIG_MAX_TEXT);
	buf_init(&hint, CONFIG_MAX_TEXT);
	nearest_init(&near, name);
	add_known(s, ", ", &near, &known);
	if (other)
		buf_addf(&hint, " It belongs %s%s%s.", *other->name ? "in " : "at the top, outside of every section",
			other->name, *other->name ? " {…}" : "");
	else if (near.best)
		buf_addf(&hint, " Did you mean \"%s\"?", near.best);
	if (absent)
		load_mistake(loading, &p, "this version has no \"%s\" (%s)", name, absent->what);
	else
		load_mistake(loading, &p, "unknown key \"%s\"%s%s.%s There are %s", name, *s->name ? " in " : "", s->name,
			hint.data, known.data);
	buf_release(&known);
	buf_release(&hint);
}

static void missing_title(cfg_t *cfg, const char *name)
{
	const struct section *s = section_find(name);
	struct place p = here(cfg);
	struct buf all;

	buf_init(&all, CONFIG_MAX_TEXT);
	for (size_t i = 0; i < s->count(); i++)
		buf_addf(&all, "%s%s", i ? ", " : ". There are ", s->title(i));
	load_mistake(loading, &p, "%s needs a name before its brace: %s \"%s\" { … }%s", name, name, s->open ? "NAME" : s->title(0), all.data);
	buf_release(&all);
}

/* What libconfuse gives up at, with its name. It has no codes for them, and translates only for programs that call setlocale(3). */
static const struct {
	const char *fmt;
	void (*tell)(cfg_t *cfg, const char *name);
} unusable[] = {
	{"no such option '%s'", unknown_name},
	{"missing title for section '%s'", missing_title},
};

/* Other messages are libconfuse's own. */
static void __attribute__((format(printf, 2, 0))) on_error(cfg_t *cfg, const char *fmt, va_list ap)
{
	struct file *f = loading->file;
	size_t row = 0;
	char *text;

	while (row < sizeof unusable / sizeof *unusable && strcmp(fmt, unusable[row].fmt) != 0)
		row++;
	if (vasprintf(&text, fmt, ap) < 0)
		abort();
	f->told = true;
	if (row < sizeof unusable / sizeof *unusable && f->dry) {
		const char *name = strchr(text, '\'') + 1;

		free(f->unknown);
		f->unknown = xstrndup(name, strlen(name) - 1);
		f->unknown_line = here(cfg).line;
		unusable[row].tell(cfg, f->unknown);
	} else if (!f->dry) {
		struct place p = here(cfg);

		load_mistake(loading, &p, "%s", text);
	}
	free(text);
}

static void read_file(struct load *l, const char *path, const struct place *included);

/* A relative path begins where the file is that includes it. */
static void include_paths(const struct place *p, const char *path)
{
	const char *slash = strrchr(p->name, '/');
	glob_t found = {.gl_pathc = 0};
	char *pattern;
	int err;

	if (*path == '/' || !slash)
		pattern = xstrdup(path);
	else
		pattern = xasprintf("%.*s/%s", (int)(slash - p->name), p->name, path);
	err = glob(pattern, GLOB_NOMAGIC, NULL, &found); /* sorted; a pattern may match nothing, a name is tried */
	if (err && err != GLOB_NOMATCH)
		load_mistake(loading, p, "include \"%s\": cannot be searched", path);
	for (size_t i = 0; i < found.gl_pathc; i++)
		read_file(loading, found.gl_pathv[i], p);
	globfree(&found);
	free(pattern);
}

static int on_include(cfg_t *cfg, cfg_opt_t *opt, int argc, const char **argv)
{
	struct place p = here(cfg);

	(void)opt;
	if (loading->file->dry)
		return 0;
	if (argc != 1 || !*argv[0])
		load_mistake(loading, &p, "include takes one path, such as include(\"conf.d/*.conf\")");
	else if (strcmp(argv[0], CONFIG_SHIPPED) == 0)
		read_file(loading, CONFIG_SHIPPED, &p);
	else
		include_paths(&p, argv[0]);
	return 0;
}

/* ---- a file ---- */

static char default_list[] = "{" MARK "}";

static cfg_opt_t option(const char *name, bool list)
{
	if (list)
		return (cfg_opt_t)CFG_STR_LIST_CB(name, default_list, CFGF_NONE, on_value);
	return (cfg_opt_t)CFG_STR_CB(name, NULL, CFGF_NODEFAULT, on_value);
}

/* All keys of a section, behind one that tells when it opens; CFG_END() is zeroes. */
static cfg_opt_t *options_take(const struct section *s, size_t room, size_t *n)
{
	cfg_opt_t *opts = xcalloc(keys_len + block_keys_len + 2 + room, sizeof *opts);

	*n = 0;
	if (s->titled)
		opts[(*n)++] = (cfg_opt_t)CFG_STR_LIST_CB("", default_list, CFGF_NONE, on_value);
	for (size_t i = 0; i < keys_len; i++)
		if (keys[i].section == s)
			opts[(*n)++] = option(keys[i].name, keys[i].kind->list);
	for (size_t i = 0; i < block_keys_len; i++)
		if (strcmp(block_keys[i].section, s->name) == 0)
			opts[(*n)++] = option(block_keys[i].name, block_keys[i].list);
	return opts;
}

/* libconfuse copies all options. With CFGF_MULTI every opening of a section has options of its own. */
static cfg_t *scanner_new(const char *path)
{
	size_t n, ignored;
	cfg_opt_t *opts = options_take(section_find(""), sections_len + 1, &n), **inner = xcalloc(sections_len, sizeof *inner);
	cfg_t *cfg;

	opts[n++] = (cfg_opt_t)CFG_FUNC("include", on_include);
	for (size_t i = 0; i < sections_len; i++) {
		cfg_flag_t title = sections[i]->titled ? CFGF_TITLE : CFGF_NONE;

		if (!*sections[i]->name)
			continue;
		inner[i] = options_take(sections[i], 0, &ignored);
		opts[n++] = (cfg_opt_t)CFG_SEC(sections[i]->name, inner[i], CFGF_MULTI | CFGF_NODEFAULT | title);
	}
	cfg = cfg_init(opts, CFGF_NONE);
	if (!cfg)
		abort(); /* out of memory */
	for (size_t i = 0; i < sections_len; i++)
		free(inner[i]);
	free(inner);
	free(opts);
	cfg_set_error_function(cfg, on_error);
	cfg->filename = xstrdup(path);
	return cfg;
}

/* Freeing what is named "root" ends libconfuse's only lexer. While a file is
 * included, those that include it have yet to be read to their ends by it. */
static void scanner_free(cfg_t *cfg, bool included)
{
	if (included) {
		free(cfg->name);
		cfg->name = xstrdup("included");
	}
	cfg_free(cfg);
}

/* false when libconfuse gave up. */
static bool parse(struct load *l, struct file *f, bool dry)
{
	FILE *in = fmemopen(f->text.data, f->text.len, "r");
	struct place p;
	cfg_t *cfg;
	bool ok;

	if (!in)
		abort(); /* out of memory */
	l->file = f;
	f->dry = dry;
	f->told = false;
	cfg = scanner_new(f->path);
	ok = cfg_parse_fp(cfg, in) == CFG_SUCCESS;
	p = here(cfg);
	if (!ok && !f->told && !dry)
		load_mistake(l, &p, "not understood");
	scanner_free(cfg, f->parent != NULL);
	fclose(in);
	l->file = f->parent;
	return ok;
}

static int read_all(int fd, struct buf *out)
{
	for (;;) {
		char *at = buf_room(out, 4096);
		ssize_t n = at ? read(fd, at, 4096) : -1;

		if (!at)
			return -EFBIG;
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			return 0;
		if (n > 0)
			buf_grew(out, (size_t)n);
	}
}

static int load_text(struct file *f)
{
	int fd, err;
	struct stat st;

	if (strcmp(f->path, CONFIG_SHIPPED) == 0) {
		config_print_rules(&f->text);
		return 0;
	}
	fd = open(f->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	err = fstat(fd, &st) < 0 ? -errno : read_all(fd, &f->text);
	if (!err) {
		f->dev = st.st_dev;
		f->ino = st.st_ino;
	}
	close(fd);
	return err;
}

static bool includes_itself(const struct file *f)
{
	for (const struct file *up = f->parent; up; up = up->parent)
		if (up->dev == f->dev && up->ino == f->ino)
			return true;
	return false;
}

/* Replaces the text with one that libconfuse reads rightly. */
static bool clean(struct load *l, struct file *f)
{
	struct buf better, why;
	struct place p = {.name = f->path, .source = f->source};
	bool ok;

	buf_init(&better, 2 * MAX_FILE);
	buf_init(&why, CONFIG_MAX_TEXT);
	ok = config_text_clean(f->text.data, f->text.len, &better, &p.line, &why);
	if (!ok)
		load_mistake(l, &p, "%s", why.data);
	buf_release(&why);
	buf_release(&f->text);
	f->text = better;
	return ok;
}

static void read_text(struct load *l, struct file *f)
{
	if (!clean(l, f) || !f->text.len)
		return;
	for (size_t tries = 0; tries < CONFIG_MAX_MISTAKES && !parse(l, f, true) && f->unknown; tries++) {
		bool gone = config_text_blank(f->text.data, f->unknown_line, f->unknown);

		free(f->unknown);
		f->unknown = NULL;
		if (!gone)
			return; /* it has been reported */
	}
	parse(l, f, false);
}

static void read_file(struct load *l, const char *path, const struct place *included)
{
	struct file f = {.path = path, .parent = l->file, .source = l->nfiles, .depth = l->file ? l->file->depth + 1 : 0};
	struct place p = included ? *included : (struct place){.name = path};
	int err = 0;

	buf_init(&f.text, MAX_FILE);
	if (f.depth > MAX_DEPTH || l->nfiles >= CONFIG_MAX_FILES)
		load_mistake(l, &p, "include \"%s\": more than %d files, or nested more than %d deep", path, CONFIG_MAX_FILES, MAX_DEPTH);
	else if ((err = load_text(&f)) && included)
		load_mistake(l, &p, "include \"%s\": %s", path, strerror(-err));
	else if (err)
		load_mistake(l, &p, "%s", strerror(-err));
	else if (includes_itself(&f))
		load_mistake(l, &p, "include \"%s\": that file includes this one", path);
	else {
		l->nfiles++;
		read_text(l, &f);
	}
	free(f.unknown);
	buf_release(&f.text);
}

void load_file(struct load *l, const char *path)
{
	loading = l;
	read_file(l, path, NULL);
	loading = NULL;
}
