#include "json.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEPTH_LIMIT = 64 };

struct parser {
    const char *at;
    struct arena *arena;
};

static struct json *read_value(struct parser *p, int depth);

static void skip_spaces(struct parser *p) {
    p->at += strspn(p->at, " \t\r\n");
}

static bool read_string(struct parser *p, struct slice *string) {
    const char *start = p->at;
    if (*p->at++ != '"') return false;
    for (; *p->at != '"'; p->at++) {
        if (*p->at == '\\') p->at++;
        if ((unsigned char)*p->at < ' ') return false;
    }
    *string = (struct slice){start, (size_t)(++p->at - start)};
    return true;
}

static bool read_number(struct parser *p) {
    size_t length = strspn(p->at, "+-.0123456789Ee");
    char *end;
    strtod(p->at, &end);
    p->at += length;
    return length > 0 && end == p->at;
}

static bool read_word(struct parser *p, const char *word) {
    size_t length = strlen(word);
    if (strncmp(p->at, word, length)) return false;
    p->at += length;
    return true;
}

static bool read_children(struct parser *p, struct json *parent, char end, int depth) {
    struct json **link = &parent->first;
    p->at++;
    skip_spaces(p);
    if (*p->at == end) return p->at++, true;
    for (;;) {
        struct slice name = {0};
        skip_spaces(p);
        if (end == '}') {
            if (!read_string(p, &name)) return false;
            skip_spaces(p);
            if (*p->at++ != ':') return false;
        }
        struct json *child = read_value(p, depth + 1);
        if (!child) return false;
        child->name = name;
        *link = child;
        link = &child->next;
        skip_spaces(p);
        char separator = *p->at++;
        if (separator == end) return true;
        if (separator != ',') return false;
    }
}

static struct json *read_value(struct parser *p, int depth) {
    skip_spaces(p);
    if (depth == DEPTH_LIMIT || p->arena->used == sizeof p->arena->values / sizeof *p->arena->values) return NULL;
    struct json *value = &p->arena->values[p->arena->used++];
    const char *start = p->at;
    bool is_valid;
    *value = (struct json){.kind = *start};
    switch (*start) {
    case '{': is_valid = read_children(p, value, '}', depth); break;
    case '[': is_valid = read_children(p, value, ']', depth); break;
    case '"': is_valid = read_string(p, &value->text); break;
    case 't': is_valid = read_word(p, "true"); break;
    case 'f': is_valid = read_word(p, "false"); break;
    case 'n': is_valid = read_word(p, "null"); break;
    default: value->kind = '0'; is_valid = read_number(p);
    }
    value->text = (struct slice){start, (size_t)(p->at - start)};
    return is_valid ? value : NULL;
}

struct json *json_parse(struct arena *arena, const char *text) {
    struct parser parser = {text, arena};
    struct json *value = read_value(&parser, 0);
    skip_spaces(&parser);
    return value && !*parser.at ? value : NULL;
}

bool slices_are_equal(struct slice a, struct slice b) {
    return a.length == b.length && !memcmp(a.start, b.start, a.length);
}

static bool holds(struct slice string, const char *content) {
    size_t length = strlen(content);
    return string.length == length + 2 && !memcmp(string.start + 1, content, length);
}

struct json *json_member(const struct json *value, const char *name) {
    if (!value || value->kind != '{') return NULL;
    struct json *member = value->first;
    while (member && !holds(member->name, name)) member = member->next;
    return member;
}

bool json_is_string(const struct json *value, const char *content) {
    return value && value->kind == '"' && holds(value->text, content);
}

void text_clear(struct text *text) {
    text->length = 0;
    text_add(text, "", 0);
}

void text_add(struct text *text, const char *bytes, size_t count) {
    if (text->capacity <= text->length + count) {
        text->capacity = 2 * (text->length + count) + 512;
        text->bytes = realloc(text->bytes, text->capacity);
        if (!text->bytes) abort();
    }
    memcpy(text->bytes + text->length, bytes, count);
    text->length += count;
    text->bytes[text->length] = 0;
}

void text_put(struct text *text, const char *string) {
    text_add(text, string, strlen(string));
}

void text_put_slice(struct text *text, struct slice slice) {
    text_add(text, slice.start, slice.length);
}

void text_put_quoted(struct text *text, const char *string) {
    if (!string) return text_put(text, "null");
    text_put(text, "\"");
    for (; *string; string++) {
        size_t plain = 0;
        while ((unsigned char)string[plain] >= ' ' && string[plain] != '"' && string[plain] != '\\') plain++;
        text_add(text, string, plain);
        string += plain;
        if (!*string) break;
        text_format(text, (unsigned char)*string < ' ' ? "\\u%04x" : "\\%c", *string);
    }
    text_put(text, "\"");
}

void text_format(struct text *text, const char *format, ...) {
    char line[256];
    va_list values;
    va_start(values, format);
    int length = vsnprintf(line, sizeof line, format, values);
    va_end(values);
    if (length < 0 || (size_t)length >= sizeof line) abort();
    text_add(text, line, (size_t)length);
}
