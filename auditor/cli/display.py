"""What the terminal shows while a run goes on, and its result."""

from __future__ import annotations

import sys
import time
from typing import Self

from rich.console import Console
from rich.markup import escape
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TextColumn,
    TimeRemainingColumn,
)

from auditor.findings import Finding, Findings
from auditor.inert import visible
from auditor.report.further import further_rows
from auditor.report.words import dropped_lines, flag_sentences, p_text, signed

_LINE_EVERY_S = 10.0


class RunDisplay:
    """A bar with rate and time left on a terminal, else a line now and then; always on standard error."""

    def __init__(self, *, quiet: bool = False) -> None:
        self.console = Console(stderr=True, quiet=quiet)
        self.bar: Progress | None = None
        self.total = self.done = self.fresh = self.lost = 0
        self.cost = ""
        self.started = self.last_line = time.monotonic()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.bar is not None:
            self.bar.stop()

    def begin(self, total: int, done: int) -> None:
        """Show the bar, with what was finished before; a run by looks, or one with a pilot, begins more than once."""
        if self.bar is not None:
            self.bar.stop()
            self.bar = None
        self.fresh = self.lost = 0
        self.total, self.done = total, done
        self.started = self.last_line = time.monotonic()
        if done:
            self.say(f"{done} of {total} trials were answered before; none of them is asked again.")
        if self.console.is_terminal and not self.console.quiet and done < total:
            self.bar = Progress(
                SpinnerColumn(),
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("{task.fields[rate]}"),
                TimeRemainingColumn(),
                console=self.console,
            )
            self.task = self.bar.add_task("asking", total=total, completed=done, rate="")
            self.bar.start()

    def advance(self, judge: str, status: str) -> None:
        """Count one trial."""
        del judge  # one bar for all judges
        self.done += 1
        self.fresh += 1
        self.lost += status != "ok"
        seconds = max(time.monotonic() - self.started, 1e-6)
        rate = f"{self.fresh / seconds:.1f}/s" + (f", {self.lost} without a score" if self.lost else "")
        rate += self.cost
        if self.bar is not None:
            self.bar.update(self.task, completed=self.done, rate=rate)
        elif time.monotonic() - self.last_line > _LINE_EVERY_S or self.done == self.total:
            self.last_line = time.monotonic()
            left = (self.total - self.done) * seconds / self.fresh
            self.say(f"{self.done} of {self.total} trials, {rate}, about {left:.0f} s left")

    def spend(self, spent: float, projected: float | None) -> None:
        """Show the cost so far, and what all of it will be."""
        self.cost = f", ${spent:.2f}" + ("" if projected is None else f" of about ${projected:.2f}")

    def say(self, message: str) -> None:
        """Print a line above the bar."""
        self.console.print(escape(visible(message)), highlight=False, soft_wrap=True)


def print_findings(findings: Findings, *, stderr: bool = False) -> None:
    """Print the verdict, a table of the findings and the notes."""
    console = Console(stderr=stderr, soft_wrap=True)
    if findings.simulated:
        console.print("[bold]SIMULATED: an artificial judge made these ratings.[/bold]")
    for finding in findings.confirmatory:
        console.print(escape(visible(finding.sentence())), highlight=False)
    for finding in findings.findings:
        console.print(escape(visible(_line(finding))), highlight=False)
    for one in further_rows(findings):
        console.print(
            escape(visible(f"  {one[0]}: {one[1]}: {one[2]} ({one[3]}), p {one[4]}")), highlight=False
        )
    for finding in findings.primary:
        for line in dropped_lines(finding):
            console.print(f"- {escape(visible(line))}", highlight=False)
    for flag, sentence in flag_sentences(findings.findings):
        console.print(f"- {flag}: {sentence}", highlight=False)
    for note in findings.notes:
        console.print(f"- {escape(visible(note))}", highlight=False)
    console.print(f"Verdict: [bold]{findings.verdict}[/bold]", highlight=False)
    sys.stdout.flush()


def _line(finding: Finding) -> str:
    """A finding in one line."""
    low, high = finding.interval.low, finding.interval.high
    value = "no estimate" if finding.estimate is None else signed(finding.estimate, 3)
    if low is not None and high is not None:
        value += f" ({signed(low, 3)} to {signed(high, 3)})"
    adjusted = "-" if finding.p_adjusted is None else p_text(finding.p_adjusted)
    units = "" if finding.n_units == finding.n_items else f" in {finding.n_units} groups"
    flags = f" [{' '.join(finding.flags)}]" if finding.flags else ""
    return (
        f"  {finding.judge}: {finding.contrast}, {finding.metric.replace('_', ' ')}: {value}, p adjusted {adjusted}, "
        f"{finding.n_items} items{units}: {finding.verdict}{flags}"
    )
