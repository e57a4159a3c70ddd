"""Charts as SVG, by hand: bars on a logarithmic scale, and lines."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from html import escape

_COLOURS = ("#2563eb", "#60a5fa", "#d97706", "#fbbf24", "#6b7280", "#a855f7")
_FONT = 'font-family="sans-serif" font-size="12"'


def _page(width: int, height: int, parts: Sequence[str]) -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {_FONT}>\n'
        f'<rect width="{width}" height="{height}" fill="white"/>\n'
        + "\n".join(parts)
        + "\n</svg>\n"
    )


def _text(x: float, y: float, text: str, anchor: str = "start", colour: str = "#111827") -> str:
    place = f'x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}"'
    return f'<text {place} fill="{colour}">{escape(text)}</text>'


def _scale(low: float, high: float, start: float, end: float) -> tuple[float, float]:
    """Return factor and offset that map the logarithms of low and high to start and end."""
    factor = (end - start) / (math.log10(high) - math.log10(low))
    return factor, start - factor * math.log10(low)


def _powers(low: float, high: float) -> list[float]:
    """Return the powers of ten around and between."""
    return [10.0**n for n in range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)]


def bars(title: str, groups: Mapping[str, Mapping[str, float]], unit: str) -> str:
    """Draw a bar for each value of each group; all values are above 0."""
    values = [value for group in groups.values() for value in group.values()]
    powers = _powers(min(values), max(values))
    factor, offset = _scale(powers[0], powers[-1], 290, 880)
    names = list(dict.fromkeys(name for group in groups.values() for name in group))
    parts, y = [_text(10, 22, title)], 40.0
    top = y
    for label, group in groups.items():
        parts.append(_text(10, y + 14, label))
        y += 20
        for name, value in group.items():
            end = factor * math.log10(value) + offset
            colour = _COLOURS[names.index(name) % len(_COLOURS)]
            parts += [
                _text(280, y + 11, name, "end", "#374151"),
                f'<rect x="290" y="{y:.0f}" width="{max(end - 290, 1):.1f}" height="13" '
                f'fill="{colour}"/>',
                _text(max(end, 291) + 5, y + 11, f"{value:.3g} {unit}"),
            ]
            y += 17
        y += 8
    for power in powers:
        x = factor * math.log10(power) + offset
        line = f'<line x1="{x:.1f}" y1="{top}" x2="{x:.1f}" y2="{y:.0f}" stroke="#e5e7eb"/>'
        parts[1:1] = [line, _text(x, y + 14, f"{power:g} {unit}", "middle", "#6b7280")]
    return _page(960, int(y + 24), parts)


def lines(title: str, series: Mapping[str, Mapping[float, float]], x_name: str, unit: str) -> str:
    """Draw a line for each series of points, both axes logarithmic."""
    xs = [x for points in series.values() for x in points]
    ys = [y for points in series.values() for y in points.values()]
    low, *_, high = _powers(min(ys), max(ys))
    across, left = _scale(min(xs), max(xs), 80, 640)
    up, bottom = _scale(low, high, 360, 50)
    parts = [_text(10, 22, title), _text(360, 395, x_name, "middle", "#6b7280")]
    for power in _powers(low, high):
        y = up * math.log10(power) + bottom
        parts.append(f'<line x1="80" y1="{y:.1f}" x2="640" y2="{y:.1f}" stroke="#e5e7eb"/>')
        parts.append(_text(74, y + 4, f"{power:g} {unit}", "end", "#6b7280"))
    for x in sorted(set(xs)):
        parts.append(_text(across * math.log10(x) + left, 377, f"{x:g}", "middle", "#6b7280"))
    for number, (name, points) in enumerate(series.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        places = [
            (across * math.log10(x) + left, up * math.log10(y) + bottom)
            for x, y in sorted(points.items())
        ]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in places)
        parts.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in places]
        parts.append(
            f'<rect x="665" y="{54 + 20 * number}" width="12" height="12" fill="{colour}"/>'
        )
        parts.append(_text(683, 64 + 20 * number, name))
    return _page(960, 410, parts)
