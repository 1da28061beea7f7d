# shellcheck shell=sh
# For whoever has a shell: no memory on the disk, files for nobody else.
# dash has it, though POSIX does not.
# shellcheck disable=SC3045
ulimit -c 0
umask 027
