"""Which system calls a sandboxed program may make, as the BPF program that Linux asks before each of them.

What is listed is allowed; everything else does not exist (ENOSYS), so that a call of a newer kernel is closed and not
open. What is left is what a shell and Python need to compute and to work on files; which files, Landlock says. Some calls
go past Landlock (times, modes, owners, signals on old kernels, unix sockets) and are refused here for that reason.
The numbers are those of the kernel's `unistd.h`.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass

Step = tuple[int, int, int, int]  # code, jump if true, jump if false, constant

ARCHITECTURES = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_KILL, _ERROR, _ALLOW = 0x80000000, 0x00050000, 0x7FFF0000
_EPERM, _EINVAL, _ENOTTY, _ENOSYS, _EOPNOTSUPP = 1, 22, 25, 38, 95
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _AND, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x54, 0x06
_X32 = 0x40000000  # the second set of numbers on x86_64, by which the same calls can be made

_ALLOWED = {
    "x86_64": """
read=0 write=1 close=3 stat=4 fstat=5 lstat=6 poll=7 lseek=8 mmap=9 mprotect=10 munmap=11 brk=12
rt_sigaction=13 rt_sigprocmask=14 rt_sigreturn=15 pread64=17 pwrite64=18 readv=19 writev=20 access=21
pipe=22 select=23 sched_yield=24 mremap=25 msync=26 mincore=27 madvise=28 dup=32 dup2=33 pause=34
nanosleep=35 getitimer=36 alarm=37 setitimer=38 getpid=39 sendfile=40 recvfrom=45 shutdown=48
getsockname=51 getpeername=52 getsockopt=55 execve=59 exit=60 wait4=61 uname=63
flock=73 fsync=74 fdatasync=75 ftruncate=77 getdents=78 getcwd=79 chdir=80 fchdir=81 rename=82 mkdir=83
rmdir=84 creat=85 unlink=87 readlink=89 umask=95 gettimeofday=96 getrlimit=97 getrusage=98
sysinfo=99 times=100 getuid=102 getgid=104 geteuid=107 getegid=108 getppid=110 getpgrp=111 getgroups=115
getresuid=118 getresgid=120 getpgid=121 getsid=124 capget=125 rt_sigpending=127 rt_sigtimedwait=128
rt_sigsuspend=130 sigaltstack=131 statfs=137 fstatfs=138 getpriority=140 sched_getparam=143
sched_getscheduler=145 sched_get_priority_max=146 sched_get_priority_min=147 arch_prctl=158
gettid=186 time=201 futex=202 sched_getaffinity=204 epoll_create=213 getdents64=217 set_tid_address=218
restart_syscall=219 fadvise64=221 timer_create=222 timer_settime=223 timer_gettime=224
timer_getoverrun=225 timer_delete=226 clock_gettime=228 clock_getres=229 clock_nanosleep=230
exit_group=231 epoll_wait=232 epoll_ctl=233 waitid=247 mkdirat=258 newfstatat=262 unlinkat=263
renameat=264 readlinkat=267 faccessat=269 pselect6=270 ppoll=271 set_robust_list=273
get_robust_list=274 splice=275 tee=276 epoll_pwait=281 timerfd_create=283 eventfd=284 fallocate=285
timerfd_settime=286 timerfd_gettime=287 signalfd4=289 eventfd2=290 epoll_create1=291 dup3=292 pipe2=293
preadv=295 pwritev=296 getcpu=309 renameat2=316 getrandom=318 membarrier=324 copy_file_range=326
preadv2=327 pwritev2=328 statx=332 rseq=334 close_range=436 faccessat2=439 epoll_pwait2=441
""",
    "aarch64": """
getcwd=17 eventfd2=19 epoll_create1=20 epoll_ctl=21 epoll_pwait=22 dup=23 dup3=24 flock=32 mkdirat=34
unlinkat=35 renameat=38 statfs=43 fstatfs=44 ftruncate=46 fallocate=47 faccessat=48 chdir=49
fchdir=50 close=57 pipe2=59 getdents64=61 lseek=62 read=63 write=64 readv=65 writev=66 pread64=67
pwrite64=68 preadv=69 pwritev=70 sendfile=71 pselect6=72 ppoll=73 signalfd4=74 splice=76 tee=77
readlinkat=78 newfstatat=79 fstat=80 fsync=82 fdatasync=83 timerfd_create=85 timerfd_settime=86
timerfd_gettime=87 capget=90 exit=93 exit_group=94 waitid=95 set_tid_address=96 futex=98
set_robust_list=99 get_robust_list=100 nanosleep=101 getitimer=102 setitimer=103 timer_create=107
timer_gettime=108 timer_getoverrun=109 timer_settime=110 timer_delete=111 clock_gettime=113
clock_getres=114 clock_nanosleep=115 sched_getscheduler=120 sched_getparam=121 sched_getaffinity=123
sched_yield=124 sched_get_priority_max=125 sched_get_priority_min=126 restart_syscall=128
sigaltstack=132 rt_sigsuspend=133 rt_sigaction=134 rt_sigprocmask=135 rt_sigpending=136
rt_sigtimedwait=137 rt_sigreturn=139 getpriority=141 getresuid=148 getresgid=150 times=153 getpgid=155
getsid=156 getgroups=158 uname=160 getrlimit=163 getrusage=165 umask=166 getcpu=168 gettimeofday=169
getpid=172 getppid=173 getuid=174 geteuid=175 getgid=176 getegid=177 gettid=178 sysinfo=179
getsockname=204 getpeername=205 recvfrom=207 getsockopt=209 shutdown=210 brk=214 munmap=215 mremap=216
execve=221 mmap=222 fadvise64=223 mprotect=226 msync=227 mincore=232 madvise=233 wait4=260 renameat2=276
getrandom=278 membarrier=283 copy_file_range=285 preadv2=286 pwritev2=287 statx=291 rseq=293
close_range=436 faccessat2=439 epoll_pwait2=441
""",
}
# Refused in words that a program understands: the same as being left out, but EPERM.
_REFUSED = {
    "x86_64": """
connect=42 sendmsg=46 bind=49 listen=50 truncate=76 link=86 symlink=88 chown=92 fchown=93
lchown=94 ptrace=101 setuid=105 setpgid=109 setsid=112 utime=132 mknod=133 mount=165 tkill=200
utimes=235 inotify_init=253 mknodat=259 fchownat=260 futimesat=261 linkat=265 symlinkat=266 unshare=272
inotify_init1=294 setns=308 process_vm_readv=310 process_vm_writev=311
""",
    "aarch64": """
inotify_init1=26 mknodat=33 symlinkat=36 linkat=37 mount=40 truncate=45 fchownat=54
fchown=55 unshare=97 ptrace=117 tkill=130 setuid=146 setpgid=154 setsid=157 bind=200 listen=201
connect=203 sendmsg=211 setns=268 process_vm_readv=270 process_vm_writev=271
""",
}
_UNSUPPORTED = {  # as on a file system without extended attributes: programs know what to do then
    "x86_64": "setxattr=188 lsetxattr=189 fsetxattr=190 getxattr=191 lgetxattr=192 fgetxattr=193 listxattr=194"
    " llistxattr=195 flistxattr=196",
    "aarch64": "setxattr=5 lsetxattr=6 fsetxattr=7 getxattr=8 lgetxattr=9 fgetxattr=10 listxattr=11 llistxattr=12"
    " flistxattr=13",
}
_NETWORK = {
    "x86_64": "connect=42 accept=43 sendmsg=46 recvmsg=47 bind=49 listen=50 setsockopt=54 accept4=288 recvmmsg=299 sendmmsg=307",
    "aarch64": "bind=200 listen=201 accept=202 connect=203 setsockopt=208 sendmsg=211 recvmsg=212 accept4=242 recvmmsg=243"
    " sendmmsg=269",
}
_LINKS = {"x86_64": "symlink=88 symlinkat=266", "aarch64": "symlinkat=36"}
_CONDITIONAL = {
    "x86_64": "open=2 ioctl=16 socket=41 sendto=44 socketpair=53 clone=56 fork=57 vfork=58 kill=62 fcntl=72 chmod=90 fchmod=91"
    " prctl=157 tgkill=234 openat=257 fchmodat=268 utimensat=280 prlimit64=302 fchmodat2=452",
    "aarch64": "fcntl=25 ioctl=29 fchmod=52 fchmodat=53 openat=56 utimensat=88 kill=129 tgkill=131 prctl=167"
    " socket=198 socketpair=199 sendto=206 clone=220 prlimit64=261 fchmodat2=452",
}
_NAMESPACES = 0x7E020000  # CLONE_NEW*
_TERMINAL = (
    0x5401,
    0x5413,
    0x541B,
    0x5421,
    0x5450,
    0x5451,
)  # TCGETS TIOCGWINSZ FIONREAD FIONBIO FION/FIOCLEX
_NAMES = (3, 15, 16, 23, 0x53564D41)  # PR_GET_DUMPABLE SET_NAME GET_NAME CAPBSET_READ SET_VMA
# F_SETOWN, F_SETSIG and F_SETOWN_EX send signals to any process; F_SETLEASE and F_NOTIFY reach files of others.
_FCNTL = (8, 10, 15, 1024, 1026)


def numbers(table: str) -> dict[str, int]:
    return {name: int(number) for name, _, number in (part.partition("=") for part in table.split())}


@dataclass(frozen=True, slots=True)
class Trust:
    """What need not be refused. `processes`: it may start others. `signals`, `modes`: something else keeps its signals
    among its own, and modes and times of files that it does not own as they are. `network`: by IP, and by no socket of
    this machine's own. `links`: nobody else follows those that it makes."""

    processes: bool
    signals: bool
    modes: bool
    network: bool = False
    links: bool = False


def filter_for(machine: str, trust: Trust) -> bytes:
    """The program for `machine` (as uname says it), in the kernel's own form. Raises KeyError for a machine that is not
    known."""
    architecture = ARCHITECTURES[machine]
    steps: list[Step] = [(_LOAD, 0, 0, 4), (_EQUAL, 1, 0, architecture), _end(_KILL), (_LOAD, 0, 0, 0)]
    if machine == "x86_64":
        steps += [(_AT_LEAST, 0, 1, _X32), _end(_KILL)]
    more = (_NETWORK[machine] if trust.network else "", _LINKS[machine] if trust.links else "")
    for number in numbers(" ".join([_ALLOWED[machine], *more])).values():
        steps += [(_EQUAL, 0, 1, number), _end(_ALLOW)]
    for number in numbers(_REFUSED[machine]).values():
        steps += [(_EQUAL, 0, 1, number), _no(_EPERM)]
    for number in numbers(_UNSUPPORTED[machine]).values():
        steps += [(_EQUAL, 0, 1, number), _no(_EOPNOTSUPP)]
    for name, number in numbers(_CONDITIONAL[machine]).items():
        block = _condition(name, trust)
        steps += [(_EQUAL, 0, len(block), number), *block]
    steps.append(_no(_ENOSYS))
    return b"".join(struct.pack("=HBBI", *step) for step in steps)


def _condition(name: str, trust: Trust) -> list[Step]:
    """What is asked of a call's arguments. Every way through it ends."""
    no, yes = _no(_EPERM), _end(_ALLOW)
    match name:
        case "open" | "openat":  # O_TRUNC with O_RDONLY truncates, and Landlock before ABI 3 does not look
            flags = [_argument(1 if name == "open" else 2), (_AND, 0, 0, 0o1003)]
            return [*flags, (_EQUAL, 0, 1, 0o1000), no, yes]
        case "socketpair":  # a stream pair can be connected to nothing else; datagrams could be sent anywhere
            return [
                *(_argument(0), (_EQUAL, 1, 0, 1), no),
                *(_argument(1), (_AND, 0, 0, 0xF), (_EQUAL, 1, 0, 1), no, yes),
            ]
        case "socket":  # AF_INET and AF_INET6
            return _among(0, (2, 10), yes, no) if trust.network else [no]
        case "sendto":
            return [yes] if trust.network else _null(4)
        case "utimensat":  # of an open file; a path could be any file of the same owner
            return [yes] if trust.modes else _null(1)
        case "chmod" | "fchmod" | "fchmodat" | "fchmodat2":
            return [yes if trust.modes else no]
        case "clone":
            return [_argument(0), (_ANY_BIT, 0, 1, _NAMESPACES), no, yes] if trust.processes else [no]
        case "fork" | "vfork":
            return [yes if trust.processes else no]
        case "kill":  # 0: its own group
            return [yes] if trust.signals else [_argument(0), (_EQUAL, 0, 1, 0), yes, no]
        case "tgkill":
            return [yes if trust.signals else no]
        case "fcntl":
            return _among(1, _FCNTL, no, yes)
        case "ioctl":
            return _among(1, _TERMINAL, yes, _no(_ENOTTY))
        case "prctl":
            return _among(0, _NAMES, yes, _no(_EINVAL))
        case "prlimit64":  # 0: its own limits, which can only be lowered
            return [_argument(0), (_EQUAL, 0, 1, 0), yes, no]
    raise KeyError(name)


def _among(argument: int, values: Sequence[int], then: Step, otherwise: Step) -> list[Step]:
    tests = [step for value in values for step in ((_EQUAL, 0, 1, value), then)]
    return [_argument(argument), *tests, otherwise]


def _null(argument: int) -> list[Step]:
    """Both halves of a pointer are 0."""
    return [
        *(_argument(argument), (_EQUAL, 1, 0, 0), _no(_EPERM)),
        *(_argument(argument, 4), (_EQUAL, 1, 0, 0), _no(_EPERM), _end(_ALLOW)),
    ]


def _argument(index: int, half: int = 0) -> Step:
    return (_LOAD, 0, 0, 16 + 8 * index + half)


def _end(action: int) -> Step:
    return (_RETURN, 0, 0, action)


def _no(error: int) -> Step:
    return _end(_ERROR | error)
