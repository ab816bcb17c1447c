import System

/// Who may read the settings file, which holds the secrets of the site. Whether others may read the file itself is
/// checked whenever it is read.
enum SettingsFileCheck {
    /// - Parameters:
    ///   - path: nil: the settings come from the environment.
    ///   - folder: of the file.
    ///   - user: the id of the user who runs this command.
    static func judge(_ path: String?, file: FileAccess?, folder: FileAccess?, user: UInt32) -> Finding {
        let check = "settings"
        guard let path else {
            return .ok(check, "The settings come from the environment, which other users cannot read.")
        }
        guard let file, let folder else { return .warning(check, "\(path) cannot be examined.") }
        guard !file.isReadableByOthers, !file.isWritableByOthers else {
            return .failure(check, "Other users may use \(path).", ["chmod 600 \(path)"])
        }
        guard !folder.isWritableByOthers else {
            return .failure(
                check, "Other users may replace \(path): its folder has mode \(folder.modeText).",
                ["chmod go-w \(Self.folder(of: path))"])
        }
        // The owner of the file may change it in any case.
        guard [0, user, file.owner].contains(folder.owner) else {
            return .failure(
                check, "User \(folder.owner) may replace \(path), because its folder belongs to that user.",
                ["chown \(file.owner) \(Self.folder(of: path))"])
        }
        // Root may use the file of the user that runs the program.
        guard user == 0 || [0, user].contains(file.owner) else {
            return .warning(check, "\(path) belongs to user \(file.owner), who is not the user of this command.")
        }
        return .ok(check, "Only user \(file.owner) may read \(path) (mode \(file.modeText)).")
    }

    static func judge(_ path: String?) -> Finding {
        judge(
            path, file: path.flatMap { FileAccess(of: $0) }, folder: path.flatMap { FileAccess(of: folder(of: $0)) },
            user: UserAccount.current.id)
    }

    static func folder(of path: String) -> String {
        guard let slash = path.lastIndex(of: "/") else { return "." }
        return slash == path.startIndex ? "/" : String(path[..<slash])
    }
}
