/* list.h: an intrusive doubly linked list with a head in the ring.
 *
 * A zeroed link is in no list. One thread at a time. */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

struct link {
	struct link *next, *prev;
};

/* The struct that holds this link as the named member. */
#define list_item(l, type, member) ((type *)(void *)((char *)(l)-offsetof(type, member)))

static inline void list_init(struct link *head)
{
	head->next = head->prev = head;
}

static inline bool list_empty(const struct link *head)
{
	return head->next == head;
}

static inline bool list_linked(const struct link *l)
{
	return l->next != NULL;
}

static inline void list_push(struct link *head, struct link *l) /* at the end */
{
	l->prev = head->prev;
	l->next = head;
	head->prev->next = l;
	head->prev = l;
}

static inline void list_remove(struct link *l) /* nothing if in no list */
{
	if (!l->next)
		return;
	l->prev->next = l->next;
	l->next->prev = l->prev;
	l->next = l->prev = NULL;
}

/* All of from, which is empty then, as the content of an empty head: to be taken out one by one while others are added to
 * from, and any of them may be removed. */
static inline void list_take_all(struct link *head, struct link *from)
{
	list_init(head);
	if (list_empty(from))
		return;
	*head = *from;
	head->next->prev = head->prev->next = head;
	list_init(from);
}

/* The body may remove l itself, and no other. */
#define list_each(head, l, after) \
	for (struct link *l = (head)->next, *after = l->next; l != (head); l = after, after = l->next)

#endif
