# Marks the folder as the package `sessiondata` for cimport; the import package itself is
# src/sessiondata.
