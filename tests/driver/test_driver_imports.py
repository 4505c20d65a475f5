"""The driver does with numpy and the standard library."""

import subprocess
import sys

SCRIPT = """
import sys
before = set(sys.modules)  # what Python's start-up hooks brought along
import stillframe.driver
new = set(sys.modules) - before
tops = {name.partition(".")[0] for name in new} - set(sys.stdlib_module_names)
own = {".".join(name.split(".")[:2]) for name in new if name.startswith("stillframe.")}
print(*sorted(tops | own))
"""


def test_driver_imports_numpy_and_the_contract_only():
    run = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=False)
    assert run.stderr == ""
    assert run.stdout == "numpy stillframe stillframe.contract stillframe.driver\n"
