import JSON
import Testing

@Suite struct NearestNameTests {
    @Test(arguments: [
        ("emial", "email"), ("e-mail", "email"), ("Email", "email"), ("START_TASK", "start_task"), ("tsk", "task"),
        ("start_tsak", "start_task"), ("task22", "task2"), ("conditons", "conditions"), ("e", nil), ("", nil),
        ("xyz", nil),
        ("unrelated", nil), (String(repeating: "email", count: 100_000), nil),
    ])
    func findsTheNearestName(name: String, expected: String?) {
        #expect(nearest(to: name, among: ["email", "start_task", "task", "task2", "conditions"]) == expected)
    }

    @Test func prefersTheNearest() {
        #expect(nearest(to: "task3x", among: ["task1", "task2", "task3"]) == "task3")
        #expect(nearest(to: "abc", among: []) == nil)
    }

    @Test(
        arguments: [
            ([], ""), (["flow", "tasks", .index(0), "name"], "/flow/tasks/0/name"),
            (["a/b", "m~n", ""], "/a~1b/m~0n/"),
            (["~1"], "/~01"), (["é\"\\"], "/é\"\\"),
        ] as [(JSONPointer, String)])
    func pointersAreEscaped(pointer: JSONPointer, text: String) {
        #expect(pointer.description == text)
    }
}
