"""Build of the example: python setup.py build_ext --inplace"""

from Cython.Build import cythonize
from setuptools import Extension, setup

import sessiondata

extensions = [Extension("cython_caller", ["cython_caller.pyx"])]
setup(name="cython_caller", version="1", ext_modules=cythonize(extensions, include_path=[sessiondata.get_include()]))
