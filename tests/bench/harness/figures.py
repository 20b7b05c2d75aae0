"""Samples become rows: n, median, least and greatest, ratios to the bare limit and to the peers of the same run."""

import statistics

# Metric -> heading and how a number is shown. What a row does not have, its table does not show.
METRICS = {
    "rate": ("per s", "{:,.0f}"),
    "first_ms": ("ms", "{:,.1f}"),
    "cpu_us": ("us CPU", "{:,.1f}"),
    "cpu_ms_post": ("ms CPU/post", "{:,.2f}"),
    "peak_mb": ("peak MB", "{:,.0f}"),
    "resident_mb": ("resident MB", "{:,.0f}"),
    "p50_ms": ("p50 ms", "{:,.1f}"),
    "p99_ms": ("p99 ms", "{:,.1f}"),
    "fsyncs": ("fsyncs/message", "{:,.3f}"),
    "seconds": ("seconds", "{:,.2f}"),
    "connections": ("connections", "{:,.0f}"),
    "statements": ("statements", "{:,.1f}"),
    "reads": ("reads", "{:,.1f}"),
    "commits": ("commits", "{:,.1f}"),
    "durable": ("durable", "{:,.2f}"),
    "syncs": ("fsyncs", "{:,.2f}"),
    "resumed": ("resumed", "{:.0%}"),
    "database_us": ("us CPU of the database", "{:,.1f}"),
    "redo_kb": ("KB of redo log", "{:,.1f}"),
    "domain_us": ("us/domain", "{:,.0f}"),
    "checkpoints": ("checkpoints", "{:,.0f}"),
    "megabytes_s": ("MB/s", "{:,.0f}"),
}
RATIOS = {"bare": "of bare", "postfix": "x Postfix", "exim": "x Exim"}


class Row:
    def __init__(self, table, variant, contender):
        self.table, self.variant, self.contender = table, variant, contender
        self.samples = []  # dictionaries of metrics
        self.notes = {}  # metrics measured once, in a pass of their own
        self.load_before = 0.0
        self.others = 0.0

    def values(self, metric):
        if metric in self.notes:
            return [self.notes[metric]]
        return [sample[metric] for sample in self.samples if sample.get(metric) is not None]

    def median(self, metric):
        values = self.values(metric)
        return statistics.median(values) if values else None


class Figures:
    """In the order in which they came."""

    def __init__(self, quiet):
        self._quiet = quiet
        self._rows = {}

    def add(self, table, variant, contender, sample, load_before, others):
        row = self._rows.setdefault((table, variant, contender), Row(table, variant, contender))
        row.samples.append(sample)
        row.load_before = max(row.load_before, load_before)
        row.others = max(row.others, others)

    def note(self, table, variant, contender, metric, value):
        self._rows[(table, variant, contender)].notes[metric] = value

    def median(self, table, variant, contender, metric):
        return self._rows[(table, variant, contender)].median(metric)

    def _rows_of(self, table):
        return [row for row in self._rows.values() if row.table == table]

    def _ratio(self, row, other):
        """To the same variant, else to the best that the other reached in the table."""
        if row.contender == other or not row.contender.startswith("essaim") or row.median("rate") is None:
            return None
        same = self._rows.get((row.table, row.variant, other))
        candidates = [same] if same else [r for r in self._rows_of(row.table) if r.contender == other and other != "bare"]
        rates = [r.median("rate") for r in candidates if r.median("rate")]
        return row.median("rate") / max(rates) if rates else None

    def busy(self, row):
        return row.load_before > self._quiet or row.others > self._quiet

    def as_json(self, table):
        rows = []
        for row in self._rows_of(table):
            metrics = {}
            for metric in METRICS:
                values = row.values(metric)
                if values:
                    metrics[metric] = {"median": statistics.median(values), "min": min(values), "max": max(values)}
            ratios = {other: self._ratio(row, other) for other in RATIOS if self._ratio(row, other) is not None}
            rows.append({"table": table, "variant": row.variant, "contender": row.contender, "n": len(row.samples),
                         "metrics": metrics, "ratios": ratios, "quiet": not self.busy(row),
                         "load_before": round(row.load_before, 3), "load_of_others": round(row.others, 3)})
        return rows

    def text(self, table):
        rows = self._rows_of(table)
        metrics = [metric for metric in METRICS if any(row.values(metric) for row in rows)]
        ratios = [other for other in RATIOS if any(self._ratio(row, other) for row in rows)]
        first = metrics[0] if metrics else None
        heads = ["variant", "contender", "n", *[METRICS[metric][0] for metric in metrics[:1]], "min", "max",
                 *[RATIOS[other] for other in ratios], *[METRICS[metric][0] for metric in metrics[1:]], ""]
        lines = [heads]
        for row in rows:
            cells = [row.variant, row.contender, str(len(row.samples))]
            for pick in (statistics.median, min, max):
                values = row.values(first) if first else []
                cells.append(METRICS[first][1].format(pick(values)) if values else "-")
            for other in ratios:
                ratio = self._ratio(row, other)
                cells.append("-" if ratio is None else f"{ratio:.2f}" if ratio < 10 else f"{ratio:.1f}")
            for metric in metrics[1:]:
                value = row.median(metric)
                cells.append("-" if value is None else METRICS[metric][1].format(value))
            cells.append(f"not quiet ({row.load_before:.2f} before, {row.others:.2f} during)" if self.busy(row) else "")
            lines.append(cells)
        widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
        return "\n".join(
            "  ".join(cell.ljust(width) if i < 2 or i == len(heads) - 1 else cell.rjust(width)
                      for i, (cell, width) in enumerate(zip(line, widths))).rstrip()
            for line in lines)
