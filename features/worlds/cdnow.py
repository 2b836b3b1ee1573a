"""CDNOW: the purchases of 23,570 new customers of an online music shop, 1997 to 1998.

The file of Fader and Hardie ("Forecasting repeat sales at CDNOW", Interfaces 31, 2001)
travels in the package ``lifetimes``; it is read as a file, the package is never imported.
"""

from __future__ import annotations

import ibis
from ibis.backends import BaseBackend

from features.backends import try_strptime
from features.worlds.world import WorldTables, packaged_file

TERMS = (
    "Real purchases of the CDNOW data set (Fader and Hardie 2001), as carried by the "
    "PyPI package lifetimes 0.11.3 (MIT)."
)


def tables(connection: BaseBackend) -> WorldTables:
    """Return the order log; several purchases of a customer on a day stay separate orders.

    Raises
    ------
    SourceNotFoundError
        If the package ``lifetimes`` is not installed.
    """
    path = packaged_file("lifetimes", "0.11.3", "lifetimes/datasets/CDNOW_master.txt")
    # Columns are aligned by a varying number of spaces, so each line is read whole.
    lines = connection.read_csv(
        str(path),
        columns={"line": "string"},
        auto_detect=False,
        delim="\t",
        header=True,
        new_line="\\r\\n",
    )
    numbered = lines.mutate(row=ibis.row_number())
    fields = numbered.line.strip().re_replace(r"\s+", " ").split(" ")
    orders = numbered.select(
        order_id=numbered.row + 1,
        customer_id=fields[0],
        occurred_at=try_strptime(fields[1], "%Y%m%d"),
        net_amount=fields[3],
        quantity=fields[2],
    )
    return WorldTables(
        tables={"orders": orders},
        currency="USD",
        simulated=False,
        terms=TERMS,
        title_en="CDNOW music shop",
        title_zh="CDNOW 音像零售",
    )
