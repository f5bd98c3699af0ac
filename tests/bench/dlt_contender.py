"""dlt reads the same pages into SQLite: rest_api source, merge by id, no child tables. In a venv of its own.

Into PostgreSQL it is not measured: it does not take the test server's address, a socket in a folder.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import tempfile
import time


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("name")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--database", required=True)
    told = parser.parse_args()
    os.environ["RUNTIME__DLTHUB_TELEMETRY"] = "false"
    import dlt
    from dlt.sources.rest_api import rest_api_source

    source = rest_api_source({
        "client": {
            "base_url": f"http://127.0.0.1:{told.port}/api/v4/",
            "paginator": {"type": "cursor", "cursor_path": "meta.token", "cursor_param": "page_token"},
        },
        "resources": [{
            "name": "matters", "primary_key": "id", "write_disposition": "merge",
            "endpoint": {"path": "matters", "params": {"limit": 200}, "data_selector": "data"},
        }],
    })  # fmt: skip
    source.max_table_nesting = 0
    with tempfile.TemporaryDirectory() as folder:
        pipeline = dlt.pipeline(
            "bench",
            destination=dlt.destinations.sqlalchemy(f"sqlite:///{folder}/dlt.db"),
            dataset_name="bench",
            pipelines_dir=folder,
        )
        wall, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
        pipeline.run(source)
        after, seconds = resource.getrusage(resource.RUSAGE_SELF), time.perf_counter() - wall
        rows = pipeline.last_trace.last_normalize_info.row_counts["matters"]
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    print(
        json.dumps(
            {
                "name": "dlt",
                "seconds": seconds,
                "cpu_seconds": cpu,
                "records": rows,
                "max_rss_mb": after.ru_maxrss / 1024,
            }
        )
    )


if __name__ == "__main__":
    main()
