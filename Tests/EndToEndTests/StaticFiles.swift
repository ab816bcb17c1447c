import Glibc
import System
import TestSupport

/// Creates a folder of the static files that nginx serves. Two short files replace Swagger UI, which would have to be
/// downloaded. A link leads out of the folder, which nginx must not follow.
func makeStaticFiles() throws -> String {
    let parent = Environment.current["TEST_FOLDER"] ?? "/tmp"
    var template = Array("\(parent)/static.XXXXXX".utf8CString)
    guard unsafe mkdtemp(&template) != nil else { throw TestFailure("mkdtemp: \(errno)") }
    let folder = String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
    let script = """
        set -e
        mkdir "$1/swagger-ui"
        for name in swagger-ui-bundle.js swagger-ui.css; do
            seq 1 1000 >"$1/swagger-ui/$name"
        done
        SWAGGER_UI=$1/swagger-ui "$2/deploy/static-files" "$1"
        echo secret >"$1/outside.js"
        ln -s ../outside.js "$1/docs/link.js"
        """
    try run("/bin/bash", ["-c", script, "bash", folder, Stack.root], Environment.current)
    return folder
}
