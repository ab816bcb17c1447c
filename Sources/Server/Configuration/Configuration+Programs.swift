import Programs

extension Configuration {
    /// Which programs the steps of type `exec` run; nil: none. Throws if they cannot be confined here.
    ///
    /// - Parameter settingsFile: the path of the file from which settings come.
    func programs(settingsFile: String?) throws -> ProgramPolicy? {
        guard let folder = try self.execDir else { return nil }
        let (user, memory, hasNetwork) = (try self.execUser, try self.execMemory, try self.execNetwork)
        let policy: ProgramPolicy
        do throws(ProgramPolicy.Refusal) {
            policy = try ProgramPolicy(
                folder: folder, user: user, memory: memory.map { $0 << 20 }, hasNetwork: hasNetwork)
        } catch {
            throw Self.error(error)
        }
        for path in [settingsFile, try self.stateFolder, try self.socket, try self.logFile].compactMap(\.self)
        where policy.exposes(path) {
            throw ConfigurationError(
                \.execDir, "cannot be used: programs could read \(path). Move it, or set EXEC_USER")
        }
        return policy
    }

    private static func error(_ refusal: ProgramPolicy.Refusal) -> ConfigurationError {
        switch refusal {
        case .folder(let reason): ConfigurationError(\.execDir, reason)
        case .unknownUser: ConfigurationError(\.execUser, "names no user of this machine")
        case .rootUser: ConfigurationError(\.execUser, "must not be root")
        case .notRoot: ConfigurationError(\.execUser, "needs a start as root")
        case .noLandlock:
            ConfigurationError(
                \.execDir, "cannot be used: the kernel has no Landlock. Start as root, with EXEC_USER")
        case .noFilter: ConfigurationError(\.execDir, "cannot be used: the kernel does not filter system calls")
        case .noProcessList: ConfigurationError(\.execDir, "cannot be used: the kernel does not list child processes")
        }
    }
}
