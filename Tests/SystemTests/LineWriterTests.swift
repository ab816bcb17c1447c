import Glibc
import Synchronization
import System
import Testing

@Suite struct LineWriterTests {
    private let pipe = Pipe()
    private let drops = Drops()
    private let path = "/tmp/flow-manager-lines-\(UInt64.random(in: 0...UInt64.max))"

    private func writer(to target: LineWriter.Target, capacity: Int = 256 << 10) throws -> LineWriter {
        try LineWriter(to: target, capacity: capacity, observeDrops: { [drops] in drops.add($0) }) { notice in
            switch notice {
            case .dropped(let count): Array("dropped \(count)\n".utf8)
            case .notReopened(let error): Array("not reopened: \(error.code)\n".utf8)
            }
        }
    }

    private func append(_ line: String, to writer: LineWriter) {
        var bytes = Array("\(line)\n".utf8)
        unsafe bytes.withUnsafeMutableBufferPointer { unsafe writer.append(UnsafeBufferPointer($0)) }
    }

    private func lines(_ text: String) -> [String] {
        #expect(text.isEmpty || text.hasSuffix("\n"))
        return text.dropLast().split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
    }

    private func lines(of file: String) throws -> [String] {
        lines(String(decoding: try Files.read(file, limit: 64 << 20), as: UTF8.self))
    }

    @Test func everythingIsWrittenInOrderAtTheEnd() throws {
        let writer = try writer(to: .file(path))
        defer { unsafe unlink(path) }
        for number in 0..<1_000 { append("line \(number)", to: writer) }
        writer.close()
        writer.close()
        #expect(try lines(of: path) == (0..<1_000).map { "line \($0)" })
        #expect(drops.count == 0)
    }

    /// Nothing closes the writer.
    @Test func aSingleLineIsWrittenAtOnce() throws {
        let writer = try writer(to: .descriptor(pipe.writing))
        append("one", to: writer)
        #expect(readable(among: [pipe.reading], until: .now + .seconds(5)) == [pipe.reading])
        writer.close()
        #expect(pipe.text() == "one\n")
    }

    @Test func aReaderThatDoesNotReadMakesNoCallerWait() throws {
        let writer = try writer(to: .descriptor(pipe.writing), capacity: 64 << 10)
        let text = String(repeating: "x", count: 1_000)
        for number in 0..<1_000 { append("\(number) \(text)", to: writer) }
        let dropped = drops.count
        #expect(dropped > 0)
        let start = Monotonic.now
        writer.close(within: .milliseconds(50))
        #expect(Monotonic.now - start < .seconds(5))

        // Now it reads, until the writer has written all and the pipe is empty.
        let reading = pipe
        let end = try WakeUp()
        let closer = try NativeThread {
            writer.close(within: .seconds(20))
            end.signal()
        }
        var bytes: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 65_536)
        while true {
            let ready = readable(among: [reading.reading, end.descriptor], until: .now + .seconds(20))
            guard ready.contains(reading.reading) else { break }
            let count = unsafe read(reading.reading, &chunk, chunk.count)
            bytes += chunk.prefix(max(0, count))
        }
        closer.join()
        let found = lines(String(decoding: bytes, as: UTF8.self))
        let notices = found.filter { $0.hasPrefix("dropped") }
        #expect(notices.compactMap { Int($0.dropFirst("dropped ".count)) }.reduce(0, +) == dropped)
        let whole = found.filter { !$0.hasPrefix("dropped") }
        #expect(whole.count + dropped == 1_000)
        #expect(whole.allSatisfy { $0.hasSuffix(" " + text) })
    }

    /// As if they were processes: each has a descriptor of its own.
    @Test(arguments: [true, false]) func linesOfSeveralWritersDoNotMix(isPipe: Bool) throws {
        defer { unsafe unlink(path) }
        let descriptors = (0..<4).map { _ in dup(pipe.writing) }
        let writers = try descriptors.map {
            try writer(to: isPipe ? .descriptor($0) : .file(path), capacity: 8 << 20)
        }
        let threads = try writers.enumerated().map { number, writer in
            try NativeThread {
                defer { close(descriptors[number]) }
                let text = String(repeating: "\(number)", count: 200 + number * 900)
                var bytes = Array("\(text)\n".utf8)
                for _ in 0..<500 {
                    unsafe bytes.withUnsafeMutableBufferPointer { unsafe writer.append(UnsafeBufferPointer($0)) }
                }
                writer.close(within: .seconds(20))
            }
        }
        let found = isPipe ? lines(pipe.text()) : []
        threads.forEach { $0.join() }
        let all = isPipe ? found : try lines(of: path)
        #expect(all.count == 2_000)
        for number in 0..<4 {
            let whole = String(repeating: "\(number)", count: 200 + number * 900)
            #expect(all.count { $0 == whole } == 500)
        }
    }

    @Test func aRenamedFileIsLeft() throws {
        let writer = try writer(to: .file(path))
        defer { for file in [path, path + ".1"] { unsafe unlink(file) } }
        append("first", to: writer)
        unsafe rename(path, path + ".1")
        writer.reopen()
        let deadline = Monotonic.now + .seconds(20)
        while unsafe access(path, F_OK) != 0, .now < deadline {}
        append("second", to: writer)
        writer.close()
        #expect(try lines(of: path + ".1") == ["first"])
        #expect(try lines(of: path) == ["second"])
    }

    @Test func aFileThatCannotBeReopenedIsKept() throws {
        let folder = path + ".folder"
        unsafe mkdir(folder, 0o700)
        let writer = try writer(to: .file(folder + "/log"))
        unsafe rename(folder, folder + ".1")
        defer {
            unsafe unlink(folder + ".1/log")
            unsafe rmdir(folder + ".1")
        }
        writer.reopen()
        append("second", to: writer)
        writer.close()
        #expect(try Set(lines(of: folder + ".1/log")) == ["second", "not reopened: \(ENOENT)"])
    }

    @Test func aLineThatCannotBeWrittenIsCounted() throws {
        let writer = try writer(to: .file("/dev/full"))
        append("one", to: writer)
        append("two", to: writer)
        writer.close()
        #expect(drops.count == 2)
    }

    /// The notice of earlier ones cannot be written either, and is no further loss.
    @Test func aLostLineIsCountedOnce() throws {
        let writer = try writer(to: .file("/dev/full"))
        for number in 1...5 {
            append("line \(number)", to: writer)
            #expect(drops.reach(number))
        }
        writer.close()
        #expect(drops.count == 5)
    }
}

/// Counts what a writer drops.
private final class Drops: Sendable {
    private let total = Mutex(0)
    private let changed = Mutex<WakeUp?>(try? WakeUp())

    var count: Int { total.withLock(\.self) }

    func add(_ lines: Int) {
        total.withLock { $0 += lines }
        changed.withLock { $0?.signal() }
    }

    /// Waits until so many are dropped; false after 10 seconds.
    func reach(_ number: Int) -> Bool {
        let deadline = Monotonic.now + .seconds(10)
        while count < number, .now < deadline { changed.withLock(\.self)?.wait(until: deadline) }
        return count >= number
    }
}
