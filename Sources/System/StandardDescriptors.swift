import Glibc

/// Opens `/dev/null` for those of the descriptors 0, 1 and 2 that a launcher left closed, so that no socket or file
/// gets their numbers and is used as standard output. Must be called first in a process.
package func fillStandardDescriptors() {
    for descriptor in Int32(0)...2 where fcntl(descriptor, F_GETFD) < 0 {
        _ = unsafe open("/dev/null", O_RDWR)
    }
}
