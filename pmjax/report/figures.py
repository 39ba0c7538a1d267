"""Figures of discrimination, calibration, benefit and survival: arrays in, one drawing out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from pmjax.evidence import Evidence
from pmjax.report import labels
from pmjax.report.canvas import BLUE, COLOURS, INK, MUTED, ORANGE, Drawing, draw

if TYPE_CHECKING:  # lifelines takes a second to import
    from pmjax.evaluate.kaplan_meier import Observed

_ROW = 0.3  # inches that a line of a forest plot takes


def forest(
    name: str, title: str, axis: str, lines: Sequence[tuple[str, Evidence, str]], zero: float | None = None
) -> Drawing:
    """Draws estimates with intervals, one line each, from the top.

    Args:
        name: of the file.
        title: heading of the figure.
        axis: what the horizontal axis measures.
        lines: label, estimate and colour; an estimate without a value is left out.
        zero: where a line marks "no difference".
    """
    shown = [line for line in lines if line[1].estimate is not None]

    def paint(axes: Axes) -> None:
        for y, (_, e, colour) in enumerate(shown):
            axes.plot(e.estimate or 0.0, y, "o", color=colour, markersize=5)
            if e.low is not None and e.high is not None:
                axes.plot([e.low, e.high], [y, y], color=colour, linewidth=2, solid_capstyle="round")
        axes.set_yticks(range(len(shown)), [labels.short(label, 40) for label, _, _ in shown], color=INK)
        axes.set_ylim(len(shown) - 0.4, -0.6)
        axes.tick_params(axis="y", length=0)
        axes.grid(visible=False, axis="y")
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.set_xlabel(axis)
        if zero is not None:
            axes.axvline(zero, color=MUTED, linewidth=1, linestyle=(0, (4, 3)))

    alt = f"{axis}. " + "; ".join(f"{label}: {labels.interval(e)}" for label, e, _ in shown)
    return draw(name, title, alt, paint, (5.4, 0.9 + _ROW * max(len(shown), 1)))


def calibration(name: str, title: str, curve: pd.DataFrame, colour: str, said: str) -> Drawing:
    """Draws observed against predicted risk, tenths of patients, with bootstrap intervals.

    Args:
        name: of the file.
        title: heading.
        curve: predicted, observed, low, high, one line a bin, as `evaluate.calibration_curve` returns them.
        colour: of the model.
        said: what is written into the corner: slope, intercept, observed over expected.
    """
    seen = curve.dropna(subset=["predicted", "observed"])

    def paint(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle=(0, (4, 3)))
        axes.vlines(seen["predicted"], seen["low"], seen["high"], color=colour, linewidth=1.4, alpha=0.55)
        axes.plot(seen["predicted"], seen["observed"], "-", color=colour, linewidth=1, alpha=0.6)
        axes.plot(seen["predicted"], seen["observed"], "o", color=colour, markersize=4.5)
        axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xlabel="Predicted risk", ylabel="Observed share")
        below(axes, said, 0.0, 31.0, ha="left", fontsize=8, color=MUTED)

    points = "; ".join(
        f"{labels.number(p, 2)} → {labels.number(o, 2)}"
        for p, o in zip(seen["predicted"], seen["observed"], strict=True)
    )
    return draw(
        name, title, f"Calibration plot, predicted → observed: {points}. {said}".replace("\n", ", "), paint, (3.5, 3.2)
    )


def decision(name: str, title: str, curve: pd.DataFrame, everyone: pd.DataFrame, colour: str) -> Drawing:
    """Draws net benefit over thresholds with its band, against treating all and treating none.

    Args:
        name: of the file.
        title: heading.
        curve: threshold, estimate, low, high of the model.
        everyone: the same of treating all patients.
        colour: of the model.
    """

    def paint(axes: Axes) -> None:
        x = curve["threshold"].to_numpy(float)
        low, high = (curve[c].to_numpy(float) for c in ("low", "high"))
        axes.fill_between(x, low, high, color=colour, alpha=0.18, linewidth=0)
        axes.plot(everyone["threshold"], everyone["estimate"].to_numpy(float), color=MUTED, label="treat all")
        axes.axhline(0, color=INK, linewidth=1, linestyle=(0, (4, 3)), label="treat none")
        axes.plot(x, curve["estimate"].to_numpy(float), color=colour, label="by the model")
        top = float(np.nanmax([np.nanmax(high), 0.05]))
        axes.set(xlim=(0, 1), ylim=(-0.25 * top, 1.25 * top), xlabel="Threshold probability", ylabel="Net benefit")
        axes.legend(loc="upper center", ncols=3, columnspacing=1.2, handlelength=1.4, borderaxespad=0)

    at = curve.iloc[len(curve) // 2]
    alt = (
        "Decision curve: net benefit of acting on the model, of treating all and of treating none. At threshold "
        f"{at['threshold']:.2f} the model gives {labels.number(at['estimate'])}."
    )
    return draw(name, title, alt, paint)


def distribution(name: str, title: str, risk: np.ndarray, event: np.ndarray, outcomes: tuple[str, str]) -> Drawing:
    """Draws the predicted risk of patients with (above) and without (below) the outcome.

    Args:
        name: of the file.
        title: heading.
        risk: (n,) in [0, 1].
        event: (n,) bool.
        outcomes: what the patients without and with the event are called.
    """
    edges = np.linspace(0, 1, 21)
    shares = [np.histogram(risk[event == k], edges)[0] / max(1, (event == k).sum()) for k in (False, True)]

    def paint(axes: Axes) -> None:
        width, centre = 0.046, (edges[1:] + edges[:-1]) / 2
        axes.bar(centre, 100 * shares[1], width, color=ORANGE, label=labels.short(outcomes[1], 18))
        axes.bar(centre, -100 * shares[0], width, color=BLUE, label=labels.short(outcomes[0], 18))
        axes.axhline(0, color=INK, linewidth=0.8)
        axes.yaxis.set_major_formatter(lambda value, _: f"{abs(value):g}")
        axes.set(xlim=(0, 1), xlabel="Predicted risk", ylabel="% of patients of the outcome")
        axes.set_ylim(top=125 * max(shares[1].max(), 0.01))
        axes.legend(loc="upper center", ncols=2, borderaxespad=0)

    medians = [float(np.median(risk[event == k])) if (event == k).any() else None for k in (False, True)]
    words = "; ".join(f"{o}: median {labels.number(m, 2)}" for o, m in zip(outcomes, medians, strict=True))
    return draw(name, title, f"Predicted risk by outcome. {words}.", paint)


def kaplan_meier(name: str, title: str, curves: Mapping[str, Observed], unit: str) -> Drawing:
    """Draws event-free survival with bands, the number at risk below.

    Args:
        name: of the file.
        title: heading.
        curves: by level.
        unit: of time.
    """
    end = max(float(o.curve.index.max()) for o in curves.values())
    ticks = [float(t) for t in MaxNLocator(4).tick_values(0, end) if 0 <= t <= end]

    def paint(axes: Axes) -> None:
        for i, (level, seen) in enumerate(curves.items()):
            colour, c = COLOURS[i % len(COLOURS)], seen.curve
            time = c.index.to_numpy(float)
            low, high = (c[side].to_numpy(float) for side in ("low", "high"))
            axes.fill_between(time, low, high, step="post", color=colour, alpha=0.15, linewidth=0)
            axes.step(time, c["survival"].to_numpy(float), where="post", color=colour, label=labels.short(level, 22))
            for t in ticks:
                below(axes, f"{_at_risk(seen, t)}", t, 42.0 + 11 * i, ha="center", fontsize=8, color=colour)
        below(axes, "At risk", 0.0, 31.0, ha="left", fontsize=7.5, color=MUTED)
        axes.set(xlim=(0, end), ylim=(0, 1.02), xlabel=f"Time ({unit})", ylabel="Event-free")
        axes.set_xticks(ticks)
        axes.legend(loc="upper right")

    words = "; ".join(
        f"{level}: {o.n} patients, {o.events} events, median "
        f"{'not reached' if o.median[0] is None else format(o.median[0], 'g')}"
        for level, o in curves.items()
    )
    return draw(name, title, f"Kaplan-Meier curves with 95 % bands. {words}.", paint, (3.5, 2.9 + 0.2 * len(curves)))


def below(axes: Axes, text: str, x: float, points: float, **style: Any) -> None:
    """Writes at `x`, so many points below the axes: clear of every curve, and counted by the layout."""
    across = axes.get_xaxis_transform()
    axes.annotate(text, (x, 0), (0, -points), xycoords=across, textcoords="offset points", va="top", **style)


def _at_risk(seen: Observed, time: float) -> int:
    """Counts those still at risk just before `time`."""
    later = seen.curve.index >= time
    return int(seen.curve.loc[later, "at_risk"].iloc[0]) if later.any() else 0
