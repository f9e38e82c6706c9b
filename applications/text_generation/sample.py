"""The sample: the source code of the standard library of the Python that runs this, so that every machine has one."""

import sysconfig
from pathlib import Path

from common.data.sources import SAMPLE
from common.errors import UserError
from common.text.running import Part, RawText, part_of, read_text

# Modules of pure Python that every supported release has, about a million characters together.
_MODULES = """
    argparse ast bisect calendar cmd codecs configparser contextlib copy csv dataclasses difflib enum fnmatch fractions
    functools getopt glob gzip heapq inspect ipaddress linecache mimetypes operator pathlib pprint queue random sched
    shlex shutil socket statistics string subprocess tempfile textwrap threading timeit tokenize trace uuid weakref
"""


def sample(part: Part) -> RawText:
    """The source code of some forty modules one after another, or a part of it: train, validation or test.

    Raises:
        UserError: this Python came without the source code of its library.
    """
    folder = Path(sysconfig.get_paths()["stdlib"])
    files = [folder / f"{module}.py" for module in _MODULES.split()]
    texts = [read_text(file).text for file in files if file.is_file()]
    if not texts:
        raise UserError(
            f"--data sample: no source code of the standard library in {folder}; give a file with --data"
        )
    return part_of(RawText(SAMPLE, "\n".join(texts)), part)
