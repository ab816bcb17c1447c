/// A C interface to libre2: compiles a regular expression in its syntax, and matches texts in UTF-8 with it.
#ifndef CRE2_H
#define CRE2_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct cre2_pattern;

enum cre2_outcome {
    CRE2_COMPILED,
    CRE2_INVALID,
    /// It needs more than the given memory, or the process has no more.
    CRE2_TOO_LARGE,
};

/// Compiles a pattern, which the caller releases. `memory` bounds in bytes the program and what is cached for matching.
enum cre2_outcome cre2_compile(
    const uint8_t *bytes, size_t length, int64_t memory, const struct cre2_pattern **pattern);

/// The number of instructions in the program.
size_t cre2_instructions(const struct cre2_pattern *pattern);

/// Whether the whole text matches, or else any part of it. Several threads may call it with the same pattern.
bool cre2_matches(const struct cre2_pattern *pattern, const uint8_t *text, size_t length, bool is_whole);

void cre2_release(const struct cre2_pattern *pattern);

#ifdef __cplusplus
}
#endif

#endif
