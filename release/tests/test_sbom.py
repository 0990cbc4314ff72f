"""An SBOM is narrowed to what is in the program."""

import json
import subprocess

from run import ROOT


def component(name):
    return {"name": name, "version": "1.0.0", "bom-ref": f"ref-{name}", "purl": f"pkg:cargo/{name}?download_url=file:///made/here"}


WHOLE = {
    "metadata": {"component": component("program")},
    "components": [component("used"), component("unused"), component("deep")],
    "dependencies": [
        {"ref": "ref-program", "dependsOn": ["ref-used", "ref-unused"]},
        {"ref": "ref-used", "dependsOn": ["ref-deep"]},
        {"ref": "ref-unused", "dependsOn": ["ref-deep"]},
        {"ref": "ref-deep"},
    ],
}


def narrow(*packages):
    return subprocess.run([ROOT / "release/narrow-sbom", "/made/here", *packages], input=json.dumps(WHOLE), capture_output=True, text=True)


def test_what_is_not_in_the_program_is_in_no_component_and_no_dependency():
    made = narrow("program@1.0.0", "used@1.0.0", "deep@1.0.0")
    document = json.loads(made.stdout)
    assert [component["name"] for component in document["components"]] == ["used", "deep"]
    edges = {entry["ref"]: entry["dependsOn"] for entry in document["dependencies"]}
    assert edges == {"ref-program": ["ref-used"], "ref-used": ["ref-deep"], "ref-deep": []}


def test_no_folder_of_the_machine_is_named():
    made = narrow("program@1.0.0", "used@1.0.0").stdout
    assert "/made/here" not in made
    assert "file:///failure-relay" in made


def test_a_package_that_the_sbom_lacks_fails():
    made = narrow("program@1.0.0", "used@2.0.0")
    assert made.returncode != 0
    assert "used@2.0.0" in made.stderr
