"""Numbers of the Linux system calls that the worker's filter speaks about, for the two machines we serve.

Sources: the kernel's `asm/unistd_64.h` (x86-64) and `asm-generic/unistd.h` (aarch64). Calls from 424 on
have one number on every machine. None: that machine never had the call; it has only the newer form,
which is listed beside it.
"""

from __future__ import annotations

MACHINES = ("x86_64", "aarch64")

AUDIT_ARCHITECTURE = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}  # what seccomp reports as `arch`

# Refused whatever the arguments.
_REFUSED: dict[str, tuple[int | None, int | None]] = {
    # new processes and programs
    "fork": (57, None), "vfork": (58, None), "execve": (59, 221), "execveat": (322, 281),
    "uselib": (134, None),
    # other processes
    "ptrace": (101, 117), "process_vm_readv": (310, 270), "process_vm_writev": (311, 271),
    "process_madvise": (440, 440), "process_mrelease": (448, 448), "kcmp": (312, 272),
    "pidfd_open": (434, 434), "pidfd_getfd": (438, 438), "pidfd_send_signal": (424, 424),
    "get_robust_list": (274, 100), "migrate_pages": (256, 238), "move_pages": (279, 239),
    "setpriority": (141, 140), "ioprio_set": (251, 30),
    # sockets; `connect` and `bind` too, since a datagram pair could be pointed at a service's path
    "socket": (41, 198), "connect": (42, 203), "bind": (49, 200), "listen": (50, 201),
    "accept": (43, 202), "accept4": (288, 242),
    # owners, modes, times and attributes of files, none of which Landlock covers
    "chmod": (90, None), "fchmod": (91, 52), "fchmodat": (268, 53), "fchmodat2": (452, 452),
    "chown": (92, None), "fchown": (93, 55), "lchown": (94, None), "fchownat": (260, 54),
    "utime": (132, None), "utimes": (235, None), "futimesat": (261, None), "utimensat": (280, 88),
    "setxattr": (188, 5), "lsetxattr": (189, 6), "fsetxattr": (190, 7), "setxattrat": (463, 463),
    "removexattr": (197, 14), "lremovexattr": (198, 15), "fremovexattr": (199, 16),
    "removexattrat": (466, 466), "file_setattr": (469, 469),
    "truncate": (76, 45),  # by path; Landlock covers it only from its third version on
    # watching and reopening files
    "inotify_init": (253, None), "inotify_init1": (294, 26), "inotify_add_watch": (254, 27),
    "fanotify_init": (300, 262), "fanotify_mark": (301, 263),
    "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "lookup_dcookie": (212, 18),
    # memory and queues outside the worker's own limits
    "memfd_create": (319, 279), "memfd_secret": (447, 447),
    "shmget": (29, 194), "shmat": (30, 196), "shmctl": (31, 195), "shmdt": (67, 197),
    "semget": (64, 190), "semop": (65, 193), "semtimedop": (220, 192), "semctl": (66, 191),
    "msgget": (68, 186), "msgsnd": (69, 189), "msgrcv": (70, 188), "msgctl": (71, 187),
    "mq_open": (240, 180), "mq_unlink": (241, 181), "mq_timedsend": (242, 182),
    "mq_timedreceive": (243, 183), "mq_notify": (244, 184), "mq_getsetattr": (245, 185),
    # large parts of the kernel that no numeric code needs
    "io_uring_setup": (425, 425), "io_uring_enter": (426, 426), "io_uring_register": (427, 427),
    "bpf": (321, 280), "userfaultfd": (323, 282), "perf_event_open": (298, 241),
    "keyctl": (250, 219), "add_key": (248, 217), "request_key": (249, 218),
    "personality": (135, 92), "modify_ldt": (154, None),
    "timer_create": (222, 107),  # can send SIGKILL, which must only ever come from outside
    # namespaces and mounts
    "unshare": (272, 97), "setns": (308, 268), "mount": (165, 40), "umount2": (166, 39),
    "pivot_root": (155, 41), "chroot": (161, 51), "open_tree": (428, 428), "move_mount": (429, 429),
    "fsopen": (430, 430), "fsconfig": (431, 431), "fsmount": (432, 432), "fspick": (433, 433),
    "mount_setattr": (442, 442), "statmount": (457, 457), "listmount": (458, 458),
    "open_tree_attr": (467, 467),
    # running the machine
    "reboot": (169, 142), "swapon": (167, 224), "swapoff": (168, 225), "init_module": (175, 105),
    "finit_module": (313, 273), "delete_module": (176, 106), "kexec_load": (246, 104),
    "kexec_file_load": (320, 294), "settimeofday": (164, 170), "clock_settime": (227, 112),
    "adjtimex": (159, 171), "clock_adjtime": (305, 266), "sethostname": (170, 161),
    "setdomainname": (171, 162), "iopl": (172, None), "ioperm": (173, None), "acct": (163, 89),
    "quotactl": (179, 60), "quotactl_fd": (443, 443), "syslog": (103, 116), "vhangup": (153, 58),
    "nfsservctl": (180, 42),
}  # fmt: skip

# Judged by an argument, or answered in another way.
_GUARDED: dict[str, tuple[int, int]] = {
    "clone": (56, 220), "clone3": (435, 435), "socketpair": (53, 199),
    "kill": (62, 129), "tkill": (200, 130), "tgkill": (234, 131),
    "rt_sigqueueinfo": (129, 138), "rt_tgsigqueueinfo": (297, 240),
    "prlimit64": (302, 261), "setrlimit": (160, 164), "sched_setaffinity": (203, 122), "sched_setscheduler": (144, 119),
    "sched_setparam": (142, 118), "sched_setattr": (314, 274),
    "prctl": (157, 167), "ioctl": (16, 29), "fcntl": (72, 25),
}  # fmt: skip

# Changes of folders, refused to those whom Landlock does not keep from making them.
_FOLDERS: dict[str, tuple[int | None, int | None]] = {
    "creat": (85, None), "mkdir": (83, None), "mkdirat": (258, 34), "rmdir": (84, None),
    "mknod": (133, None), "mknodat": (259, 33), "unlink": (87, None), "unlinkat": (263, 35),
    "link": (86, None), "linkat": (265, 37), "symlink": (88, None), "symlinkat": (266, 36),
    "rename": (82, None), "renameat": (264, 38), "renameat2": (316, 276),
}  # fmt: skip

# Judged by its flags for the same people: the call, and the position of the flags.
_OPENING: dict[str, tuple[int | None, int | None, int]] = {
    "open": (2, None, 1), "openat": (257, 56, 2),
}  # fmt: skip
OPENAT2 = 437  # has its flags in memory, where no filter can read them


def changing_folders(machine: str) -> dict[str, int]:
    """Name -> number of every call of `machine` that makes, moves or removes a file or folder."""
    column = MACHINES.index(machine)
    return {name: number for name, row in _FOLDERS.items() if (number := row[column]) is not None}


def opening(machine: str) -> dict[int, int]:
    """Number -> position of the flags, of every call of `machine` that opens a file."""
    column = MACHINES.index(machine)
    return {number: row[2] for row in _OPENING.values() if (number := row[column]) is not None}


def refused(machine: str) -> dict[str, int]:
    """Name -> number of every call that `machine` (one of MACHINES) has and the filter always refuses."""
    column = MACHINES.index(machine)
    return {name: number for name, row in _REFUSED.items() if (number := row[column]) is not None}


def guarded(machine: str) -> dict[str, int]:
    """Name -> number of every call of `machine` (one of MACHINES) that the filter judges by arguments."""
    column = MACHINES.index(machine)
    return {name: row[column] for name, row in _GUARDED.items()}
