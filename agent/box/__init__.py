"""The machine underneath: its service manager, the kernels' cache, a backup, announcements on the network."""
