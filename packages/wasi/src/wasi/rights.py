"""Rights of descriptors (WASI document, type ``rights``) and the sets of them that each kind of descriptor can have."""

_LIST = """
    fd_datasync fd_read fd_seek fd_fdstat_set_flags fd_sync fd_tell fd_write fd_advise fd_allocate
    path_create_directory path_create_file path_link_source path_link_target path_open fd_readdir path_readlink
    path_rename_source path_rename_target path_filestat_get path_filestat_set_size path_filestat_set_times
    fd_filestat_get fd_filestat_set_size fd_filestat_set_times path_symlink path_remove_directory path_unlink_file
    poll_fd_readwrite sock_shutdown sock_accept
"""
#: Names in the order of their bits.
NAMES = tuple(_LIST.split())


def rights(names: str) -> int:
    """The bits of the rights with these names, which spaces separate."""
    bits = 0
    for name in names.split():
        bits |= 1 << NAMES.index(name)
    return bits


ALL = (1 << len(NAMES)) - 1

#: What can be done to the bytes of a file: a directory cannot have these.
WRITE_DATA = rights("fd_write fd_allocate fd_filestat_set_size")

FILE = rights(
    "fd_datasync fd_read fd_seek fd_fdstat_set_flags fd_sync fd_tell fd_write fd_advise fd_allocate fd_filestat_get"
    " fd_filestat_set_size fd_filestat_set_times poll_fd_readwrite"
)
DIRECTORY = rights(
    "fd_fdstat_set_flags fd_sync fd_datasync path_create_directory path_create_file path_link_source path_link_target"
    " path_open fd_readdir path_readlink path_rename_source path_rename_target path_filestat_get"
    " path_filestat_set_size path_filestat_set_times fd_filestat_get fd_filestat_set_times path_symlink"
    " path_remove_directory path_unlink_file"
)
#: What a read-only mount takes away.
MUTATING = WRITE_DATA | rights(
    "path_create_directory path_create_file path_link_source path_link_target path_rename_source path_rename_target"
    " path_filestat_set_size path_filestat_set_times fd_filestat_set_times path_symlink path_remove_directory"
    " path_unlink_file"
)
STREAM_IN = rights("fd_read fd_fdstat_set_flags fd_filestat_get poll_fd_readwrite")
STREAM_OUT = rights("fd_write fd_fdstat_set_flags fd_filestat_get poll_fd_readwrite fd_sync fd_datasync")
CONNECTION = rights("fd_read fd_write fd_fdstat_set_flags fd_filestat_get poll_fd_readwrite sock_shutdown")
LISTENER = rights("fd_fdstat_set_flags fd_filestat_get poll_fd_readwrite sock_accept")

FD_READ = rights("fd_read")
FD_WRITE = rights("fd_write")
FD_SEEK = rights("fd_seek")
PATH_CREATE_FILE = rights("path_create_file")
PATH_FILESTAT_SET_SIZE = rights("path_filestat_set_size")
POLL_FD_READWRITE = rights("poll_fd_readwrite")
SOCK_ACCEPT = rights("sock_accept")
SOCK_SHUTDOWN = rights("sock_shutdown")
