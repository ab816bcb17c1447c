#include "CSimdjson.h"

#include <algorithm>
#include <cstring>
#include <simdjson.h>

namespace {

/// One per thread, so that no lock is needed; its destructor frees the memory when the thread ends.
thread_local simdjson::dom::parser parser;

/// The capacity that a parser keeps, enough for nearly every body: about 1.2 MiB of address space, resident only where
/// used.
constexpr size_t kept_capacity = 64 * 1024;

/// The initial capacity, so that threads that parse only small documents stay small.
constexpr size_t first_capacity = 4 * 1024;

/// Grows by doubling: simdjson alone would allocate again for every document a little longer than the last. A parser
/// for deeper documents is accepted too: the code that walks the tape checks the depth itself.
simdjson::error_code make_room(size_t length, size_t depth) noexcept {
    if (parser.capacity() >= length && parser.max_depth() >= depth) {
        return simdjson::SUCCESS;
    }
    size_t capacity = std::max(parser.capacity(), first_capacity);
    while (capacity < length) {
        capacity *= 2;
    }
    capacity = std::min(capacity, size_t(simdjson::SIMDJSON_MAXSIZE_BYTES));
    auto error = parser.allocate(capacity, depth);
    if (!error) {
        error = parser.doc.allocate(capacity);
    }
    if (error) {
        // A half-allocated parser cannot be used: start again with an empty one.
        parser = simdjson::dom::parser();
    }
    return error;
}

csimdjson_outcome outcome(simdjson::error_code error) noexcept {
    switch (error) {
    case simdjson::SUCCESS:
        return CSIMDJSON_PARSED;
    case simdjson::EMPTY:
        return CSIMDJSON_EMPTY;
    case simdjson::UTF8_ERROR:
        return CSIMDJSON_ENCODING;
    case simdjson::DEPTH_ERROR:
        return CSIMDJSON_TOO_DEEP;
    case simdjson::NUMBER_ERROR:
    case simdjson::NUMBER_OUT_OF_RANGE:
        return CSIMDJSON_NUMBER;
    case simdjson::CAPACITY:
        return CSIMDJSON_TOO_LARGE;
    case simdjson::MEMALLOC:
        return CSIMDJSON_OUT_OF_MEMORY;
    default:
        return CSIMDJSON_SYNTAX;
    }
}

}  // namespace

csimdjson_outcome csimdjson_parse(const uint8_t *bytes, size_t length, size_t depth, csimdjson_document *document) {
    if (length == 0) {
        return CSIMDJSON_EMPTY;
    }
    if (length > simdjson::SIMDJSON_MAXSIZE_BYTES) {
        return CSIMDJSON_TOO_LARGE;
    }
    // RFC 8259, section 8.1: a byte order mark must not be added, and a parser may refuse it.
    if (length >= 3 && std::memcmp(bytes, "\xEF\xBB\xBF", 3) == 0) {
        return CSIMDJSON_ENCODING;
    }
    // simdjson counts the document itself as one level.
    if (auto error = make_room(length, depth + 1)) {
        return outcome(error);
    }
    // simdjson copies the bytes into a buffer of its own with the padding that it reads beyond the end.
    if (auto error = parser.parse(bytes, length).error()) {
        return outcome(error);
    }
    *document = {parser.doc.tape.get(), parser.doc.string_buf.get()};
    return CSIMDJSON_PARSED;
}

void csimdjson_release(void) {
    if (parser.capacity() > kept_capacity) {
        parser = simdjson::dom::parser();
    }
}
