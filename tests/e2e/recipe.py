"""The recipes of docs/dead-workers.md."""

import os
import re
from pathlib import Path


def recipe(heading):
    """The template under a heading, as a file."""
    _, section = Path("docs/dead-workers.md").read_text().split(f"\n## {heading}\n")
    path = Path(os.environ["E2E_STATE"]) / (re.sub(r"\W+", "-", heading) + ".yaml")
    path.write_text(section.split("```yaml\n", 1)[1].split("```", 1)[0])
    return str(path)
