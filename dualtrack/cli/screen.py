"""A rich console that no event can command: see ``dualtrack.harmless``."""

from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, ConsoleRenderable, RenderHook, RenderResult
from rich.segment import Segment

from dualtrack.harmless import harmless


class HarmlessConsole(Console):
    """Styles are rich's own; whatever text is printed loses its control characters."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.push_render_hook(_Hook())


class _Hook(RenderHook):
    def process_renderables(self, renderables: list[ConsoleRenderable]) -> list[ConsoleRenderable]:
        """Each of them, with harmless text."""
        return [_Harmless(renderable) for renderable in renderables]


class _Harmless:
    def __init__(self, inner: ConsoleRenderable) -> None:
        self._inner = inner

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        segments: Iterable[Segment] = console.render(self._inner, options)
        for segment in segments:
            # Segments with a control are rich's own: moving the cursor of a progress bar.
            yield segment if segment.control else Segment(harmless(segment.text), segment.style)
