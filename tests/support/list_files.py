"""Prints the files that match the patterns, one a line, sorted: what meson.build knows of the sources."""

import glob
import os
import sys

root = sys.argv[1]
for pattern in sys.argv[2:]:
    for path in sorted(glob.glob(os.path.join(root, pattern), recursive=True)):
        print(os.path.relpath(path, root))
