/* JSON as slices of the text it was read from, and a text that grows. */
#ifndef JSON_H
#define JSON_H

#include <stdbool.h>
#include <stddef.h>

struct slice {
    const char *start;
    size_t length;
};

bool slices_are_equal(struct slice a, struct slice b);

/* A value's text is as it was written: strings with quotes and escapes, so that they can be written back unchanged. */
struct json {
    char kind; /* the first character: { [ " t f n, and 0 for any number */
    struct slice text;
    struct slice name; /* of an object's member, as a string's text */
    struct json *first, *next;
};

/* Where the values of one request live. */
struct arena {
    size_t used;
    struct json values[1 << 14];
};

/* NULL when it is not JSON, or too deep or too large. The text must outlive the values. */
struct json *json_parse(struct arena *arena, const char *text);

/* NULL when there is none; of no object, when value is NULL, neither. */
struct json *json_member(const struct json *value, const char *name);
bool json_is_string(const struct json *value, const char *content);

struct text {
    char *bytes; /* with a NUL after them */
    size_t length, capacity;
};

void text_clear(struct text *text);
void text_add(struct text *text, const char *bytes, size_t count);
void text_put(struct text *text, const char *string);
void text_put_slice(struct text *text, struct slice slice);
void text_put_quoted(struct text *text, const char *string); /* NULL becomes null */
void text_format(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
