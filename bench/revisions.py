"""The program of earlier revisions, each built once and then kept in the user's cache folder."""

import os
import pathlib
import shutil
import tempfile

import processes
import stand


def executable(name):
    """The file of that name, or what the git revision of that name builds."""
    if pathlib.Path(name).is_file():
        return pathlib.Path(name).resolve()
    git = ["git", "-C", stand.CHECKOUT]
    revision = processes.run([*git, "rev-list", "-n", "1", name, "--"])
    kept = processes.cache_folder() / "bench-compare" / revision / "flow-manager"
    if not kept.exists():
        kept.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=kept.parent) as folder:
            source, archive = pathlib.Path(folder, "source"), pathlib.Path(folder, "source.tar")
            source.mkdir()
            processes.run([*git, "archive", "-o", archive, revision])
            processes.run(["tar", "-xf", archive, "-C", source])
            processes.say(f"building {revision}")
            # Under its name only once it is complete.
            os.replace(shutil.copy(stand.compiled(source), folder), kept)
    return kept
