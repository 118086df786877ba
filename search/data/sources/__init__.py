"""The sources of data: tables, folders, archives, collections, functions of the user's."""
