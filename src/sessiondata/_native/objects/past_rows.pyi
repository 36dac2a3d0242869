# Types of the compiled module; docstrings stand in
# ext/sessiondata/_native/objects/past_rows.pyx.

class PastRows: ...
