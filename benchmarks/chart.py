"""Bar charts as SVG."""

from xml.sax.saxutils import escape

_BAR, _GAP, _LEFT, _WIDTH, _TOP = 9, 8, 120, 560, 64
_COLOURS = ("#2a6f97", "#e07a5f", "#8a9a5b", "#6d597a")


def bars(title: str, unit: str, rows: list[tuple[str, dict[str, float]]], line: float = 1.0) -> str:
    """A chart with a group of horizontal bars for each row.

    Arguments:
        title, unit: what is shown, and what the axis counts.
        rows: of each group the label, and the length of each bar by the name of its series; a series may lack.
        line: where a vertical line marks what is compared with.

    Returns the SVG document.
    """
    series = list(dict.fromkeys([name for _, values in rows for name in values]))
    longest = max([line, *[value for _, values in rows for value in values.values()]]) * 1.08
    step = next(s for s in (0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, longest) if longest / s <= 10)
    height = _TOP + len(rows) * (len(series) * _BAR + _GAP) + 28
    scale = _WIDTH / longest
    out = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_LEFT + _WIDTH + 50}" height="{height}" '
        'font-family="sans-serif" font-size="11">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<text x="12" y="22" font-size="15" font-weight="bold">{escape(title)}</text>',
    ]
    for number, name in enumerate(series):
        x = _LEFT + 150 * number
        out.append(f'<rect x="{x}" y="36" width="11" height="11" fill="{_COLOURS[number % len(_COLOURS)]}"/>')
        out.append(f'<text x="{x + 16}" y="46">{escape(name)}</text>')
    ticks = [step * k for k in range(int(longest / step) + 1)]
    for tick in ticks:
        x_ = _LEFT + tick * scale
        out.append(f'<path d="M{x_:.1f} {_TOP - 8}V{height - 24}" stroke="#dddddd"/>')
        out.append(f'<text x="{x_:.1f}" y="{height - 10}" text-anchor="middle">{tick:g}</text>')
    out.append(f'<text x="{_LEFT + _WIDTH + 6}" y="{height - 10}">{escape(unit)}</text>')
    y = _TOP
    for label, values in rows:
        middle = y + len(series) * _BAR / 2 + 4
        out.append(f'<text x="{_LEFT - 8}" y="{middle:.1f}" text-anchor="end">{escape(label)}</text>')
        for number, name in enumerate(series):
            if name in values:
                width, top = values[name] * scale, y + number * _BAR
                colour = _COLOURS[number % len(_COLOURS)]
                out.append(f'<rect x="{_LEFT}" y="{top}" width="{width:.1f}" height="{_BAR - 1}" fill="{colour}"/>')
                out.append(f'<text x="{_LEFT + width + 4:.1f}" y="{top + 8}" font-size="9">{values[name]:.2f}</text>')
        y += len(series) * _BAR + _GAP
    x_ = _LEFT + line * scale
    out.append(f'<path d="M{x_:.1f} {_TOP - 8}V{height - 24}" stroke="#333333" stroke-dasharray="3 3"/>')
    return "\n".join([*out, "</svg>", ""])
