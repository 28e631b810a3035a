/* cli.h: the command line, getopt_long(3). Exit codes are those of sysexits(3). */
#ifndef APP_CLI_H
#define APP_CLI_H

#include <stdbool.h>
#include <stddef.h>

/* A flag that sets a key of the configuration: "listen" and its argument. */
struct cli_setting {
	const char *flag, *value;       /* borrowed: of argv or static */
};

/* What it was started for. All but the first end when they have said it. */
enum cli_command { CLI_RUN, CLI_TOKEN_ADD, CLI_TOKEN_LIST, CLI_TOKEN_REVOKE, CLI_EXPLAIN, CLI_TEST_RULES, CLI_TEST_CHANNEL };

struct cli {
	enum cli_command command;
	const char *name;               /* of a token, rule or channel */
	const char *role;               /* of a token: "viewer", "operator" */
	const char *from, *to;          /* of --test-rules */
	const char *config;             /* --config; NULL: the environment or the default says */
	struct cli_setting *settings;   /* in the order given; owned */
	size_t nsettings;
	bool check, dump;
};

#define CLI_CONTINUE (-1)

/* CLI_CONTINUE and *out, to be released; or the exit code, when everything
 * has been said (--help, --version, a mistake) and there is nothing to release. */
int cli_parse(int argc, char **argv, struct cli *out);
void cli_release(struct cli *cli);

#endif
