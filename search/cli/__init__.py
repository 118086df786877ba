"""The commands of the command line, each a thin call into the module that does it."""
