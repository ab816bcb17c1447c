import Glibc
import System
import Testing

@Suite struct ControlChannelTests {
    @Test func messagesArriveCompleteAndInOrder() throws {
        let (left, right) = try ControlChannel.pair()
        let pipe = Pipe()
        #expect(right.receive() == .nothing)
        #expect(left.send(.ready))
        #expect(left.send(.handOver(pipe.writing)))
        #expect(right.send(.adopt(pipe.writing)))
        #expect(right.receive() == .message(.ready))
        guard case .message(.handOver(let handedOver)) = right.receive(),
            case .message(.adopt(let adopted)) = left.receive()
        else {
            Issue.record("no descriptor was received")
            return
        }
        for descriptor in [handedOver, adopted] {
            #expect(fcntl(descriptor, F_GETFD) == FD_CLOEXEC)
            #expect(unsafe write(descriptor, [UInt8(ascii: "x")], 1) == 1)
            close(descriptor)
        }
        #expect(pipe.text() == "xx")
        #expect(right.receive() == .nothing)
    }

    /// One end of a channel; the other end is closed after `exchange(this end, other end)`.
    private func abandoned(after exchange: (ControlChannel, ControlChannel) -> Void) throws -> ControlChannel {
        let (left, right) = try ControlChannel.pair()
        exchange(left, right)
        return left
    }

    @Test func aClosedPeerClosesTheChannel() throws {
        let channel = try abandoned { _, other in #expect(other.send(.ready)) }
        #expect(channel.receive() == .message(.ready))
        #expect(channel.receive() == .closed)
        #expect(!channel.send(.ready))
        #expect(!channel.send(.ready, until: .now + .seconds(20)))
    }

    @Test func messagesOfAClosedPeerArriveEvenIfItDidNotRead() throws {
        let channel = try abandoned { this, other in
            #expect(this.send(.ready))
            #expect(other.send(.ready))
        }
        #expect(channel.receive() == .message(.ready))
        #expect(channel.receive() == .closed)
    }

    @Test func sendingToAPeerThatDoesNotReadDoesNotBlock() throws {
        let (left, right) = try ControlChannel.pair()
        while left.send(.ready) {}
        #expect(!left.send(.ready, until: .now + .milliseconds(10)))
        #expect(right.receive() == .message(.ready))
    }

    @Test func unknownMessagesAreSkipped() throws {
        let (left, right) = try ControlChannel.pair()
        for byte in [UInt8(ascii: "?"), UInt8(ascii: "h"), UInt8(ascii: "a")] {
            #expect(unsafe write(left.descriptor, [byte], 1) == 1)
            #expect(right.receive() == .unknown)
        }
        #expect(left.send(.ready))
        #expect(right.receive() == .message(.ready))
    }

    @Test func onlySocketsAreAdopted() throws {
        let pipe = Pipe()
        #expect(ControlChannel(adopting: pipe.reading) == nil)
        #expect(ControlChannel(adopting: -1) == nil)
        let (left, right) = try ControlChannel.pair()
        let copy = dup(right.descriptor)
        let adopted = ControlChannel(adopting: copy)
        #expect(left.send(.ready))
        #expect(adopted?.receive() == .message(.ready))
        #expect(fcntl(copy, F_GETFD) == FD_CLOEXEC)
    }
}
