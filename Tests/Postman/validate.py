"""validate.py COLLECTION: holds a Postman collection against collection.schema.json, and prints what breaks it."""

import json
import pathlib
import sys

from jsonschema import Draft202012Validator

SCHEMA = json.loads(pathlib.Path(__file__).with_name("collection.schema.json").read_text())
Draft202012Validator.check_schema(SCHEMA)
errors = list(Draft202012Validator(SCHEMA).iter_errors(json.loads(pathlib.Path(sys.argv[1]).read_text())))
for error in errors:
    print(f"{error.json_path}: {error.message}")
sys.exit(1 if errors else 0)
