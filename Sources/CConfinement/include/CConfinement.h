// How a program is started that must not reach more than it needs: Landlock (landlock(7)), a filter of system calls
// (seccomp(2)), and what has to happen between fork(2) and execve(2).
#ifndef CCONFINEMENT_H
#define CCONFINEMENT_H

#include <stdint.h>

// The version of Landlock's interface, or -1 if the kernel has none or it is switched off.
int fm_landlock_version(void);

// A descriptor of a ruleset that refuses these rights, of files and of other objects (scopes), or -1 with errno set. It
// is close-on-exec.
int fm_landlock_create(uint64_t files, uint64_t scopes);

// Permits access to what is below an open path. Returns 0, or -1 with errno set.
int fm_landlock_permit(int ruleset, int descriptor, uint64_t access);

// A descriptor that names a file or folder without reading it (O_PATH), close-on-exec, or -1 with errno set.
int fm_open_path(const char *path);

// Whether the kernel filters system calls, and their numbers are known here.
int fm_can_filter_system_calls(void);

// An empty file in memory, close-on-exec, or -1 with errno set (memfd_create(2)).
int fm_memory_file(void);

// Lets nothing change the file any more. Returns 0, or -1 with errno set.
int fm_seal(int descriptor);

// A pipe with both ends close-on-exec. Returns 0, or -1 with errno set.
int fm_pipe(int ends[2]);

// A descriptor that is readable when the child has exited (pidfd_open(2)), or -1 with errno set. It is close-on-exec.
int fm_process_descriptor(int process);

// The caller becomes the parent of all descendants that lose theirs, and no process of its user can look into it.
// Returns 0, or another number with errno set.
int fm_adopt_descendants(void);

// The caller becomes the parent of all descendants that lose theirs. Returns 0, or -1 with errno set.
int fm_adopt_orphans(void);

// How many resources have limits (getrlimit(2)).
enum { FM_RESOURCES = 16 };

// A program that is to be started. Descriptors are above 2.
struct fm_program {
    const char *path, *folder;
    char *const *arguments, *const *environment;
    int input, output, errors;
    // Of Landlock; -1: none.
    int ruleset;
    // -1: those of the caller.
    int64_t user, group;
    // Of RLIMIT_CPU and so on, by the resource; -1: the caller's.
    int64_t limits[FM_RESOURCES];
    // Whether it may use IPv4 and IPv6. It has no other sockets.
    int has_network;
};

// Where the start of a program has failed, with errno.
struct fm_start_failure {
    int32_t step, code;
};

enum {
    FM_START_SESSION = 1, FM_START_DESCRIPTORS, FM_START_LIMITS, FM_START_FOLDER, FM_START_USER,
    FM_START_PRIVILEGES, FM_START_PARENT, FM_START_LANDLOCK, FM_START_FILTER, FM_START_PROGRAM
};

// Starts the program, and returns when it runs: its process, or -1 with `failure` set. The calling process must have
// one thread, because the child runs code before execve(2).
int fm_start_program(const struct fm_program *program, struct fm_start_failure *failure);

#endif
