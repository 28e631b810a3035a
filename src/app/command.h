/* command.h: what the program does instead of watching: tokens, and questions to the one that runs. */
#ifndef APP_COMMAND_H
#define APP_COMMAND_H

#include "app/cli.h"

/* Says it on standard output, mistakes on standard error; an exit code of sysexits(3). Tokens are written into the database, also
 * beside a running Vedette, which knows of them within 5 s. The others ask it over HTTP at its first listen address, with
 * $VEDETTE_TOKEN if that is set. */
int command_run(const struct cli *cli);

#endif
