"""Commands that studyhall calls itself, in processes of their own: `inspect`, `finish`."""

from __future__ import annotations

import json
from contextlib import closing

from search import inspection, quiet
from search.commands.options import File, Name, Storage, find
from search.study_file import config
from search.study_file.config import ConfigError
from storage.database import Database, default_url


def inspect(file: File, seed: int = 0) -> None:
    """Print the fingerprints of a study file's data and code as JSON."""
    study_file = config.load(file, {"study": {"seed": seed}})
    quiet.import_tensorflow()  # the user's code will, as a rule
    print(inspection.to_json(inspection.inspect(study_file, file)))


def finish(name: Name, storage: Storage = None) -> None:
    """Export, prove and test a study's best model; print its card as JSON."""
    quiet.import_tensorflow()
    from search import proof

    with closing(Database.open(storage or default_url(), create=False)) as db:
        try:
            print(json.dumps(proof.finish(db, find(db, name))))
        except (proof.ProofError, OSError) as error:
            raise ConfigError([str(error)]) from error
