"""What pages are made from is in the package that is installed."""

import shutil
import subprocess
import sys
import zipfile

import pytest

from tests.conftest import ROOT

WRITE = """
import sys, pathlib
sys.path.insert(0, sys.argv[1])
import jaxflow.reports.page as page
from jaxflow.reports.blocks import Chart, Charts, Drawing, Section, Text
assert page.__file__.startswith(sys.argv[1])
out = pathlib.Path(sys.argv[2])
(out / "a.svg").write_text('<svg width="72pt" height="72pt" viewBox="0 0 72 72"></svg>')
chart = Chart(Drawing("a", out / "a.svg", "a"), "epoch", "loss", {"train": [(1.0, 2.0)]})
page.write_page(out / "index.html", "a", "b", [Section("c", [Text("d"), Charts([chart])])])
"""


@pytest.mark.slow
def test_a_wheel_has_templates_stylesheet_script_and_its_licence(tmp_path):
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "jaxflow", tmp_path / "jaxflow")  # what is built leaves folders beside it
    command = [sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", str(tmp_path), str(tmp_path)]
    subprocess.run(command, check=True, timeout=300)
    (wheel,), site = tmp_path.glob("*.whl"), tmp_path / "site"
    with zipfile.ZipFile(wheel) as file:
        file.extractall(site)
    assert (site / "jaxflow" / "reports" / "assets" / "uPlot.LICENSE.txt").exists()
    command = [sys.executable, "-c", WRITE, str(site), str(site)]
    subprocess.run(command, check=True, cwd=site, timeout=120)
    assert "uPlot" in (site / "index.html").read_text()
