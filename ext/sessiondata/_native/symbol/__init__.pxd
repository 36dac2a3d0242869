# One symbol as a C struct: what a bar, a trade or a fill does.
