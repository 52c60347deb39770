"""The functions of WASI: one row each, in the document's order (``wasi_snapshot_preview1.witx``, 46 functions).

``fd[rights]`` is a descriptor with rights that the call needs; functions that need more, depending on their arguments,
ask for it themselves.  ``pointer`` stands where how much is stored depends on more than the arguments.
"""

from ._abi import Row, parse

TABLE = """
# arguments and environment
args_get                 memory argv:pointer argv_buf:pointer ->
args_sizes_get           -> count:size size
environ_get              memory environ:pointer environ_buf:pointer ->
environ_sizes_get        -> count:size size

# clocks
clock_res_get            id:clockid -> timestamp
clock_time_get           id:clockid precision:timestamp -> timestamp

# descriptors
fd_advise                fd[fd_advise] offset:filesize length:filesize advice ->
fd_allocate              fd[fd_allocate] offset:filesize length:filesize ->
fd_close                 fd ->
fd_datasync              fd[fd_datasync] ->
fd_fdstat_get            fd[] -> fdstat
fd_fdstat_set_flags      fd[fd_fdstat_set_flags] fdflags ->
fd_fdstat_set_rights     fd[] base:rights inheriting:rights ->
fd_filestat_get          fd[fd_filestat_get] -> filestat
fd_filestat_set_size     fd[fd_filestat_set_size] new_size:filesize ->
fd_filestat_set_times    fd[fd_filestat_set_times] atim:timestamp mtim:timestamp fstflags ->
fd_pread                 fd[fd_read+fd_seek] iovs:iovecs offset:filesize -> size
fd_prestat_get           fd[] -> prestat
fd_prestat_dir_name      fd[] path:buffer ->
fd_pwrite                fd[fd_write+fd_seek] iovs:ciovecs offset:filesize -> size
fd_read                  fd[fd_read] iovs:iovecs -> size
fd_readdir               fd[fd_readdir] buf:buffer cookie:dircookie -> size
fd_renumber              fd to:fd ->
fd_seek                  fd[] offset:filedelta whence -> filesize
fd_sync                  fd[fd_sync] ->
fd_tell                  fd[fd_tell] -> filesize
fd_write                 fd[fd_write] iovs:ciovecs -> size

# paths
path_create_directory    fd[path_create_directory] path:string ->
path_filestat_get        fd[path_filestat_get] lookup path:string -> filestat
path_filestat_set_times  fd[path_filestat_set_times] lookup path:string atim:timestamp mtim:timestamp fstflags ->
path_link                fd[path_link_source] lookup path:string new_fd:fd[path_link_target] new_path:string ->
path_open                fd[path_open] lookup path:string oflags base:rights inheriting:rights fdflags -> fd
path_readlink            fd[path_readlink] path:string buf:buffer -> size
path_remove_directory    fd[path_remove_directory] path:string ->
path_rename              fd[path_rename_source] path:string new_fd:fd[path_rename_target] new_path:string ->
path_symlink             target:string fd[path_symlink] path:string ->
path_unlink_file         fd[path_unlink_file] path:string ->

# waiting, process, randomness
poll_oneoff              memory subscriptions events:pointer nsubscriptions:size -> size
proc_exit                code:exitcode -> noreturn
proc_raise               signal ->
sched_yield              ->
random_get               buf:buffer ->

# sockets
sock_accept              fd[] fdflags -> fd
sock_recv                fd[] iovs:iovecs riflags -> size roflags
sock_send                fd[] iovs:ciovecs siflags -> size
sock_shutdown            fd[] sdflags ->
"""

#: What ``wasi_unstable`` (snapshot 0) has otherwise; it knew no sock_accept either.
UNSTABLE = {
    "whence": "whence_unstable",
    "filestat": "filestat_unstable",
    "subscriptions": "subscriptions_unstable",
}

#: How the trace groups the functions; each is also in the group "wasi".
GROUPS = {
    "args": "proc", "environ": "proc", "clock": "clock", "fd": "fs", "path": "fs", "poll": "poll", "proc": "proc",
    "sched": "proc", "random": "random", "sock": "sock",
}  # fmt: skip


def rows(name: str) -> "tuple[Row, ...]":
    """The functions of ``wasi_snapshot_preview1`` or ``wasi_unstable``.  Raises ValueError for another name."""
    if name == "wasi_snapshot_preview1":
        return tuple(parse(TABLE))
    if name == "wasi_unstable":
        return tuple(row for row in parse(TABLE, UNSTABLE) if row.name != "sock_accept")
    raise ValueError(f"{name!r} is not a version of WASI: wasi_snapshot_preview1 or wasi_unstable")
