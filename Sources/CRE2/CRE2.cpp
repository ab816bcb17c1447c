#include "CRE2.h"

#include <new>
#include <re2/re2.h>

struct cre2_pattern {
    re2::RE2 expression;
};

namespace {

re2::StringPiece piece(const uint8_t *bytes, size_t length) {
    return re2::StringPiece(reinterpret_cast<const char *>(bytes), length);
}

}  // namespace

cre2_outcome cre2_compile(const uint8_t *bytes, size_t length, int64_t memory, const cre2_pattern **pattern) {
    re2::RE2::Options options;
    options.set_max_mem(memory);
    // Errors are returned; libre2 would write to standard error.
    options.set_log_errors(false);
    options.set_never_capture(true);
    auto *made = new (std::nothrow) cre2_pattern{{piece(bytes, length), options}};
    if (made == nullptr) {
        return CRE2_TOO_LARGE;
    }
    if (made->expression.ok()) {
        *pattern = made;
        return CRE2_COMPILED;
    }
    auto error = made->expression.error_code();
    delete made;
    bool is_too_large = error == re2::RE2::ErrorPatternTooLarge || error == re2::RE2::ErrorRepeatSize;
    return is_too_large ? CRE2_TOO_LARGE : CRE2_INVALID;
}

size_t cre2_instructions(const cre2_pattern *pattern) {
    return size_t(pattern->expression.ProgramSize());
}

bool cre2_matches(const cre2_pattern *pattern, const uint8_t *text, size_t length, bool is_whole) {
    auto anchor = is_whole ? re2::RE2::ANCHOR_BOTH : re2::RE2::UNANCHORED;
    return pattern->expression.Match(piece(text, length), 0, length, anchor, nullptr, 0);
}

void cre2_release(const cre2_pattern *pattern) {
    delete pattern;
}
