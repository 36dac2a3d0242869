# Types of the compiled module; its C functions are declared in ext/sessiondata/capi.pxd.
ABI: int
