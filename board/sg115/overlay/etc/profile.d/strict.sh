# For whoever has a shell: no memory on the disk, files for nobody else.
ulimit -c 0
umask 027
