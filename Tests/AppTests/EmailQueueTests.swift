import Testing

@testable import App

/// Which e-mails of an issuer's users are fetched, and when.
@Suite struct EmailQueueTests {
    private let start = ContinuousClock.now
    private let one = EmailQueue.User(subject: "1", id: "a")
    private let two = EmailQueue.User(subject: "2", id: "b")

    /// Adds the users, all of which are due.
    private func queue(of users: EmailQueue.User...) throws -> EmailQueue {
        var queue = EmailQueue()
        for user in users {
            let isAdded = queue.add(user, at: start)
            try #require(isAdded)
        }
        return queue
    }

    /// What the queue says that is to be done at each of these times, in seconds.
    private func steps(of queue: inout EmailQueue, at times: Double...) -> [EmailQueue.Next] {
        times.map { queue.next(at: start + .seconds($0)) }
    }

    @Test func usersAreFetchedInTheirOrderAndOnceAnHour() throws {
        var queue = try queue(of: one, two)
        let isEarly = queue.add(one, at: start + .seconds(3_599))
        #expect(!isEarly)
        let steps = steps(of: &queue, at: 0, 0, 0)
        #expect(steps == [.fetch(one), .fetch(two), .nothing])
        let isDue = queue.add(one, at: start + .seconds(3_600))
        #expect(isDue)
    }

    @Test func nothingIsFetchedInTheMinuteAfterAFailureOfTheService() throws {
        var queue = try queue(of: one, two)
        var steps = steps(of: &queue, at: 0)
        queue.failed(one, at: start, isOfService: true)
        steps += self.steps(of: &queue, at: 10, 60, 60)
        #expect(steps == [.fetch(one), .wait(.seconds(50)), .fetch(two), .fetch(one)])
    }

    @Test func aFailureOfOneUserDelaysOnlyThatUser() throws {
        var queue = try queue(of: one, two)
        var steps = steps(of: &queue, at: 0)
        queue.failed(one, at: start, isOfService: false)
        steps += self.steps(of: &queue, at: 10, 10, 60, 60)
        #expect(steps == [.fetch(one), .fetch(two), .wait(.seconds(50)), .fetch(one), .nothing])
    }

    @Test(
        arguments: [
            (.status(404), true), (.status(400), true), (.status(422), true), (.otherAnswer, true),
            (.status(401), false),
            (.status(403), false), (.status(408), false), (.status(429), false), (.status(500), false),
            (.status(503), false), (.status(302), false),
        ] as [(ClerkUsers.Failure, Bool)])
    func theStatusSaysWhomAFailureConcerns(failure: ClerkUsers.Failure, concernsOneUser: Bool) {
        #expect(failure.concernsOneUser == concernsOneUser)
    }

    @Test func aUserIsGivenUpAfterFiveFailures() throws {
        var (queue, now, count) = (try queue(of: one), start, 0)
        while case .fetch(let user) = queue.next(at: now), count < 100 {
            queue.failed(user, at: now, isOfService: count % 2 == 0)
            now += .seconds(60)
            count += 1
        }
        #expect(count == 5)
    }

    @Test func theQueueIsBounded() throws {
        var queue = EmailQueue()
        for number in 0..<EmailQueue.waitingLimit {
            let isAdded = queue.add(EmailQueue.User(subject: "\(number)", id: "c"), at: start)
            try #require(isAdded)
        }
        let isAdded = queue.add(one, at: start)
        #expect(!isAdded)
    }
}
