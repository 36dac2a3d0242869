"""Build of the compiled modules; all metadata stands in pyproject.toml.

Switches (environment variables set to 1):

* ``SESSIONDATA_DEBUG``     bounds checks, assertions on, no optimisation
* ``SESSIONDATA_SANITIZE``  address and undefined-behaviour sanitizers (overflow made visible by -fno-wrapv)
* ``SESSIONDATA_COVERAGE``  line tracing of the Cython sources
* ``SESSIONDATA_WERROR``    C compiler warnings and Cython performance hints are errors (CI)
"""

import os
import sys

from Cython.Build import cythonize
from setuptools import Extension, setup

MODULES = ["_status", "_grid", "_ring", "_gaps", "_aggregate", "_symbol", "_layout", "_store", "_text", "_json"]


def switch(name: str) -> bool:
    return os.environ.get(f"SESSIONDATA_{name}", "0") not in ("", "0")


DEBUG, SANITIZE, COVERAGE, WERROR = map(switch, ("DEBUG", "SANITIZE", "COVERAGE", "WERROR"))

directives = {
    "language_level": 3,
    "boundscheck": DEBUG,
    "wraparound": False,
    "initializedcheck": DEBUG,
    "cdivision": True,  # floor division goes through _time.floor_div, see there
    "embedsignature": True,
    "embedsignature.format": "python",
    "linetrace": COVERAGE,
}
if sys.platform == "win32":
    compile_args, link_args = ["/O2", "/std:c++17"], []
else:
    compile_args, link_args = ["-std=c++17", "-O3", "-g0", "-fno-math-errno", "-fno-trapping-math"], []
    if DEBUG or SANITIZE:
        compile_args = ["-std=c++17", "-O1", "-g", "-UNDEBUG"]
    if SANITIZE:
        flags = ["-fsanitize=address,undefined", "-fno-wrapv", "-fno-sanitize-recover=undefined"]
        compile_args += [*flags, "-fno-omit-frame-pointer"]
        link_args += flags
    if WERROR:
        compile_args += ["-Wall", "-Werror", "-Wno-unused-function"]
macros = [("CYTHON_TRACE", "1")] if COVERAGE else []
if DEBUG:
    macros.append(("SESSIONDATA_DEBUG", "1"))

extensions = [
    Extension(
        f"sessiondata.{name}",
        [f"ext/sessiondata/{name}.pyx"],
        language="c++",
        extra_compile_args=compile_args,
        extra_link_args=link_args,
        define_macros=macros,
    )
    for name in MODULES
    if os.path.exists(f"ext/sessiondata/{name}.pyx")
]
setup(
    ext_modules=cythonize(
        extensions,
        include_path=["ext"],
        build_dir="build/cython",
        compiler_directives=directives,
        shared_utility_qualified_name=None,
    )
)
