"""query_loop.py LIBRARY DOCUMENT QUERY SECONDS: as `paths/QueryLoop.swift`, with a library for Python."""

import importlib
import json
import pathlib
import sys
import time

CHOICES = {
    "jsonpath-rfc9535": lambda query: importlib.import_module("jsonpath_rfc9535").compile(query).find,
    "python-jsonpath": lambda query: importlib.import_module("jsonpath").compile(query).findall,
}


def main():
    library, file, query, seconds = sys.argv[1:]
    document = json.loads(pathlib.Path(file).read_bytes())
    find = CHOICES[library](query)
    start = time.perf_counter()
    end = start + float(seconds)
    evaluations, nodes, batch = 0, 0, 1
    while (before := time.perf_counter()) < end:
        for _ in range(batch):
            nodes = len(find(document))
        evaluations += batch
        if time.perf_counter() - before < 0.01:
            batch *= 2
    print(nodes, evaluations / (time.perf_counter() - start))


main()
