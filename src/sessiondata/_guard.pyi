# Compiled module without Python names; docstrings stand in ext/sessiondata/_guard.pyx.
