"""The commands of the command line; each is a thin layer over the module that does the work."""
