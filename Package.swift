// swift-tools-version: 6.2
// The targets in the order of their dependencies. A module may import only modules above it that its dependencies name;
// `make check` builds with the compiler's check of that.
import PackageDescription

let settings: [SwiftSetting] = [
    .strictMemorySafety(),
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("MemberImportVisibility"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    // So that the linker can order functions.
    .unsafeFlags(["-Xfrontend", "-function-sections"], .when(configuration: .release)),
]

/// Puts the functions that busy calls run side by side: scattered over megabytes they keep the processor waiting for
/// memory. `make order` writes the list, also when an image is built; a name in it that no longer exists does no harm.
let hotFunctionsFirst = LinkerSetting.unsafeFlags(
    [
        "-use-ld=lld", "-Xlinker", "--no-warn-symbol-ordering", "-Xlinker",
        "--symbol-ordering-file=\(Context.packageDirectory)/Sources/Server/hot_functions.txt",
    ], .when(configuration: .release))

func module(
    _ name: String, _ dependencies: Target.Dependency..., exclude: [String] = [], resources: [Resource] = []
) -> Target {
    .target(
        name: name, dependencies: dependencies, exclude: exclude, resources: resources, swiftSettings: settings)
}

func systemLibrary(_ name: String, _ pkgConfig: String, _ debianPackage: String) -> Target {
    .systemLibrary(name: name, pkgConfig: pkgConfig, providers: [.apt([debianPackage])])
}

func tests(_ name: String, _ dependencies: Target.Dependency...) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

let package = Package(
    name: "flow-manager",
    targets: [
        // libfcgi ships no .pc file for Debian's soname; its module map links it by name.
        .systemLibrary(name: "CFastCGI", providers: [.apt(["libfcgi-dev"])]),
        systemLibrary("CPostgres", "libpq", "libpq-dev"),
        systemLibrary("CCrypto", "libcrypto", "libssl-dev"),
        systemLibrary("CSodium", "libsodium", "libsodium-dev"),
        systemLibrary("CCurl", "libcurl", "libcurl4-openssl-dev"),
        .systemLibrary(name: "CSystem"),
        .systemLibrary(name: "CSharedMemory"),
        .target(name: "CSimdjson", linkerSettings: [.linkedLibrary("simdjson")]),
        .target(name: "CConfinement"),
        .target(name: "CRE2", linkerSettings: [.linkedLibrary("re2")]),

        module("System", "CSystem", "CConfinement"),
        module("Cron"),
        module("JSON", "System", "CSimdjson", "CRE2"),
        module("HTTP", "JSON", "System"),
        module("FastCGI", "HTTP", "System", "CFastCGI"),
        module("Postgres", "JSON", "System", "CPostgres"),
        module("Programs", "JSON", "System"),
        module("SharedMemory", "System", "CSharedMemory"),
        module("Crypto", "SharedMemory", "System", "CCrypto", "CSodium"),
        module("HTTPClient", "HTTP", "JSON", "Crypto", "System", "CCurl"),
        module("Tokens", "Crypto", "JSON", "System"),
        module("Migrations", "Postgres", exclude: ["schema.sql"], resources: [.embedInCode("SQL")]),
        module("Flows", "Postgres", "JSON", "Crypto", "System"),
        module(
            "App", "Cron", "HTTP", "HTTPClient", "JSON", "Flows", "Postgres", "Programs", "Tokens", "Crypto",
            "SharedMemory", "System",
            exclude: ["LAYERS"], resources: [.embedInCode("Identity/Accounts/common_passwords.txt")]),
        module("WorkerPool", "System"),
        module("Supervision", "System"),
        .executableTarget(
            name: "flow-manager",
            dependencies: [
                "WorkerPool", "Supervision", "App", "Flows", "Migrations", "FastCGI", "HTTP", "HTTPClient", "JSON",
                "Postgres", "Programs", "Tokens", "Crypto", "System", "SharedMemory",
            ],
            path: "Sources/Server",
            exclude: ["hot_functions.txt"],
            swiftSettings: settings,
            linkerSettings: [hotFunctionsFirst]),

        .target(
            name: "TestSupport",
            dependencies: ["HTTP", "JSON", "Postgres", "Crypto", "Migrations", "System", "Flows", "CCrypto"],
            path: "Tests/TestSupport", swiftSettings: settings),
        tests("CronTests", "Cron"),
        tests("JSONTests", "JSON"),
        tests("HTTPTests", "HTTP", "JSON", "TestSupport"),
        tests("FastCGITests", "FastCGI", "HTTP", "TestSupport"),
        tests("HTTPClientTests", "HTTPClient", "HTTP", "System", "TestSupport"),
        tests("ProgramsTests", "Programs", "flow-manager", "JSON", "System", "TestSupport"),
        tests("PostgresTests", "Postgres", "JSON", "TestSupport"),
        tests("CryptoTests", "Crypto", "SharedMemory", "System"),
        tests("TokensTests", "Tokens", "Crypto", "JSON", "TestSupport"),
        tests("SharedMemoryTests", "SharedMemory", "System"),
        tests("SystemTests", "System", "supervised"),
        tests("SupervisionTests", "Supervision", "supervised", "System", "TestSupport"),
        tests("WorkerPoolTests", "WorkerPool", "System"),
        tests("MigrationsTests", "Migrations", "Postgres", "TestSupport"),
        tests("FlowsTests", "Flows", "Crypto", "JSON", "Postgres", "System", "TestSupport"),
        tests(
            "AppTests", "App", "Cron", "Flows", "HTTP", "HTTPClient", "JSON", "Migrations", "Postgres", "Programs",
            "System",
            "Tokens", "Crypto", "SharedMemory", "TestSupport"),
        .executableTarget(
            name: "supervised", dependencies: ["Supervision", "System"], path: "Tests/Fixtures/supervised",
            swiftSettings: settings),
        tests(
            "ServerTests", "flow-manager", "App", "Tokens", "Crypto", "FastCGI", "Flows", "HTTP", "HTTPClient", "JSON",
            "Postgres", "SharedMemory", "Supervision", "System", "TestSupport", "WorkerPool"),
        tests(
            "EndToEndTests", "TestSupport", "flow-manager", "App", "HTTP", "JSON", "Postgres", "System", "Tokens",
            "Crypto", "SharedMemory"),
    ],
    swiftLanguageModes: [.v6],
    cxxLanguageStandard: .cxx17
)

// The thread sanitizer tests these targets only (`scripts/check threads`), so it need not build the others.
if let names = Context.environment["TEST_TARGETS"]?.split(separator: " ").map(String.init) {
    package.targets.removeAll {
        $0.type == .test && !names.contains($0.name) || ["flow-manager", "App"].contains($0.name)
    }
}

// libFuzzer brings the main function, so this target builds only under `make fuzz`.
if Context.environment["FUZZ"] != nil {
    package.targets.append(
        .executableTarget(
            name: "fuzz",
            dependencies: ["App", "Cron", "Flows", "Postgres", "JSON", "HTTP", "Tokens", "Crypto", "System"],
            path: "Tests/Fuzz",
            exclude: ["Corpus"], swiftSettings: settings))
}

// Only `bench/jsonpath` builds it.
if Context.environment["BENCH"] != nil {
    package.targets.append(
        .executableTarget(
            name: "query-loop", dependencies: ["JSON", "System"], path: "bench/paths", swiftSettings: settings))
}
