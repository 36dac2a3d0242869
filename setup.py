"""Build of the compiled modules; all metadata stands in pyproject.toml.

Switches (environment variables set to 1); each combination builds in a folder of its own below
build/:
* ``SESSIONDATA_DEBUG``     bounds checks, assertions on, little optimisation
* ``SESSIONDATA_SANITIZE``  address and undefined-behaviour sanitizers (-fno-wrapv: overflow shows)
* ``SESSIONDATA_COVERAGE``  line tracing of the Cython sources
* ``SESSIONDATA_LOCKS``     guards that are plain locks, as where no thread can fence others (macOS)
* ``SESSIONDATA_TSAN``      thread sanitizer; with plain locks, since it knows no other way
* ``SESSIONDATA_WERROR``    C++ compiler warnings are errors (.ci/run fails on Cython's hints, too)
"""

import os
import shutil
import sys
from pathlib import Path

import numpy
from Cython.Build import cythonize
from setuptools import Extension, setup
from setuptools.command.build_py import build_py

MODULES = {
    "base": ["status", "simd", "guard"],
    "slots": ["grid", "grids", "marks", "scan", "gaps", "extended", "batch"],
    "rows": ["ring", "ticks", "aggregate", "batch"],
    "symbol": ["symbol", "clock", "handles", "late", "late_ticks", "fill", "feed", "layout", "evidence", "past"],
    "objects": [
        "clock",
        "rows",
        "scalars",
        "kept",
        "view",
        "gaps",
        "store",
        "bars",
        "window",
        "series",
        "copies",
        "days",
        "sessions",
        "rules",
        "outage",
        "slice",
        "lazy",
        "tick_buffer",
        "past_rows",
        "over_days",
        "closed_bars",
        "panel",
    ],
    "out": [
        "writer",
        "digits",
        "text",
        "style",
        "rows",
        "gaps",
        "cursor",
        "saved_cursor",
        "in_order",
        "symbol",
        "json",
        "plain",
        "capture",
        "restore",
        "arrow",
        "changed_rows",
    ],
}
SWITCHES = ["DEBUG", "SANITIZE", "COVERAGE", "LOCKS", "TSAN", "WERROR"]
# Cython's memoryview code, once instead of in every module
SHARED = "sessiondata._native._cyutility"

on = [name for name in SWITCHES if os.environ.get(f"SESSIONDATA_{name}", "0") not in ("", "0")]
build_base = "build/" + ("-".join(on).lower() or "release")
DEBUG, SANITIZE, COVERAGE, LOCKS, TSAN, WERROR = (name in on for name in SWITCHES)

directives = {
    "language_level": 3,
    "boundscheck": DEBUG,
    "wraparound": False,
    "initializedcheck": DEBUG,
    "cdivision": True,  # floor division goes through floor_div of base/time
    "embedsignature": True,
    "embedsignature.format": "clinic",
    "linetrace": COVERAGE,
}
if sys.platform == "win32":
    compile_args, link_args = ["/O2", "/std:c++17"], []
else:
    # Without SLP: fields just written and read back as one vector wait until the stores have left
    # the processor.
    compile_args = ["-std=c++17", "-O3", "-g0", "-fno-math-errno", "-fno-trapping-math", "-fno-tree-slp-vectorize"]
    link_args = []
    if DEBUG or SANITIZE:
        compile_args = ["-std=c++17", "-O1", "-g", "-UNDEBUG"]
    if SANITIZE:
        flags = ["-fsanitize=address,undefined", "-fno-wrapv", "-fno-sanitize-recover=undefined"]
        compile_args += [*flags, "-fno-omit-frame-pointer"]
        link_args += flags
    if TSAN:
        flags = ["-fsanitize=thread", "-g", "-fno-omit-frame-pointer", "-Wno-tsan"]
        compile_args += flags
        link_args += flags[:1]
    if WERROR:
        compile_args += ["-Wall", "-Werror", "-Wno-unused-function"]
macros = [("CYTHON_TRACE", "1")] * COVERAGE + [("SESSIONDATA_DEBUG", "1")] * DEBUG
macros += [("SESSIONDATA_LOCKS", "1")] * (LOCKS or TSAN)
options = {
    "extra_compile_args": compile_args,
    "extra_link_args": link_args,
    "define_macros": macros,
    "include_dirs": ["ext"],
    "depends": [str(header) for header in Path("ext").rglob("*.h")],
}


class build_py_with_pxd(build_py):  # noqa: N801
    """Also installs the .pxd files, so that other packages can cimport; sources stay out."""

    def run(self) -> None:
        super().run()
        if not self.editable_mode:
            for pxd in Path("ext").rglob("*.pxd"):
                shutil.copy(pxd, Path(self.build_lib, pxd.relative_to("ext")))


def keep_items(source: Path) -> None:
    """Let lists that cannot grow give an item back once.

    The helper by which Cython 3.3.0 and 3.3.1 append to the list of a comprehension gives the item
    back even where it fails, and so does the caller that it fails in: one reference too many, which
    crashes the interpreter later.
    """
    text = source.read_text("utf-8")
    fails = "PyList_Append(list, x);\n    Py_DECREF(x);\n    return result;"
    kept = "PyList_Append(list, x);\n    if (result == 0) Py_DECREF(x);\n    return result;"
    if fails in text:
        source.write_text(text.replace(fails, kept), "utf-8")


WITH_NUMPY = "sessiondata._native.objects.view"  # the one module that calls its C functions

names = [f"_native.{layer}.{module}" for layer, modules in MODULES.items() for module in modules] + ["capi"]
extensions = [
    Extension(f"sessiondata.{name}", [f"ext/sessiondata/{name.replace('.', '/')}.pyx"], language="c++", **options)
    for name in names
]
options["extra_compile_args"] = [arg for arg in compile_args if "std" not in arg]
# written by Cython, in C
extensions.append(Extension(SHARED, ["ext/sessiondata/_native/_cyutility.c"], **options))
extensions = cythonize(
    extensions,
    include_path=["ext"],
    build_dir=f"{build_base}/cython",
    compiler_directives=directives,
    shared_utility_qualified_name=SHARED,
)
for extension in extensions:
    if extension.name == WITH_NUMPY:
        extension.include_dirs.append(numpy.get_include())
    for source in extension.sources:
        keep_items(Path(source))
setup(
    ext_modules=extensions,
    cmdclass={"build_py": build_py_with_pxd},
    options={"build": {"build_base": build_base}, "build_ext": {"parallel": os.cpu_count()}},
)
