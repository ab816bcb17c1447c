import Testing

@testable import JSON

/// I-Regexp (RFC 9485): its grammar, and the meaning that the translation for libre2 keeps.
@Suite struct IRegexpTests {
    private func matches(_ pattern: String, _ text: String, isWhole: Bool = true) throws -> Bool {
        try IRegexp(pattern).matches(text, isWhole: isWhole)
    }

    private func failure(_ pattern: String) -> IRegexp.Failure? {
        do throws(IRegexp.Failure) {
            _ = try IRegexp(pattern)
            return nil
        } catch {
            return error
        }
    }

    /// Each with texts that match as a whole, and texts that do not.
    @Test(arguments: [
        ("", [""], ["a"]), ("abc", ["abc"], ["ab", "xabc", "abcx", "ABC"]), ("a|bc|", ["a", "bc", ""], ["b", "abc"]),
        ("(a|b)c", ["ac", "bc"], ["a", "c"]), ("()", [""], ["a"]), ("(a|)b", ["ab", "b"], ["a"]),
        ("a*", ["", "aaa"], ["b"]), ("a+", ["a", "aa"], [""]), ("a?", ["", "a"], ["aa"]),
        ("a{2}", ["aa"], ["a", "aaa"]),
        ("a{2,}", ["aa", "aaa"], ["a"]), ("a{1,2}", ["a", "aa"], ["", "aaa"]), ("a{0}", [""], ["a"]),
        ("(ab){2}", ["abab"], ["ab"]), ("(a{2}){2}", ["aaaa"], ["aa"]),
        // A dot is any character except the two that end lines.
        (".", ["a", "é", "😀", "\u{2028}", "\0", "\u{85}"], ["\n", "\r", "", "ab"]), ("a.c", ["abc"], ["a\nc"]),
        // Not anchors.
        ("^a$", ["^a$"], ["a"]), ("a^b", ["a^b"], ["ab"]), ("^", ["^"], [""]), ("$", ["$"], [""]),
        // Escapes.
        (#"\(\)\*\+\-\.\?\[\\\]\^\{\|\}"#, [#"()*+-.?[\]^{|}"#], ["a"]), (#"\n\r\t"#, ["\n\r\t"], ["nrt"]),
        ("\"#%&',/:;<=>@_`~-", ["\"#%&',/:;<=>@_`~-"], [""]), ("é😀", ["é😀"], ["e"]), ("\0", ["\0"], [""]),
        ("a\nb", ["a\nb"], ["ab"]), ("# x", ["# x"], [""]),
        // Classes.
        ("[abc]", ["a", "b", "c"], ["d", "ab", ""]), ("[^abc]", ["d", "\n", "é"], ["a", ""]),
        ("[a-c]", ["b"], ["d", "-"]),
        ("[a-cx-z0]", ["b", "y", "0"], ["d", "1"]), ("[-a]", ["-", "a"], ["b"]), ("[a-]", ["-", "a"], ["b"]),
        ("[^-a]", ["b"], ["-", "a"]), ("[-]", ["-"], ["a"]), ("[--]", ["-"], ["a"]), ("[a-c-]", ["b", "-"], ["d"]),
        ("[^]", ["^"], ["a"]), ("[a^]", ["a", "^"], ["b"]), ("[^^]", ["a"], ["^"]),
        ("[.*+?(){|}$,&]", [".", "|", "$"], ["a"]),
        (#"[\]\[\\\^\-]"#, ["]", "[", "\\", "^", "-"], ["a"]), (#"[\n\t]"#, ["\n", "\t"], ["n", "\r"]),
        (#"[\t-\r]"#, ["\n", "\t"], [" "]), ("[é-ü]", ["ö"], ["e"]), ("[😀-😂]", ["😁"], ["😃"]), ("[a&&b]", ["&"], ["c"]),
        // Categories.
        (#"\p{L}"#, ["a", "É", "ß", "中"], ["1", "_"]), (#"\p{Lu}"#, ["A", "É"], ["a"]),
        (#"\P{L}"#, ["1", "\n"], ["a"]),
        (#"\p{Nd}+"#, ["12", "٣"], ["Ⅷ"]), (#"\p{Nl}"#, ["Ⅷ"], ["1"]), (#"\p{Zs}"#, [" ", "\u{a0}"], ["\n"]),
        (#"\p{Sc}"#, ["$", "€"], ["a"]), (#"\p{Pd}"#, ["-", "–"], ["_"]), (#"\p{Mn}"#, ["\u{301}"], ["a"]),
        (#"\p{Cc}"#, ["\0", "\n"], ["a"]), (#"[\p{Lu}0-9_]+"#, ["A1_"], ["a"]), (#"[^\p{L}]"#, ["1"], ["a"]),
        (#"[\P{L}a]"#, ["1", "a"], ["b"]),
        // Unassigned characters are in `Cn` and in `C`.
        (#"\p{Cn}"#, ["\u{378}", "\u{10ffff}"], ["a", "\0"]), (#"\P{Cn}"#, ["a", "\0"], ["\u{378}"]),
        (#"\p{C}"#, ["\u{378}", "\0", "\u{ad}", "\u{e000}"], ["a", " "]), (#"\P{C}"#, ["a", " "], ["\u{378}", "\0"]),
        (#"[\p{C}a]"#, ["\u{378}", "\0", "a"], ["b"]), (#"[^\p{C}a]"#, ["b"], ["\u{378}", "\0", "a"]),
        (#"[\p{Cn}\n]"#, ["\u{378}", "\n"], ["\0", "b"]), (#"[^\P{Cn}]"#, ["\u{378}"], ["a", "\0"]),
        (#"[\P{C}\n]"#, ["a", "\n"], ["\u{378}", "\0"]),
    ])
    func matchesWholeTexts(pattern: String, matching: [String], others: [String]) throws {
        for text in matching { #expect(try matches(pattern, text), "\(text)") }
        for text in others { #expect(try !matches(pattern, text), "\(text)") }
    }

    @Test(arguments: [
        ("b", "abc", true), ("^a", "abc", false), ("^a", "x^abc", true), ("", "abc", true), ("a.c", "xa\nc", false),
        ("d", "abc", false), ("[b-d]{2}", "xbcx", true), ("a|b", "xxb", true), ("b", "", false), ("", "", true),
    ])
    func searchesForParts(pattern: String, text: String, expected: Bool) throws {
        #expect(try matches(pattern, text, isWhole: false) == expected)
    }

    @Test(arguments: [
        "*", "+a", "?", "a**", "a+?", "a*?", "a{2}?", "a{2}{3}", "a|*", "(", ")", "(a", "a)", "(?:a)", "(?i)a", "(?=a)",
        "(*)",
        "{", "}", "a{", "a{}", "a{,2}", "a{1", "a{1,2", "a{2,1}", "a{x}", "a{-1}", "a{ 1}", "a}", "]", "[", "[]", "[a",
        "[^",
        "[b-a]", "[a-", "[a-z-9]", "[--a]", "[a--]", "[[a]", "[[:alpha:]]", "[]a]", "[^]a]", "[a-\\p{L}]", "[\\p{L}-z]",
        "\\",
        "\\d", "\\w", "\\s", "\\b", "\\A", "\\z", "\\Q", "\\1", "\\x41", "\\u0041", "\\N", "\\C", "\\R", "\\/", "\\\"",
        "\\ ",
        "[\\d]", "[\\", "\\p", "\\pL", "\\p{", "\\p{}", "\\p{l}", "\\p{Lx}", "\\p{LU}", "\\p{Cs}", "\\p{Greek}",
        "\\p{^L}",
        "\\p{IsBasicLatin}", "\\P{Lul}", "[\\p{Zx}]", "\\p{L", "\\p{ L}",
    ])
    func refuses(pattern: String) {
        #expect(failure(pattern) == .invalid)
    }

    @Test func sizeIsLimited() throws {
        let letters = String(repeating: "a", count: IRegexp.maximumLength)
        #expect(failure(letters) == nil)
        #expect(failure(letters + "a") == .tooLarge)
        #expect(failure("a{1000}") == nil)
        for pattern in [
            "a{1001}", "a{99999999999999999999}", "(a{100}){100}", "\\p{L}{1000}", String(repeating: "(", count: 101),
            String(repeating: "[\\p{Cn}]", count: 100),
        ] {
            #expect(failure(pattern) == .tooLarge, "\(pattern)")
        }
    }

    /// An expression on which backtracking takes exponential time.
    @Test(.timeLimit(.minutes(1))) func matchesInLinearTime() throws {
        let text = String(repeating: "a", count: 100_000)
        #expect(try !matches("(a*)*b", text))
        #expect(try !matches("(a|aa)+b", text))
        #expect(try !matches("(.*a){20}b", text))
    }

    /// Several threads match with one expression.
    @Test func isSharedByThreads() async throws {
        let expression = try IRegexp("[ab]*a[ab]{8}")
        await withTaskGroup(of: Bool.self) { group in
            for number in 0..<8 {
                group.addTask {
                    (0..<200).allSatisfy { step in
                        let bits = (0..<12).map { (number * 200 + step) >> $0 & 1 == 1 ? "a" : "b" }
                        return expression.matches(bits.joined(), isWhole: true) == (bits[3] == "a")
                    }
                }
            }
            for await agrees in group { #expect(agrees) }
        }
    }
}
