/* users.h: the names of users, remembered.
 *
 * passwd(5) is read as a file; only who is not in it is asked for through
 * getpwuid_r(3), which may go to a directory server and wait there: on a thread
 * that may block, and only where root is "/". One thread at a time. */
#ifndef COLLECTORS_USERS_H
#define COLLECTORS_USERS_H

#include <stdint.h>

struct users;

struct users *users_new(const char *root);
void users_free(struct users *u);

/* A user's name, or the number where there is no name; valid UTF-8; cut to size. */
void users_name(struct users *u, uint32_t uid, char *out, unsigned size);

#endif
