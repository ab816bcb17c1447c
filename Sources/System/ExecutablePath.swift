import CSystem
import Glibc

/// The path by which this program can be started again, even after a new version has replaced it.
///
/// `argument0` (the first argument of the process) is returned unchanged if it names this program by a path: it may go
/// through a symbolic link that a deploy will change. If the dynamic loader was started with this program, the kernel
/// knows only the loader, and the script that did this names itself as the first argument. Otherwise the result is the
/// kernel's path. Must be called at start: a relative path is valid only in the directory where the process was
/// started.
package func executablePath(argument0: String) -> String? {
    guard let actual = linkTarget("/proc/self/exe") else { return nil }
    if argument0.contains("/"), isRunByLoader || isSameFile(argument0, "/proc/self/exe") {
        if argument0.hasPrefix("/") { return argument0 }
        if let directory = linkTarget("/proc/self/cwd") { return directory + "/" + argument0 }
    }
    // The kernel appends this mark if the file was replaced after the start; the new file has the plain name.
    let mark = " (deleted)"
    guard actual.hasSuffix(mark), unsafe access(actual, F_OK) != 0 else { return actual }
    return String(actual.dropLast(mark.count))
}

/// Whether the kernel has started the dynamic loader, with the order to load this program.
package var isRunByLoader: Bool { fm_is_run_by_loader() != 0 }

private func linkTarget(_ path: String) -> String? {
    let capacity = Int(PATH_MAX)
    var bytes = [CChar](repeating: 0, count: capacity)
    let count = unsafe readlink(path, &bytes, capacity)
    return count > 0 ? String(decoding: bytes.prefix(count).map(UInt8.init(bitPattern:)), as: UTF8.self) : nil
}

private func isSameFile(_ path: String, _ other: String) -> Bool {
    var (left, right) = (stat(), stat())
    guard unsafe stat(path, &left) == 0, unsafe stat(other, &right) == 0 else { return false }
    return left.st_dev == right.st_dev && left.st_ino == right.st_ino
}
