#define _GNU_SOURCE
#include "CConfinement.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__x86_64__)
#define FM_ARCHITECTURE AUDIT_ARCH_X86_64
#elif defined(__aarch64__)
#define FM_ARCHITECTURE AUDIT_ARCH_AARCH64
#endif

// The system calls of Landlock by their numbers, which are the same everywhere: the C library and the headers of this
// system may not know them, or only their first version.
enum { CREATE_RULESET = 444, ADD_RULE = 445, RESTRICT_SELF = 446 };

int fm_landlock_version(void) {
    return (int)syscall(CREATE_RULESET, NULL, 0, 1 /* LANDLOCK_CREATE_RULESET_VERSION */);
}

int fm_landlock_create(uint64_t files, uint64_t scopes) {
    // struct landlock_ruleset_attr of version 6: earlier ones accept it, if what they do not know is zero.
    struct { uint64_t files, network, scopes; } rules = {.files = files, .scopes = scopes};
    return (int)syscall(CREATE_RULESET, &rules, sizeof rules, 0);
}

int fm_landlock_permit(int ruleset, int descriptor, uint64_t access) {
    struct __attribute__((packed)) { uint64_t access; int32_t descriptor; } path = {access, descriptor};
    return (int)syscall(ADD_RULE, ruleset, 1 /* LANDLOCK_RULE_PATH_BENEATH */, &path, 0);
}

int fm_open_path(const char *path) { return open(path, O_PATH | O_CLOEXEC); }

int fm_can_filter_system_calls(void) {
#ifdef FM_ARCHITECTURE
    return prctl(PR_GET_SECCOMP, 0, 0, 0, 0) >= 0;
#else
    return 0;
#endif
}

int fm_memory_file(void) { return memfd_create("flow-manager", MFD_CLOEXEC | MFD_ALLOW_SEALING); }

int fm_seal(int descriptor) {
    return fcntl(descriptor, F_ADD_SEALS, F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE);
}

int fm_pipe(int ends[2]) { return pipe2(ends, O_CLOEXEC); }

int fm_process_descriptor(int process) { return (int)syscall(434 /* pidfd_open */, process, 0); }

int fm_adopt_orphans(void) { return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0); }

int fm_adopt_descendants(void) { return prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) | fm_adopt_orphans(); }

// Installs the filter for the calling process. Returns 0, or -1 with errno set.
//
// Landlock does not restrict sockets of the file system, such as that of a database: so there are no sockets except
// those of the network, if it is permitted, and pairs of connected ones. io_uring(7) would bypass the filter. The other
// calls look into other processes, change them, or reach more of the kernel than programs need. System V's shared
// memory, messages and semaphores outlive the processes that use them.
//
// Nor does Landlock restrict the owner and the permissions of files, or truncation by path before its third version: a
// program of the service's user could change the service's files.
static int fm_filter_system_calls(int has_network, int is_user_of_service) {
#ifdef FM_ARCHITECTURE
#define FM_LOAD(field) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)offsetof(struct seccomp_data, field))
#define FM_RETURN(action) BPF_STMT(BPF_RET | BPF_K, action)
// Skips that many instructions unless the loaded word has the value.
#define FM_UNLESS(value, count) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, value, 0, count)
#define FM_REFUSE(name, error) FM_UNLESS(__NR_##name, 1), FM_RETURN(SECCOMP_RET_ERRNO | (error))
// Permits the call for the calling process only, which is 0 in this argument.
#define FM_REFUSE_OTHERS(name, argument) FM_UNLESS(__NR_##name, 4), FM_LOAD(args[argument]), \
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0), FM_RETURN(SECCOMP_RET_ERRNO | EPERM), \
        FM_RETURN(SECCOMP_RET_ALLOW)
#define FM_CHANGE(name) FM_UNLESS(__NR_##name, 1), FM_RETURN(attributes)
    uint32_t attributes = is_user_of_service ? SECCOMP_RET_ERRNO | EPERM : SECCOMP_RET_ALLOW;
    uint32_t network = has_network ? SECCOMP_RET_ALLOW : SECCOMP_RET_ERRNO | EACCES;
    struct sock_filter filter[] = {
        FM_LOAD(arch), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FM_ARCHITECTURE, 1, 0),
        FM_RETURN(SECCOMP_RET_KILL_PROCESS), FM_LOAD(nr),
        // On x86-64, calls of the x32 interface have other numbers.
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, 0x40000000, 0, 1), FM_RETURN(SECCOMP_RET_ERRNO | ENOSYS),
        FM_REFUSE(io_uring_setup, ENOSYS), FM_REFUSE(io_uring_enter, ENOSYS), FM_REFUSE(io_uring_register, ENOSYS),
        FM_REFUSE(ptrace, EPERM), FM_REFUSE(process_vm_readv, EPERM), FM_REFUSE(process_vm_writev, EPERM),
        FM_REFUSE(kcmp, EPERM), FM_REFUSE(keyctl, EPERM), FM_REFUSE(add_key, EPERM), FM_REFUSE(request_key, EPERM),
        FM_REFUSE(bpf, EPERM), FM_REFUSE(perf_event_open, EPERM), FM_REFUSE(userfaultfd, EPERM),
        FM_REFUSE(unshare, EPERM), FM_REFUSE(setns, EPERM), FM_REFUSE(mount, EPERM), FM_REFUSE(umount2, EPERM),
        FM_REFUSE(shmget, EPERM), FM_REFUSE(msgget, EPERM), FM_REFUSE(semget, EPERM), FM_REFUSE(truncate, EPERM),
        FM_CHANGE(fchmod), FM_CHANGE(fchmodat), FM_CHANGE(fchown), FM_CHANGE(fchownat), FM_CHANGE(setxattr),
        FM_CHANGE(lsetxattr), FM_CHANGE(fsetxattr), FM_CHANGE(removexattr), FM_CHANGE(lremovexattr),
        FM_CHANGE(fremovexattr), FM_CHANGE(utimensat),
        // fchmodat2(2), and what only older architectures have.
        FM_UNLESS(452, 1), FM_RETURN(attributes),
#ifdef __NR_chmod
        FM_CHANGE(chmod), FM_CHANGE(chown), FM_CHANGE(lchown), FM_CHANGE(utime), FM_CHANGE(utimes),
        FM_CHANGE(futimesat),
#endif
        FM_REFUSE_OTHERS(prlimit64, 0), FM_REFUSE_OTHERS(setpriority, 1), FM_REFUSE_OTHERS(sched_setscheduler, 0),
        FM_REFUSE_OTHERS(sched_setparam, 0), FM_REFUSE_OTHERS(sched_setattr, 0),
        FM_REFUSE_OTHERS(sched_setaffinity, 0), FM_REFUSE_OTHERS(ioprio_set, 1),
        // pidfd_getfd(2); clone3(2), of which a filter cannot read the flags, so that libraries use clone(2).
        FM_UNLESS(438, 1), FM_RETURN(SECCOMP_RET_ERRNO | EPERM),
        FM_UNLESS(435, 1), FM_RETURN(SECCOMP_RET_ERRNO | ENOSYS),
        // New namespaces would give new privileges.
        FM_UNLESS(__NR_clone, 4), FM_LOAD(args[0]),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, 0x7e020080 /* CLONE_NEW... */, 0, 1),
        FM_RETURN(SECCOMP_RET_ERRNO | EPERM), FM_RETURN(SECCOMP_RET_ALLOW),
        FM_UNLESS(__NR_socket, 5), FM_LOAD(args[0]), BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET, 2, 0),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, AF_INET6, 1, 0), FM_RETURN(SECCOMP_RET_ERRNO | EACCES), FM_RETURN(network),
        // A pair of datagram sockets can send to any other one. The other bits of the type are flags.
        FM_UNLESS(__NR_socketpair, 4), FM_LOAD(args[1]), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xf),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SOCK_STREAM, 1, 0), FM_RETURN(SECCOMP_RET_ERRNO | EACCES),
        FM_RETURN(SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof filter / sizeof filter[0], .filter = filter};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program, 0, 0);
#else
    errno = ENOSYS;
    return -1;
#endif
}

// What the child does until it is the program; returns where that has failed. It must allocate nothing.
static int fm_become_program(const struct fm_program *program, pid_t parent) {
    sigset_t none;
    sigemptyset(&none);
    if (setsid() < 0 || sigprocmask(SIG_SETMASK, &none, NULL) != 0) return FM_START_SESSION;
    if (dup2(program->input, 0) < 0 || dup2(program->output, 1) < 0 || dup2(program->errors, 2) < 0
        // CLOSE_RANGE_CLOEXEC: execve closes them.
        || syscall(436 /* close_range */, 3, ~0U, 4) != 0) return FM_START_DESCRIPTORS;
    for (int resource = 0; resource < FM_RESOURCES; resource++) {
        struct rlimit limit;
        rlim_t wanted = (rlim_t)program->limits[resource];
        if (program->limits[resource] < 0) continue;
        if (getrlimit(resource, &limit) != 0) return FM_START_LIMITS;
        if (limit.rlim_max > wanted) limit.rlim_max = wanted;
        limit.rlim_cur = limit.rlim_max;
        if (setrlimit(resource, &limit) != 0) return FM_START_LIMITS;
    }
    umask(077);
    // The service comes first, and so does the stage that has to kill it.
    if (setpriority(PRIO_PROCESS, 0, 10) != 0) return FM_START_LIMITS;
    if (chdir(program->folder) != 0) return FM_START_FOLDER;
    if (program->user >= 0) {
        gid_t group = (gid_t)program->group;
        uid_t user = (uid_t)program->user;
        // The system calls: glibc's functions synchronize threads, and this process has one.
        if (syscall(SYS_setgroups, 0, NULL) != 0 || syscall(SYS_setresgid, group, group, group) != 0
            || syscall(SYS_setresuid, user, user, user) != 0) return FM_START_USER;
    }
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct capabilities[2];
    memset(capabilities, 0, sizeof capabilities);
    if (syscall(SYS_capset, &header, capabilities) != 0 || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) {
        return FM_START_PRIVILEGES;
    }
    // A change of the user would have cleared it. The parent may have ended before.
    if (prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0) != 0 || getppid() != parent) return FM_START_PARENT;
    if (program->ruleset >= 0 && syscall(RESTRICT_SELF, program->ruleset, 0) != 0) {
        return FM_START_LANDLOCK;
    }
    if (fm_filter_system_calls(program->has_network, program->user < 0) != 0) return FM_START_FILTER;
    execve(program->path, program->arguments, program->environment);
    return FM_START_PROGRAM;
}

int fm_start_program(const struct fm_program *program, struct fm_start_failure *failure) {
    int ends[2];
    *failure = (struct fm_start_failure){.step = FM_START_SESSION};
    if (pipe2(ends, O_CLOEXEC) != 0) {
        failure->code = errno;
        return -1;
    }
    pid_t parent = getpid();
    pid_t process = fork();
    if (process == 0) {
        failure->step = fm_become_program(program, parent);
        failure->code = errno;
        (void)!write(ends[1], failure, sizeof *failure);
        _exit(127);
    }
    int code = errno;
    close(ends[1]);
    if (process < 0) {
        failure->code = code;
    } else {
        ssize_t size;
        do size = read(ends[0], failure, sizeof *failure);
        while (size < 0 && errno == EINTR);
        if (size > 0) {
            while (waitpid(process, NULL, 0) < 0 && errno == EINTR) {}
            process = -1;
        }
    }
    close(ends[0]);
    return process;
}
