/// A C interface to libsimdjson: checks a JSON document and returns simdjson's own result, the tape.
///
/// The tape is documented at https://github.com/simdjson/simdjson/blob/v3.0.1/doc/tape.md: 64-bit words, of which the
/// top byte is a type and the rest a payload. It is the same in all versions up to the one in Debian and after.
#ifndef CSIMDJSON_H
#define CSIMDJSON_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum csimdjson_outcome {
    CSIMDJSON_PARSED,
    /// Only white space.
    CSIMDJSON_EMPTY,
    /// Outside the grammar of RFC 8259, including a lone surrogate escape.
    CSIMDJSON_SYNTAX,
    /// Not UTF-8, or it begins with a byte order mark.
    CSIMDJSON_ENCODING,
    CSIMDJSON_TOO_DEEP,
    /// A number that is malformed or out of range: simdjson does not report which.
    CSIMDJSON_NUMBER,
    /// More than 4 GiB.
    CSIMDJSON_TOO_LARGE,
    /// The process has no memory for it now.
    CSIMDJSON_OUT_OF_MEMORY,
};

struct csimdjson_document {
    /// The first word is the root; its payload is the number of words.
    const uint64_t *tape;
    /// The strings, each at the offset in the payload of its word: 32 bits of length in host order, then UTF-8.
    const uint8_t *strings;
};

/// Parses with this thread's parser. On success the document is valid until this thread calls `csimdjson_release`, or
/// parses again. Non-empty containers nested deeper than `depth` are refused.
enum csimdjson_outcome csimdjson_parse(
    const uint8_t *bytes, size_t length, size_t depth, struct csimdjson_document *document);

/// Ends the use of the last document. The parser keeps its memory for the next one, unless the document was so large
/// that every thread of a pool would then keep too much memory.
void csimdjson_release(void);

#ifdef __cplusplus
}
#endif

#endif
